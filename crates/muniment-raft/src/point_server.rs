//! Serving this node's newest derived point to a peer that the log no longer serves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use muniment_core::reader::Reader;
use muniment_core::tree::TreeAt;
use muniment_core::{LogIndex, NodeId, Tree};
use muniment_store::manifest::{DirectorySource, FileSource as _, Manifest, RANGE_BYTES};
use openraft::AsyncRuntime;

use crate::codec::{CodecError, put_block};
use crate::environment::Environment;
use crate::notary::TreeReader;
use crate::offer::Offer;
use crate::peer_messages::{Kind, read_text};
use crate::shared::Core;

/// How long a point is kept for a peer after its last question.
const LEASE: Duration = Duration::from_secs(60);

/// What is kept between questions. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct PointServer {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    described: Mutex<Described>,
    /// Until when each peer is taken to be fetching, in milliseconds of the node's life. Held for a look.
    leases: Mutex<BTreeMap<NodeId, u64>>,
}

/// Describing a point reads all of its bytes: once a point, in the background.
#[derive(Default)]
enum Described {
    #[default]
    Nothing,
    UnderWay,
    Ready(LogIndex, Bytes),
}

impl PointServer {
    /// Whether a peer is taking over the point: it and the log behind it must stay.
    pub(crate) fn is_leased(&self, now_ms: u64) -> bool {
        self.leases().values().any(|until| now_ms < *until)
    }

    fn lease(&self, peer: NodeId, now_ms: u64) {
        let until = now_ms.saturating_add(u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX));
        self.leases().insert(peer, until);
    }

    /// The peer has what it came for.
    pub(crate) fn release(&self, peer: NodeId) {
        self.leases().remove(&peer);
    }

    fn leases(&self) -> MutexGuard<'_, BTreeMap<NodeId, u64>> {
        self.shared.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self, point: LogIndex) -> Option<Bytes> {
        match &*self.shared.described.lock().unwrap_or_else(PoisonError::into_inner) {
            Described::Ready(index, manifest) if *index == point => Some(manifest.clone()),
            _ => None,
        }
    }

    fn set(&self, described: Described) {
        *self.shared.described.lock().unwrap_or_else(PoisonError::into_inner) = described;
    }

    /// Whether nobody describes a point at the moment; then the caller does.
    fn begin(&self) -> bool {
        let mut described = self.shared.described.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = !matches!(*described, Described::UnderWay);
        if idle {
            *described = Described::UnderWay;
        }
        idle
    }
}

impl<R: Environment> Core<R> {
    /// The offer of this node's newest derived point; `None` if there is none, or not yet: the peer asks again.
    pub(crate) fn offer(self: &Arc<Self>, to: NodeId) -> Option<Bytes> {
        let view = self.published.view();
        let point = view.files.derived_point()?;
        let index = point.position?.log_index;
        self.points.server.lease(to, self.clock.now_ms());
        let Some(manifest) = self.points.server.ready(index) else {
            self.describe_point(index);
            return None;
        };
        let head = view.world.head();
        let checkpoint = self.cosigned.latest().filter(|_| head.derived_size == point.size)?;
        let receipt = self.assemble(head.derived_leaf, &checkpoint).ok()?;
        let tree = TreeAt { suite: self.context.suite, tree: Tree::Ledger, size: checkpoint.body.size };
        let consistency = tree.consistency_path(&TreeReader(&view.files), point.size).ok()?;
        let offer = Offer { manifest: manifest.to_vec(), receipt: receipt.encode(), consistency };
        Some(offer.encode().into())
    }

    fn describe_point(self: &Arc<Self>, index: LogIndex) {
        if !self.points.server.begin() {
            return;
        }
        let core = Arc::clone(self);
        drop(R::Runtime::spawn(async move {
            let described =
                core.files.run(|data| Manifest::describe_derived(&*data.disk(), &data.ledger_dir()));
            let next = match described.await {
                Some(Ok(manifest)) => Described::Ready(index, manifest.encode().into()),
                Some(Err(error)) => {
                    core.lifecycle.alarm(format!("describe derived point: {error}"));
                    Described::Nothing
                }
                None => Described::Nothing,
            };
            core.points.server.set(next);
        }));
    }

    /// A range of an evidence file or world dump: name, offset u64, length u32.
    pub(crate) async fn file_range(
        &self,
        to: NodeId,
        reader: &mut Reader<'_>,
    ) -> Result<Option<Bytes>, CodecError> {
        let name = read_text(reader)?;
        let (offset, length) = (reader.u64()?, u64::from(reader.u32()?));
        reader.end()?;
        self.points.server.lease(to, self.clock.now_ms());
        // Nothing that is known to be damaged leaves this node.
        let is_damaged =
            |name: &str| self.lifecycle.damage().iter().any(|found| found.meets(name, offset, length));
        if is_damaged(&name) || self.published.view().files.insist_on_sound(&name, offset, length).is_err() {
            return Ok(None);
        }
        let read = self.files.run(move |data| {
            DirectorySource::new(data.disk(), &data.ledger_dir()).read(&name, offset, length.min(RANGE_BYTES))
        });
        Ok(match read.await {
            Some(Ok(bytes)) => Some(bytes.into()),
            Some(Err(error)) => {
                tracing::warn!(%error, "a peer's question for a file");
                None
            }
            None => None,
        })
    }
}

/// The question for a range.
pub(crate) fn range_question(name: &str, offset: u64, length: u64) -> Bytes {
    let mut question = Kind::FileRange.message();
    put_block(&mut question, name.as_bytes());
    question.extend_from_slice(&offset.to_be_bytes());
    let length = u32::try_from(length.min(RANGE_BYTES)).expect("a range has at most 1 MiB");
    question.extend_from_slice(&length.to_be_bytes());
    question.into()
}
