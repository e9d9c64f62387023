//! The ledger and its files as one: applying an entry changes the state, then the files, then what readers see.

use std::collections::VecDeque;

use muniment_core::batch::BatchHeader;
use muniment_core::{LogIndex, RaftTerm, TreeSize};
use muniment_ledger::{Applied, EntryPosition, Halt, Ledger, VerifiedBatch};
use muniment_store::ledger::{AppendBatch, AppendLeaf, BackgroundSync, View, Writer};
use muniment_store::{Aborts, StorageError};
use thiserror::Error;

use crate::notary::root_at;
use crate::published::LedgerView;
use crate::type_config::{RaftLogId, RaftStoredMembership};

/// Ends of entries whose root prefix is remembered, for comparing with what leaders saw.
const PREFIXES_MAX: usize = 4096;

/// First bytes of a root.
pub(crate) type RootPrefix = [u8; 8];

/// Why an entry was not applied. No later one may be.
#[derive(Debug, Error)]
pub(crate) enum ApplyError {
    /// The entry needs another build.
    #[error(transparent)]
    Halt(#[from] Halt),
    /// Applying this very entry has ended the node before; it stays up for reads and diagnosis instead.
    #[error(
        "applying log index {} ended this node {} times: it reads and does not vote; start a build that can apply it",
        .0.log_index, .0.count
    )]
    Aborted(Aborts),
    /// Applying panicked outside the rules; the node has failed and said so.
    #[error("applying panicked")]
    Panicked,
    /// The files.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What applying a batch led to.
pub(crate) struct Step {
    pub(crate) applied: Applied,
    /// To be run off this worker.
    pub(crate) background_sync: Option<BackgroundSync>,
    /// The leader's root prefix at a size where this node's is another.
    pub(crate) diverged: Option<Divergence>,
}

/// A leader and this node disagree about the tree at one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Divergence {
    pub(crate) size: TreeSize,
    pub(crate) ours: RootPrefix,
    pub(crate) leaders: RootPrefix,
}

/// The state machine of one node; one worker owns it.
pub(crate) struct Machine {
    pub(crate) ledger: Ledger,
    pub(crate) writer: Writer,
    pub(crate) files: View,
    /// The last entry applied.
    pub(crate) position: Option<RaftLogId>,
    pub(crate) membership: RaftStoredMembership,
    /// The newest size that the log marks.
    pub(crate) sealed_size: TreeSize,
    prefixes: VecDeque<(TreeSize, RootPrefix)>,
}

impl Machine {
    pub(crate) fn new(
        ledger: Ledger,
        writer: Writer,
        files: View,
        position: Option<RaftLogId>,
        membership: RaftStoredMembership,
    ) -> Self {
        let sealed_size = TreeSize(0);
        Self { ledger, writer, files, position, membership, sealed_size, prefixes: VecDeque::new() }
    }

    pub(crate) const fn size(&self) -> TreeSize {
        self.writer.size()
    }

    #[expect(
        clippy::panic_in_result_fn,
        reason = "a tree that grew otherwise than the state is a broken invariant"
    )]
    /// Applies the batch of the entry at `log_id`. The state machine decides first, then the files get what it decided.
    pub(crate) fn apply(&mut self, log_id: RaftLogId, batch: &VerifiedBatch) -> Result<Step, ApplyError> {
        let at =
            EntryPosition { log_index: LogIndex(log_id.index), raft_term: RaftTerm(log_id.leader_id.term) };
        let diverged = match batch.header().map(|header| self.compare(header)) {
            // The files can't tell: that is noted, and nothing is signed until they are repaired.
            Some(Err(StorageError::Corrupt { .. })) | None => None,
            Some(compared) => compared?,
        };
        let applied = self.ledger.apply(at, batch)?;
        let appended = self.append(&applied)?;
        assert_eq!(appended.size, applied.size, "world state and tree grow by the same leaves");
        self.position = Some(log_id);
        if applied.seal {
            self.sealed_size = applied.size;
        }
        self.remember_prefix();
        Ok(Step { applied, background_sync: appended.background_sync, diverged })
    }

    /// Lets readers see what was applied.
    pub(crate) fn publish(&mut self) -> LedgerView {
        self.writer.publish();
        self.view()
    }

    pub(crate) fn view(&self) -> LedgerView {
        LedgerView {
            log_index: self.position.map(|log_id| LogIndex(log_id.index)),
            raft_term: RaftTerm(self.position.map_or(0, |log_id| log_id.leader_id.term)),
            size: self.size(),
            root: self.writer.root(),
            sealed_size: self.sealed_size,
            world: self.ledger.view(),
            files: self.files.clone(),
        }
    }

    fn append(&mut self, applied: &Applied) -> Result<muniment_store::ledger::Appended, StorageError> {
        let leaves: Vec<AppendLeaf<'_>> = applied
            .leaves
            .iter()
            .map(|leaf| AppendLeaf {
                stub: leaf.stub.encode(),
                class: leaf.stub.class,
                blind: leaf.blind,
                record: &leaf.record,
                record_digest: leaf.record_digest,
                admission: Some(leaf.admission),
                position: leaf.position,
            })
            .collect();
        let admissions: Vec<&[u8]> = applied.admissions.iter().map(Vec::as_slice).collect();
        self.writer.append(&AppendBatch { admissions: &admissions, leaves: &leaves })
    }

    /// Holds the leader's view of the tree against ours at the same size, before anything is signed.
    fn compare(&self, header: &BatchHeader) -> Result<Option<Divergence>, StorageError> {
        let size = header.applied_size;
        // During replay the files have not been reached; a size ahead of ours is no statement about our tree.
        if self.writer.is_replaying() || size > self.size() {
            return Ok(None);
        }
        let ours = self.prefix_at(size)?;
        let differs = ours != header.root_prefix;
        Ok(differs.then_some(Divergence { size, ours, leaders: header.root_prefix }))
    }

    fn prefix_at(&self, size: TreeSize) -> Result<RootPrefix, StorageError> {
        if size == self.size() {
            return Ok(prefix(&self.writer.root()));
        }
        if let Ok(at) = self.prefixes.binary_search_by_key(&size, |(size, _)| *size) {
            return Ok(self.prefixes[at].1);
        }
        Ok(prefix(&root_at(self.ledger.world().suite(), size, &self.files)?))
    }

    fn remember_prefix(&mut self) {
        let size = self.size();
        if self.prefixes.back().is_some_and(|(last, _)| *last == size) {
            return;
        }
        if self.prefixes.len() == PREFIXES_MAX {
            self.prefixes.pop_front();
        }
        self.prefixes.push_back((size, prefix(&self.writer.root())));
    }
}

/// The first eight bytes of a root, as entry headers carry them.
pub(crate) fn prefix(root: &muniment_core::Hash) -> RootPrefix {
    let mut prefix = [0; 8];
    prefix.copy_from_slice(&root.0[..8]);
    prefix
}
