//! From a listener to connections whose other end is known, and to their end.
//!
//! A connection over a cap is closed: at once where unfinished handshakes are too many, else after its handshake (only then
//! its bureau is known) and before a byte of HTTP was read from it. Its client sees the connection end before HTTP/2's first
//! frame, so it knows that no call of it was read.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use rustls::ServerConfig;
use rustls_pki_types::UnixTime;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::connection::{Connection, ConnectionInfo};
use super::connections::{Closed, ClosedCounts, Connections, Full, Handshake, Watcher};
use super::trust::{Purpose, Refusal, Trust};
use super::verifier::handshake_fault;

/// Connections that are shaken but not yet taken by the server.
const WAITING_MAX: usize = 64;
/// How long the loop rests when the machine has no descriptors left; accepting again at once would spin.
const REST: Duration = Duration::from_millis(100);

/// How long a connection that was refused may take to read why.
const LINGER: Duration = Duration::from_secs(1);
/// Reads of up to 1 KiB from such a connection.
const LINGER_READS_MAX: usize = 64;
/// Between two looks at whose time is over.
const SWEEP: Duration = Duration::from_secs(1);

/// Bounds of an accept loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptOptions {
    /// How long a handshake may take, and how long its caller may say nothing after it: 10 s.
    pub handshake_timeout: Duration,
    /// Unfinished handshakes, at least 1: 256. At the cap one that takes over a second gives way to who comes next; if
    /// none does, who comes next is closed.
    pub handshakes_max: usize,
    /// Open connections, at least 1: 4,096. Who comes later is closed after its handshake.
    pub connections_max: usize,
    /// Open connections of one bureau, at least 1: 1,024.
    pub connections_per_bureau_max: usize,
    /// Open connections without a certificate, where the port lets them in: 256.
    pub anonymous_connections_max: usize,
    /// How old a connection may become before it is cut: none = any age. Above the age at which HTTP asks it to end.
    pub age_max: Option<Duration>,
}

impl Default for AcceptOptions {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            handshakes_max: 256,
            connections_max: 4096,
            connections_per_bureau_max: 1024,
            anonymous_connections_max: 256,
            age_max: None,
        }
    }
}

/// The stream of accepted connections, for tonic's `serve_with_incoming`. Dropping it ends the loop and closes the port.
#[derive(Debug)]
pub struct Incoming {
    connections: mpsc::Receiver<Connection>,
    port: Option<Port>,
    counts: ClosedCounts,
}

/// The listening end of an [`Incoming`]: closes the port while connections that stand are still served.
#[derive(Debug)]
pub struct Port(JoinHandle<()>);

/// Why a connection did not come about.
#[derive(Debug, Error)]
enum HandshakeError {
    #[error("{}", handshake_fault(.0))]
    Io(#[from] io::Error),
    #[error("no handshake within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Full(#[from] Full),
}

struct Loop {
    acceptor: TlsAcceptor,
    trust: Arc<Trust>,
    open: Connections,
    connections: mpsc::Sender<Connection>,
}

/// Accepts until the stream is dropped. A handshake that fails is logged once and costs nobody else anything.
///
/// Needs a tokio runtime: handshakes run as tasks of the one that calls.
#[must_use]
pub fn accept(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    trust: Arc<Trust>,
    options: AcceptOptions,
) -> Incoming {
    let (sender, connections) = mpsc::channel(WAITING_MAX);
    let open = Connections::new(options);
    let counts = open.counts().clone();
    tokio::spawn(sweep(open.watcher(), Arc::downgrade(&trust)));
    let accepting = Loop { acceptor: TlsAcceptor::from(config), trust, open, connections: sender };
    let port = Port(tokio::spawn(Arc::new(accepting).run(listener)));
    Incoming { connections, port: Some(port), counts }
}

/// Ends connections whose time is over, as long as there may be any. By the wall clock where certificates are concerned, so
/// that a machine that slept, or whose clock was set, is not late.
async fn sweep(open: Watcher, trust: Weak<Trust>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let (Some(open), Some(trust)) = (open.upgrade(), trust.upgrade()) else { return };
        trust.cut_expired(UnixTime::now());
        open.sweep();
    }
}

impl Incoming {
    /// The listening end, once.
    pub const fn port(&mut self) -> Option<Port> {
        self.port.take()
    }

    /// What the port closes by itself, as it is counted.
    #[must_use]
    pub fn closed(&self) -> ClosedCounts {
        self.counts.clone()
    }
}

impl Port {
    /// Closes the port; it is free when this returns. The stream ends after the handshakes that are under way.
    pub async fn close(self) {
        self.0.abort();
        // What it answers is that it was aborted.
        drop(self.0.await);
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.connections.poll_recv(context).map(|connection| connection.map(Ok))
    }
}

impl Loop {
    async fn run(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.connections.closed() => return,
            };
            match accepted {
                Ok((stream, remote_address)) => {
                    let Some(handshake) = self.open.begin_handshake() else {
                        tracing::debug!(%remote_address, "closed a connection: too many handshakes");
                        continue;
                    };
                    let id = handshake.id();
                    let connecting = Arc::clone(&self).connect(stream, remote_address, handshake);
                    self.open.under_way(id, tokio::spawn(connecting).abort_handle());
                }
                Err(error) => {
                    tracing::error!(%error, "accept a connection");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    async fn connect(self: Arc<Self>, stream: TcpStream, remote_address: SocketAddr, handshake: Handshake) {
        let limit = self.open.options().handshake_timeout;
        let shaken = timeout(limit, self.shake_hands(stream, remote_address)).await;
        drop(handshake);
        let error = match shaken.unwrap_or(Err(HandshakeError::TimedOut(limit))) {
            // Nobody takes it only when the port is being closed, and it with the port.
            Ok(connection) => return drop(self.connections.send(connection).await),
            Err(error) => error,
        };
        self.open.counts().count(error.reason());
        match error {
            // They come in crowds: a metric counts them.
            HandshakeError::Full(full) => tracing::debug!(%remote_address, %full, "closed a connection"),
            error => tracing::warn!(%remote_address, %error, "refused a connection"),
        }
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        remote_address: SocketAddr,
    ) -> Result<Connection, HandshakeError> {
        // Nagle's algorithm and delayed acknowledgements together cost 44 ms a call.
        stream.set_nodelay(true)?;
        let mut stream = match self.acceptor.accept(stream).into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => {
                linger(stream).await;
                return Err(error.into());
            }
        };
        let (_, session) = stream.get_ref();
        let (identity, guard) = match session.peer_certificates() {
            Some(chain) => {
                let (identity, guard) = self.trust.enter(chain, Purpose::Client)?;
                (Some(Arc::new(identity)), guard)
            }
            None => (None, self.trust.enter_anonymous()),
        };
        let bureau = identity.as_ref().map(|identity| identity.bureau);
        match self.open.enter(bureau, guard.cutter()) {
            Ok(place) => {
                let info = ConnectionInfo { remote_address, identity };
                Ok(Connection::new(stream, guard, info, place))
            }
            Err(full) => {
                // An end that says that it is one; a client that has gone needs none.
                drop(stream.shutdown().await);
                linger(stream.into_inner().0).await;
                Err(full.into())
            }
        }
    }
}

/// Lets the other side read why the connection ends: closing a socket with unread bytes in it would take back the last bytes
/// that were sent (RFC 9293 3.10.7.4: a reset).
async fn linger(mut stream: TcpStream) {
    let read = async {
        stream.shutdown().await?;
        let mut bytes = [0; 1024];
        for _ in 0..LINGER_READS_MAX {
            if stream.read(&mut bytes).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    // Whatever it ends with, the connection ends.
    drop(timeout(LINGER, read).await);
}

impl HandshakeError {
    const fn reason(&self) -> Closed {
        match self {
            Self::Io(_) | Self::Refused(_) => Closed::Handshake,
            Self::TimedOut(_) => Closed::HandshakeTimeout,
            Self::Full(full) => full.reason(),
        }
    }
}
