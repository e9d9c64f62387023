//! The tree: every stored hash recomputed from the stubs.

use std::path::Path;

use muniment_core::tree::Frontier;
use muniment_core::{Hash, Suite, Tree, TreeSize};

use super::report::Report;
use super::rows::Rows;
use crate::disk::Disk;
use crate::error::StorageError;
use crate::ledger::LedgerFile;

/// Recomputes the tree leaf by leaf and compares it with the level files.
pub(super) struct TreeCheck<'a> {
    suite: Suite,
    size: u64,
    /// Root that `CURRENT` names.
    root: Hash,
    frontier: Frontier,
    levels: Vec<Rows<'a, 32>>,
}

/// Which of stub and leaf hash is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StubState {
    /// Stub and leaf hash agree, or the leaf hash alone is damaged.
    Sound,
    /// The stub is damaged.
    Damaged,
}

impl<'a> TreeCheck<'a> {
    pub(super) fn new(disk: &'a dyn Disk, dir: &'a Path, suite: Suite, size: TreeSize, root: Hash) -> Self {
        let levels = (0..64_u8).take_while(|level| size.0 >> level > 0);
        let levels = levels.map(|level| {
            Rows::new(disk, dir, size.0 >> level, move |number| LedgerFile::Tree(level, number))
        });
        let levels = levels.collect();
        Self { suite, size: size.0, root, frontier: Frontier::new(suite, Tree::Ledger), levels }
    }

    /// Takes in the next leaf and reports what does not agree, in the stub's file or the tree's.
    pub(super) fn leaf(
        &mut self,
        stub: &[u8; 64],
        stub_place: (LedgerFile, u64),
        report: &mut Report,
    ) -> Result<StubState, StorageError> {
        let index = self.frontier.size().0;
        let (computed, stored) = (self.suite.leaf(Tree::Ledger, stub), Hash(self.levels[0].next()?));
        let (hash, state) = if computed == stored {
            (computed, StubState::Sound)
        } else {
            self.settle(index, computed, stored, stub_place, report)?
        };
        let mut completed = Vec::with_capacity(2);
        self.frontier.push(hash, |level, row, hash| completed.push((level, row, hash)));
        for (level, row, hash) in completed {
            report.counts.nodes += 1;
            if level == 0 {
                continue;
            }
            let rows = &mut self.levels[usize::from(level)];
            if rows.next()? != hash.0 {
                let (file, offset) = rows.place(row);
                report.find(file.relative(), offset, 32, "the hash is not the one of its two children");
            }
        }
        Ok(state)
    }

    /// The root must be the one of the sync point.
    pub(super) fn finish(&self, current_name: &str, report: &mut Report) {
        let root = self.frontier.root();
        if root != self.root && report.is_sound() {
            let what = format!("it names root {}, but the stubs lead to {root}", self.root);
            report.find(current_name, 0, 0, what);
        }
    }

    /// Stub and leaf hash differ: the parent's hash, or the root for a leaf without sibling, says which is damaged.
    fn settle(
        &self,
        index: u64,
        computed: Hash,
        stored: Hash,
        (stub_file, stub_offset): (LedgerFile, u64),
        report: &mut Report,
    ) -> Result<(Hash, StubState), StorageError> {
        let stub_is_right = self.leads_on(index, computed)?;
        let stored_is_right = self.leads_on(index, stored)?;
        let (file, offset) = self.levels[0].place(index);
        if !stored_is_right {
            report.find(file.relative(), offset, 32, "the leaf hash is not the one of its stub");
        }
        if !stub_is_right {
            report.find(stub_file.relative(), stub_offset, 64, "the stub does not lead to its leaf hash");
        }
        Ok(if stored_is_right { (stored, StubState::Damaged) } else { (computed, StubState::Sound) })
    }

    /// Whether a leaf hash leads to what is stored above it.
    fn leads_on(&self, index: u64, hash: Hash) -> Result<bool, StorageError> {
        let sibling = index ^ 1;
        if sibling >= self.size {
            let mut frontier = self.frontier.clone();
            frontier.push(hash, |_, _, _| ());
            return Ok(frontier.root() == self.root);
        }
        let sibling = Hash(self.levels[0].at(sibling)?);
        let (left, right) = if index & 1 == 0 { (hash, sibling) } else { (sibling, hash) };
        let parent = self.levels[1].at(index >> 1)?;
        Ok(self.suite.node(Tree::Ledger, &left, &right).0 == parent)
    }
}
