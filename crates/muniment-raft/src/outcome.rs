//! What `apply` answers to whoever proposed an entry.

use muniment_core::{LogIndex, TreeSize, UnixMillis};
use muniment_ledger::PartOutcome;

/// What became of one entry.
#[derive(Debug)]
pub(crate) struct EntryOutcome {
    pub(crate) log_index: LogIndex,
    pub(crate) accepted_at: UnixMillis,
    /// Tree size after the entry.
    pub(crate) size: TreeSize,
    /// One for each part of the batch, in order.
    pub(crate) parts: Vec<PartOutcome>,
}
