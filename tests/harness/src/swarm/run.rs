//! One run: a cluster, its clients, its nemesis, its end, and what the checker says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muniment_core::{Hash, NodeId};
use muniment_raft::Wait;
use openraft::AsyncRuntime as _;
use openraft_rt_sim::{SimJoinHandle, SimRuntime};

use crate::random::Random;
use crate::swarm::autopsy;
use crate::swarm::checker;
use crate::swarm::cluster::{Setup, SimCluster};
use crate::swarm::history::{Event, History, Submitted};
use crate::swarm::machine::{now, sleep};
use crate::swarm::nemesis::Nemesis;
use crate::swarm::violation::{Invariant, Violation};
use crate::swarm::workload::{Client, Sender, Way, lay_ground};

/// How long healing may take.
const HEALING: Duration = Duration::from_secs(10);

/// What a run is about.
#[derive(Clone)]
pub struct Scenario {
    /// The cluster.
    pub setup: Setup,
    /// How long clients submit.
    pub duration: Duration,
    /// Of a hundred submissions, how many wait for COSIGNED.
    pub cosigned_percent: u64,
    /// Longest pause of a client, in milliseconds.
    pub pause_ms: u64,
}

/// What a run led to.
#[derive(Default)]
pub struct Run {
    /// What happened.
    pub history: History,
    /// Broken invariants, none in a sound run.
    pub violations: Vec<Violation>,
    /// Messages lost.
    pub messages_lost: u64,
}

impl Scenario {
    /// A swarm run: every fault, every sort of client.
    #[must_use]
    pub fn swarm(setup: Setup) -> Self {
        Self { setup, duration: Duration::from_secs(8), cosigned_percent: 30, pause_ms: 80 }
    }

    /// Runs it from a seed. A runtime that finds itself going round in circles, or waiting for nothing, is a violation.
    #[must_use]
    pub fn run(&self, seed: u64) -> Run {
        let mut runtime = SimRuntime::with_seed(seed);
        let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(self.clone(), seed))));
        result.unwrap_or_else(|panic| {
            // Its tasks were interrupted anywhere: dropping them could wait for each other.
            std::mem::forget(runtime);
            let seen = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned());
            let expected = "the run goes on in virtual time".to_owned();
            let violation = Violation { seed, invariant: Invariant::I12, expected, seen };
            Run { violations: vec![violation], ..Run::default() }
        })
    }
}

impl Run {
    /// Digest of everything that happened.
    #[must_use]
    pub fn digest(&self) -> Hash {
        self.history.digest()
    }

    /// Whether no fault landed or nothing was acknowledged: such a run says nothing.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.history.fault_count() == 0 || self.history.acknowledged_count() == 0
    }
}

async fn run(scenario: Scenario, seed: u64) -> Run {
    let random = Random::new(seed);
    let cluster = SimCluster::new(scenario.setup.clone(), &random);
    let sender = Sender { cluster: Arc::clone(&cluster) };
    if cluster.begin().await {
        load(&scenario, &sender, &random).await;
        recover(&sender, random.fork(20)).await;
    }
    let end = autopsy::examine(&cluster).await;
    let history = cluster.history(std::mem::take);
    let messages_lost = cluster.links.lost();
    let violations = match end {
        Ok(end) => checker::check(seed, &history, &end),
        Err(error) => {
            let expected = "every member's disk can be read at the end".to_owned();
            let mut violations = checker::check_recovery(seed, &history);
            violations.push(Violation { seed, invariant: Invariant::I12, expected, seen: error });
            violations
        }
    };
    Run { history, violations, messages_lost }
}

/// Ground, then clients and nemesis side by side.
async fn load(scenario: &Scenario, sender: &Sender, random: &Random) {
    let cluster = &sender.cluster;
    let stop = Arc::new(AtomicBool::new(false));
    let watch = watch(Arc::clone(cluster), Arc::clone(&stop));
    let pending = lay_ground(sender, &mut random.fork(10), 400).await;
    let end = now() + scenario.duration;
    let mut tasks = Vec::new();
    for (number, pending) in (0..).zip(pending) {
        let client = Client {
            sender: sender.clone(),
            random: random.fork(30 + number),
            pending,
            cosigned_percent: scenario.cosigned_percent,
            pause_ms: scenario.pause_ms,
        };
        tasks.push(SimRuntime::spawn(client.run(Arc::clone(&stop))));
    }
    for number in 0..2 {
        let nemesis = Nemesis { cluster: Arc::clone(cluster), random: random.fork(50 + number) };
        tasks.push(SimRuntime::spawn(nemesis.run(end)));
    }
    sleep(end.saturating_sub(now())).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        join(cluster, task).await;
    }
    join(cluster, watch).await;
}

/// A task of the harness that panics spoils the run, and says so.
async fn join(cluster: &SimCluster, task: SimJoinHandle<()>) {
    if let Err(error) = task.await {
        cluster.note(Event::Stopped { node: NodeId(0), reason: format!("the harness itself: {error}") });
    }
}

/// Looks at every node each millisecond.
fn watch(cluster: Arc<SimCluster>, stop: Arc<AtomicBool>) -> SimJoinHandle<()> {
    SimRuntime::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            cluster.observe();
            sleep(Duration::from_millis(1)).await;
        }
    })
}

/// Heals, waits for convergence, and writes once more.
async fn recover(sender: &Sender, mut random: Random) {
    let cluster = &sender.cluster;
    cluster.heal().await;
    if cluster.converge(HEALING).await {
        cluster.note(Event::Converged);
    }
    let node = cluster.nodes()[0];
    let ledger_id = cluster.bureaus.founding.ledger_id();
    let at = cluster.machine(node).wall_clock();
    let made = crate::ledger::submission(&ledger_id, 1, random.below(1 << 40), 1, at, Wait::Cosigned);
    let records = made.records.iter().map(|record| (record.blind, record.bytes.to_vec())).collect();
    let submitted = Submitted {
        bureau: cluster.bureaus.bureau_of(node),
        request_id: made.request_id,
        records,
        honest: true,
    };
    let id = cluster.history(|history| history.submission(submitted));
    if sender.send(id, node, Way::Local, Wait::Committed).await.is_some() {
        cluster.note(Event::WriteAfterHealing);
    }
    if sender.send(id, node, Way::Local, Wait::Cosigned).await.is_some() {
        cluster.note(Event::CosignedAfterHealing);
    }
    // What was under way ends; then all hold the same again.
    sleep(Duration::from_secs(8)).await;
    cluster.converge(HEALING).await;
}
