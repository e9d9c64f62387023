//! When a node had better not lead: it then neither campaigns nor keeps an office that it has.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::environment::Environment;
use crate::shared::Core;

/// Why a node does not campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Abstention {
    /// Members have not told it yet what it promised them, or it lacks what they know to be committed.
    Unconfirmed,
    /// It applies nothing until its evidence files are repaired.
    Damaged,
    /// Its clock is far from the others'.
    Clock,
    /// Its disk is slow.
    SlowDisk,
}

/// The reasons that hold now, held for a look; and how often leadership was offered to somebody.
#[derive(Debug)]
pub(crate) struct Abstentions(Mutex<BTreeSet<Abstention>>, AtomicUsize);

impl Abstentions {
    /// Of a node that has to ask `others` first what it promised them.
    pub(crate) fn at_start(others: bool) -> Self {
        Self(Mutex::new(others.then_some(Abstention::Unconfirmed).into_iter().collect()), AtomicUsize::new(0))
    }
}

impl<R: Environment> Core<R> {
    /// Asks the next peer to lead instead, if this node leads; a hint, carried out by Raft.
    pub(crate) async fn hand_over(&self) {
        if self.router.leader() != Some(self.me) || self.peers.is_empty() {
            return;
        }
        let turn = self.abstentions.1.fetch_add(1, Ordering::Relaxed) % self.peers.len();
        // Fails only when Raft has stopped.
        drop(self.raft.trigger().transfer_leader(self.peers[turn].0).await);
    }

    /// Says whether a reason holds. The node campaigns while none does.
    pub(crate) fn abstain(&self, why: Abstention, holds: bool) {
        let mut reasons = self.abstentions.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = if holds { reasons.insert(why) } else { reasons.remove(&why) };
        if changed {
            self.raft.runtime_config().elect(reasons.is_empty());
        }
    }
}
