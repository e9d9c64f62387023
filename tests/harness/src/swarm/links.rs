//! The simulated network's links and what can be wrong with them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muniment_core::NodeId;
use muniment_raft::{Links, Message, Transit};

use crate::random::Random;
use crate::swarm::machine::lock;

/// What is wrong with the links now.
#[derive(Clone, Debug, Default)]
pub struct LinkFaults {
    /// Links cut, each direction apart.
    pub cut: BTreeSet<(NodeId, NodeId)>,
    /// Messages lost of a hundred.
    pub loss_percent: u64,
    /// Delay of every message besides the usual one.
    pub delay: Duration,
}

/// Links with the delay of a local network, seeded jitter, and faults.
#[derive(Debug)]
pub struct SimLinks {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    faults: LinkFaults,
    random: Random,
    base: Duration,
    lost: u64,
}

impl SimLinks {
    /// Links whose messages take `base` and up to a quarter more.
    #[must_use]
    pub fn new(random: Random, base: Duration) -> Arc<Self> {
        let state = State { faults: LinkFaults::default(), random, base, lost: 0 };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Changes what is wrong.
    pub fn change(&self, change: impl FnOnce(&mut LinkFaults)) {
        change(&mut lock(&self.state).faults);
    }

    /// Messages lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        lock(&self.state).lost
    }
}

impl Links for SimLinks {
    fn transit(&self, from: NodeId, to: NodeId, _: Message<'_>) -> Transit {
        let mut state = lock(&self.state);
        let loss_percent = state.faults.loss_percent;
        if state.faults.cut.contains(&(from, to)) || state.random.chance(loss_percent) {
            state.lost += 1;
            return Transit::Lost;
        }
        let jitter = u64::try_from(state.base.as_nanos() / 4).unwrap_or(u64::MAX);
        let jitter = Duration::from_nanos(state.random.below(jitter.saturating_add(1)));
        Transit::After(state.base + jitter + state.faults.delay)
    }
}
