//! Members that are not like the others: another tree, an apply worker that panics or does not keep up. Real nodes on real
//! files and threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::cluster::ClusterOptions;
use muniment_core::checkpoint::CheckpointBody;
use muniment_core::{Flag, NodeId, RulesVersion, TreeSize};
use muniment_ledger::World;
use muniment_ledger::judge::{Candidate, Judgement, Rules};
use muniment_ledger::rules::V1;
use muniment_raft::{CheckpointContext, NodeState, Notary, OwnState, Refusal, SubmitError, Wait};
use muniment_store::StorageError;
use muniment_store::ledger::View;

use crate::scene::{PATIENCE, Scene, until};

/// The rules of this build, and a flag that no rule raises: another tree from the first record on.
#[derive(Debug)]
struct Bent;

impl Rules for Bent {
    fn version(&self) -> RulesVersion {
        V1.version()
    }

    fn judge(&self, world: &World, candidate: &Candidate<'_>) -> Judgement {
        let mut judgement = V1.judge(world, candidate)?;
        judgement.verdict = judgement.verdict.with(Flag::V01);
        Ok(judgement)
    }
}

/// Bends the rules of one node, and seals nothing by itself for a minute: what shows is the root prefix in entries.
fn bend(options: &mut ClusterOptions, bent: u64) {
    options.rules = Arc::new(move |id| (id == NodeId(bent)).then(|| Arc::new(Bent) as Arc<dyn Rules>));
    options.timings.seal_interval = Duration::from_secs(60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_with_another_tree_than_the_majority_signs_nothing_and_halts() {
    let mut scene = Scene::begin(|options| bend(options, 3)).await;
    for _ in 0..3 {
        scene.try_submit(1, 2, Wait::Committed).await.expect("it is written");
    }
    until("node 3 halts", || matches!(scene.state(3), NodeState::Halted(_))).await;
    let status = scene.cluster.node(3).status();
    assert_eq!(status.signed_size, TreeSize(0), "divergence is found before anything is signed");
    assert!(status.alarms.iter().any(|alarm| alarm.contains("nothing is signed")), "{:?}", status.alarms);
    // It keeps its data and answers reads of its own; the others go on and reach q without it.
    assert!(scene.cluster.node(3).view().expect("reads go on").size.0 > 0);
    let outcome = scene.try_submit(2, 1, Wait::Cosigned).await.expect("it is written");
    scene.cluster.node(2).wait_cosigned(outcome.size).await.expect("q bureaus sign");
    assert_eq!(scene.cluster.node(1).status().alarms, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_with_another_tree_than_the_majority_loses_its_office_and_halts() {
    let mut scene = Scene::begin(|options| bend(options, 1)).await;
    until("node 1 leads", || scene.cluster.node(2).status().leader == Some(NodeId(1))).await;
    for _ in 0..2 {
        // The second one may already find no quorum: its followers know.
        drop(scene.try_submit(1, 2, Wait::Committed).await);
    }
    until("another node leads", || {
        let leader = scene.cluster.node(2).status().leader;
        leader.is_some_and(|leader| leader != NodeId(1))
    })
    .await;
    let outcome = scene.try_submit(2, 1, Wait::Cosigned).await.expect("the others are a majority");
    scene.cluster.node(3).wait_cosigned(outcome.size).await.expect("q bureaus sign");
    until("node 1 halts", || matches!(scene.state(1), NodeState::Halted(_))).await;
    assert!(matches!(scene.state(2), NodeState::Running) && matches!(scene.state(3), NodeState::Running));
}

/// Panics in apply, outside the rules, from some size on.
struct Panicking(TreeSize);

impl Notary for Panicking {
    fn seals(&self, marked: bool, size: TreeSize) -> bool {
        assert!(size < self.0, "a fault of this build");
        marked
    }

    fn body(
        &self,
        context: &CheckpointContext,
        size: TreeSize,
        files: &View,
    ) -> Result<CheckpointBody, StorageError> {
        OwnState.body(context, size, files)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_panicked_twice_at_one_entry_stays_up_for_reads_and_names_the_entry() {
    let mut scene = Scene::begin(|options| {
        options.notary = Arc::new(|id| match id {
            NodeId(3) => Arc::new(Panicking(TreeSize(6))),
            _ => Arc::new(OwnState),
        });
    })
    .await;
    scene.try_submit(1, 5, Wait::Committed).await.expect("it is written");
    until("node 3 has it", || scene.cluster.node(3).status().size == TreeSize(5)).await;
    scene.cluster.node(3).trigger_sync_point().await.expect("it runs");
    scene.try_submit(1, 5, Wait::Committed).await.expect("it is written");
    for _ in 0..2 {
        until("node 3 fails", || matches!(scene.state(3), NodeState::Failed(_))).await;
        scene.cluster.remove(NodeId(3)).expect("it was there").shutdown().await;
        scene.start(3).await;
    }
    until("node 3 halts", || matches!(scene.state(3), NodeState::Halted(_))).await;
    let NodeState::Halted(reason) = scene.state(3) else { panic!("it was halted") };
    assert!(reason.contains("ended this node 2 times"), "{reason}");
    assert_eq!(scene.cluster.node(3).view().expect("reads go on").size, TreeSize(5));
    scene.try_submit(2, 1, Wait::Committed).await.expect("the others go on");
}

/// Holds the apply worker up while it is told to.
struct Holding(Arc<AtomicBool>);

impl Notary for Holding {
    fn seals(&self, marked: bool, _: TreeSize) -> bool {
        while self.0.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        marked
    }

    fn body(
        &self,
        context: &CheckpointContext,
        size: TreeSize,
        files: &View,
    ) -> Result<CheckpointBody, StorageError> {
        OwnState.body(context, size, files)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_that_does_not_keep_up_with_applying_holds_the_leader_back() {
    let held = Arc::new(AtomicBool::new(true));
    let hold = Arc::clone(&held);
    let mut scene = Scene::begin(move |options| {
        options.limits.unapplied_bytes_max = 20_000;
        options.notary = Arc::new(move |id| match id {
            NodeId(1) => Arc::new(OwnState),
            _ => Arc::new(Holding(Arc::clone(&hold))),
        });
    })
    .await;
    until("node 1 leads", || scene.cluster.node(2).status().leader == Some(NodeId(1))).await;
    let refused = loop {
        assert!(scene.serial < 500, "500 submissions were taken in that the quorum did not apply");
        match scene.try_submit(1, 20, Wait::Committed).await {
            Ok(_) => {}
            Err(SubmitError::NotWritten(refusal)) => break refusal,
            Err(unknown) => panic!("{unknown}"),
        }
    };
    let Refusal::Overloaded { what, .. } = &refused else { panic!("{refused}") };
    assert!(what.contains("quorum"), "{refused}");
    held.store(false, Ordering::SeqCst);
    let deadline = Instant::now() + PATIENCE;
    while scene.try_submit(1, 1, Wait::Committed).await.is_err() {
        assert!(Instant::now() < deadline, "it goes on when the quorum has caught up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
