//! Whether a node runs, and if not, why: the first reason is kept and stays readable.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::Either;
use muniment_store::fsck::Finding;
use tokio::sync::{Notify, mpsc};

/// The life of a node, in the order in which states can follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// Opening its files and applying its own log; nothing is read or written through it.
    Recovering,
    /// Voting, applying, signing.
    Running,
    /// Reads go on; it neither votes nor signs, because what it holds may contradict what others signed (G4).
    Halted(String),
    /// Its disk is older than what it acknowledged, voted or signed: reads go on, it neither votes nor signs (ADR 11).
    RolledBack(String),
    /// A storage failure or a panic outside the rules: in production the process ends.
    Failed(String),
    /// Stopped by its owner.
    Stopped,
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recovering => f.write_str("recovering"),
            Self::Running => f.write_str("running"),
            Self::Halted(reason) => write!(f, "halted: {reason}"),
            Self::RolledBack(reason) => write!(f, "DISK_ROLLED_BACK: {reason}"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// The state, shared by everything that belongs to one node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lifecycle {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<NodeState>,
    alarms: Mutex<Vec<String>>,
    /// The tree may be wrong: nothing is signed until peers have said what theirs is.
    doubtful: AtomicBool,
    /// Members have not yet told what this node promised them before it was started.
    unconfirmed: AtomicBool,
    /// The newest evidence files are not yet checked since this start.
    unchecked: AtomicBool,
    /// What is damaged and not yet repaired.
    damage: Mutex<Vec<Finding>>,
    changed: Notify,
}

/// Alarms kept for `status`; the oldest go first.
const ALARMS_MAX: usize = 64;

impl Lifecycle {
    pub(crate) fn new() -> Self {
        let state = Mutex::new(NodeState::Recovering);
        let shared = Shared {
            state,
            alarms: Mutex::default(),
            doubtful: AtomicBool::new(false),
            unconfirmed: AtomicBool::new(true),
            unchecked: AtomicBool::new(true),
            damage: Mutex::default(),
            changed: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn state(&self) -> NodeState {
        self.lock().clone()
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(*self.lock(), NodeState::Running)
    }

    /// Whether the node has ended, for whatever reason.
    pub(crate) fn is_over(&self) -> bool {
        matches!(*self.lock(), NodeState::Failed(_) | NodeState::Stopped)
    }

    /// Whether the node may put its name under what it recomputed.
    pub(crate) fn may_sign(&self) -> bool {
        matches!(*self.lock(), NodeState::Recovering | NodeState::Running)
            && !self.is_unconfirmed()
            && !self.is_doubtful()
            && !self.is_damaged()
            && !self.shared.unchecked.load(Ordering::SeqCst)
    }

    /// Whether the node still asks what it promised: it neither votes, acknowledges nor signs before it knows.
    pub(crate) fn is_unconfirmed(&self) -> bool {
        self.shared.unconfirmed.load(Ordering::SeqCst)
    }

    /// Its disk holds all that it is known to have promised.
    pub(crate) fn confirm(&self) {
        self.shared.unconfirmed.store(false, Ordering::SeqCst);
    }

    /// Whether the disk was found to be older than what the node promised.
    pub(crate) fn is_rolled_back(&self) -> bool {
        matches!(*self.lock(), NodeState::RolledBack(_))
    }

    /// The newest evidence files hold: this node may sign what it computes from them.
    pub(crate) fn set_checked(&self) {
        self.shared.unchecked.store(false, Ordering::SeqCst);
    }

    /// Whether evidence files wait for their repair.
    pub(crate) fn is_damaged(&self) -> bool {
        !self.damage().is_empty()
    }

    /// What is damaged and not yet repaired.
    pub(crate) fn damage(&self) -> Vec<Finding> {
        self.shared.damage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says what is damaged. Until it is repaired nothing is signed and nothing of it is read.
    pub(crate) fn set_damage(&self, findings: Vec<Finding>) {
        for finding in &findings {
            self.alarm(format!("damaged: {finding}; nothing is signed until it is repaired from a peer"));
        }
        *self.shared.damage.lock().unwrap_or_else(PoisonError::into_inner) = findings;
    }

    /// The files are repaired and open.
    pub(crate) fn clear_damage(&self) {
        self.shared.damage.lock().unwrap_or_else(PoisonError::into_inner).clear();
        tracing::info!("evidence files are repaired");
    }

    /// Why nothing is accepted, if nothing is.
    pub(crate) fn reason(&self) -> Option<String> {
        match &*self.lock() {
            NodeState::Running => None,
            state => Some(state.to_string()),
        }
    }

    /// Why the node failed, if it did.
    pub(crate) fn failure(&self) -> Option<String> {
        if let NodeState::Failed(reason) = &*self.lock() { Some(reason.clone()) } else { None }
    }

    /// Whether signing is suspended because a leader saw another tree.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.shared.doubtful.load(Ordering::SeqCst)
    }

    pub(crate) fn set_doubtful(&self, doubtful: bool) {
        self.shared.doubtful.store(doubtful, Ordering::SeqCst);
    }

    pub(crate) fn run(&self) {
        self.change(NodeState::Running, |state| matches!(state, NodeState::Recovering));
    }

    pub(crate) fn halt(&self, reason: String) {
        self.alarm(reason.clone());
        self.change(NodeState::Halted(reason), |state| {
            matches!(state, NodeState::Recovering | NodeState::Running)
        });
    }

    pub(crate) fn roll_back(&self, reason: String) {
        let state = NodeState::RolledBack(reason);
        self.alarm(state.to_string());
        self.change(state, |state| matches!(state, NodeState::Recovering | NodeState::Running));
    }

    pub(crate) fn fail(&self, reason: String) {
        self.alarm(reason.clone());
        self.change(NodeState::Failed(reason), |state| {
            !matches!(state, NodeState::Failed(_) | NodeState::Stopped)
        });
    }

    pub(crate) fn stop(&self) {
        self.change(NodeState::Stopped, |state| !matches!(state, NodeState::Failed(_)));
    }

    /// Notes something that an operator must look at; the node goes on.
    pub(crate) fn alarm(&self, text: String) {
        tracing::error!(alarm = %text, "alarm");
        let mut alarms = self.shared.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        if alarms.last() == Some(&text) {
            return;
        }
        if alarms.len() == ALARMS_MAX {
            alarms.remove(0);
        }
        alarms.push(text);
    }

    pub(crate) fn alarms(&self) -> Vec<String> {
        self.shared.alarms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends when the node has ended, for whatever reason.
    pub(crate) async fn over(&self) {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            // Registered before the look, so that a change in between is not missed.
            changed.as_mut().enable();
            if self.is_over() {
                return;
            }
            changed.await;
        }
    }

    /// The next message, until the channel is closed or the node has ended.
    pub(crate) async fn next<T>(&self, receiver: &mut mpsc::UnboundedReceiver<T>) -> Option<T> {
        let over = std::pin::pin!(self.over());
        let message = std::pin::pin!(receiver.recv());
        match futures::future::select(message, over).await {
            Either::Left((message, _)) => message,
            Either::Right(((), _)) => None,
        }
    }

    fn change(&self, next: NodeState, may: impl FnOnce(&NodeState) -> bool) {
        let mut state = self.lock();
        if may(&state) {
            *state = next;
            drop(state);
            self.shared.changed.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, NodeState> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
