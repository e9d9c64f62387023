//! Catching up by files, when the leader's log no longer reaches back to what this node has (02, "Raft rules").
//!
//! openraft's leader asks us to install its snapshot and carries no bytes. We answer nothing yet, fetch the point's files
//! from any members, check them, and let openraft install them when the leader asks again. Fetching never holds up
//! votes or heartbeats.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use muniment_core::NodeId;
use muniment_core::founding::Founding;
use muniment_ledger::Ledger;
use muniment_store::fsck::check_leaf;
use muniment_store::install::{Fetched, Incoming};
use muniment_store::manifest::{ManifestFile, ranges};
use openraft::AsyncRuntime;
use tokio::sync::mpsc;

use crate::environment::Environment;
use crate::offer::{CheckedOffer, Offer};
use crate::peer_messages::Kind;
use crate::point_server::range_question;
use crate::shared::Core;
use crate::snapshot::{RaftSnapshot, SnapshotData};
use crate::transport::Lane;
use crate::type_config::RaftLogId;

/// Ranges asked for at once.
pub(crate) const RANGES_IN_FLIGHT: usize = 8;
/// Tries for one range, each with the next member, before the attempt ends; the leader asks for another.
const RANGE_TRIES: usize = 6;
/// Between two questions for an offer that the peer is still describing.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Questions for an offer before the attempt ends.
const OFFER_TRIES: usize = 1_200;

/// A node to take over from, and the point.
pub(crate) struct Order {
    pub(crate) from: NodeId,
    pub(crate) log_id: RaftLogId,
}

/// How far catching up is. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CatchUp {
    progress: Arc<Mutex<Progress>>,
    orders: mpsc::UnboundedSender<Order>,
}

enum Progress {
    Idle,
    Fetching,
    Ready(Box<RaftSnapshot>),
}

impl CatchUp {
    pub(crate) fn new(orders: mpsc::UnboundedSender<Order>) -> Self {
        Self { progress: Arc::new(Mutex::new(Progress::Idle)), orders }
    }

    /// The fetched and checked snapshot of `log_id`, if it is there; else fetching begins, unless it is under way.
    pub(crate) fn take_or_begin(&self, from: NodeId, log_id: RaftLogId) -> Option<RaftSnapshot> {
        let mut progress = self.lock();
        match std::mem::replace(&mut *progress, Progress::Fetching) {
            Progress::Ready(snapshot) if snapshot.meta.last_log_id == Some(log_id) => {
                *progress = Progress::Idle;
                return Some(*snapshot);
            }
            Progress::Fetching => {}
            Progress::Idle | Progress::Ready(_) => {
                // A task that is gone belongs to a node that is over.
                drop(self.orders.send(Order { from, log_id }));
            }
        }
        None
    }

    fn set(&self, progress: Progress) {
        *self.lock() = progress;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fetches what is ordered, until the node is over.
pub(crate) async fn run<R: Environment>(
    core: Arc<Core<R>>,
    founding: Founding,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    while let Some(Order { from, log_id }) = core.lifecycle.next(&mut orders).await {
        tracing::info!(from = from.0, index = log_id.index, "the log no longer reaches back: fetching files");
        let progress = match fetch(&core, &founding, from, log_id).await {
            Ok(snapshot) => Progress::Ready(Box::new(snapshot)),
            Err(reason) => {
                core.lifecycle.alarm(format!("catch up by files from node {from}: {reason}"));
                Progress::Idle
            }
        };
        core.points.catch_up.set(progress);
    }
}

async fn fetch<R: Environment>(
    core: &Core<R>,
    founding: &Founding,
    from: NodeId,
    log_id: RaftLogId,
) -> Result<RaftSnapshot, String> {
    let offer = ask_for_offer(core, from).await?;
    let offer = offer.check(core.trust()).map_err(|error| error.to_string())?;
    if offer.meta.last_log_id != Some(log_id) {
        return Err(format!("it offers another point than the one at {log_id}; trying again"));
    }
    let (manifest, expected) = (offer.manifest.clone(), (offer.manifest.size(), offer.manifest.root()));
    let ended = || "the node is over".to_owned();
    let begun = core.files.run(move |data| Incoming::begin(data, manifest, expected)).await;
    let mut incoming = begun.ok_or_else(ended)?.map_err(|error| error.to_string())?;
    for file in offer.manifest.files() {
        incoming = fetch_file(core, from, incoming, file).await?;
    }
    let (founding, checked) = (founding.clone(), offer.clone());
    let finished = core.files.run(move |_| finish(incoming, &founding, &checked)).await;
    let fetched = finished.ok_or_else(ended)??;
    Ok(RaftSnapshot { meta: offer.meta, snapshot: SnapshotData::fetched(fetched) })
}

/// Every byte of the files, then the state that they restore to.
fn finish(incoming: Incoming, founding: &Founding, offer: &CheckedOffer) -> Result<Fetched, String> {
    let fetched = incoming.finish(&check_leaf).map_err(|error| error.to_string())?;
    let restored = Ledger::restore(founding, fetched.world()).map_err(|error| error.to_string());
    let holds = restored.and_then(|ledger| {
        offer.check_world(founding.suite, &ledger.view()).map_err(|error| error.to_string())
    });
    match holds {
        Ok(()) => Ok(fetched),
        Err(reason) => {
            fetched.discard().map_err(|error| error.to_string())?;
            Err(reason)
        }
    }
}

async fn ask_for_offer<R: Environment>(core: &Core<R>, from: NodeId) -> Result<Offer, String> {
    let question = Bytes::from(Kind::Point.message());
    for _ in 0..OFFER_TRIES {
        let call = core.transport.call(from, Lane::Bulk, question.clone());
        if let Ok(Ok(answer)) = R::Runtime::timeout(core.timings.peer_call * 5, call).await {
            return Offer::decode(&answer).map_err(|error| error.to_string());
        }
        if core.lifecycle.is_over() {
            break;
        }
        R::Runtime::sleep(ASK_AGAIN).await;
    }
    Err("it has nothing to offer".to_owned())
}

async fn fetch_file<R: Environment>(
    core: &Core<R>,
    from: NodeId,
    incoming: Incoming,
    about: ManifestFile,
) -> Result<Incoming, String> {
    let ended = || "the node is over".to_owned();
    let expected = about.clone();
    let begun = core.files.run(move |_| incoming.file(expected).map(|file| (incoming, file))).await;
    let (incoming, mut file) = begun.ok_or_else(ended)?.map_err(|error| error.to_string())?;
    let (name, here) = (&about.name, file.offset());
    let mut answers = futures::stream::iter(ranges(about.bytes).filter(|(offset, _)| *offset >= here))
        .map(|(offset, length)| fetch_range(core, from, name, offset, length))
        .buffered(RANGES_IN_FLIGHT);
    while let Some(bytes) = answers.next().await {
        let bytes = bytes?;
        let written = core.files.run(move |_| file.write(&bytes).map(|()| file)).await;
        file = written.ok_or_else(ended)?.map_err(|error| error.to_string())?;
    }
    let finished = core.files.run(move |_| file.finish()).await;
    finished.ok_or_else(ended)?.map_err(|error| error.to_string())?;
    Ok(incoming)
}

/// One range, from `from` or else from any other member: below a point the files are the same on all.
pub(crate) async fn fetch_range<R: Environment>(
    core: &Core<R>,
    from: NodeId,
    name: &str,
    offset: u64,
    length: u64,
) -> Result<Bytes, String> {
    let others = core.peers.iter().copied().filter(|peer| *peer != from);
    let sources: Vec<NodeId> = std::iter::once(from).chain(others).collect();
    for source in sources.iter().cycle().take(RANGE_TRIES.max(sources.len())) {
        let call = core.transport.call(*source, Lane::Bulk, range_question(name, offset, length));
        if let Ok(Ok(bytes)) = R::Runtime::timeout(core.timings.peer_call * 5, call).await
            && bytes.len() as u64 == length
        {
            return Ok(bytes);
        }
        if core.lifecycle.is_over() {
            break;
        }
    }
    Err(format!("no member answered {length} bytes at {offset} of {name}"))
}
