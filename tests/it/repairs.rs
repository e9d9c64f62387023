//! Members whose disk is damaged: they say so, sign nothing, serve nothing that is damaged, and are repaired from a peer.
//! Real nodes on real files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use muniment_core::verify::{Outcome as Verified, verify};
use muniment_core::{LeafIndex, NodeId, Suite, TreeSize};
use muniment_raft::{
    CheckpointContext, Lane, NodeState, Notary as _, OwnState, ReadError, Transport, Unreachable, Wait,
};
use muniment_store::FileDisk;
use muniment_store::StorageError;
use muniment_store::disk::Disk;
use muniment_store::fsck::{check_leaf, fsck};

use crate::scene::{Scene, until};

/// First byte of a question for a range of a file (`muniment-raft`, peer messages).
const FILE_RANGE: u8 = 13;

/// What happens to the ranges that a node asks for.
#[derive(Clone, Default)]
struct Tap {
    /// 0 they come as they are, 1 they don't come, 2 each has a wrong byte.
    state: Arc<AtomicU8>,
    asked: Arc<AtomicU64>,
}

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const DIRTY: u8 = 2;

impl Tap {
    fn turn(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

struct Tapped {
    inner: Arc<dyn Transport>,
    tap: Tap,
}

impl Transport for Tapped {
    fn call(&self, to: NodeId, lane: Lane, request: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        let asks_for_range = request.first() == Some(&FILE_RANGE);
        let (answer, tap) = (self.inner.call(to, lane, request), self.tap.clone());
        async move {
            if !asks_for_range {
                return answer.await;
            }
            tap.asked.fetch_add(1, Ordering::SeqCst);
            match tap.state.load(Ordering::SeqCst) {
                OPEN => answer.await,
                CLOSED => Err(Unreachable { to, reason: "the tap is closed".to_owned() }),
                _ => {
                    let mut bytes = answer.await?.to_vec();
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                    Ok(bytes.into())
                }
            }
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

/// Three members; what member 2 asks others for goes through the tap. Files are looked over every `scrub`.
async fn begin(scrub: Duration) -> (Scene, Tap) {
    let tap = Tap::default();
    let handed = tap.clone();
    let scene =
        Scene::begin(move |options| {
            options.timings.scrub = scrub;
            options.transport = Arc::new(move |id, inner| {
                if id == NodeId(2) { Arc::new(Tapped { inner, tap: handed.clone() }) } else { inner }
            });
        })
        .await;
    (scene, tap)
}

const NEVER: Duration = Duration::from_secs(1_000_000);

/// Records on all members, and a sync point with a world dump on member 2: replay starts behind all of them.
async fn filled(scene: &mut Scene) -> TreeSize {
    for _ in 0..4 {
        scene.submit(1, 50).await;
    }
    let size = scene.submit(3, 5).await;
    until("member 2 has them", || scene.cluster.node(2).status().size >= size).await;
    scene.cluster.node(2).trigger_sync_point().await.expect("it runs");
    size
}

fn file(scene: &Scene, id: u64, name: &str) -> PathBuf {
    scene.dir(id).join("ledger").join(name)
}

/// The one segment of records that the made-up records go to.
fn records(scene: &Scene, id: u64) -> String {
    let classes = fs::read_dir(file(scene, id, "records")).expect("it is there");
    let names = classes.map(|entry| entry.expect("it is readable").file_name().into_string().expect("ASCII"));
    let mut names = names.map(|class| format!("records/{class}/00000000"));
    names.find(|name| file(scene, id, name).exists()).expect("there are records")
}

fn flip(path: &Path, at: usize) {
    use std::os::unix::fs::FileExt as _;
    let file = fs::OpenOptions::new().read(true).write(true).open(path).expect("it is there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).expect("it is long enough");
    file.write_all_at(&[byte[0] ^ 0x20], at as u64).expect("it can be written");
}

fn findings(dir: &Path) -> Vec<String> {
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    let report = fsck(&disk, dir, &check_leaf).expect("the directory is free");
    report.findings.iter().map(ToString::to_string).collect()
}

/// It serves and signs again: what it holds is what the others hold, and its signature counts.
async fn recovered(scene: &mut Scene, name: &str, damaged: &[u8]) {
    until("member 2 is repaired", || {
        let status = scene.cluster.node(2).status();
        status.damaged.is_empty() && status.signs
    })
    .await;
    let size = scene.submit(2, 3).await;
    let node = scene.cluster.node(2);
    until("member 2 signs", || node.status().signed_size >= size).await;
    let leaf = LeafIndex(7);
    let receipt = node.receipt(leaf).await.expect("its own proof holds");
    assert_eq!(verify(&receipt.encode(), &node.trust_file()).outcome, Verified::Verified);
    let kept = scene.dir(2).join("damaged/0001");
    let aside = fs::read(kept.join(name)).expect("the damaged file is kept");
    // It may have grown between damage and repair.
    assert!(aside.starts_with(damaged), "the damaged file is kept as it was");
    assert!(fs::read_to_string(kept.join("findings.txt")).expect("and why").contains(name));
    for id in 1..=3 {
        scene.stop(id).await;
        assert_eq!(findings(&scene.dir(id)), Vec::<String>::new(), "node {id}");
    }
}

/// Stops member 2, has its file damaged, and starts it with nobody to repair it from: what it says and does then.
async fn damage_while_stopped(
    name: Option<&str>,
    damage: impl FnOnce(&Path),
) -> (Scene, Tap, String, Vec<u8>) {
    let (mut scene, tap) = begin(NEVER).await;
    filled(&mut scene).await;
    scene.stop(2).await;
    let name = name.map_or_else(|| records(&scene, 2), str::to_owned);
    let path = file(&scene, 2, &name);
    damage(&path);
    let damaged = fs::read(&path).expect("it is there");
    tap.turn(CLOSED);
    scene.start(2).await;
    let node = scene.cluster.node(2);
    until("it says so", || !node.status().damaged.is_empty()).await;
    let status = node.status();
    assert!(status.damaged.iter().any(|finding| finding.file == name), "{name}: {:?}", status.damaged);
    // q is met by the others, again and again, and member 2 signs none of it.
    let asked = tap.asked();
    for _ in 0..3 {
        scene.submit(1, 3).await;
    }
    let status = node.status();
    assert!(!status.signs && status.signed_size == TreeSize(0), "{name}: signed {}", status.signed_size);
    until("an alarm", || node.status().alarms.iter().any(|alarm| alarm.contains(&name))).await;
    until("it asks peers", || tap.asked() > asked).await;
    let status = scene.cluster.node(2).status();
    assert!(!status.signs && status.signed_size == TreeSize(0), "{name}: signed {}", status.signed_size);
    assert!(!matches!(status.state, NodeState::Halted(_) | NodeState::Failed(_)), "{}", status.state);
    assert!(fs::read(&path).expect("it is there") == damaged, "nothing is changed yet");
    (scene, tap, name, damaged)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_with_a_damaged_newest_tree_file_signs_nothing_until_it_is_repaired_from_a_peer() {
    let (mut scene, tap, name, damaged) =
        damage_while_stopped(Some("tree/00/0000"), |path| flip(path, 7 * 32)).await;
    let node = scene.cluster.node(2);
    // What is damaged is not served; it is not even known to be readable before the node has recovered.
    match node.view() {
        Ok(view) => {
            let error = view.files.stub(LeafIndex(7)).expect_err("it is damaged");
            assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
        }
        Err(error) => assert!(matches!(error, ReadError::Damaged(_)), "{error}"),
    }
    tap.turn(OPEN);
    recovered(&mut scene, &name, &damaged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_file_is_cut_short_starts_all_the_same_and_answers_no_read_before_it_is_repaired() {
    let (mut scene, tap, name, damaged) = damage_while_stopped(Some("stubs/0000"), |path| {
        let bytes = fs::read(path).expect("it is there");
        fs::write(path, &bytes[..bytes.len() - 9]).expect("it can be written");
    })
    .await;
    let node = scene.cluster.node(2);
    assert_eq!(node.status().state, NodeState::Recovering);
    let (view, read) = (node.view(), node.read_index().await);
    assert!(matches!(view, Err(ReadError::Damaged(_))), "the error names the damage");
    assert!(matches!(read, Err(ReadError::Damaged(_))), "the error names the damage");
    tap.turn(OPEN);
    recovered(&mut scene, &name, &damaged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_of_peers_are_never_put_in_place_of_damaged_ones() {
    let (mut scene, tap, name, damaged) = damage_while_stopped(None, |path| flip(path, 3_000)).await;
    tap.turn(DIRTY);
    let node = scene.cluster.node(2);
    until("the peers' bytes are refused", || {
        node.status().alarms.iter().any(|alarm| alarm.contains("no peer has bytes that lead to"))
    })
    .await;
    assert!(fs::read(file(&scene, 2, &name)).expect("it is there") == damaged);
    assert!(!scene.dir(2).join("damaged").exists() && !node.status().signs);
    tap.turn(OPEN);
    recovered(&mut scene, &name, &damaged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_rots_under_a_running_member_is_found_by_its_reader_and_not_served() {
    let (mut scene, tap) = begin(NEVER).await;
    filled(&mut scene).await;
    let node = scene.cluster.node(2);
    until("member 2 signs", || node.status().signs).await;
    tap.turn(CLOSED);
    let name = records(&scene, 2);
    let view = node.view().expect("it runs");
    let bad = LeafIndex(9);
    let (_, record) = view.files.record(bad).expect("it is sound");
    let path = file(&scene, 2, &name);
    let bytes = fs::read(&path).expect("it is there");
    let at = bytes.windows(record.len()).position(|window| window == record).expect("it lies there");
    flip(&path, at);
    let damaged = fs::read(&path).expect("it is there");
    let error = view.files.record(bad).expect_err("its checksum fails");
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
    until("it says so", || !node.status().damaged.is_empty()).await;
    assert!(!node.status().signs);
    assert!(node.receipt(bad).await.is_err(), "nor in a receipt");
    assert!(
        node.view().expect("reads go on").files.record(LeafIndex(10)).is_ok(),
        "its neighbours are served"
    );
    let outcome = scene.try_submit(1, 2, Wait::Cosigned).await.expect("the others go on");
    scene.cluster.node(1).wait_cosigned(outcome.size).await.expect("q is met by the others");
    tap.turn(OPEN);
    recovered(&mut scene, &name, &damaged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_of_the_tree_that_rots_under_a_running_leader_is_found_by_the_scrub_and_it_hands_over() {
    let (mut scene, tap) = begin(Duration::from_millis(300)).await;
    filled(&mut scene).await;
    let node = scene.cluster.node(2);
    let leader = scene.cluster.node(1).status().leader.expect("one leads").0;
    if leader != 2 {
        scene.cluster.node(leader).transfer_leader(NodeId(2)).await.expect("it runs");
    }
    until("member 2 leads and signs", || {
        let status = node.status();
        status.leader == Some(NodeId(2)) && status.signs
    })
    .await;
    tap.turn(CLOSED);
    let name = "tree/01/0000";
    flip(&file(&scene, 2, name), 3 * 32);
    let damaged = fs::read(file(&scene, 2, name)).expect("it is there");
    until("it says so", || node.status().damaged.iter().any(|finding| finding.file == name)).await;
    until("another leads", || {
        let leader = scene.cluster.node(1).status().leader;
        leader.is_some_and(|leader| leader != NodeId(2))
    })
    .await;
    scene.submit(1, 3).await;
    assert!(!node.status().signs);
    let kept = fs::read(file(&scene, 2, name)).expect("it is there");
    assert!(kept.starts_with(&damaged), "nothing is changed yet");
    tap.turn(OPEN);
    recovered(&mut scene, name, &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_hash_of_the_tree_never_becomes_a_root_to_sign() {
    let (mut scene, _) = begin(NEVER).await;
    let size = filled(&mut scene).await;
    let node = scene.cluster.node(2);
    let files = node.view().expect("it runs").files.clone();
    let context = CheckpointContext { suite: Suite::Blake3, members: scene.cluster.founding().members() };
    let sound = OwnState.body(&context, TreeSize(128), &files).expect("it is sound");
    assert!(size > sound.size, "the root is read from the files, not from the head");
    // The one hash that is the root of the first 128 leaves.
    flip(&file(&scene, 2, "tree/07/0000"), 5);
    let error = OwnState.body(&context, TreeSize(128), &files).expect_err("it does not lead to the head");
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
    until("it is repaired", || scene.dir(2).join("damaged/0001/tree/07/0000").exists()).await;
    until("it signs", || node.status().signs).await;
    let files = node.view().expect("it runs").files.clone();
    assert_eq!(OwnState.body(&context, TreeSize(128), &files).expect("it is sound"), sound);
}
