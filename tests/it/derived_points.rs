//! Derived points in real nodes on real files: what members sign for, what the log may lose, and how a member that was
//! away past it comes back without believing anybody.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use harness::cluster::ClusterOptions;
use muniment_core::derived::Derived;
use muniment_core::index::root_of_no_runs;
use muniment_core::leaf::Content;
use muniment_core::reader::Reader;
use muniment_core::verify::{Outcome as Verified, verify};
use muniment_core::{Kind, NodeId, Suite, TreeSize};
use muniment_raft::{Handle, Lane, SystemEnvironment, Transport, Unreachable};
use muniment_store::FileDisk;
use muniment_store::disk::Disk;
use muniment_store::fsck::{check_leaf, fsck};

use crate::scene::{Scene, until};

/// First byte of a question for a range of a file (`muniment-raft`, peer messages).
const FILE_RANGE: u8 = 13;
type Node = Handle<SystemEnvironment>;

/// Three members with small log segments that keep no more log than they must.
async fn begin(change: impl FnOnce(&mut ClusterOptions)) -> Scene {
    Scene::begin(|options| {
        options.limits.log_segment_bytes = 256 * 1024;
        options.limits.log_keep_bytes = 0;
        change(options);
    })
    .await
}

/// Has values derived now, and waits until every running member offers the point.
async fn derive(scene: &Scene) -> TreeSize {
    let node = &scene.cluster.running()[0];
    let before = node.status().derived_size;
    node.derive_point().await.expect("the leader is asked");
    until("a derived leaf", || node.status().derived_size > before).await;
    let size = node.status().derived_size;
    for node in scene.cluster.running() {
        until("the point is offered", || node.status().offered_size == Some(size)).await;
    }
    size
}

/// Every evidence file that members hold alike, up to what was synced at shutdown.
fn findings(dir: &Path) -> Vec<String> {
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    let report = fsck(&disk, dir, &check_leaf).expect("the directory is free");
    report.findings.iter().map(ToString::to_string).collect()
}

/// The values that the newest derived leaf states, from its receipt.
async fn derived(node: &Node) -> Derived {
    let leaf = node.view().expect("it runs").world.head().derived_leaf;
    let receipt = node.receipt(leaf).await.expect("the proof holds");
    let trust = node.trust_file();
    assert_eq!(verify(&receipt.encode(), &trust).outcome, Verified::Verified);
    assert_eq!(Kind::from_number(receipt.leaf.stub[1]), Some(Kind::Derived));
    let Content::Open { record, .. } = &receipt.leaf.content else {
        panic!("the ledger's own record is open")
    };
    Derived::read(&mut Reader::new(record)).expect("the fixed layout")
}

#[tokio::test(flavor = "multi_thread")]
async fn members_sign_what_each_derived_and_it_becomes_a_leaf_with_a_receipt() {
    let mut scene = begin(|_| {}).await;
    scene.submit(2, 40).await;
    let size = derive(&scene).await;
    let node = scene.cluster.node(3);
    let derived = derived(&node).await;
    assert_eq!((derived.size, derived.index_root), (size, root_of_no_runs(Suite::Blake3)));
    let members = scene.cluster.founding().members();
    assert_eq!(derived.members_digest, members.digest(Suite::Blake3));
    // A second point, and no leaf of the first one again.
    let second = derive(&scene).await;
    assert!(second > size);
    for node in scene.cluster.running() {
        assert_eq!(node.status().alarms, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_marks_a_point_by_itself_when_the_ledger_has_grown() {
    let mut scene = begin(|options| options.limits.derived_leaves = 100).await;
    let size = scene.submit(1, 150).await;
    let node = scene.cluster.node(1);
    until("a derived leaf", || node.status().derived_size.0 > 0).await;
    assert!(node.status().derived_size >= size);
    let mut scene = begin(|options| options.limits.derived_bytes = 20_000).await;
    scene.submit(1, 150).await;
    let node = scene.cluster.node(1);
    until("a derived leaf", || node.status().derived_size.0 > 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_away_past_the_purge_catches_up_by_files() {
    let mut scene = begin(|_| {}).await;
    scene.submit(3, 20).await;
    scene.stop(3).await;
    let last_known = scene.cluster.node(1).status().last_log_index;
    for _ in 0..12 {
        scene.submit(1, 300).await;
    }
    derive(&scene).await;
    for node in scene.cluster.running() {
        until("the log is purged", || node.status().purged_index > last_known).await;
    }
    let size = scene.submit(2, 5).await;
    scene.start(3).await;
    let node = scene.cluster.node(3);
    until("it has caught up", || node.status().size >= size).await;
    let offered = node.status().offered_size.expect("what it took over is its own point now");
    assert!(offered.0 > 12 * 300 && offered < size, "by files, not by the log");
    // It takes part again, and what it holds is what the others hold.
    scene.submit(3, 7).await;
    scene.cluster.node(1).wait_running().await.expect("it runs");
    let roots: Vec<_> = scene.cluster.running().iter().map(|node| node.cosigned()).collect();
    assert!(roots.iter().all(Option::is_some));
    derive(&scene).await;
    for id in 1..=3 {
        scene.stop(id).await;
    }
    for id in 1..=3 {
        assert_eq!(findings(&scene.dir(id)), Vec::<String>::new(), "node {id}");
    }
    // The log begins behind the point, and the node starts from the point's world dump.
    scene.start(3).await;
    scene.start(1).await;
    scene.cluster.node(3).wait_running().await.expect("it recovers");
    scene.submit(3, 1).await;
}

/// Damages a byte of every range of a file that a node asks for, while it is told to.
struct Damaging {
    inner: Arc<dyn Transport>,
    is_on: Arc<AtomicBool>,
    damaged: Arc<AtomicU64>,
}

impl Transport for Damaging {
    fn call(&self, to: NodeId, lane: Lane, request: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        let asks_for_range = request.first() == Some(&FILE_RANGE);
        let answer = self.inner.call(to, lane, request);
        let (is_on, damaged) = (Arc::clone(&self.is_on), Arc::clone(&self.damaged));
        async move {
            let mut bytes = answer.await?.to_vec();
            if asks_for_range && is_on.load(Ordering::SeqCst) {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                damaged.fetch_add(1, Ordering::SeqCst);
            }
            Ok(bytes.into())
        }
        .boxed()
    }

    fn stream(
        &self,
        to: NodeId,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, Unreachable>> {
        self.inner.stream(to, requests).boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_of_peers_are_named_and_never_installed() {
    let (is_on, damaged) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
    let (on, count) = (Arc::clone(&is_on), Arc::clone(&damaged));
    let mut scene = begin(move |options| {
        options.transport = Arc::new(move |id, inner| {
            let (is_on, damaged) = (Arc::clone(&on), Arc::clone(&count));
            if id == NodeId(3) { Arc::new(Damaging { inner, is_on, damaged }) } else { inner }
        });
    })
    .await;
    scene.submit(3, 20).await;
    scene.stop(3).await;
    let last_known = scene.cluster.node(1).status().last_log_index;
    for _ in 0..8 {
        scene.submit(1, 300).await;
    }
    derive(&scene).await;
    for node in scene.cluster.running() {
        until("the log is purged", || node.status().purged_index > last_known).await;
    }
    let size = scene.submit(2, 5).await;
    scene.start(3).await;
    let node = scene.cluster.node(3);
    until("the damage is told", || {
        node.status().alarms.iter().any(|alarm| alarm.contains("not those of the manifest"))
    })
    .await;
    assert!(damaged.load(Ordering::SeqCst) > 0);
    assert_eq!(node.status().size, TreeSize(20), "nothing was installed");
    is_on.store(false, Ordering::SeqCst);
    until("it has caught up", || node.status().size >= size).await;
    scene.submit(3, 1).await;
}
