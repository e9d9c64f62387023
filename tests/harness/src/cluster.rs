//! A cluster of real nodes in one process, over an in-memory network: on threads and files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use muniment_core::founding::Founding;
use muniment_core::{NodeId, Suite};
use muniment_ledger::judge::Rules;
use muniment_raft::{
    Environment, Handle, Limits, MemoryNetwork, Node, Notary, Options, OwnState, PerfectLinks, StartError,
    Timings, Transport,
};
use muniment_store::disk::Disk;

use crate::ledger;

/// Puts something between a node and its end of the network.
pub type TransportOf = Arc<dyn Fn(NodeId, Arc<dyn Transport>) -> Arc<dyn Transport>>;

/// What a cluster's nodes are made of; tests change what they are about.
pub struct ClusterOptions {
    /// Hash suite.
    pub suite: Suite,
    /// Number of bureaus, one node each.
    pub nodes: u32,
    /// Times.
    pub timings: Timings,
    /// Bounds.
    pub limits: Limits,
    /// What stands between a node and its end of the network.
    pub transport: TransportOf,
    /// How a node forms its checkpoints.
    pub notary: Arc<dyn Fn(NodeId) -> Arc<dyn Notary>>,
    /// By which rules a node judges; none = this build's own.
    pub rules: Arc<dyn Fn(NodeId) -> Option<Arc<dyn Rules>>>,
}

impl ClusterOptions {
    /// Honest nodes.
    #[must_use]
    pub fn new(suite: Suite, nodes: u32) -> Self {
        Self {
            suite,
            nodes,
            timings: Timings::lan(),
            limits: Limits { log_segment_bytes: 8 * 1024 * 1024, disk_reserve_bytes: 0, ..Limits::default() },
            transport: Arc::new(|_, endpoint| endpoint),
            notary: Arc::new(|_| Arc::new(OwnState)),
            rules: Arc::new(|_| None),
        }
    }
}

/// Nodes by id, and all that is needed to start one again.
pub struct Cluster<R: Environment> {
    environment: R,
    options: ClusterOptions,
    founding: Founding,
    network: MemoryNetwork<R>,
    nodes: BTreeMap<NodeId, Handle<R>>,
}

impl<R: Environment> Cluster<R> {
    /// A cluster of which no node has started.
    #[must_use]
    pub fn new(environment: R, options: ClusterOptions) -> Self {
        let founding = ledger::founding(options.suite, options.nodes);
        let network = MemoryNetwork::new(Arc::new(PerfectLinks));
        Self { environment, options, founding, network, nodes: BTreeMap::new() }
    }

    /// The founding file.
    #[must_use]
    pub const fn founding(&self) -> &Founding {
        &self.founding
    }

    /// The ids of all nodes, running or not.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<R> {
        (1..=self.founding.founders.len() as u64).map(NodeId)
    }

    /// Starts a node on a directory of its own.
    ///
    /// # Errors
    /// What [`Node::start`] answers.
    ///
    /// # Panics
    /// For an id that the founding file does not name.
    pub async fn start(
        &mut self,
        id: NodeId,
        disk: Arc<dyn Disk>,
        data_dir: PathBuf,
    ) -> Result<Handle<R>, StartError> {
        let number = u32::try_from(id.0).expect("founders have small ids");
        let options = Options {
            environment: self.environment.clone(),
            disk,
            data_dir,
            founding: self.founding.clone(),
            node_id: id,
            incarnation: id.0,
            keys: ledger::keys(self.founding.suite, number),
            transport: (self.options.transport)(id, self.network.endpoint(id)),
            notary: (self.options.notary)(id),
            rules: (self.options.rules)(id),
            timings: self.options.timings.clone(),
            limits: self.options.limits.clone(),
        };
        let handle = Node::start(options).await?;
        self.network.attach(id, handle.service());
        self.nodes.insert(id, handle.clone());
        Ok(handle)
    }

    /// Takes a node off the network and forgets it; it is the caller's to stop it.
    pub fn remove(&mut self, id: NodeId) -> Option<Handle<R>> {
        self.network.detach(id);
        self.nodes.remove(&id)
    }

    /// A running node.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn node(&self, id: u64) -> Handle<R> {
        self.nodes.get(&NodeId(id)).cloned().expect("the node runs")
    }

    /// The running nodes.
    #[must_use]
    pub fn running(&self) -> Vec<Handle<R>> {
        self.nodes.values().cloned().collect()
    }
}
