//! Dialling one node, with back-off.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tls::{Guarded, Purpose, Refusal, Trust, handshake_fault};

/// The first pause after a failed dial; each further one doubles it.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause: a node that came back is seen within it.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A connection to a node.
pub(crate) type Dialled = TokioIo<Guarded<TlsStream<TcpStream>>>;

/// Why a dial failed.
#[derive(Clone, Debug, Error)]
pub(crate) enum DialError {
    #[error("{0}")]
    Io(String),
    #[error("it closed the connection after the handshake")]
    Closed,
    #[error("not connected within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the last dial failed, the next waits: {0}")]
    Pausing(Box<Self>),
}

/// Dials one address. One for each lane of a peer.
pub(crate) struct Dialler {
    address: String,
    server_name: ServerName<'static>,
    config: Arc<ClientConfig>,
    trust: Arc<Trust>,
    limit: Duration,
    failures: Mutex<Failures>,
}

/// What happened since the last success.
#[derive(Default)]
struct Failures {
    count: u32,
    /// The last one, and when the next dial may be.
    last: Option<(DialError, Instant)>,
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        Self::Io(handshake_fault(&error))
    }
}

impl Dialler {
    pub(crate) fn new(
        address: String,
        server_name: ServerName<'static>,
        config: Arc<ClientConfig>,
        trust: Arc<Trust>,
        limit: Duration,
    ) -> Self {
        Self { address, server_name, config, trust, limit, failures: Mutex::default() }
    }

    /// Dials, unless a dial failed a moment ago: then it fails at once, because the caller has its own way to wait.
    pub(crate) async fn dial(&self) -> Result<Dialled, DialError> {
        if let Some((error, until)) = &self.failures().last
            && Instant::now() < *until
        {
            return Err(DialError::Pausing(Box::new(error.clone())));
        }
        let dialled = timeout(self.limit, self.connect()).await;
        let dialled = dialled.unwrap_or(Err(DialError::TimedOut(self.limit)));
        self.note(dialled.as_ref().err());
        dialled
    }

    async fn connect(&self) -> Result<Dialled, DialError> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let mut stream = connector.connect(self.server_name.clone(), stream).await?;
        // In TLS 1.3 the caller's handshake is over before the server has seen its certificate. The server's first frame,
        // which comes unasked (RFC 9113 3.4), says that it is welcome; an alert here is a failed dial, with its reason and
        // its pause, not a connection that breaks later.
        if stream.fill_buf().await?.is_empty() {
            return Err(DialError::Closed);
        }
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        let (_, guard) = self.trust.enter(chain, Purpose::Server)?;
        Ok(TokioIo::new(Guarded::new(stream, Some(guard))))
    }

    /// Logs a change between reachable and not, once.
    fn note(&self, error: Option<&DialError>) {
        let mut failures = self.failures();
        let before = failures.count;
        let address = &self.address;
        let Some(error) = error else {
            *failures = Failures::default();
            drop(failures);
            tracing::info!(address, failed = before, "connected to a peer");
            return;
        };
        failures.count = before.saturating_add(1);
        let pause = PAUSE_MIN.saturating_mul(1 << before.min(8)).min(PAUSE_MAX);
        failures.last = Some((error.clone(), Instant::now() + pause));
        drop(failures);
        if before == 0 {
            tracing::warn!(address, %error, "can't connect to a peer; trying on");
        }
    }

    // Held to look and to note, never while dialling.
    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
