//! Derived statements: values that every member computes from the ledger at a size and q of them sign (leaf kind 200).

use thiserror::Error;

use crate::keys::{KeyError, PUBLIC_KEY_LENGTH, PublicKey, SIGNATURE_LENGTH, SigningKey};
use crate::reader::{Reader, ShapeError};
use crate::{Hash, LogIndex, RaftTerm, RulesVersion, TreeSize};

/// What is derived: the record bytes of a leaf of kind 200 (fixed layout, big-endian).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derived {
    /// The size that the values are of.
    pub size: TreeSize,
    /// Log index of the entry that ends at that size.
    pub log_index: LogIndex,
    /// That entry's Raft term.
    pub raft_term: RaftTerm,
    /// Root over the index runs.
    pub index_root: Hash,
    /// Root over the world buckets.
    pub world_digest: Hash,
    /// Digest of the member list in force.
    pub members_digest: Hash,
    /// Rules version in force.
    pub rules: RulesVersion,
}

/// One bureau's signature under derived values, by its admission key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DerivedSignature {
    /// The admission key.
    pub public_key: [u8; PUBLIC_KEY_LENGTH],
    /// Ed25519 over the label, the origin and the bytes of [`Derived`].
    pub signature: [u8; SIGNATURE_LENGTH],
}

/// Derived values with signatures, as the leader proposes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedStatement {
    /// The values.
    pub derived: Derived,
    /// The signatures, ascending by key, each key once.
    pub signatures: Vec<DerivedSignature>,
}

/// Why bytes are not a derived statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DerivedError {
    /// Too few or too many bytes.
    #[error("derived statement: {0}")]
    Shape(#[from] ShapeError),
    /// More signatures than members can be, or not ascending by key.
    #[error("derived statement: signatures must ascend by key, each key once, at most {SIGNATURES_MAX}")]
    Signatures,
    /// A signature or key is refused.
    #[error("derived statement: {0}")]
    Key(#[from] KeyError),
}

/// Most signatures under one statement.
const SIGNATURES_MAX: usize = 64;

impl Derived {
    /// Bytes of the layout.
    pub const LENGTH: usize = 8 + 8 + 8 + 32 + 32 + 32 + 1;

    /// The record bytes of the leaf.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..8].copy_from_slice(&self.size.0.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.log_index.0.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.raft_term.0.to_be_bytes());
        bytes[24..56].copy_from_slice(&self.index_root.0);
        bytes[56..88].copy_from_slice(&self.world_digest.0);
        bytes[88..120].copy_from_slice(&self.members_digest.0);
        bytes[120] = self.rules.0;
        bytes
    }

    /// Reads the layout.
    ///
    /// # Errors
    /// [`DerivedError::Shape`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DerivedError> {
        Ok(Self {
            size: TreeSize(reader.u64()?),
            log_index: LogIndex(reader.u64()?),
            raft_term: RaftTerm(reader.u64()?),
            index_root: Hash(reader.array()?),
            world_digest: Hash(reader.array()?),
            members_digest: Hash(reader.array()?),
            rules: RulesVersion(reader.u8()?),
        })
    }

    /// Signs the values with a node's admission key.
    #[must_use]
    pub fn sign(&self, origin: &str, key: &SigningKey) -> DerivedSignature {
        let signature = key.sign(&self.signing_input(origin));
        DerivedSignature { public_key: key.public_key().to_bytes(), signature }
    }

    /// Verifies one signature strictly.
    ///
    /// # Errors
    /// [`DerivedError::Key`].
    pub fn verify(&self, origin: &str, signature: &DerivedSignature) -> Result<PublicKey, DerivedError> {
        let key = PublicKey::from_bytes(&signature.public_key)?;
        key.verify(&self.signing_input(origin), &signature.signature)?;
        Ok(key)
    }

    fn signing_input(&self, origin: &str) -> Vec<u8> {
        [b"muniment/v1/derived\0", origin.as_bytes(), b"\n", &self.encode()].concat()
    }
}

impl DerivedStatement {
    /// Values, number of signatures u32, then key and signature of each.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let count = u32::try_from(self.signatures.len()).expect("at most 64 signatures");
        let mut bytes = self.derived.encode().to_vec();
        bytes.extend_from_slice(&count.to_be_bytes());
        for signature in &self.signatures {
            bytes.extend_from_slice(&signature.public_key);
            bytes.extend_from_slice(&signature.signature);
        }
        bytes
    }

    /// Reads a statement from the front of `reader`.
    ///
    /// # Errors
    /// [`DerivedError::Shape`] and [`DerivedError::Signatures`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DerivedError> {
        let derived = Derived::read(reader)?;
        let count = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        if count > SIGNATURES_MAX {
            return Err(DerivedError::Signatures);
        }
        let mut signatures = Vec::with_capacity(count);
        for _ in 0..count {
            signatures.push(DerivedSignature { public_key: reader.array()?, signature: reader.array()? });
        }
        if !signatures.is_sorted_by(|a, b| a.public_key < b.public_key) {
            return Err(DerivedError::Signatures);
        }
        Ok(Self { derived, signatures })
    }
}
