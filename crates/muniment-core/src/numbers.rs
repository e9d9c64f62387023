//! Newtypes for every number and identifier that could be taken for another.

use std::fmt;

/// Declares a newtype over an unsigned integer: an index is never a count, a term never a time.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// The bare number.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// Position of a leaf in the ledger's tree, from 0 (RFC 9162 2.1.1).
    LeafIndex(u64)
);
number!(
    /// Number of leaves of a tree (RFC 9162 2.1.1); the index of the next leaf.
    TreeSize(u64)
);
number!(
    /// Position in the Raft log.
    LogIndex(u64)
);
number!(
    /// Raft's term; never called just "term", which names an index term.
    RaftTerm(u64)
);
number!(
    /// Number of a bureau in this ledger, from 1; 0 stands for the ledger itself.
    BureauNumber(u32)
);
number!(
    /// A node's Raft id: founders are 1..n, later nodes get `epoch << 48 | (1024 + leaf index)`. Never reused.
    NodeId(u64)
);
number!(
    /// Milliseconds since 1970-01-01T00:00:00Z.
    UnixMillis(u64)
);
number!(
    /// Number of the frozen rule set that judged a leaf (stub byte 2).
    RulesVersion(u8)
);

impl TreeSize {
    /// The size of a tree whose last leaf is `index`.
    #[must_use]
    pub const fn after(index: LeafIndex) -> Self {
        Self(index.0 + 1)
    }

    /// The index that the next leaf gets.
    #[must_use]
    pub const fn next_leaf(self) -> LeafIndex {
        LeafIndex(self.0)
    }
}

/// Declares a newtype over a byte array, printed in hexadecimal.
macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident[$length:literal]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}
pub(crate) use byte_id;

byte_id!(
    /// Digest (blake3) of the founding file: names one ledger.
    LedgerId[32]
);
byte_id!(
    /// 16 random bytes that keep a record's digest from confirming guesses; pruned with the body.
    Blind[16]
);
byte_id!(
    /// UUIDv7 (RFC 9562 5.7) of one submission.
    RequestId[16]
);

impl LedgerId {
    /// Reads 64 lower-case hexadecimal digits, as [`fmt::Display`] writes them.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        // Refuses what from_str_radix also takes: capitals and a sign.
        let id = Self(bytes);
        (id.to_string() == text).then_some(id)
    }
}

impl Blind {
    /// The blind of records that the ledger writes itself.
    pub const ZERO: Self = Self([0; 16]);
}

impl RequestId {
    /// Builds a UUIDv7 from a time and 10 random bytes, of which version and variant bits are overwritten.
    #[must_use]
    pub fn new(time: UnixMillis, random: [u8; 10]) -> Self {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&time.0.to_be_bytes()[2..]);
        id[6..].copy_from_slice(&random);
        id[6] = 0x70 | (id[6] & 0x0f);
        id[8] = 0x80 | (id[8] & 0x3f);
        Self(id)
    }

    /// Whether version and variant bits are those of a UUIDv7.
    #[must_use]
    pub const fn is_uuid_v7(&self) -> bool {
        self.0[6] >> 4 == 7 && self.0[8] >> 6 == 0b10
    }

    /// The time inside the id.
    #[must_use]
    pub fn time(&self) -> UnixMillis {
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&self.0[..6]);
        UnixMillis(u64::from_be_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_carries_its_time_version_and_variant() {
        let id = RequestId::new(UnixMillis(0x0123_4567_89ab), [0xff; 10]);
        assert_eq!(id.time(), UnixMillis(0x0123_4567_89ab));
        assert!(id.is_uuid_v7());
        assert_eq!(id.to_string(), "0123456789ab7fffbfffffffffffffff");
    }
}
