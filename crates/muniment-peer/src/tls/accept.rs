//! From a listener to connections whose other end is known.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use rustls::ServerConfig;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::connection::{Connection, ConnectionInfo};
use super::trust::{Purpose, Refusal, Trust};
use super::verifier::handshake_fault;

/// Connections that are shaken but not yet taken by the server.
const WAITING_MAX: usize = 64;
/// How long the loop rests when the machine has no descriptors left; accepting again at once would spin.
const REST: Duration = Duration::from_millis(100);

/// Bounds of an accept loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptOptions {
    /// How long a handshake may take: 10 s.
    pub handshake_timeout: Duration,
    /// Handshakes at a time, at least 1: 256. Who comes later waits in the kernel's queue.
    pub handshakes_max: usize,
    /// Open connections, at least 1: 4,096. Who comes later is closed after its handshake.
    pub connections_max: usize,
}

impl Default for AcceptOptions {
    fn default() -> Self {
        Self { handshake_timeout: Duration::from_secs(10), handshakes_max: 256, connections_max: 4096 }
    }
}

/// The stream of accepted connections, for tonic's `serve_with_incoming`. Dropping it ends the loop and closes the port.
#[derive(Debug)]
pub struct Incoming {
    connections: mpsc::Receiver<Connection>,
    port: Option<Port>,
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
    #[error("the port has its {0} connections")]
    Full(usize),
}

struct Loop {
    acceptor: TlsAcceptor,
    trust: Arc<Trust>,
    options: AcceptOptions,
    handshakes: Arc<Semaphore>,
    room: Arc<Semaphore>,
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
    let accepting = Loop {
        acceptor: TlsAcceptor::from(config),
        trust,
        handshakes: Arc::new(Semaphore::new(options.handshakes_max)),
        room: Arc::new(Semaphore::new(options.connections_max)),
        options,
        connections: sender,
    };
    let port = Port(tokio::spawn(Arc::new(accepting).run(listener)));
    Incoming { connections, port: Some(port) }
}

impl Incoming {
    /// The listening end, once.
    pub const fn port(&mut self) -> Option<Port> {
        self.port.take()
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
            let handshakes = Arc::clone(&self.handshakes);
            let next = async {
                let permit = handshakes.acquire_owned().await.expect("the semaphore is never closed");
                (listener.accept().await, permit)
            };
            let (accepted, permit) = tokio::select! {
                next = next => next,
                () = self.connections.closed() => return,
            };
            match accepted {
                Ok((stream, remote_address)) => {
                    tokio::spawn(Arc::clone(&self).connect(stream, remote_address, permit));
                }
                Err(error) => {
                    tracing::error!(%error, "accept a connection");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    async fn connect(
        self: Arc<Self>,
        stream: TcpStream,
        remote_address: SocketAddr,
        handshake: OwnedSemaphorePermit,
    ) {
        let limit = self.options.handshake_timeout;
        let shaken = timeout(limit, self.shake_hands(stream, remote_address)).await;
        drop(handshake);
        match shaken.unwrap_or(Err(HandshakeError::TimedOut(limit))) {
            // Nobody takes it only when the port is being closed, and it with the port.
            Ok(connection) => drop(self.connections.send(connection).await),
            Err(error) => tracing::warn!(%remote_address, %error, "refused a connection"),
        }
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        remote_address: SocketAddr,
    ) -> Result<Connection, HandshakeError> {
        // Nagle's algorithm and delayed acknowledgements together cost 44 ms a call.
        stream.set_nodelay(true)?;
        let stream = self.acceptor.accept(stream).await?;
        let (_, session) = stream.get_ref();
        let entered = match session.peer_certificates() {
            Some(chain) => Some(self.trust.enter(chain, Purpose::Client)?),
            None => None,
        };
        let (identity, guard) = entered.unzip();
        let full = |_| HandshakeError::Full(self.options.connections_max);
        let permit = Arc::clone(&self.room).try_acquire_owned().map_err(full)?;
        let info = ConnectionInfo { remote_address, identity: identity.map(Arc::new) };
        Ok(Connection::new(stream, guard, info, permit))
    }
}
