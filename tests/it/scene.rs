//! Three real members (or as many as a test wants) in one process, on real files and threads, the first of which begins the ledger.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::cluster::{Cluster, ClusterOptions};
use harness::ledger::submission;
use muniment_core::{NodeId, Suite, TreeSize};
use muniment_raft::{Environment as _, NodeState, SubmissionOutcome, SubmitError, SystemEnvironment, Wait};
use muniment_store::FileDisk;
use tempfile::TempDir;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The members and their directories.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster<SystemEnvironment>,
    /// Submissions so far.
    pub(crate) serial: u64,
    root: TempDir,
}

impl Scene {
    /// Members that differ from honest ones as a test wants them to.
    pub(crate) async fn begin(change: impl FnOnce(&mut ClusterOptions)) -> Self {
        let mut options = ClusterOptions::new(Suite::Blake3, 3);
        change(&mut options);
        let nodes = u64::from(options.nodes);
        let cluster = Cluster::new(SystemEnvironment, options);
        let mut scene =
            Self { cluster, root: tempfile::tempdir().expect("a temporary directory"), serial: 0 };
        for id in 1..=nodes {
            scene.start(id).await;
        }
        for id in 1..=nodes {
            until("it knows that it promised nothing", || scene.cluster.node(id).status().confirmed).await;
        }
        scene.cluster.node(1).initialize().await.expect("the ledger begins");
        scene.cluster.node(1).wait_running().await.expect("it runs");
        scene
    }

    pub(crate) fn dir(&self, id: u64) -> PathBuf {
        self.root.path().join(format!("node-{id}"))
    }

    pub(crate) async fn start(&mut self, id: u64) {
        let dir = self.dir(id);
        self.cluster.start(NodeId(id), Arc::new(FileDisk), dir).await.expect("the node starts");
    }

    pub(crate) async fn stop(&mut self, id: u64) {
        self.cluster.remove(NodeId(id)).expect("it runs").shutdown().await;
    }

    pub(crate) fn state(&self, id: u64) -> NodeState {
        self.cluster.node(id).status().state
    }

    /// Submits `count` records at a node, once.
    pub(crate) async fn try_submit(
        &mut self,
        id: u64,
        count: u64,
        wait: Wait,
    ) -> Result<SubmissionOutcome, SubmitError> {
        self.serial += 1;
        let number = u32::try_from(id).expect("a small id");
        let ledger_id = self.cluster.founding().ledger_id();
        let now = SystemEnvironment.now();
        self.cluster
            .node(id)
            .submit_local(submission(&ledger_id, number, self.serial, count, now, wait))
            .await
    }

    /// Submits `count` records at a node, and waits until they are cosigned.
    pub(crate) async fn submit(&mut self, id: u64, count: u64) -> TreeSize {
        let outcome = self.try_submit(id, count, Wait::Cosigned).await.expect("it is written");
        self.cluster.node(id).wait_cosigned(outcome.size).await.expect("q bureaus sign");
        outcome.size
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
