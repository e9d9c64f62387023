//! A tree held in memory: for admissions, tests and tools.

use thiserror::Error;

use crate::tree::{Frontier, HashReader};
use crate::{Hash, Suite, Tree, TreeSize};

/// Every complete subtree's hash, by level.
#[derive(Clone, Debug)]
pub struct MemoryTree {
    frontier: Frontier,
    levels: Vec<Vec<Hash>>,
}

/// A subtree that is not complete in this tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the tree has no complete subtree {index} at level {level}")]
pub struct MissingNode {
    /// Level; leaves are level 0.
    pub level: u8,
    /// Position within the level, from 0.
    pub index: u64,
}

impl MemoryTree {
    /// An empty tree.
    #[must_use]
    pub const fn new(suite: Suite, tree: Tree) -> Self {
        Self { frontier: Frontier::new(suite, tree), levels: Vec::new() }
    }

    /// A tree over leaf hashes.
    #[must_use]
    pub fn over(suite: Suite, tree: Tree, leaves: impl IntoIterator<Item = Hash>) -> Self {
        let mut memory = Self::new(suite, tree);
        let Self { frontier, levels } = &mut memory;
        frontier.extend(leaves.into_iter().collect(), |_, _, hashes| levels.push(hashes.to_vec()));
        memory
    }

    /// Appends a leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        let Self { frontier, levels } = self;
        frontier.push(leaf, |level, _, hash| {
            let level = usize::from(level);
            if level == levels.len() {
                levels.push(Vec::new());
            }
            levels[level].push(hash);
        });
    }

    /// Every complete subtree's hash, by level from the leaves up.
    #[must_use]
    pub fn into_levels(self) -> Vec<Vec<Hash>> {
        self.levels
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    /// Root of the tree as it is.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }
}

impl HashReader for MemoryTree {
    type Error = MissingNode;

    fn node(&self, level: u8, index: u64) -> Result<Hash, MissingNode> {
        let nodes = self.levels.get(usize::from(level));
        let position = usize::try_from(index).ok();
        let hash = nodes.zip(position).and_then(|(nodes, position)| nodes.get(position));
        hash.copied().ok_or(MissingNode { level, index })
    }
}
