//! A node's side of the network for one life of its machine: silent once the power has failed, and overheard.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use muniment_core::NodeId;
use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::note::{KeyId, Line};
use muniment_core::reader::{Reader, ShapeError};
use muniment_raft::{Lane, Transport, Unreachable};

use crate::swarm::history::{Event, History};
use crate::swarm::machine::{Machine, lock, now};

/// First byte of a request for a vote, and of a cosignature (`Kind` in muniment-raft's `peer_messages.rs`).
const VOTE: u8 = 2;
const COSIGNATURE: u8 = 8;

/// The network as a machine reaches it. What the node states to others is noted: it is held to what it said, whether
/// or not anybody kept it.
pub(crate) struct MachineTransport {
    pub(crate) machine: Arc<Machine>,
    pub(crate) inner: Arc<dyn Transport>,
    pub(crate) history: Arc<Mutex<History>>,
    /// What was overheard last: a statement goes to every peer, and again.
    pub(crate) last: Mutex<Overheard>,
}

/// The newest statements of one life.
#[derive(Debug, Default)]
pub(crate) struct Overheard {
    body: String,
    raft_term: Option<u64>,
}

impl MachineTransport {
    fn overhear(&self, request: &[u8]) {
        let mut reader = Reader::new(request);
        let statement = match reader.u8() {
            Ok(VOTE) => reader.u64().ok().and_then(|raft_term| self.campaigned(raft_term)),
            Ok(COSIGNATURE) => {
                read_signed(&mut reader).ok().and_then(|(body, lines)| self.signed(body, lines))
            }
            _ => None,
        };
        if let Some(statement) = statement {
            lock(&self.history).note(now(), statement);
        }
    }

    fn campaigned(&self, raft_term: u64) -> Option<Event> {
        let is_new = lock(&self.last).raft_term.replace(raft_term) != Some(raft_term);
        is_new.then(|| Event::Campaigned { by: self.machine.node(), raft_term })
    }

    fn signed(&self, text: String, lines: Vec<Line>) -> Option<Event> {
        if lines.is_empty() || lock(&self.last).body == text {
            return None;
        }
        let body = CheckpointBody::parse(&text).ok()?;
        lock(&self.last).body = text;
        Some(Event::Signed { by: self.machine.node(), checkpoint: Checkpoint { body, lines } })
    }
}

fn read_signed(reader: &mut Reader<'_>) -> Result<(String, Vec<Line>), ShapeError> {
    let body = String::from_utf8_lossy(reader.block()?).into_owned();
    let mut lines = Vec::new();
    for _ in 0..reader.u32()? {
        let name = String::from_utf8_lossy(reader.block()?).into_owned();
        let key_id = KeyId(reader.array()?);
        lines.push(Line { name, key_id, signature: reader.block()?.to_vec() });
    }
    Ok((body, lines))
}

impl Transport for MachineTransport {
    fn call(&self, to: NodeId, lane: Lane, request: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        // Nothing ever happens again to what has no power; an error would be something that happens.
        if self.machine.is_off() {
            return Box::pin(std::future::pending());
        }
        self.overhear(&request);
        self.inner.call(to, lane, request)
    }

    fn stream(
        &self,
        to: NodeId,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, Unreachable>> {
        if self.machine.is_off() {
            return futures::stream::pending().boxed();
        }
        let machine = Arc::clone(&self.machine);
        let requests = requests.take_while(move |_| std::future::ready(!machine.is_off()));
        let machine = Arc::clone(&self.machine);
        let answers = self.inner.stream(to, requests.boxed());
        let answers = answers.take_while(move |_| std::future::ready(!machine.is_off()));
        let machine = Arc::clone(&self.machine);
        let silence = futures::stream::once(async move {
            if machine.is_off() {
                std::future::pending::<()>().await;
            }
        });
        answers.chain(silence.filter_map(|()| std::future::ready(None))).boxed()
    }
}
