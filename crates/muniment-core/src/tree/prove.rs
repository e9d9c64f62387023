//! Making proofs from the hashes of complete subtrees.

use thiserror::Error;

use crate::tree::{TREE_SIZE_MAX, TreeAt, split};
use crate::{Hash, LeafIndex, TreeSize};

/// Where the hashes of a tree's complete subtrees are kept.
pub trait HashReader {
    /// Why a hash can't be read.
    type Error;

    /// Root of the complete subtree of 2^`level` leaves at position `index` of that level.
    ///
    /// # Errors
    /// The subtree is not complete, or storage fails.
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// Why a proof can't be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProveError<E> {
    /// No tree is that large.
    #[error("tree size {0} is over 2^62")]
    Size(TreeSize),
    /// The leaf or subtree is not in the tree.
    #[error("leaf or subtree {index} is not in a tree of {size} leaves")]
    Index {
        /// The leaf asked for, or the subtree's position in its level.
        index: LeafIndex,
        /// The tree's size.
        size: TreeSize,
    },
    /// The older tree is not the smaller one.
    #[error("a tree of {from} leaves is no earlier state of one of {size}")]
    From {
        /// The older size asked for.
        from: TreeSize,
        /// The tree's size.
        size: TreeSize,
    },
    /// Leaves of a multiproof ascend, each once.
    #[error("the leaves of a multiproof must ascend, each once")]
    NotAscending,
    /// A hash could not be read.
    #[error(transparent)]
    Read(E),
}

impl TreeAt {
    /// Root (RFC 9162 2.1.1).
    ///
    /// # Errors
    /// [`ProveError`].
    pub fn root<R: HashReader>(&self, reader: &R) -> Result<Hash, ProveError<R::Error>> {
        self.bounded()?;
        self.range(reader, 0, self.size.0)
    }

    /// Inclusion path of a leaf, its sibling first (RFC 9162 2.1.3.1).
    ///
    /// # Errors
    /// [`ProveError`].
    pub fn inclusion_path<R: HashReader>(
        &self,
        reader: &R,
        index: LeafIndex,
    ) -> Result<Vec<Hash>, ProveError<R::Error>> {
        self.subtree_path(reader, 0, index.0)
    }

    /// Path from the complete subtree of 2^`level` leaves at position `index` of that level up to the root.
    ///
    /// # Errors
    /// [`ProveError`].
    pub fn subtree_path<R: HashReader>(
        &self,
        reader: &R,
        level: u8,
        index: u64,
    ) -> Result<Vec<Hash>, ProveError<R::Error>> {
        self.bounded()?;
        let Some((first, end)) = self.subtree(level, index) else {
            return Err(ProveError::Index { index: LeafIndex(index), size: self.size });
        };
        let (mut a, mut b) = (0, self.size.0);
        let mut path = Vec::with_capacity(64);
        while b - a > end - first {
            let middle = a + split(b - a);
            if first < middle {
                path.push(self.range(reader, middle, b)?);
                b = middle;
            } else {
                path.push(self.range(reader, a, middle)?);
                a = middle;
            }
        }
        path.reverse();
        Ok(path)
    }

    /// Consistency path from an earlier size (RFC 9162 2.1.4.1). Empty for size 0 and for the size itself.
    ///
    /// # Errors
    /// [`ProveError`].
    pub fn consistency_path<R: HashReader>(
        &self,
        reader: &R,
        from: TreeSize,
    ) -> Result<Vec<Hash>, ProveError<R::Error>> {
        self.bounded()?;
        if from > self.size {
            return Err(ProveError::From { from, size: self.size });
        }
        if from.0 == 0 {
            return Ok(Vec::new());
        }
        let (mut a, mut b) = (0, self.size.0);
        let mut path = Vec::with_capacity(64);
        while from.0 < b {
            let middle = a + split(b - a);
            if from.0 <= middle {
                path.push(self.range(reader, middle, b)?);
                b = middle;
            } else {
                path.push(self.range(reader, a, middle)?);
                a = middle;
            }
        }
        // The older tree ends at b: it is a whole subtree of the newer one, which the verifier knows only from size 0 on.
        if a > 0 {
            path.push(self.range(reader, a, b)?);
        }
        path.reverse();
        Ok(path)
    }

    /// Compact multiproof of several leaves, ascending: the hash of each largest subtree without any of them, from left
    /// to right (`docs/data-format.md`, "Multiproof").
    ///
    /// # Errors
    /// [`ProveError`].
    pub fn multiproof<R: HashReader>(
        &self,
        reader: &R,
        leaves: &[LeafIndex],
    ) -> Result<Vec<Hash>, ProveError<R::Error>> {
        self.bounded()?;
        if !leaves.is_sorted_by(|a, b| a < b) {
            return Err(ProveError::NotAscending);
        }
        if let Some(last) = leaves.last().filter(|last| last.0 >= self.size.0) {
            return Err(ProveError::Index { index: *last, size: self.size });
        }
        let mut proof = Vec::new();
        self.emit(reader, 0, self.size.0, leaves, &mut proof)?;
        Ok(proof)
    }

    /// recurse(a, b) of the format. Depth is at most 62.
    fn emit<R: HashReader>(
        &self,
        reader: &R,
        a: u64,
        b: u64,
        wanted: &[LeafIndex],
        proof: &mut Vec<Hash>,
    ) -> Result<(), ProveError<R::Error>> {
        if wanted.is_empty() {
            proof.push(self.range(reader, a, b)?);
        } else if b - a > 1 {
            let middle = a + split(b - a);
            let (left, right) = wanted.split_at(wanted.partition_point(|index| index.0 < middle));
            self.emit(reader, a, middle, left, proof)?;
            self.emit(reader, middle, b, right, proof)?;
        }
        Ok(())
    }

    /// Hash over the leaves [a, b), a range that splitting the tree yields: only its right end may be ragged.
    fn range<R: HashReader>(&self, reader: &R, a: u64, b: u64) -> Result<Hash, ProveError<R::Error>> {
        let count = b - a;
        if count == 0 {
            return Ok(self.suite.empty(self.tree));
        }
        if count.is_power_of_two() {
            let level = u8::try_from(count.trailing_zeros()).expect("below 64");
            return reader.node(level, a >> level).map_err(ProveError::Read);
        }
        let middle = a + split(count);
        let (left, right) = (self.range(reader, a, middle)?, self.range(reader, middle, b)?);
        Ok(self.suite.node(self.tree, &left, &right))
    }

    const fn bounded<E>(&self) -> Result<(), ProveError<E>> {
        if self.size.0 > TREE_SIZE_MAX {
            return Err(ProveError::Size(self.size));
        }
        Ok(())
    }
}
