//! Append-only Merkle trees in the shape of RFC 9162 2.1: how they grow, their proofs, and how those are verified.

mod memory;
mod prove;
mod verify;

pub use memory::{MemoryTree, MissingNode};
pub use prove::{HashReader, ProveError};
pub use verify::ProofError;

use crate::{Hash, Suite, Tree, TreeSize};

/// The largest tree size that anything here accepts: 2^62, so that no sum of sizes overflows.
pub const TREE_SIZE_MAX: u64 = 1 << 62;

/// A tree of one domain at one size: what proofs are made for, and verified against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeAt {
    /// The ledger's suite.
    pub suite: Suite,
    /// Which of the ledger's trees.
    pub tree: Tree,
    /// Number of leaves, at most [`TREE_SIZE_MAX`].
    pub size: TreeSize,
}

impl TreeAt {
    /// Leaves [first, end) of the complete subtree of 2^`level` leaves at position `index`, if the tree has it.
    fn subtree(&self, level: u8, index: u64) -> Option<(u64, u64)> {
        let leaves = 1_u64.checked_shl(u32::from(level))?;
        let first = index.checked_mul(leaves)?;
        let end = first.checked_add(leaves)?;
        (end <= self.size.0).then_some((first, end))
    }
}

/// The largest power of two below `count`, which is at least 2: where RFC 9162 2.1.1 splits.
const fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// The right edge of a growing tree: the roots of its complete subtrees, largest first ("compact range").
///
/// A tree of size n has one peak per bit set in n (RFC 9162 2.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    suite: Suite,
    tree: Tree,
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// An empty tree.
    #[must_use]
    pub const fn new(suite: Suite, tree: Tree) -> Self {
        Self { suite, tree, size: 0, peaks: Vec::new() }
    }

    /// A tree of `size` leaves, whose peaks are read from `peak(level, index)`, the root of the complete subtree of
    /// 2^level leaves at position `index`.
    ///
    /// # Errors
    /// What `peak` answers.
    pub fn open<E>(
        suite: Suite,
        tree: Tree,
        size: TreeSize,
        mut peak: impl FnMut(u8, u64) -> Result<Hash, E>,
    ) -> Result<Self, E> {
        let mut peaks = Vec::new();
        for level in (0..64_u8).rev().filter(|level| size.0 >> level & 1 == 1) {
            // Leaves left of this peak are the bits above `level`.
            peaks.push(peak(level, (size.0 >> level) - 1)?);
        }
        Ok(Self { suite, tree, size: size.0, peaks })
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// Appends a leaf hash and reports each complete subtree that it finishes, the leaf itself first: `(level, index,
    /// hash)`.
    pub fn push(&mut self, leaf: Hash, mut completed: impl FnMut(u8, u64, Hash)) {
        let (mut hash, mut index) = (leaf, self.size);
        completed(0, index, hash);
        for level in 1..=64_u8 {
            if index & 1 == 0 {
                break;
            }
            let left = self.peaks.pop().expect("a set bit of the size has its peak");
            hash = self.suite.node(self.tree, &left, &hash);
            index >>= 1;
            completed(level, index, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Appends leaf hashes and reports the complete subtrees that they finish, level by level from the leaves up:
    /// `(level, index of the first, hashes)`, without a hole. The same tree as by [`Frontier::push`] one by one.
    pub fn extend(&mut self, leaves: Vec<Hash>, mut completed: impl FnMut(u8, u64, &[Hash])) {
        let (mut row, mut first) = (leaves, self.size);
        self.size += row.len() as u64;
        let mut peaks = Vec::new();
        for level in 0..=64_u8 {
            if row.is_empty() {
                break;
            }
            completed(level, first, &row);
            if first & 1 == 1 {
                row.insert(0, self.peaks.pop().expect("a set bit of the size has its peak"));
            }
            if row.len() % 2 == 1 {
                peaks.extend(row.pop());
            }
            first >>= 1;
            row = self.suite.nodes(self.tree, row.as_chunks().0);
        }
        self.peaks.extend(peaks.into_iter().rev());
    }

    /// Root of the tree as it is (RFC 9162 2.1.1).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(smallest) = peaks.next() else {
            return self.suite.empty(self.tree);
        };
        peaks.fold(*smallest, |right, left| self.suite.node(self.tree, left, &right))
    }
}

/// Root over leaf hashes held in memory (RFC 9162 2.1.1).
#[must_use]
pub fn root_of(suite: Suite, tree: Tree, leaves: impl IntoIterator<Item = Hash>) -> Hash {
    let mut frontier = Frontier::new(suite, tree);
    frontier.extend(leaves.into_iter().collect(), |_, _, _| ());
    frontier.root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_appended_together_make_the_tree_that_they_make_one_by_one() {
        let leaf = |number: u64| Suite::Blake3.hash(&[&number.to_be_bytes()]);
        for (before, count) in (0..20).flat_map(|before| (0..20).map(move |count| (before, count))) {
            let mut single = Frontier::new(Suite::Blake3, Tree::Ledger);
            (0..before).for_each(|number| single.push(leaf(number), |_, _, _| ()));
            let mut together = single.clone();
            let (mut one_by_one, mut by_level) = (Vec::new(), Vec::new());
            for number in before..before + count {
                single.push(leaf(number), |level, index, hash| one_by_one.push((level, index, hash)));
            }
            together.extend((before..before + count).map(leaf).collect(), |level, first, hashes| {
                by_level.extend((first..).zip(hashes).map(|(index, hash)| (level, index, *hash)));
            });
            one_by_one.sort_by_key(|(level, index, _)| (*level, *index));
            assert_eq!(by_level, one_by_one, "{count} leaves after {before}");
            assert_eq!(together, single, "{count} leaves after {before}");
        }
    }
}
