//! A cluster of real nodes on simulated machines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muniment_core::NodeId;
use muniment_raft::{Handle, MemoryNetwork, Node, NodeKeys, NodeState, Options, Role, Status};
use openraft::AsyncRuntime as _;
use openraft_rt_sim::SimRuntime;

use crate::disk::{Fault, SimDisk};
use crate::random::Random;
use crate::swarm::bureaus::Bureaus;
use crate::swarm::history::{Event, History};
use crate::swarm::links::{LinkFaults, SimLinks};
use crate::swarm::machine::{Machine, SimEnvironment, lock, now, sleep};
use crate::swarm::machine_disk::MachineDisk;
use crate::swarm::machine_transport::MachineTransport;
use crate::swarm::setup::Setup;

/// The node type of the simulation: production's, on another environment.
pub type SimHandle = Handle<SimEnvironment>;

/// Where each node's directory lies on its own disk.
const DATA_DIR: &str = "/data";

/// The nodes, their machines, and what is noted about them.
pub struct SimCluster {
    /// The bureaus and their keys.
    pub bureaus: Bureaus,
    /// The network's links.
    pub links: Arc<SimLinks>,
    setup: Setup,
    network: MemoryNetwork<SimEnvironment>,
    slots: Mutex<BTreeMap<NodeId, Slot>>,
    history: Arc<Mutex<History>>,
    random: Mutex<Random>,
}

/// One node's place: its disk outlives its machine's lives.
struct Slot {
    disk: SimDisk,
    machine: Arc<Machine>,
    handle: Option<SimHandle>,
    is_starting: bool,
    /// What was last noted about its part in Raft.
    noted: Option<Event>,
    is_reported: bool,
}

impl SimCluster {
    /// A cluster whose machines are off.
    #[must_use]
    pub fn new(setup: Setup, random: &Random) -> Arc<Self> {
        let bureaus = Bureaus::new(setup.suite, setup.voters);
        let links = SimLinks::new(random.fork(1), setup.network_delay);
        let slots: BTreeMap<_, _> = bureaus.nodes().map(|node| (node, Slot::off(node))).collect();
        if setup.forgets_unsynced_log {
            slots
                .values()
                .for_each(|slot| slot.disk.forget_unsynced_below(&Path::new(DATA_DIR).join("raft")));
        }
        Arc::new(Self {
            network: MemoryNetwork::new(Arc::clone(&links) as Arc<dyn muniment_raft::Links>),
            slots: Mutex::new(slots),
            links,
            history: Arc::default(),
            random: Mutex::new(random.fork(2)),
            bureaus,
            setup,
        })
    }

    /// Notes an event now.
    pub fn note(&self, event: Event) {
        lock(&self.history).note(now(), event);
    }

    /// What happened so far.
    pub fn history<T>(&self, read: impl FnOnce(&mut History) -> T) -> T {
        read(&mut lock(&self.history))
    }

    /// All nodes, ascending.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        self.bureaus.nodes().collect()
    }

    /// A node that is on.
    #[must_use]
    pub fn handle(&self, node: NodeId) -> Option<SimHandle> {
        let slots = lock(&self.slots);
        let slot = slots.get(&node)?;
        slot.handle.clone().filter(|_| !slot.machine.is_off())
    }

    /// A node's machine in its present life.
    #[must_use]
    pub fn machine(&self, node: NodeId) -> Arc<Machine> {
        Arc::clone(&lock(&self.slots).get(&node).expect("a founding node").machine)
    }

    /// A node's disk.
    #[must_use]
    pub fn disk(&self, node: NodeId) -> SimDisk {
        lock(&self.slots).get(&node).expect("a founding node").disk.clone()
    }

    /// Where a node's directory lies on its disk.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        Path::new(DATA_DIR)
    }

    /// Starts every node and begins the ledger. False if that fails, which is noted.
    pub async fn begin(self: &Arc<Self>) -> bool {
        for node in self.nodes() {
            self.start(node).await;
        }
        let first = self.nodes().first().copied().and_then(|node| Some((node, self.handle(node)?)));
        let Some((node, handle)) = first else { return false };
        if let Err(error) = handle.initialize().await {
            self.note(Event::Stopped { node, reason: error.to_string() });
            return false;
        }
        true
    }

    /// Switches a node's machine on, unless it is on.
    pub async fn start(self: &Arc<Self>, node: NodeId) {
        let Some((disk, machine)) = self.power_on(node) else { return };
        let result = Node::start(self.options(node, disk, &machine)).await;
        let mut slots = lock(&self.slots);
        let slot = slots.get_mut(&node).expect("a founding node");
        slot.is_starting = false;
        match result {
            Ok(handle) if !machine.is_off() => {
                self.network.attach(node, handle.service());
                slot.handle = Some(handle);
                self.note(Event::Started { node });
            }
            // A power cut while it started: whoever brought it about starts the node again.
            Ok(_) | Err(_) if machine.is_off() => {}
            Ok(_) => {}
            Err(error) => self.note(Event::Stopped { node, reason: format!("it does not start: {error}") }),
        }
    }

    fn power_on(&self, node: NodeId) -> Option<(SimDisk, Arc<Machine>)> {
        let seed = lock(&self.random).next();
        let mut slots = lock(&self.slots);
        let slot = slots.get_mut(&node)?;
        if slot.is_starting || !slot.machine.is_off() {
            return None;
        }
        slot.disk.restart(seed);
        slot.machine = Machine::new(node, self.setup.flush);
        (slot.is_starting, slot.noted, slot.is_reported) = (true, None, false);
        Some((slot.disk.clone(), Arc::clone(&slot.machine)))
    }

    fn options(&self, node: NodeId, disk: SimDisk, machine: &Arc<Machine>) -> Options<SimEnvironment> {
        let keys = self.bureaus.keys(node);
        let inner = self.network.endpoint(node);
        Options {
            environment: SimEnvironment { machine: Arc::clone(machine) },
            disk: Arc::new(MachineDisk {
                machine: Arc::clone(machine),
                inner: disk,
                flushing: self.setup.flushing,
            }),
            data_dir: PathBuf::from(DATA_DIR),
            founding: self.bureaus.founding.clone(),
            node_id: node,
            incarnation: node.0,
            keys: NodeKeys {
                admission: keys.admission.clone(),
                cosigning: keys.cosigning.clone(),
                log: keys.log.clone(),
            },
            transport: Arc::new(MachineTransport {
                machine: Arc::clone(machine),
                inner,
                history: Arc::clone(&self.history),
                last: Mutex::default(),
            }),
            notary: (self.setup.notary)(node),
            rules: self.setup.rules.map(|rules| rules(machine)),
            timings: self.setup.timings.clone(),
            limits: self.setup.limits.clone(),
        }
    }

    /// Who leads, and in which Raft term, as far as the leader itself knows.
    #[must_use]
    pub fn leaders(&self) -> Vec<(NodeId, u64)> {
        let statuses = self.nodes().into_iter().filter_map(|node| Some(self.handle(node)?.status()));
        let leaders = statuses.filter(leads);
        leaders.map(|status| (status.node_id, status.raft_term.0)).collect()
    }

    /// Cuts a node's power between two operations. False if it was off.
    pub fn cut_power(&self, node: NodeId) -> bool {
        let machine = self.machine(node);
        let was_on = !machine.is_off();
        machine.switch_off();
        self.bury(node);
        was_on
    }

    /// Cuts a node's power in its disk operation after `operations` more.
    pub fn cut_power_after(&self, node: NodeId, operations: u64) {
        let disk = self.disk(node);
        disk.inject(Fault::Crash { at: disk.operations() + 1 + operations });
    }

    /// Takes what is left of a life without power off the network, and lets its tasks end.
    fn bury(&self, node: NodeId) {
        let mut slots = lock(&self.slots);
        let slot = slots.get_mut(&node).expect("a founding node");
        slot.disk.crash();
        self.network.detach(node);
        if let Some(handle) = slot.handle.take() {
            drop(SimRuntime::spawn(async move { handle.shutdown().await }));
        }
    }

    /// Notes what changed in the nodes' parts in Raft, and who stopped without being made to.
    pub fn observe(&self) {
        for node in self.nodes() {
            if self.machine(node).is_off() {
                self.bury(node);
                continue;
            }
            let Some(handle) = self.handle(node) else { continue };
            let status = handle.status();
            self.observe_status(node, &status);
        }
    }

    fn observe_status(&self, node: NodeId, status: &Status) {
        let mut slots = lock(&self.slots);
        let slot = slots.get_mut(&node).expect("a founding node");
        if let NodeState::Failed(reason) | NodeState::Halted(reason) | NodeState::RolledBack(reason) =
            &status.state
            && !slot.is_reported
        {
            slot.is_reported = true;
            self.note(Event::Stopped { node, reason: reason.clone() });
        }
        let role = Event::Role {
            node,
            raft_term: status.raft_term.0,
            leads: leads(status),
            committed: status.committed_index.map(|index| index.0),
        };
        if slot.noted.as_ref() != Some(&role) {
            slot.noted = Some(role.clone());
            self.note(role);
        }
    }

    /// Ends every fault: links whole, clocks right, nothing stalled, every machine on.
    pub async fn heal(self: &Arc<Self>) {
        self.links.change(|faults| *faults = LinkFaults::default());
        for node in self.nodes() {
            let machine = self.machine(node);
            machine.stall_apply(false);
            machine.skew_clock(0);
        }
        self.observe();
        for node in self.nodes() {
            self.start(node).await;
        }
        self.note(Event::Healed);
    }

    /// Waits until all nodes run and have applied the same, to the end of every log.
    pub async fn converge(&self, within: Duration) -> bool {
        let deadline = now() + within;
        loop {
            self.observe();
            if self.is_converged() {
                return true;
            }
            if now() >= deadline {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn is_converged(&self) -> bool {
        let handles: Option<Vec<_>> = self.nodes().into_iter().map(|node| self.handle(node)).collect();
        let Some(handles) = handles else { return false };
        let statuses: Vec<Status> = handles.iter().map(SimHandle::status).collect();
        let positions: BTreeSet<_> = statuses
            .iter()
            .flat_map(|status| [status.applied_index, status.last_log_index, status.committed_index])
            .collect();
        let leads = statuses.iter().any(|status| status.role == Role::Leader);
        let run = statuses.iter().all(|status| status.state == NodeState::Running);
        leads && run && positions.len() == 1
    }

    /// Stops every node in order.
    pub async fn stop(&self) {
        for node in self.nodes() {
            if let Some(handle) = self.handle(node) {
                handle.shutdown().await;
            }
        }
    }
}

impl Slot {
    fn off(node: NodeId) -> Self {
        let machine = Machine::new(node, Duration::ZERO);
        machine.switch_off();
        let disk = SimDisk::new();
        Self { disk, machine, handle: None, is_starting: false, noted: None, is_reported: false }
    }
}

/// A leader that has just seen a later term is told as one for a moment yet, under a vote that is not its own.
fn leads(status: &Status) -> bool {
    status.role == Role::Leader && status.leader == Some(status.node_id)
}
