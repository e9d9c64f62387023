//! Port 7444: lets peers' messages in, each from whom it says.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use muniment_core::{LedgerId, NodeId};
use muniment_proto::peer::v1 as pb;
use muniment_proto::peer::v1::peer_service_server::{PeerService as Rpc, PeerServiceServer};
use muniment_raft::{Lane, PeerService};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use crate::lanes::{LaneLimits, Lanes};
use crate::peers::Peers;
use crate::refused::Refused;
use crate::tls::{
    AcceptOptions, ClosedCounts, ConnectionInfo, Credentials, Cutter, Identity, Port, Role, ServerPolicy,
    Trust, accept, server_config,
};
use crate::{FRAME_BYTES_MAX, MESSAGE_BYTES_MAX};

/// Bytes on their way on one stream.
const STREAM_WINDOW: u32 = 8 * 1024 * 1024;
/// Bytes on their way on one connection.
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// Calls and streams of one connection at a time.
const CONNECTION_STREAMS_MAX: u32 = 1024;
/// Bytes of a call's headers.
const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// Streams that a peer took back before they were looked at; more end the connection (CVE-2023-44487, rapid reset).
const RESETS_PENDING_MAX: usize = 64;
/// Streams that a peer made this side reset, over a connection's life; more end it (CVE-2025-8671). Without this line tonic
/// knows no bound.
const STREAM_ERRORS_MAX: usize = 64;
/// Between HTTP/2 pings, and how long one may go unanswered.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// Longest time of a call, whatever its caller says.
const CALL_MAX: Duration = Duration::from_secs(30);
/// How long a stream may be open without its first message.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);

/// What the server is made of.
pub struct PeerServerOptions {
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
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What messages go to: `muniment_raft::Handle::service`.
    pub service: Arc<dyn PeerService>,
    /// Where it runs: [`crate::PeerRuntime::handle`].
    pub runtime: Handle,
    /// Bounds of its accept loop.
    pub accept: AcceptOptions,
    /// Bounds of its queues.
    pub lanes: LaneLimits,
}

/// Why the server does not run.
#[derive(Debug, Error)]
pub enum PeerServerError {
    /// The port can't be had.
    #[error("listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// rustls takes no such configuration.
    #[error("TLS configuration: {0}")]
    Tls(#[from] rustls::Error),
    /// The runtime has ended.
    #[error("the peers' runtime has ended")]
    NoRuntime,
}

/// The running server. Dropping it stops it without a deadline; [`PeerServer::shutdown`] has one.
pub struct PeerServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    cutters: Arc<Mutex<Vec<Cutter>>>,
    port: Option<Port>,
    closed: ClosedCounts,
    task: JoinHandle<()>,
}

impl PeerServer {
    /// Listens, and serves from then on.
    ///
    /// # Errors
    /// [`PeerServerError`].
    pub async fn start(options: PeerServerOptions) -> Result<Self, PeerServerError> {
        let runtime = options.runtime.clone();
        // Sockets belong to the runtime on which they are made.
        let started = runtime.spawn(Self::listen(options)).await;
        started.map_err(|_| PeerServerError::NoRuntime)?
    }

    async fn listen(options: PeerServerOptions) -> Result<Self, PeerServerError> {
        let PeerServerOptions { ledger_id, me, peers, trust, credentials, listen, service, .. } = options;
        let config = server_config(&trust, &credentials, ServerPolicy::peers())?;
        let fault = |error| PeerServerError::Listen { address: listen, error };
        let listener = TcpListener::bind(listen).await.map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        let (stop, stopped) = watch::channel(false);
        let cutters = Arc::new(Mutex::new(Vec::new()));
        let mut incoming = accept(listener, config, trust, options.accept);
        let (port, closed) = (incoming.port(), incoming.closed());
        let listed = Arc::clone(&cutters);
        let incoming = incoming.inspect(move |connection| {
            if let Ok(connection) = connection {
                let mut listed = listed.lock().unwrap_or_else(PoisonError::into_inner);
                listed.retain(Cutter::is_open);
                listed.extend(connection.cutter());
            }
        });
        let lanes = Lanes::new(&options.lanes);
        let front = Front { ledger_id, me, peers, service, lanes, stopped: stopped.clone() };
        let server = Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(CONNECTION_STREAMS_MAX)
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .http2_max_pending_accept_reset_streams(Some(RESETS_PENDING_MAX))
            .http2_max_local_error_reset_streams(Some(STREAM_ERRORS_MAX))
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE))
            .timeout(CALL_MAX)
            .add_service(
                PeerServiceServer::new(front)
                    .max_decoding_message_size(FRAME_BYTES_MAX)
                    .max_encoding_message_size(FRAME_BYTES_MAX),
            );
        let task = tokio::spawn(async move {
            let served = server.serve_with_incoming_shutdown(incoming, end(stopped)).await;
            if let Err(error) = served {
                tracing::error!(%error, "the peers' server ended");
            }
        });
        Ok(Self { address, stop, cutters, port, closed, task })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connections that it closed by itself, by reason.
    #[must_use]
    pub const fn closed(&self) -> &ClosedCounts {
        &self.closed
    }

    /// Takes nothing new, ends streams, lets calls finish until `deadline`, then cuts what is left. The port is free when
    /// this returns.
    pub async fn shutdown(self, deadline: Duration) {
        self.stop.send_replace(true);
        let Self { mut task, cutters, port, .. } = self;
        if let Some(port) = port {
            port.close().await;
        }
        if timeout(deadline, &mut task).await.is_err() {
            let open = std::mem::take(&mut *cutters.lock().unwrap_or_else(PoisonError::into_inner));
            let cut = open.iter().filter(|connection| connection.cut()).count();
            tracing::warn!(connections = cut, "cut peers that did not finish in time");
            task.abort();
            // What it answers is that it was aborted.
            drop(task.await);
        }
    }
}

async fn end(mut stopped: watch::Receiver<bool>) {
    // An error says that the server's owner is gone, which is an end too.
    stopped.wait_for(|stopped| *stopped).await.map(drop).unwrap_or_default();
}

/// Checks who calls, then calls the node.
struct Front {
    ledger_id: LedgerId,
    me: NodeId,
    peers: Arc<Peers>,
    service: Arc<dyn PeerService>,
    lanes: Lanes,
    stopped: watch::Receiver<bool>,
}

impl Front {
    /// The node whose message this is: of this ledger, meant for this node, from the bearer of the certificate.
    fn sender(&self, bearer: Option<&Identity>, route: Option<&pb::Route>) -> Result<NodeId, Refused> {
        let bearer = bearer.ok_or(Refused::Unauthenticated)?;
        let id = bearer.spiffe_id();
        if bearer.role != Role::Node {
            return Err(Refused::NoNode { id });
        }
        let route = route.ok_or(Refused::NoRoute)?;
        if route.ledger_id[..] != self.ledger_id.0 {
            return Err(Refused::OtherLedger(self.ledger_id));
        }
        let (from, to) = (NodeId(route.from_node_id), NodeId(route.to_node_id));
        if to != self.me {
            return Err(Refused::OtherAddressee { me: self.me, to });
        }
        match self.peers.get(from) {
            Some(peer) if peer.bureau == bearer.bureau && peer.id == id => Ok(from),
            _ => Err(Refused::OtherSender { id, from }),
        }
    }

    fn refuse<T>(&self, request: &Request<T>, refused: Refused) -> Status {
        let remote = request.extensions().get::<ConnectionInfo>().map(|info| info.remote_address);
        tracing::warn!(?remote, %refused, "refused a peer's call");
        refused.into()
    }
}

fn bearer<T>(request: &Request<T>) -> Option<Arc<Identity>> {
    request.extensions().get::<ConnectionInfo>()?.identity.clone()
}

const fn within_limit(payload: &Bytes) -> Result<(), Refused> {
    if payload.len() > MESSAGE_BYTES_MAX { Err(Refused::TooLarge(payload.len())) } else { Ok(()) }
}

#[tonic::async_trait]
impl Rpc for Front {
    async fn call(&self, request: Request<pb::CallRequest>) -> Result<Response<pb::CallResponse>, Status> {
        let message = request.get_ref();
        let admitted = self.sender(bearer(&request).as_deref(), message.route.as_ref()).and_then(|from| {
            within_limit(&message.payload)?;
            let lane = match message.lane() {
                pb::Lane::Urgent => Lane::Urgent,
                pb::Lane::Bulk => Lane::Bulk,
                pb::Lane::Unspecified => return Err(Refused::NoLane),
            };
            Ok((from, self.lanes.enter(lane, message.payload.len())?))
        });
        let (from, _place) = admitted.map_err(|refused| self.refuse(&request, refused))?;
        let answer = self.service.answer(from, request.into_inner().payload).await;
        let answered = answer.is_some();
        Ok(Response::new(pb::CallResponse { answered, payload: answer.unwrap_or_default() }))
    }

    type AppendStream = BoxStream<'static, Result<pb::AppendResponse, Status>>;

    async fn append(
        &self,
        mut request: Request<Streaming<pb::AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        let bearer = bearer(&request);
        let first = timeout(FIRST_MESSAGE, request.get_mut().message()).await.unwrap_or(Ok(None))?;
        let admitted = first.ok_or(Refused::EmptyStream).and_then(|first| {
            let from = self.sender(bearer.as_deref(), first.route.as_ref())?;
            within_limit(&first.payload)?;
            if *self.stopped.borrow() {
                return Err(Refused::Stopping);
            }
            Ok((from, first.payload, self.lanes.open_stream()?))
        });
        let (from, first, place) = admitted.map_err(|refused| self.refuse(&request, refused))?;
        let fault = Fault::default();
        let rest = later_requests(request.into_inner(), fault.clone());
        let requests = futures::stream::iter([first]).chain(rest).take_until(end(self.stopped.clone()));
        let answers = self.service.answer_stream(from, requests.boxed());
        let answers = answers.map(|payload| Ok(pb::AppendResponse { payload }));
        let end = futures::stream::once(async move {
            drop(place);
            fault.take().map(Err)
        });
        Ok(Response::new(answers.chain(end.filter_map(std::future::ready)).boxed()))
    }
}

/// Why a stream's requests ended early, told after the last answer.
#[derive(Clone, Default)]
struct Fault(Arc<Mutex<Option<Status>>>);

impl Fault {
    fn set(&self, status: Status) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }

    fn take(&self) -> Option<Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The requests after the first, up to the first that is none.
fn later_requests(
    messages: Streaming<pb::AppendRequest>,
    fault: Fault,
) -> impl Stream<Item = Bytes> + Send + 'static {
    futures::stream::unfold((messages, fault), |(mut messages, fault)| async {
        let message = match messages.message().await {
            Ok(message) => message?,
            Err(status) => {
                fault.set(status);
                return None;
            }
        };
        let whole =
            if message.route.is_some() { Err(Refused::SecondRoute) } else { within_limit(&message.payload) };
        match whole {
            Ok(()) => Some((message.payload, (messages, fault))),
            Err(refused) => {
                fault.set(refused.into());
                None
            }
        }
    })
}
