//! What the node last said about itself, and the newest view that is sealed: asked for once, for all who need it.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use muniment_core::LogIndex;
use muniment_raft::{Handle, LedgerView, NodeState, ReadError, Status, SystemEnvironment};
use tokio::sync::watch;

/// Between two looks at the node's status.
const PERIOD: Duration = Duration::from_millis(100);
/// Between two looks at its views: a burst of small entries must not wake everybody for each.
const PAUSE: Duration = Duration::from_millis(5);

/// The node's status, at most a tenth of a second old. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pulse {
    newest: Arc<Mutex<Beat>>,
}

/// One look at the node.
#[derive(Clone)]
pub(crate) struct Beat {
    pub(crate) status: Arc<Status>,
    /// Since when no leader is known; none while one is.
    pub(crate) leaderless_since: Option<Instant>,
}

impl Pulse {
    /// A first look.
    pub(crate) fn of(node: &Handle<SystemEnvironment>) -> Self {
        let status = Arc::new(node.status());
        let leaderless_since = status.leader.is_none().then(Instant::now);
        Self { newest: Arc::new(Mutex::new(Beat { status, leaderless_since })) }
    }

    /// The newest look.
    pub(crate) fn beat(&self) -> Beat {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks until `stop` says so; `each` is called with every look.
    pub(crate) async fn run(
        self,
        node: Handle<SystemEnvironment>,
        mut stop: watch::Receiver<bool>,
        each: impl Fn(&Beat),
    ) {
        loop {
            let status = Arc::new(node.status());
            let before = self.beat().leaderless_since;
            let leaderless_since = match status.leader {
                Some(_) => None,
                None => before.or_else(|| Some(Instant::now())),
            };
            let beat = Beat { status, leaderless_since };
            each(&beat);
            *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = beat;
            if stopped_within(&mut stop, PERIOD).await {
                return;
            }
        }
    }
}

/// Whether a stop was asked for before the time was over.
pub(crate) async fn stopped_within(stop: &mut watch::Receiver<bool>, time: Duration) -> bool {
    // A sender that is gone is a server that is gone.
    matches!(tokio::time::timeout(time, stop.wait_for(|stop| *stop)).await, Ok(Ok(_) | Err(_)))
}

/// Follows the node's views: hands on those with new seals, and rings `doorbell` at each. Ends with the node, or when
/// `stop` says so.
pub(crate) async fn follow(
    node: Handle<SystemEnvironment>,
    sealed: watch::Sender<Option<Arc<LedgerView>>>,
    doorbell: SyncSender<()>,
    mut stop: watch::Receiver<bool>,
) {
    let mut next = LogIndex(0);
    loop {
        let applied = tokio::select! {
            applied = node.wait_applied(next) => applied,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        // A node that recovers shows older views than it showed before it stopped: nothing of them is handed on.
        match applied.and_then(|_| node.view()) {
            Ok(view) => {
                next = LogIndex(view.log_index.map_or(0, |index| index.0 + 1));
                sealed.send_if_modified(|newest| {
                    let before = newest.as_ref().map_or(0, |newest| newest.sealed_size.0);
                    let is_newer = newest.is_none() || view.sealed_size.0 > before;
                    if is_newer {
                        *newest = Some(Arc::clone(&view));
                    }
                    is_newer
                });
                // Full = it was rung already.
                doorbell.try_send(()).ok();
                if stopped_within(&mut stop, PAUSE).await {
                    return;
                }
            }
            Err(ReadError::NotReadable(_) | ReadError::Damaged(_)) => {
                if matches!(node.status().state, NodeState::Failed(_) | NodeState::Stopped)
                    || stopped_within(&mut stop, PERIOD).await
                {
                    return;
                }
            }
            Err(ReadError::NoQuorum(_) | ReadError::TimedOut { .. }) => {
                if matches!(node.status().state, NodeState::Failed(_) | NodeState::Stopped) {
                    return;
                }
            }
        }
    }
}
