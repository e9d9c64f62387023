//! The view that readers see: one per applied entry, replaced whole.

use std::sync::{Arc, Mutex, PoisonError};

use muniment_core::{Hash, LogIndex, RaftTerm, TreeSize};
use muniment_ledger::WorldView;
use muniment_store::ledger::View;
use tokio::sync::Notify;

/// The ledger after one entry.
#[derive(Clone)]
pub struct LedgerView {
    /// The entry; `None` before the first.
    pub log_index: Option<LogIndex>,
    /// Its Raft term.
    pub raft_term: RaftTerm,
    /// Leaves after it.
    pub size: TreeSize,
    /// Root over those leaves.
    pub root: Hash,
    /// The newest size marked for signing.
    pub sealed_size: TreeSize,
    /// World state after it.
    pub world: WorldView,
    /// The evidence files; [`LedgerView::size`] bounds what belongs to this view.
    pub files: View,
}

/// Holds the newest view and wakes who waits for it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Published {
    shared: Arc<Shared>,
}

struct Shared {
    view: Mutex<Arc<LedgerView>>,
    changed: Notify,
}

impl Published {
    pub(crate) fn new(view: LedgerView) -> Self {
        Self { shared: Arc::new(Shared { view: Mutex::new(Arc::new(view)), changed: Notify::new() }) }
    }

    pub(crate) fn publish(&self, view: LedgerView) {
        *self.shared.view.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        self.shared.changed.notify_waiters();
    }

    pub(crate) fn view(&self) -> Arc<LedgerView> {
        Arc::clone(&self.shared.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the entry at `index` is applied.
    pub(crate) async fn wait_applied(&self, index: LogIndex) -> Arc<LedgerView> {
        self.wait_for(|| Some(self.view()).filter(|view| view.log_index >= Some(index))).await
    }

    /// Waits until `look` finds something; it looks again after each entry.
    pub(crate) async fn wait_for<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            // Registered before the look, so that a change in between is not missed.
            changed.as_mut().enable();
            if let Some(found) = look() {
                return found;
            }
            changed.await;
        }
    }

    /// Lets everybody look again.
    pub(crate) fn wake(&self) {
        self.shared.changed.notify_waiters();
    }
}
