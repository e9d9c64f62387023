//! Members that are stopped while they fetch files from others: they go on where they were, and every byte crosses the network
//! once. Real nodes on real files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use harness::cluster::ClusterOptions;
use muniment_core::NodeId;
use muniment_core::reader::{Reader, ShapeError};
use muniment_raft::{Lane, Transport, Unreachable};

use crate::scene::{Scene, until};

/// First byte of a question for a range of a file (`muniment-raft`, peer messages).
const FILE_RANGE: u8 = 13;

/// Ranges of files by name and offset, with how often and how many bytes of each were answered.
type Ranges = BTreeMap<(String, u64), (u64, u64)>;

/// What a node fetches, counted; as many ranges are answered as are allowed.
#[derive(Clone, Default)]
struct Meter {
    allowed: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    answered: Arc<Mutex<Ranges>>,
}

impl Meter {
    fn answered(&self) -> Ranges {
        self.answered.lock().expect("nobody panicked").clone()
    }

    fn bytes(&self) -> u64 {
        self.answered().values().map(|(_, bytes)| bytes).sum()
    }

    /// Whether one more may be answered.
    fn allows(&self) -> bool {
        let one_less = |allowed: u64| allowed.checked_sub(1);
        self.allowed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
    }
}

struct Metered {
    inner: Arc<dyn Transport>,
    meter: Meter,
}

fn range(request: &[u8]) -> Result<(String, u64), ShapeError> {
    let mut reader = Reader::new(&request[1..]);
    let name = String::from_utf8_lossy(reader.block()?).into_owned();
    Ok((name, reader.u64()?))
}

impl Transport for Metered {
    fn call(&self, to: NodeId, lane: Lane, request: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        let (answer, meter) = (self.inner.call(to, lane, request.clone()), self.meter.clone());
        if request.first() != Some(&FILE_RANGE) {
            return answer;
        }
        async move {
            if !meter.allows() {
                meter.refused.fetch_add(1, Ordering::SeqCst);
                return Err(Unreachable { to, reason: "enough for now".to_owned() });
            }
            let bytes = answer.await?;
            let range = range(&request).expect("a question for a range");
            let mut answered = meter.answered.lock().expect("nobody panicked");
            let (times, sum) = answered.entry(range).or_default();
            *times += 1;
            *sum += bytes.len() as u64;
            drop(answered);
            Ok(bytes)
        }
        .boxed()
    }

    fn stream(
        &self,
        to: NodeId,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, Unreachable>> {
        self.inner.stream(to, requests)
    }
}

/// Three members; what member 3 fetches is metered.
async fn begin(change: impl FnOnce(&mut ClusterOptions)) -> (Scene, Meter) {
    let meter = Meter::default();
    let handed = meter.clone();
    let scene = Scene::begin(move |options| {
        options.transport = Arc::new(move |id, inner| {
            let meter = handed.clone();
            if id == NodeId(3) { Arc::new(Metered { inner, meter }) } else { inner }
        });
        change(options);
    })
    .await;
    (scene, meter)
}

/// Bytes of all evidence files and world dumps below a directory.
fn bytes_below(dir: &Path) -> u64 {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return 0,
        entries => entries.expect("it is readable"),
    };
    let bytes = entries.map(|entry| {
        let entry = entry.expect("it is readable");
        let about = entry.metadata().expect("it is there");
        let is_file = about.is_file() && !entry.file_name().to_string_lossy().starts_with("MANIFEST");
        if is_file {
            about.len()
        } else if about.is_dir() {
            bytes_below(&entry.path())
        } else {
            0
        }
    });
    bytes.sum()
}

/// Stops member 3 when it has been answered `ranges` ranges, all of which lie in `dir`; then it is allowed the rest.
async fn interrupt(scene: &mut Scene, meter: &Meter, ranges: u64, dir: &str) -> Ranges {
    meter.allowed.store(ranges, Ordering::SeqCst);
    scene.start(3).await;
    let dir = scene.dir(3).join(dir);
    until("it has fetched a part, and is refused more", || {
        meter.refused.load(Ordering::SeqCst) > 0 && bytes_below(&dir) == meter.bytes()
    })
    .await;
    scene.stop(3).await;
    let before = meter.answered();
    assert_eq!(before.len() as u64, ranges, "{before:?}");
    assert_eq!(bytes_below(&dir), meter.bytes(), "what was fetched is kept");
    meter.allowed.store(u64::MAX, Ordering::SeqCst);
    before
}

/// No range was answered twice: what was there before the restart was not fetched again.
fn once(meter: &Meter, before: &Ranges) {
    let after = meter.answered();
    let again: u64 =
        after.values().filter(|(times, _)| *times > 1).map(|(times, bytes)| bytes - bytes / times).sum();
    assert_eq!(again, 0, "bytes were fetched again: {after:?}");
    assert!(after.len() > before.len(), "it did fetch the rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_stopped_while_it_catches_up_by_files_goes_on_where_it_was() {
    let (mut scene, meter) = begin(|options| {
        options.limits.log_segment_bytes = 256 * 1024;
        options.limits.log_keep_bytes = 0;
    })
    .await;
    scene.submit(3, 20).await;
    scene.stop(3).await;
    let last_known = scene.cluster.node(1).status().last_log_index;
    // More than one range of records.
    for _ in 0..16 {
        scene.submit(1, 600).await;
    }
    let node = scene.cluster.node(1);
    node.derive_point().await.expect("the leader is asked");
    until("a derived leaf", || node.status().derived_size.0 > 0).await;
    for node in scene.cluster.running() {
        until("the log is purged", || node.status().purged_index > last_known).await;
    }
    let size = scene.submit(2, 5).await;
    let before = interrupt(&mut scene, &meter, 9, "ledger.incoming").await;
    scene.start(3).await;
    let node = scene.cluster.node(3);
    until("it has caught up", || node.status().size >= size).await;
    once(&meter, &before);
    assert!(!scene.dir(3).join("ledger.incoming").exists());
    let several = meter.answered().keys().filter(|(_, offset)| *offset > 0).count();
    assert!(several > 0, "a file has more than one range: {:?}", meter.answered());
    let size = scene.submit(3, 7).await;
    until("it signs", || node.status().signed_size >= size).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_stopped_while_it_repairs_goes_on_where_it_was() {
    let (mut scene, meter) = begin(|options| options.timings.scrub = Duration::from_secs(1_000_000)).await;
    for _ in 0..4 {
        scene.submit(1, 50).await;
    }
    let size = scene.submit(3, 5).await;
    until("member 3 has them", || scene.cluster.node(3).status().size >= size).await;
    scene.cluster.node(3).trigger_sync_point().await.expect("it runs");
    scene.stop(3).await;
    for name in ["stubs/0000", "tree/03/0000"] {
        let path = scene.dir(3).join("ledger").join(name);
        let mut bytes = fs::read(&path).expect("it is there");
        bytes[70] ^= 1;
        fs::write(&path, bytes).expect("it can be written");
    }
    let before = interrupt(&mut scene, &meter, 1, "ledger.repair").await;
    scene.start(3).await;
    let node = scene.cluster.node(3);
    until("it is repaired", || {
        let status = node.status();
        status.damaged.is_empty() && status.signs
    })
    .await;
    once(&meter, &before);
    let size = scene.submit(3, 2).await;
    until("it signs", || node.status().signed_size >= size).await;
}
