//! Calm runs under load, for what is measured and not broken: each bureau has one client that asks for COSIGNED, one
//! record after another.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use muniment_core::{NodeId, TreeSize};
use muniment_raft::{NodeState, Wait};
use openraft::AsyncRuntime as _;
use openraft_rt_sim::SimRuntime;

use crate::ledger::submission;
use crate::random::Random;
use crate::swarm::autopsy;
use crate::swarm::bounded::bounded;
use crate::swarm::cluster::SimCluster;
use crate::swarm::final_state::FinalState;
use crate::swarm::machine::{lock, now, sleep};
use crate::swarm::setup::Setup;

/// Until there is a leader.
const QUIET: Duration = Duration::from_secs(2);
/// A client's pause after an answer.
const PAUSE: Duration = Duration::from_millis(3);

/// A calm run.
#[derive(Clone)]
pub struct Load {
    /// The cluster.
    pub setup: Setup,
    /// How long clients submit.
    pub duration: Duration,
    /// How long the apply worker of one follower stands still, from a second after the clients' start. Its own client is
    /// not measured, in a run without a stall either.
    pub apply_stall: Duration,
}

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// Between sizes that reached q, as the leader saw them, ascending.
    pub between_cosigned: Vec<Duration>,
    /// From submission to acknowledgement, ascending.
    pub acknowledged_after: Vec<Duration>,
    /// How far the follower was behind at most, in leaves.
    pub behind: u64,
    /// Nodes that did not run at the end.
    pub not_running: Vec<NodeId>,
    /// What the disks held.
    pub end: FinalState,
    /// Whose disk could not be read.
    pub unreadable: Vec<String>,
}

impl Load {
    /// Runs it from a seed.
    ///
    /// # Errors
    /// Why the run did not end, in words.
    pub fn run(&self, seed: u64) -> Result<Measured, String> {
        let load = self.clone();
        bounded(seed, move || load.measure(seed)).result?
    }

    async fn measure(self, seed: u64) -> Result<Measured, String> {
        let cluster = SimCluster::new(self.setup.clone(), &Random::new(seed));
        if !cluster.begin().await {
            return Err("the ledger does not begin".to_owned());
        }
        sleep(QUIET).await;
        let (leader, _) = cluster.leaders().first().copied().ok_or("nobody leads")?;
        let stalled = cluster.nodes().into_iter().rfind(|node| *node != leader).ok_or("nobody follows")?;
        let latencies = Arc::new(Mutex::new(Vec::new()));
        for node in cluster.nodes().into_iter().filter(|node| *node != stalled) {
            drop(SimRuntime::spawn(client(Arc::clone(&cluster), node, Arc::clone(&latencies))));
        }
        let (machine, apply_stall) = (cluster.machine(stalled), self.apply_stall);
        drop(SimRuntime::spawn(async move {
            sleep(Duration::from_secs(1)).await;
            machine.stall_apply(!apply_stall.is_zero());
            sleep(apply_stall).await;
            machine.stall_apply(false);
        }));
        let (mut between_cosigned, behind) = watch(&cluster, leader, stalled, now() + self.duration).await;
        between_cosigned.sort_unstable();
        let mut acknowledged_after = std::mem::take(&mut *lock(&latencies));
        acknowledged_after.sort_unstable();
        let runs = |node: &NodeId| {
            cluster.handle(*node).is_some_and(|handle| handle.status().state == NodeState::Running)
        };
        let not_running = cluster.nodes().into_iter().filter(|node| !runs(node)).collect();
        let (end, unreadable) = autopsy::examine(&cluster).await;
        Ok(Measured { between_cosigned, acknowledged_after, behind, not_running, end, unreadable })
    }
}

/// Submits until its node is stopped.
async fn client(cluster: Arc<SimCluster>, node: NodeId, latencies: Arc<Mutex<Vec<Duration>>>) {
    let ledger_id = cluster.bureaus.founding.ledger_id();
    let number = cluster.bureaus.bureau_of(node).0;
    for serial in 0.. {
        let Some(handle) = cluster.handle(node) else { return };
        let began = now();
        let at = cluster.machine(node).wall_clock();
        let one = submission(&ledger_id, number, serial, 1, at, Wait::Cosigned);
        match handle.submit_local(one).await {
            Ok(_) => lock(&latencies).push(now() - began),
            Err(_) if handle.status().state == NodeState::Stopped => return,
            Err(_) => {}
        }
        sleep(PAUSE).await;
    }
}

/// The times between sizes that reach q, to a millisecond, and how far a follower is behind at most.
async fn watch(
    cluster: &SimCluster,
    leader: NodeId,
    follower: NodeId,
    end: Duration,
) -> (Vec<Duration>, u64) {
    let sizes = |node| {
        let status = cluster.handle(node).map(|handle| handle.status());
        status.map_or((TreeSize(0), TreeSize(0)), |status| (status.size, status.cosigned_size))
    };
    let (mut between, mut behind) = (Vec::new(), 0);
    let mut last = (now(), sizes(leader).1);
    while now() < end {
        sleep(Duration::from_millis(1)).await;
        let (size, cosigned) = sizes(leader);
        behind = behind.max(size.0.saturating_sub(sizes(follower).0.0));
        if cosigned != last.1 {
            between.push(now() - last.0);
            last = (now(), cosigned);
        }
    }
    (between, behind)
}

/// The value below which 99 of 100 lie, of values that ascend.
#[must_use]
pub fn p99(ascending: &[Duration]) -> Duration {
    ascending.get(ascending.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default()
}
