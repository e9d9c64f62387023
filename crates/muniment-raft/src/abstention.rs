//! When a node had better not lead: it then neither campaigns nor keeps an office that it has.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::environment::Environment;
use crate::node::Core;

/// Why a node does not campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Abstention {
    /// It applies nothing until its evidence files are repaired.
    Damaged,
}

/// The reasons that hold now. Held for a look.
#[derive(Debug, Default)]
pub(crate) struct Abstentions(Mutex<BTreeSet<Abstention>>);

impl<R: Environment> Core<R> {
    /// Says whether a reason holds. The node campaigns while none does.
    pub(crate) fn abstain(&self, why: Abstention, holds: bool) {
        let mut reasons = self.abstentions.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = if holds { reasons.insert(why) } else { reasons.remove(&why) };
        if changed {
            self.raft.runtime_config().elect(reasons.is_empty());
        }
    }
}
