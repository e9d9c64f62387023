//! The stub: the 64 bytes that a leaf hash is computed from, kept for ever.

use thiserror::Error;

use crate::numbers::{BureauNumber, RulesVersion, UnixMillis};
use crate::{Hash, RetentionClass, Suite, Tree, Verdict};

/// Bit of stub byte 3: imported from an older system.
const HISTORIC: u8 = 1 << 3;
/// Bit of stub byte 3: hidden or deferred visibility.
const SEALED: u8 = 1 << 4;

/// One row of the ledger as every member keeps it (`docs/data-format.md`, "Stub").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stub {
    /// Number of the record's kind; kept as a number, since a verifier may be older than the kind.
    pub kind: u8,
    /// Rule set that judged it.
    pub rules: RulesVersion,
    /// Retention class.
    pub class: RetentionClass,
    /// Imported from an older system.
    pub historic: bool,
    /// Hidden or deferred visibility.
    pub sealed: bool,
    /// Submitting bureau; 0 = the ledger.
    pub submitter: BureauNumber,
    /// When the ledger accepted it; never decreasing.
    pub accepted_at: UnixMillis,
    /// What the rules found.
    pub verdict: Verdict,
    /// When it happened, as claimed.
    pub occurred_at: UnixMillis,
    /// H("muniment/v1/content" 00 record_digest terms_digest).
    pub content: Hash,
}

/// Why 64 bytes are not a stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StubError {
    /// A later format than this build knows: not decidable, not tampering.
    #[error("stub version {0} is unknown to this build, which knows version 1: use a newer verifier")]
    UnknownVersion(u8),
    /// Not a possible stub.
    #[error("stub byte 3 is {0:#04x}: reserved bits are set, or its retention class is none")]
    ReservedBits(u8),
}

impl Stub {
    /// Bytes of a stub.
    pub const LENGTH: usize = 64;
    /// Version of the layout.
    pub const VERSION: u8 = 1;

    /// The 64 bytes, big-endian.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[0] = Self::VERSION;
        bytes[1] = self.kind;
        bytes[2] = self.rules.0;
        bytes[3] = self.class.number()
            | if self.historic { HISTORIC } else { 0 }
            | if self.sealed { SEALED } else { 0 };
        bytes[4..8].copy_from_slice(&self.submitter.0.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.accepted_at.0.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.verdict.0.to_be_bytes());
        bytes[24..32].copy_from_slice(&self.occurred_at.0.to_be_bytes());
        bytes[32..].copy_from_slice(&self.content.0);
        bytes
    }

    /// Reads a stub.
    ///
    /// # Errors
    /// [`StubError`] for another version or reserved bits.
    pub fn decode(bytes: &[u8; Self::LENGTH]) -> Result<Self, StubError> {
        if bytes[0] != Self::VERSION {
            return Err(StubError::UnknownVersion(bytes[0]));
        }
        let class = RetentionClass::from_number(bytes[3] & 0b111);
        let Some(class) = class.filter(|_| bytes[3] >> 5 == 0) else {
            return Err(StubError::ReservedBits(bytes[3]));
        };
        let word = |at: usize| {
            let eight = bytes[at..at + 8].try_into().expect("eight bytes of a fixed array");
            u64::from_be_bytes(eight)
        };
        Ok(Self {
            kind: bytes[1],
            rules: RulesVersion(bytes[2]),
            class,
            historic: bytes[3] & HISTORIC != 0,
            sealed: bytes[3] & SEALED != 0,
            submitter: BureauNumber(u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]])),
            accepted_at: UnixMillis(word(8)),
            verdict: Verdict(word(16)),
            occurred_at: UnixMillis(word(24)),
            content: Hash(bytes[32..].try_into().expect("the last 32 of 64 bytes")),
        })
    }

    /// The leaf hash of the ledger's tree.
    #[must_use]
    pub fn leaf_hash(&self, suite: Suite) -> Hash {
        suite.leaf(Tree::Ledger, &self.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stub() -> Stub {
        Stub {
            kind: 48,
            rules: RulesVersion(1),
            class: RetentionClass::ThreeYears,
            historic: true,
            sealed: false,
            submitter: BureauNumber(2),
            accepted_at: UnixMillis(1_700_000_000_000),
            verdict: Verdict::NONE.with(crate::Flag::A01).with(crate::Flag::X01),
            occurred_at: UnixMillis(1_600_000_000_000),
            content: Hash([7; 32]),
        }
    }

    #[test]
    fn a_stub_survives_its_bytes() {
        assert_eq!(Stub::decode(&stub().encode()), Ok(stub()));
    }

    #[test]
    fn reserved_bits_and_unknown_classes_are_refused() {
        for byte in [0b0010_0001, 0b0100_0001, 0b1000_0001, 0b0000_0101, 0b0000_0111] {
            let mut bytes = stub().encode();
            bytes[3] = byte;
            assert_eq!(Stub::decode(&bytes), Err(StubError::ReservedBits(byte)));
        }
    }

    #[test]
    fn a_later_version_is_unknown_rather_than_tampered() {
        let mut bytes = stub().encode();
        bytes[0] = 2;
        assert_eq!(Stub::decode(&bytes), Err(StubError::UnknownVersion(2)));
    }
}
