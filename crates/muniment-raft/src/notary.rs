//! When a node signs, and what: formed from its own state, never from a peer's word (G4).

use muniment_core::checkpoint::CheckpointBody;
use muniment_core::derived::Derived;
use muniment_core::index::root_of_no_runs;
use muniment_core::members::MemberList;
use muniment_core::tree::{HashReader, ProveError, TreeAt};
use muniment_core::{Hash, Suite, Tree, TreeSize};
use muniment_ledger::WorldView;
use muniment_store::StorageError;
use muniment_store::ledger::View;

/// The ledger that checkpoints are of.
#[derive(Clone, Debug)]
pub struct CheckpointContext {
    /// Hash suite.
    pub suite: Suite,
    /// Members that sign; their list names the origin.
    pub members: MemberList,
}

/// Decides where checkpoints stand and forms them. One node uses one; tests put a dishonest one in its place.
pub trait Notary: Send + Sync + 'static {
    /// Whether the members sign at the size that the entry just applied has led to. `marked` is what the log says.
    fn seals(&self, marked: bool, size: TreeSize) -> bool;

    /// The checkpoint's body at `size`, which `files` has reached.
    ///
    /// # Errors
    /// What reading the tree answers.
    fn body(
        &self,
        context: &CheckpointContext,
        size: TreeSize,
        files: &View,
    ) -> Result<CheckpointBody, StorageError>;

    /// The values that this node derives from its own state (leaf kind 200). Costs a hash of the whole state.
    fn derived(&self, context: &CheckpointContext, world: &WorldView) -> Derived {
        world.derived(root_of_no_runs(context.suite))
    }
}

/// The honest notary: seals where the log says, and recomputes the root from this node's own tree.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnState;

impl Notary for OwnState {
    fn seals(&self, marked: bool, _: TreeSize) -> bool {
        marked
    }

    fn body(
        &self,
        context: &CheckpointContext,
        size: TreeSize,
        files: &View,
    ) -> Result<CheckpointBody, StorageError> {
        Ok(CheckpointBody {
            origin: context.members.origin.clone(),
            size,
            root: root_at(context.suite, size, files)?,
            suite: context.suite,
            index_root: root_of_no_runs(context.suite),
            members_epoch: context.members.epoch,
            members_digest: context.members.digest(context.suite),
        })
    }
}

/// Root of the ledger's tree at `size`, which `files` has reached.
///
/// # Errors
/// [`StorageError::Corrupt`] if the tree's hashes don't lead to the root that the files were applied to; else what reading the tree answers.
pub(crate) fn root_at(suite: Suite, size: TreeSize, files: &View) -> Result<Hash, StorageError> {
    let (published, root) = files.tree_head();
    if published == size {
        return Ok(root);
    }
    let unreadable = |error| match error {
        ProveError::Read(error) => error,
        other => StorageError::Refused { what: other.to_string() },
    };
    let found = TreeAt { suite, tree: Tree::Ledger, size }.root(&TreeReader(files)).map_err(unreadable)?;
    // The head's root was computed leaf by leaf as they were applied. One that was read from the files is believed, and
    // signed, only if it leads to it: a damaged hash must not become a statement.
    let head = TreeAt { suite, tree: Tree::Ledger, size: published };
    let path = head.consistency_path(&TreeReader(files), size).map_err(unreadable)?;
    match head.verify_consistency(size, found, &path, root) {
        Ok(()) => Ok(found),
        Err(error) => {
            Err(files.tree_is_damaged(format!("its hashes at size {size} don't lead to the root: {error}")))
        }
    }
}

/// The tree's complete subtrees, as the evidence files hold them.
pub(crate) struct TreeReader<'a>(pub(crate) &'a View);

impl HashReader for TreeReader<'_> {
    type Error = StorageError;

    fn node(&self, level: u8, index: u64) -> Result<Hash, StorageError> {
        self.0.node(level, index)
    }
}
