//! Inclusion and consistency proofs on the wire.

use bytes::Bytes;
use muniment_core::{Hash, LeafIndex, TreeSize};

use crate::field_error::FieldError;
use crate::identifiers::{hash, path, path_bytes};
use crate::v1;

/// Hashes of an inclusion path in a tree of at most 2^62 leaves.
const INCLUSION_PATH_MAX: usize = 62;
/// Hashes of a consistency path between such trees: one more on each level, and the first.
const CONSISTENCY_PATH_MAX: usize = 2 * INCLUSION_PATH_MAX + 1;

/// A leaf's path in the tree of some size. Nothing is verified: see `muniment_core::tree::TreeAt::verify_inclusion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The leaf.
    pub leaf: LeafIndex,
    /// Leaves of the tree: more than the leaf's index.
    pub size: TreeSize,
    /// The leaf's hash.
    pub leaf_hash: Hash,
    /// The path, the sibling first.
    pub path: Vec<Hash>,
}

/// What shows that one tree begins with another. Nothing is verified: see
/// `muniment_core::tree::TreeAt::verify_consistency`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The smaller size, from 1.
    pub from: TreeSize,
    /// The larger size.
    pub to: TreeSize,
    /// The hashes.
    pub path: Vec<Hash>,
}

impl From<InclusionProof> for v1::InclusionProof {
    fn from(proof: InclusionProof) -> Self {
        Self {
            leaf_index: proof.leaf.0,
            tree_size: proof.size.0,
            leaf_hash: Bytes::copy_from_slice(&proof.leaf_hash.0),
            path: path_bytes(&proof.path),
        }
    }
}

impl TryFrom<v1::InclusionProof> for InclusionProof {
    type Error = FieldError;

    fn try_from(proof: v1::InclusionProof) -> Result<Self, FieldError> {
        if proof.leaf_index >= proof.tree_size {
            return Err(FieldError::invalid("leaf_index", "is not below tree_size"));
        }
        Ok(Self {
            leaf: LeafIndex(proof.leaf_index),
            size: TreeSize(proof.tree_size),
            leaf_hash: hash("leaf_hash", &proof.leaf_hash)?,
            path: path("path", &proof.path, INCLUSION_PATH_MAX)?,
        })
    }
}

impl ConsistencyProof {
    /// The answer that carries it.
    #[must_use]
    pub fn into_response(self, header: v1::ResponseHeader) -> v1::GetConsistencyProofResponse {
        v1::GetConsistencyProofResponse {
            header: Some(header),
            from_size: self.from.0,
            to_size: self.to.0,
            path: path_bytes(&self.path),
        }
    }
}

impl TryFrom<&v1::GetConsistencyProofResponse> for ConsistencyProof {
    type Error = FieldError;

    fn try_from(answer: &v1::GetConsistencyProofResponse) -> Result<Self, FieldError> {
        let (from, to) = (TreeSize(answer.from_size), TreeSize(answer.to_size));
        if from.0 == 0 || from > to {
            return Err(FieldError::invalid("from_size", "is not from 1 to to_size"));
        }
        Ok(Self { from, to, path: path("path", &answer.path, CONSISTENCY_PATH_MAX)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_survive_the_wire_and_impossible_ones_are_refused() {
        let hashes = vec![Hash([2; 32]), Hash([3; 32])];
        let (leaf, size) = (LeafIndex(1), TreeSize(3));
        let proof = InclusionProof { leaf, size, leaf_hash: Hash([1; 32]), path: hashes.clone() };
        let message = v1::InclusionProof::from(proof.clone());
        assert_eq!(InclusionProof::try_from(message.clone()), Ok(proof));
        let field = |message: v1::InclusionProof| {
            InclusionProof::try_from(message).expect_err("it is impossible").field
        };
        assert_eq!(field(v1::InclusionProof { tree_size: 1, ..message.clone() }), "leaf_index");
        assert_eq!(field(v1::InclusionProof { leaf_hash: Bytes::new(), ..message.clone() }), "leaf_hash");
        let long = vec![Bytes::from_static(&[1; 32]); 63];
        assert_eq!(field(v1::InclusionProof { path: long, ..message }), "path");

        let proof = ConsistencyProof { from: TreeSize(1), to: TreeSize(3), path: hashes };
        let message = proof.clone().into_response(v1::ResponseHeader::default());
        assert_eq!(ConsistencyProof::try_from(&message), Ok(proof));
        for from_size in [0, 4] {
            let backwards = v1::GetConsistencyProofResponse { from_size, ..message.clone() };
            assert!(ConsistencyProof::try_from(&backwards).is_err(), "from {from_size}");
        }
    }
}
