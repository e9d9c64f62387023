//! The node's way to its peers: `muniment_raft::Transport` over gRPC.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use muniment_core::{LedgerId, NodeId};
use muniment_proto::peer::v1 as pb;
use muniment_proto::peer::v1::peer_service_client::PeerServiceClient;
use muniment_raft::{Lane, Transport, Unreachable};
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

use crate::dial::Dialler;
use crate::peers::{Peer, Peers};
use crate::request_gate::RequestGate;
use crate::tls::{Credentials, Trust, client_config};
use crate::{FRAME_BYTES_MAX, MESSAGE_BYTES_MAX};

/// Bytes on their way on one bulk stream, so that a link of 100 ms carries 80 MB/s.
const BULK_STREAM_WINDOW: u32 = 8 * 1024 * 1024;
/// Bytes on their way on a bulk connection.
const BULK_CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// Bytes on their way on an urgent connection.
const URGENT_WINDOW: u32 = 1024 * 1024;

type Client = PeerServiceClient<Channel>;

/// What a transport is made of.
#[derive(Clone, Debug)]
pub struct TransportOptions {
    /// The ledger that this node is of.
    pub ledger_id: LedgerId,
    /// This node.
    pub me: NodeId,
    /// All nodes.
    pub peers: Arc<Peers>,
    /// Whom to believe.
    pub trust: Arc<Trust>,
    /// What to show.
    pub credentials: Arc<Credentials>,
    /// Where connections live: [`crate::PeerRuntime::handle`].
    pub runtime: Handle,
    /// Times.
    pub timings: TransportTimings,
}

/// Times of a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportTimings {
    /// For TCP and the handshake together: 2 s.
    pub dial: Duration,
    /// Deadline of an urgent call: 2 s. Raft's own are shorter.
    pub urgent_call: Duration,
    /// Deadline of a bulk call: 15 s, above the time that a submission is tried.
    pub bulk_call: Duration,
    /// How long a stream may take to open, and how long a request of it may go unanswered: 10 s.
    pub stream_answer: Duration,
    /// Between HTTP/2 pings on each connection, in use or not: 2 s.
    pub keep_alive: Duration,
    /// How long a ping may go unanswered before the connection is given up: 2 s.
    pub keep_alive_timeout: Duration,
}

impl Default for TransportTimings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            dial: seconds(2),
            urgent_call: seconds(2),
            bulk_call: seconds(15),
            stream_answer: seconds(10),
            keep_alive: seconds(2),
            keep_alive_timeout: seconds(2),
        }
    }
}

/// Why no transport can be made.
#[derive(Debug, Error)]
pub enum TransportError {
    /// An address is none.
    #[error("node {node}: {address:?} is not host:port")]
    Address {
        /// Whose.
        node: NodeId,
        /// The address.
        address: String,
    },
    /// rustls takes no such configuration.
    #[error("TLS configuration: {0}")]
    Tls(#[from] rustls::Error),
}

/// Two connections to each peer, dialled when they are first needed and again when they are lost: heartbeats and votes
/// never wait behind entries.
#[derive(Debug)]
pub struct GrpcTransport {
    route: BTreeMap<NodeId, Link>,
    ledger_id: LedgerId,
    me: NodeId,
    timings: TransportTimings,
}

#[derive(Debug)]
struct Link {
    urgent: Client,
    bulk: Client,
}

impl GrpcTransport {
    /// Prepares the connections; none is opened yet.
    ///
    /// # Errors
    /// [`TransportError`] names the node whose address is none.
    pub fn new(options: TransportOptions) -> Result<Arc<Self>, TransportError> {
        // tonic spawns each connection's worker where it is made.
        let _on_the_peers_runtime = options.runtime.enter();
        let others = options.peers.iter().filter(|(id, _)| *id != options.me);
        let links: Result<_, _> = others
            .map(|(id, peer)| {
                let urgent = connection(&options, id, peer, Lane::Urgent)?;
                let bulk = connection(&options, id, peer, Lane::Bulk)?;
                Ok::<_, TransportError>((id, Link { urgent, bulk }))
            })
            .collect();
        let TransportOptions { ledger_id, me, timings, .. } = options;
        Ok(Arc::new(Self { route: links?, ledger_id, me, timings }))
    }

    fn client(&self, to: NodeId, lane: Lane) -> Result<Client, Unreachable> {
        let unknown = || Unreachable { to, reason: "it is no node of this ledger".to_owned() };
        let link = self.route.get(&to).ok_or_else(unknown)?;
        Ok(match lane {
            Lane::Urgent => link.urgent.clone(),
            Lane::Bulk => link.bulk.clone(),
        })
    }

    fn route_to(&self, to: NodeId) -> pb::Route {
        let ledger_id = Bytes::copy_from_slice(&self.ledger_id.0);
        pb::Route { ledger_id, from_node_id: self.me.0, to_node_id: to.0 }
    }
}

fn connection(
    options: &TransportOptions,
    id: NodeId,
    peer: &Peer,
    lane: Lane,
) -> Result<Client, TransportError> {
    let TransportOptions { trust, credentials, timings, .. } = options;
    let fault = || TransportError::Address { node: id, address: peer.address.clone() };
    let endpoint = Endpoint::from_shared(format!("https://{}", peer.address)).map_err(|_| fault())?;
    let host = endpoint.uri().host().ok_or_else(fault)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    // Goes out as server name indication; who answers is told by the certificate's SPIFFE id, not by it.
    let server_name = ServerName::try_from(host).map_err(|_| fault())?;
    let config = client_config(trust, credentials, peer.id.clone())?;
    let dialler = Dialler::new(peer.address.clone(), server_name, config, Arc::clone(trust), timings.dial);
    let dialler = Arc::new(dialler);
    let (stream_window, connection_window) = match lane {
        Lane::Urgent => (URGENT_WINDOW, URGENT_WINDOW),
        Lane::Bulk => (BULK_STREAM_WINDOW, BULK_CONNECTION_WINDOW),
    };
    let channel = endpoint
        .initial_stream_window_size(stream_window)
        .initial_connection_window_size(connection_window)
        .http2_keep_alive_interval(timings.keep_alive)
        .keep_alive_timeout(timings.keep_alive_timeout)
        .keep_alive_while_idle(true)
        .connect_with_connector_lazy(tower::service_fn(move |_| {
            let dialler = Arc::clone(&dialler);
            async move { dialler.dial().await }
        }));
    let client = PeerServiceClient::new(channel);
    Ok(client.max_decoding_message_size(FRAME_BYTES_MAX).max_encoding_message_size(FRAME_BYTES_MAX))
}

impl Transport for GrpcTransport {
    fn call(&self, to: NodeId, lane: Lane, request: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        let client = self.client(to, lane);
        let (limit, on_wire) = match lane {
            Lane::Urgent => (self.timings.urgent_call, pb::Lane::Urgent),
            Lane::Bulk => (self.timings.bulk_call, pb::Lane::Bulk),
        };
        let route = Some(self.route_to(to));
        async move {
            let unreachable = |reason| Unreachable { to, reason };
            let mut client = client?;
            if request.len() > MESSAGE_BYTES_MAX {
                return Err(unreachable(format!("a message of {} bytes is not sent", request.len())));
            }
            let message = pb::CallRequest { route, lane: on_wire.into(), payload: request };
            let mut message = tonic::Request::new(message);
            message.set_timeout(limit);
            let answer = timeout(limit, client.call(message)).await;
            let answer = answer.map_err(|_| unreachable(late(limit)))?;
            let answer = answer.map_err(|status| unreachable(told(&status)))?.into_inner();
            if answer.answered {
                Ok(answer.payload)
            } else {
                Err(unreachable("it does not answer".to_owned()))
            }
        }
        .boxed()
    }

    fn stream(
        &self,
        to: NodeId,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, Unreachable>> {
        let client = self.client(to, Lane::Bulk);
        let (route, limit) = (self.route_to(to), self.timings.stream_answer);
        let opened = async move {
            let mut requests = requests;
            // Before dialling: a caller's back-off may lie in its first request.
            let Some(first) = requests.next().await else { return futures::stream::empty().boxed() };
            let gate = RequestGate::new(requests);
            let answers = open(client, (to, route), first, gate.clone(), limit).await;
            match answers {
                Ok(messages) => Answers { to, messages, gate, limit, answered: 0 }.stream(),
                Err(error) => {
                    gate.shut();
                    futures::stream::iter([Err(error)]).boxed()
                }
            }
        };
        opened.flatten_stream().boxed()
    }
}

/// Sends the first request of a stream; answers when the peer has taken it.
async fn open(
    client: Result<Client, Unreachable>,
    (to, route): (NodeId, pb::Route),
    first: Bytes,
    gate: RequestGate,
    limit: Duration,
) -> Result<Streaming<pb::AppendResponse>, Unreachable> {
    let mut client = client?;
    let first = pb::AppendRequest { route: Some(route), payload: first };
    let rest = gate.map(|payload| pb::AppendRequest { route: None, payload });
    let opened = timeout(limit, client.append(futures::stream::iter([first]).chain(rest))).await;
    let opened = opened.map_err(|_| Unreachable { to, reason: late(limit) })?;
    Ok(opened.map_err(|status| Unreachable { to, reason: told(&status) })?.into_inner())
}

/// The answers of one stream. Dropping them lets no further request out.
struct Answers {
    to: NodeId,
    messages: Streaming<pb::AppendResponse>,
    gate: RequestGate,
    limit: Duration,
    answered: u64,
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.gate.shut();
    }
}

impl Answers {
    fn stream(self) -> BoxStream<'static, Result<Bytes, Unreachable>> {
        let answers = futures::stream::unfold(Some(self), |answers| async {
            let mut answers = answers?;
            match answers.next().await {
                Ok(Some(answer)) => Some((Ok(answer), Some(answers))),
                Ok(None) => None,
                // Dropping the answers shuts the gate, before the caller sees the error.
                Err(error) => {
                    drop(answers);
                    Some((Err(error), None))
                }
            }
        });
        answers.boxed()
    }

    /// The next answer; none when every request has its answer and no further one will come.
    async fn next(&mut self) -> Result<Option<Bytes>, Unreachable> {
        let unreachable = |reason| Unreachable { to: self.to, reason };
        loop {
            let sent = self.gate.sent();
            match timeout(self.limit, self.messages.message()).await {
                Ok(Ok(Some(answer))) => {
                    self.answered += 1;
                    return Ok(Some(answer.payload));
                }
                Ok(Ok(None)) if self.gate.is_shut() && self.answered >= self.gate.sent() => return Ok(None),
                Ok(Ok(None)) => return Err(unreachable("it closed the stream".to_owned())),
                Ok(Err(status)) => return Err(unreachable(told(&status))),
                // An idle stream owes nothing; one whose request is older than the limit does.
                Err(_) if self.answered < sent => return Err(unreachable(late(self.limit))),
                Err(_) => {}
            }
        }
    }
}

fn late(limit: Duration) -> String {
    format!("no answer within {} ms", limit.as_millis())
}

/// A status with what lies under it: a dial that failed is only in the sources.
fn told(status: &tonic::Status) -> String {
    let mut told = status.message().to_owned();
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let under = error.to_string();
        if !told.contains(&under) {
            told = format!("{told}: {under}");
        }
        source = error.source();
    }
    told
}
