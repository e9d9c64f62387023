//! One run: a cluster, its clients, its nemesis, its end, and what the checker says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muniment_core::{Hash, NodeId, Suite};
use muniment_raft::{Limits, Timings, Wait};
use openraft::AsyncRuntime as _;
use openraft_rt_sim::{SimJoinHandle, SimRuntime};

use crate::random::Random;
use crate::swarm::ambush::Ambush;
use crate::swarm::autopsy;
use crate::swarm::bounded::{Ended, bounded};
use crate::swarm::checker;
use crate::swarm::cluster::SimCluster;
use crate::swarm::history::{Event, History, Submitted};
use crate::swarm::machine::{now, sleep};
use crate::swarm::nemesis::Nemesis;
use crate::swarm::reader::Reader;
use crate::swarm::setup::Setup;
use crate::swarm::violation::{Invariant, Violation};
use crate::swarm::workload::{Client, Sender, Way, lay_ground};

/// How long healing may take.
const HEALING: Duration = Duration::from_secs(10);

/// Clients that read.
const READERS: u64 = 3;

/// Who does harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// A nemesis of every sort of fault.
    Nemesis,
    /// [`Ambush::cut_all_after_acknowledging`].
    CutAllAfterAcknowledging,
    /// [`Ambush::cut_voters_after_election`].
    CutVotersAfterElection,
}

/// What a run is about.
#[derive(Clone)]
pub struct Scenario {
    /// The cluster.
    pub setup: Setup,
    /// Who does harm to it.
    pub harm: Harm,
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
    /// Digest of what the disks held at the end; none of a run that did not end.
    pub end: Option<Hash>,
    /// Broken invariants, none in a sound run.
    pub violations: Vec<Violation>,
    /// What panicked, none in a sound run.
    pub panics: Vec<String>,
    /// Messages lost.
    pub messages_lost: u64,
}

impl Scenario {
    /// A swarm run: every fault, every sort of client.
    #[must_use]
    pub fn swarm(setup: Setup) -> Self {
        let harm = Harm::Nemesis;
        Self { setup, harm, duration: Duration::from_secs(8), cosigned_percent: 30, pause_ms: 80 }
    }

    /// A run around one kind of moment, whose power cuts leave nothing unsynced of the Raft log. Nobody waits for
    /// COSIGNED, no sync point is due, and one segment holds the whole log, so that little is flushed besides what a
    /// client waits for.
    #[must_use]
    pub fn ambush(harm: Harm, setup: Setup) -> Self {
        let never = Duration::from_secs(600);
        let timings = Timings { sync_point: never, world_dump: never, ..setup.timings };
        let limits = Limits { log_segment_bytes: 2 * 1024 * 1024, ..setup.limits };
        let setup = Setup { timings, limits, forgets_unsynced_log: true, ..setup };
        Self { setup, harm, duration: Duration::from_secs(5), cosigned_percent: 0, pause_ms: 40 }
    }

    /// Runs it from a seed. A run that goes round in circles, or waits for nothing, is a violation, and so is a panic.
    #[must_use]
    pub fn run(&self, seed: u64) -> Run {
        let scenario = self.clone();
        let Ended { result, panics } = bounded(seed, move || run(scenario, seed));
        let broken = |expected: &str, seen: String| {
            let expected = expected.to_owned();
            Violation { seed, invariant: Invariant::I12, expected, seen }
        };
        let mut run = result.unwrap_or_else(|reason| {
            let violations = vec![broken("the run ends", reason)];
            Run { violations, ..Run::default() }
        });
        run.violations.extend(panics.first().map(|panic| broken("nothing panics", panic.clone())));
        run.panics = panics;
        run
    }
}

impl Run {
    /// Digest of everything that happened, and of what it led to.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let end = self.end.map_or([0; 32], |end| end.0);
        Suite::Blake3.hash(&[&self.history.digest().0, &end])
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
        Reader { cluster: Arc::clone(&cluster), random: random.fork(21) }.read_at_the_end().await;
    }
    let (end, unreadable) = autopsy::examine(&cluster).await;
    let history = cluster.history(std::mem::take);
    let messages_lost = cluster.links.lost();
    let mut violations = checker::check(seed, &history, &end);
    violations.extend(unreadable.into_iter().map(|seen| {
        let expected = "every member's disk can be read at the end".to_owned();
        Violation { seed, invariant: Invariant::I12, expected, seen }
    }));
    Run { history, end: Some(end.digest()), violations, panics: Vec::new(), messages_lost }
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
    for number in 0..READERS {
        let reader = Reader { cluster: Arc::clone(cluster), random: random.fork(70 + number) };
        tasks.push(SimRuntime::spawn(reader.run(Arc::clone(&stop))));
    }
    tasks.extend(harm(scenario.harm, cluster, random, end));
    sleep(end.saturating_sub(now())).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        join(cluster, task).await;
    }
    join(cluster, watch).await;
}

/// Sets those who do harm going.
fn harm(harm: Harm, cluster: &Arc<SimCluster>, random: &Random, end: Duration) -> Vec<SimJoinHandle<()>> {
    let ambush = || Ambush { cluster: Arc::clone(cluster), random: random.fork(60), end };
    match harm {
        Harm::Nemesis => {
            let nemesis =
                |number: u64| Nemesis { cluster: Arc::clone(cluster), random: random.fork(50 + number) };
            (0..2).map(|number| SimRuntime::spawn(nemesis(number).run(end))).collect()
        }
        Harm::CutAllAfterAcknowledging => vec![SimRuntime::spawn(ambush().cut_all_after_acknowledging())],
        Harm::CutVotersAfterElection => vec![SimRuntime::spawn(ambush().cut_voters_after_election())],
    }
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
