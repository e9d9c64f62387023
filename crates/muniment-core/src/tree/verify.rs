//! Verifying proofs: exact lengths, bounded sizes, every hash used.

use thiserror::Error;

use crate::tree::{TREE_SIZE_MAX, TreeAt, split};
use crate::{Hash, LeafIndex, TreeSize};

/// Why a proof is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// No tree is that large.
    #[error("tree size {0} is over 2^62")]
    Size(TreeSize),
    /// The leaf or subtree is not in the tree.
    #[error("leaf or subtree {index} is not in a tree of {size} leaves")]
    Index {
        /// The leaf claimed, or the subtree's position in its level.
        index: LeafIndex,
        /// The tree's size.
        size: TreeSize,
    },
    /// The older tree is not the smaller one.
    #[error("a tree of {from} leaves is no earlier state of one of {size}")]
    From {
        /// The older size claimed.
        from: TreeSize,
        /// The tree's size.
        size: TreeSize,
    },
    /// Not as long as sizes and index say.
    #[error("proof of {found} hashes; {expected} belong to this place in this tree")]
    Length {
        /// Hashes found.
        found: usize,
        /// Hashes needed.
        expected: usize,
    },
    /// Leaves of a multiproof ascend, each once.
    #[error("the leaves of a multiproof must ascend, each once")]
    NotAscending,
    /// The proof leads elsewhere.
    #[error("the proof does not lead to this root")]
    Root,
}

/// The side on which a path's hash stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sibling {
    Left,
    Right,
}

impl TreeAt {
    /// Verifies that the leaf hash stands at `index` under `root` (RFC 9162 2.1.3.2).
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify_inclusion(
        &self,
        index: LeafIndex,
        leaf: Hash,
        path: &[Hash],
        root: Hash,
    ) -> Result<(), ProofError> {
        self.verify_subtree(0, index.0, leaf, path, root)
    }

    /// Verifies that the complete subtree of 2^`level` leaves at position `index` of that level has this hash under
    /// `root`.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify_subtree(
        &self,
        level: u8,
        index: u64,
        hash: Hash,
        path: &[Hash],
        root: Hash,
    ) -> Result<(), ProofError> {
        self.within_bound()?;
        let Some((first, end)) = self.subtree(level, index) else {
            return Err(ProofError::Index { index: LeafIndex(index), size: self.size });
        };
        let (mut a, mut b) = (0, self.size.0);
        let mut siblings = Vec::with_capacity(64);
        while b - a > end - first {
            let middle = a + split(b - a);
            if first < middle {
                siblings.push(Sibling::Right);
                b = middle;
            } else {
                siblings.push(Sibling::Left);
                a = middle;
            }
        }
        exact_length(path, siblings.len())?;
        let hash = siblings.into_iter().rev().zip(path).fold(hash, |hash, (side, other)| match side {
            Sibling::Left => self.suite.node(self.tree, other, &hash),
            Sibling::Right => self.suite.node(self.tree, &hash, other),
        });
        leads_to(hash, root)
    }

    /// Verifies that the tree of `from` leaves under `old_root` is the beginning of this one under `root` (RFC 9162
    /// 2.1.4.2).
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify_consistency(
        &self,
        from: TreeSize,
        old_root: Hash,
        path: &[Hash],
        root: Hash,
    ) -> Result<(), ProofError> {
        self.within_bound()?;
        if from > self.size {
            return Err(ProofError::From { from, size: self.size });
        }
        if from.0 == 0 {
            exact_length(path, 0)?;
            return leads_to(self.suite.empty(self.tree), old_root);
        }
        let (mut a, mut b) = (0, self.size.0);
        let mut siblings = Vec::with_capacity(64);
        while from.0 < b {
            let middle = a + split(b - a);
            if from.0 <= middle {
                siblings.push(Sibling::Right);
                b = middle;
            } else {
                siblings.push(Sibling::Left);
                a = middle;
            }
        }
        // The subtree [a, b) that ends where the older tree ends: the older tree itself, or the path's first hash.
        exact_length(path, siblings.len() + usize::from(a > 0))?;
        let (seed, path) = match path.split_first() {
            Some((first, rest)) if a > 0 => (*first, rest),
            _ => (old_root, path),
        };
        let (mut old, mut new) = (seed, seed);
        for (side, other) in siblings.into_iter().rev().zip(path) {
            match side {
                Sibling::Left => {
                    old = self.suite.node(self.tree, other, &old);
                    new = self.suite.node(self.tree, other, &new);
                }
                Sibling::Right => new = self.suite.node(self.tree, &new, other),
            }
        }
        leads_to(old, old_root)?;
        leads_to(new, root)
    }

    /// Verifies that these leaf hashes, ascending by index, stand under `root`.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify_multiproof(
        &self,
        leaves: &[(LeafIndex, Hash)],
        proof: &[Hash],
        root: Hash,
    ) -> Result<(), ProofError> {
        self.within_bound()?;
        if !leaves.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(ProofError::NotAscending);
        }
        if let Some((index, _)) = leaves.last().filter(|(last, _)| last.0 >= self.size.0) {
            return Err(ProofError::Index { index: *index, size: self.size });
        }
        exact_length(proof, count(0, self.size.0, leaves))?;
        let mut hashes = proof.iter();
        let hash = self.fold(0, self.size.0, leaves, &mut hashes).ok_or(ProofError::Root)?;
        leads_to(hash, root)
    }

    /// recurse(a, b) of the format, from the leaves up. `None` when the hashes run out.
    fn fold(
        &self,
        a: u64,
        b: u64,
        leaves: &[(LeafIndex, Hash)],
        hashes: &mut std::slice::Iter<'_, Hash>,
    ) -> Option<Hash> {
        match leaves {
            [] => hashes.next().copied(),
            [(_, leaf)] if b - a == 1 => Some(*leaf),
            _ => {
                let middle = a + split(b - a);
                let (left, right) = leaves.split_at(leaves.partition_point(|(index, _)| index.0 < middle));
                let left = self.fold(a, middle, left, hashes)?;
                let right = self.fold(middle, b, right, hashes)?;
                Some(self.suite.node(self.tree, &left, &right))
            }
        }
    }

    const fn within_bound(&self) -> Result<(), ProofError> {
        if self.size.0 > TREE_SIZE_MAX {
            return Err(ProofError::Size(self.size));
        }
        Ok(())
    }
}

/// Hashes that a multiproof of these leaves has.
fn count(a: u64, b: u64, leaves: &[(LeafIndex, Hash)]) -> usize {
    if leaves.is_empty() {
        return 1;
    }
    if b - a == 1 {
        return 0;
    }
    let middle = a + split(b - a);
    let (left, right) = leaves.split_at(leaves.partition_point(|(index, _)| index.0 < middle));
    count(a, middle, left) + count(middle, b, right)
}

const fn exact_length(path: &[Hash], expected: usize) -> Result<(), ProofError> {
    if path.len() != expected {
        return Err(ProofError::Length { found: path.len(), expected });
    }
    Ok(())
}

fn leads_to(found: Hash, root: Hash) -> Result<(), ProofError> {
    if found == root { Ok(()) } else { Err(ProofError::Root) }
}
