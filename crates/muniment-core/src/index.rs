//! The verifiable index's commitment in checkpoints: the root over run descriptors.

use crate::{Hash, Suite, Tree};

/// `index_root` of a ledger that has no runs: the empty tree over run descriptors (`docs/data-format.md`, "Index root").
#[must_use]
pub fn root_of_no_runs(suite: Suite) -> Hash {
    suite.empty(Tree::Runs)
}
