//! One seed, one run: a cluster on virtual time, a workload, faults, healing, and everything that the checker needs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use muniment_core::{NodeId, Suite, UnixMillis};
use muniment_ledger::Outcome;
use muniment_raft::{Environment, Limits, NodeState, Submission, Timings, Wait};
use muniment_store::disk::Disk;
use openraft::AsyncRuntime as _;
use openraft_rt_sim::{SimInstant, SimRuntime};

use crate::checker::{Checker, Violation};
use crate::cluster::{Cluster, ClusterOptions};
use crate::disk::SimDisk;
use crate::faulty_links::FaultyLinks;
use crate::ledger::submission;
use crate::plant::Plant;
use crate::random::Random;

/// The wall clock when every run starts.
const EPOCH_MS: u64 = 1_790_000_000_000;
/// How long faults fall.
const FAULTS: Duration = Duration::from_secs(6);
/// How long the cluster has to converge once they are over (I12).
const HEALING: Duration = Duration::from_secs(10);
/// How long one submission is tried again.
const PATIENCE: Duration = Duration::from_secs(20);

/// The simulated machine: virtual time, tasks for workers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimEnvironment {
    /// The apply worker of this machine gets no processor from the first to the second of these times.
    pub apply_stalls: Option<(Duration, Duration)>,
}

impl Environment for SimEnvironment {
    type Runtime = SimRuntime;

    fn now(&self) -> UnixMillis {
        let elapsed = u64::try_from(elapsed().as_millis()).expect("a run is short");
        UnixMillis(EPOCH_MS + elapsed)
    }

    fn spawn_worker(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        match self.apply_stalls.filter(|_| name == "apply") {
            None => drop(SimRuntime::spawn(work)),
            Some((from, until)) => drop(SimRuntime::spawn(stalled(work, from, until))),
        }
    }
}

/// Virtual time since the run began.
#[must_use]
pub fn elapsed() -> Duration {
    <SimInstant as openraft::Instant>::now().elapsed_since_start()
}

/// Polls `work` only outside of [from, until).
async fn stalled(work: impl Future<Output = ()> + Send, from: Duration, until: Duration) {
    let mut work = std::pin::pin!(work);
    let mut wake = std::pin::pin!(SimRuntime::sleep(until.saturating_sub(elapsed())));
    std::future::poll_fn(|context| {
        let now = elapsed();
        if now >= from && now < until && wake.as_mut().poll(context).is_pending() {
            return std::task::Poll::Pending;
        }
        work.as_mut().poll(context)
    })
    .await;
}

/// What a run is about.
#[derive(Clone)]
pub struct Scenario {
    /// Hash suite.
    pub suite: Suite,
    /// Members.
    pub nodes: u32,
    /// The bug to be found; none in an honest run.
    pub plant: Plant,
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// What went wrong, in words.
    pub violations: Vec<Violation>,
    /// Digest of all that happened.
    pub digest: u64,
    /// Submissions acknowledged.
    pub acknowledged: usize,
    /// Leaves at the end.
    pub leaves: u64,
    /// Messages that were lost, nodes that were crashed, cuts that were made.
    pub faults: FaultCount,
}

/// Faults that really fell.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultCount {
    /// Messages lost.
    pub lost: u64,
    /// Nodes crashed.
    pub crashes: u64,
    /// Cuts made.
    pub cuts: u64,
}

/// An acknowledgement as its client saw it.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// What was submitted.
    pub submission: Submission,
    /// One outcome a record.
    pub outcomes: Vec<Outcome>,
}

struct Run {
    cluster: Cluster<SimEnvironment>,
    disks: BTreeMap<NodeId, SimDisk>,
    links: Arc<FaultyLinks>,
    plant: Plant,
    random: Random,
    count: FaultCount,
    lives: u64,
}

type History = Arc<Mutex<Vec<Acknowledged>>>;

/// Runs one seed.
#[must_use]
pub fn run(seed: u64, scenario: &Scenario) -> Report {
    let scenario = scenario.clone();
    SimRuntime::with_seed(seed).block_on(async move { Run::new(seed, &scenario).play(seed).await })
}

impl Run {
    fn new(seed: u64, scenario: &Scenario) -> Self {
        let links = Arc::new(FaultyLinks::new(seed));
        let mut options = ClusterOptions::new(scenario.suite, scenario.nodes);
        options.timings = Timings {
            submit: Duration::from_secs(2),
            sync_point: Duration::from_millis(1_500),
            world_dump: Duration::from_secs(4),
            ..Timings::lan()
        };
        options.limits = Limits { log_segment_bytes: 256 * 1024, disk_reserve_bytes: 0, ..Limits::default() };
        options.links = Arc::clone(&links) as Arc<dyn muniment_raft::Links>;
        options.notary = scenario.plant.notary();
        options.rules = scenario.plant.rules();
        let cluster = Cluster::new(SimEnvironment::default(), options);
        let disks = cluster.ids().map(|id| (id, SimDisk::new())).collect();
        let random = Random::new(seed ^ 0x5eed);
        Self { cluster, disks, links, plant: scenario.plant, random, count: FaultCount::default(), lives: 0 }
    }

    async fn play(mut self, seed: u64) -> Report {
        let mut checker = Checker::new(self.cluster.founding().clone());
        for id in self.cluster.ids() {
            self.start(id, &mut checker).await;
        }
        if let Err(error) = self.cluster.node(1).initialize().await {
            checker.note("I12", format!("the ledger does not begin: {error}"));
        }
        let history: History = Arc::default();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        self.faults_and_work(&history, &stop, &mut checker).await;
        self.heal(&mut checker).await;
        self.converge(seed, &history, &mut checker).await;
        self.count.lost = self.links.lost();
        let nodes = self.cluster.running();
        checker.check_receipts(&nodes).await;
        for id in self.cluster.ids() {
            if let Some(node) = self.cluster.remove(id) {
                node.shutdown().await;
            }
        }
        let history = history.lock().unwrap_or_else(PoisonError::into_inner).clone();
        checker.check_statements(&self.links.statements());
        let disks: Vec<(NodeId, Arc<dyn Disk>)> =
            self.disks.iter().map(|(id, disk)| (*id, Arc::new(disk.clone()) as Arc<dyn Disk>)).collect();
        let leaves = checker.check_disks(&disks, &data_dir(), &history);
        let digest = checker.digest(&history, elapsed());
        let acknowledged = history.len();
        Report { violations: checker.violations(), digest, acknowledged, leaves, faults: self.count }
    }

    async fn start(&mut self, id: NodeId, checker: &mut Checker) {
        let disk = self.plant.disk(&self.disks[&id]);
        self.links.begin_life(id);
        if let Err(error) = self.cluster.start(id, disk, data_dir()).await {
            checker.note("I1", format!("node {id} does not start again: {error}"));
        }
    }

    /// Clients submit while faults fall.
    async fn faults_and_work(
        &mut self,
        history: &History,
        stop: &Arc<std::sync::atomic::AtomicBool>,
        checker: &mut Checker,
    ) {
        SimRuntime::sleep(Duration::from_millis(1_200)).await;
        let mut clients = FuturesUnordered::new();
        for id in self.cluster.ids() {
            clients.push(self.client(id, history, stop));
        }
        let clients = SimRuntime::spawn(async move { while clients.next().await.is_some() {} });
        let end = elapsed() + FAULTS;
        while elapsed() < end {
            let pause = 100 + self.random.below(500);
            SimRuntime::sleep(Duration::from_millis(pause)).await;
            self.one_fault(checker).await;
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        drop(clients);
    }

    /// A client of one bureau: it hands its submissions to whatever node of its bureau runs, and repeats each until it
    /// is answered.
    fn client(
        &self,
        id: NodeId,
        history: &History,
        stop: &Arc<std::sync::atomic::AtomicBool>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (network, history, stop) = (self.cluster.directory(), Arc::clone(history), Arc::clone(stop));
        let ledger_id = self.cluster.founding().ledger_id();
        let mut random = Random::new(self.random.clone().next() ^ id.0);
        let number = u32::try_from(id.0).expect("founders have small ids");
        async move {
            let mut serial = 0;
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                serial += 1;
                let wait = if random.chance(50) { Wait::Cosigned } else { Wait::Committed };
                let now = SimEnvironment::default().now();
                let submission = submission(&ledger_id, number, serial, 1 + random.below(4), now, wait);
                let give_up = elapsed() + PATIENCE;
                while elapsed() < give_up {
                    let node = network.get(id);
                    let answer = match node {
                        Some(node) => node.submit_local(submission.clone()).await.ok(),
                        None => None,
                    };
                    if let Some(outcome) = answer {
                        let acknowledged = Acknowledged { submission, outcomes: outcome.outcomes };
                        history.lock().unwrap_or_else(PoisonError::into_inner).push(acknowledged);
                        break;
                    }
                    SimRuntime::sleep(Duration::from_millis(20 + random.below(50))).await;
                }
                SimRuntime::sleep(Duration::from_millis(random.below(40))).await;
            }
        }
    }

    async fn one_fault(&mut self, checker: &mut Checker) {
        let ids: Vec<NodeId> = self.cluster.ids().collect();
        let one = ids[usize::try_from(self.random.below(ids.len() as u64)).expect("few nodes")];
        match self.random.below(10) {
            0 | 1 => {
                self.links.cut_off(one);
                self.count.cuts += 1;
            }
            2 => {
                let other = ids[usize::try_from(self.random.below(ids.len() as u64)).expect("few nodes")];
                self.links.cut_one_way(one, other);
                self.count.cuts += 1;
            }
            3 | 4 => self.links.mend(),
            5 => self.links.set_loss(self.random.below(20)),
            6 | 7 => self.power_cut(&[one], checker).await,
            8 => self.power_cut(&ids, checker).await,
            _ => self.crash_a_candidate(checker).await,
        }
    }

    /// Waits a little for a node to ask for votes, and cuts its power right then.
    async fn crash_a_candidate(&mut self, checker: &mut Checker) {
        if let Some(leader) = self.cluster.running().iter().find_map(|node| node.status().leader) {
            self.links.cut_off(leader);
            self.count.cuts += 1;
        }
        let asked = self.links.candidacies();
        for _ in 0..1_500 {
            SimRuntime::sleep(Duration::from_millis(1)).await;
            if let Some(candidate) = self.links.candidate_since(asked) {
                self.power_cut(&[candidate], checker).await;
                break;
            }
        }
        self.links.mend();
    }

    /// Stops machines between two operations: what was not synced is lost, in part or whole. Starts them again.
    async fn power_cut(&mut self, ids: &[NodeId], checker: &mut Checker) {
        for id in ids {
            self.disks[id].crash();
            self.links.power_off(*id);
        }
        for id in ids {
            if let Some(node) = self.cluster.remove(*id) {
                node.shutdown().await;
                self.count.crashes += 1;
            }
        }
        let down = 50 + self.random.below(400);
        SimRuntime::sleep(Duration::from_millis(down)).await;
        for id in ids {
            self.lives += 1;
            let seed = self.random.next() ^ self.lives;
            self.disks[id].restart(seed);
            self.links.power_on(*id);
            self.start(*id, checker).await;
        }
    }

    async fn heal(&mut self, checker: &mut Checker) {
        self.links.heal();
        for id in self.cluster.ids().collect::<Vec<_>>() {
            let state = self.cluster.get(id).map(|node| node.status().state);
            if !matches!(state, Some(NodeState::Running | NodeState::Recovering)) {
                checker.note("I12", format!("node {id} is {state:?} after faults that a node must bear"));
            }
        }
    }

    /// I12: within ten seconds all have converged, and new writes are acknowledged and cosigned everywhere.
    async fn converge(&mut self, seed: u64, history: &History, checker: &mut Checker) {
        let ledger_id = self.cluster.founding().ledger_id();
        let give_up = elapsed() + HEALING;
        let mut sizes = Vec::new();
        for node in self.cluster.running() {
            let number = u32::try_from(node.node_id().0).expect("founders have small ids");
            let now = SimEnvironment::default().now();
            let last = submission(&ledger_id, number, 1_000_000 + seed % 1000, 2, now, Wait::Cosigned);
            let outcome = loop {
                match node.submit_local(last.clone()).await {
                    Ok(outcome) => break Some(outcome),
                    Err(error) if elapsed() > give_up => {
                        checker.note("I12", format!("node {} takes no write: {error}", node.node_id()));
                        break None;
                    }
                    Err(_) => SimRuntime::sleep(Duration::from_millis(50)).await,
                }
            };
            if let Some(outcome) = outcome {
                sizes.push(outcome.size);
                let acknowledged = Acknowledged { submission: last, outcomes: outcome.outcomes };
                history.lock().unwrap_or_else(PoisonError::into_inner).push(acknowledged);
            }
        }
        let Some(size) = sizes.into_iter().max() else { return };
        loop {
            let running = self.cluster.running();
            let behind = running.iter().find(|node| {
                let status = node.status();
                status.cosigned_size < size || status.state != NodeState::Running || status.size < size
            });
            match behind {
                None => break,
                Some(node) if elapsed() > give_up + Duration::from_secs(1) => {
                    checker.note("I12", format!("10 s after healing: {:?}", node.status()));
                    break;
                }
                Some(_) => SimRuntime::sleep(Duration::from_millis(50)).await,
            }
        }
        // The same last entry everywhere, so that files can be compared.
        SimRuntime::sleep(Duration::from_secs(2)).await;
        let applied: Vec<_> = self.cluster.running().iter().map(|node| node.status().applied_index).collect();
        if applied.windows(2).any(|pair| pair[0] != pair[1]) {
            checker.note("I12", format!("applied indexes differ at rest: {applied:?}"));
        }
    }
}

fn data_dir() -> PathBuf {
    PathBuf::from("/data")
}

/// What a calm run with load came to.
#[derive(Debug)]
pub struct Load {
    /// Between sizes that reached q, as node 1 saw them, ascending.
    pub between_cosigned: Vec<Duration>,
    /// From submission to acknowledgement at the nodes that are named, ascending.
    pub latencies: Vec<Duration>,
    /// Flags of every acknowledged leaf, as bits.
    pub verdicts: Vec<(u64, u64)>,
    /// Nodes that were not running at the end.
    pub not_running: usize,
    /// Whether all nodes had the same root at the end.
    pub same_root: bool,
}

/// Runs `nodes` members for `time` without faults, each bureau with a client that waits for COSIGNED; the apply worker
/// of the last node may stall. Latencies are those of all other nodes' clients.
#[must_use]
pub fn load(
    seed: u64,
    nodes: u32,
    time: Duration,
    plant: Plant,
    stall: Option<(Duration, Duration)>,
) -> Load {
    let scenario = Scenario { suite: Suite::Blake3, nodes, plant };
    SimRuntime::with_seed(seed).block_on(async move {
        let mut run = Run::new(seed, &scenario);
        let mut checker = Checker::new(run.cluster.founding().clone());
        for id in run.cluster.ids() {
            let stalls = stall.filter(|_| id.0 == u64::from(nodes));
            run.cluster.set_environment(SimEnvironment { apply_stalls: stalls });
            run.start(id, &mut checker).await;
        }
        run.cluster.node(1).initialize().await.expect("the ledger begins");
        SimRuntime::sleep(Duration::from_secs(2)).await;
        let measured = if stall.is_some() { nodes - 1 } else { nodes };
        let seen = Arc::new(Mutex::new((Vec::new(), Vec::new())));
        for number in 1..=measured {
            let (node, seen) = (run.cluster.node(u64::from(number)), Arc::clone(&seen));
            let ledger_id = run.cluster.founding().ledger_id();
            drop(SimRuntime::spawn(async move {
                for serial in 0.. {
                    let (start, now) = (elapsed(), SimEnvironment::default().now());
                    let one = submission(&ledger_id, number, serial, 1, now, Wait::Cosigned);
                    if let Ok(outcome) = node.submit_local(one).await {
                        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                        seen.0.push(elapsed() - start);
                        if let [Outcome::Appended { leaf, verdict, .. }] = outcome.outcomes[..] {
                            seen.1.push((leaf.0, verdict.0));
                        }
                    }
                    SimRuntime::sleep(Duration::from_millis(3)).await;
                }
            }));
        }
        let (node, end) = (run.cluster.node(1), elapsed() + time);
        let (mut between, mut last) = (Vec::new(), (elapsed(), node.status().cosigned_size));
        while elapsed() < end {
            SimRuntime::sleep(Duration::from_millis(1)).await;
            let size = node.status().cosigned_size;
            if size != last.1 {
                between.push(elapsed() - last.0);
                last = (elapsed(), size);
            }
        }
        SimRuntime::sleep(Duration::from_secs(1)).await;
        let (mut latencies, verdicts) =
            std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        latencies.sort_unstable();
        between.sort_unstable();
        let running = run.cluster.running();
        let not_running = running.iter().filter(|node| node.status().state != NodeState::Running).count();
        let size = running.iter().map(|node| node.status().cosigned_size).min();
        let roots: std::collections::BTreeSet<_> = running
            .iter()
            .filter_map(|node| node.cosigned().filter(|checkpoint| Some(checkpoint.body.size) == size))
            .map(|checkpoint| checkpoint.body.root.0)
            .collect();
        Load { between_cosigned: between, latencies, verdicts, not_running, same_root: roots.len() <= 1 }
    })
}

/// The value below which 99 of 100 lie.
#[must_use]
pub fn p99(ascending: &[Duration]) -> Duration {
    ascending.get(ascending.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default()
}
