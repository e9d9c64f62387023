//! How nodes reach each other: bytes out, bytes back. What the bytes say is this crate's business alone.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use muniment_core::NodeId;
use thiserror::Error;

/// Why a message got no answer. Whether the peer saw it is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("node {to} is unreachable: {reason}")]
pub struct Unreachable {
    /// The peer.
    pub to: NodeId,
    /// What happened.
    pub reason: String,
}

/// Keeps small urgent messages off the connection that carries bulk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Heartbeats, votes, cosignatures, questions.
    Urgent,
    /// Entries, forwarded admissions, files.
    Bulk,
}

/// A node's side of the network. The peer layer authenticates both ends and carries ledger id and node ids (02).
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and waits for its answer.
    fn call(&self, to: NodeId, lane: Lane, request: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>>;

    /// Opens a pipelined stream: requests go out in order, answers come back in the same order. The implementation
    /// must not poll `requests` after it has answered an error, and ends the stream after an error.
    fn stream(
        &self,
        to: NodeId,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, Unreachable>>;
}

/// What a node answers its peers; the transport's server side calls it with an authenticated `from`.
pub trait PeerService: Send + Sync + 'static {
    /// Answers one request; `None` if it is not answered at all, which the caller sees as unreachable.
    fn answer(&self, from: NodeId, request: Bytes) -> BoxFuture<'static, Option<Bytes>>;

    /// Answers a stream of requests, in order, until a request is not answered.
    fn answer_stream(&self, from: NodeId, requests: BoxStream<'static, Bytes>) -> BoxStream<'static, Bytes>;
}
