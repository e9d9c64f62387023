//! What a server is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muniment_core::founding::Founding;
use muniment_peer::tls::{AcceptOptions, Credentials, Trust};
use muniment_raft::{Handle, RateLimits, SystemEnvironment};

/// Everything that the public edge of a node is made of.
pub struct ServerOptions {
    /// The node. It may still recover: until it runs, calls are answered HALTED.
    pub node: Handle<SystemEnvironment>,
    /// The ledger's founding file.
    pub founding: Founding,
    /// Directory of the look-ups, `<data>/lookup`; made anew whenever there is a doubt about it. None = reads by digest and
    /// by submission are answered UNAVAILABLE.
    pub lookup_dir: Option<PathBuf>,
    /// Bounds.
    pub limits: ServiceLimits,
    /// Who may connect to the public port, and as whom this node answers there.
    pub tls: ServerTls,
    /// Where services and operators connect (port 7443 by convention; 0 = any free one).
    pub public_address: SocketAddr,
    /// Where probes and metrics are answered, without TLS: reachable from inside the machine or cluster only (port 7445 by
    /// convention; 0 = any free one).
    pub internal_address: SocketAddr,
}

/// TLS of the public port.
pub struct ServerTls {
    /// The bureaus' CAs by trust domain; the caller reloads its revocation lists.
    pub trust: Arc<Trust>,
    /// This node's certificate and key; the caller reloads them.
    pub credentials: Arc<Credentials>,
    /// Whether connections without a certificate are let in: they reach health and reflection, nothing else.
    pub anonymous: bool,
    /// Bounds of accepting; its [`AcceptOptions::age_max`] follows from [`ServiceLimits::connection_age`].
    pub accept: AcceptOptions,
}

/// Bounds of one server. What the rules version bounds (records, batches) is no configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceLimits {
    /// What each bureau may write through this node; the leader counts again, by `muniment_raft::Limits`.
    pub rates: RateLimits,
    /// How long a call may take where the client states no deadline; also the longest that it may state. Streams are
    /// exempt.
    pub call: Duration,
    /// Streams of one connection at once.
    pub streams_per_connection: u32,
    /// How long a connection lives before it is asked to end (GOAWAY: calls that run are finished, new ones go over another),
    /// so that clients spread over the members again. What still runs [`Self::drain`] later is cut.
    pub connection_age: Duration,
    /// Between two signs of life on a connection; one that does not answer in [`Self::keepalive_timeout`] ends.
    pub keepalive: Duration,
    /// How long such a sign waits for its answer.
    pub keepalive_timeout: Duration,
    /// How long the results of a stream may wait for their reader.
    pub slow_reader: Duration,
    /// Longest time between two messages of a watch.
    pub watch_progress: Duration,
    /// How far this node may lag, in entries, and be ready.
    pub ready_lag_entries: u64,
    /// How long no leader may be known while the node is ready.
    pub ready_grace: Duration,
    /// How long a stop waits for calls that run.
    pub drain: Duration,
    /// Leaves whose look-ups go to the disk together, from 1; at most so many are read again at the next start.
    pub lookup_block_leaves: u64,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self {
            rates: RateLimits::default(),
            call: Duration::from_secs(30),
            streams_per_connection: 64,
            connection_age: Duration::from_secs(30 * 60),
            keepalive: Duration::from_secs(20),
            keepalive_timeout: Duration::from_secs(10),
            slow_reader: Duration::from_secs(30),
            watch_progress: Duration::from_secs(10),
            ready_lag_entries: 1_000,
            ready_grace: Duration::from_secs(10),
            drain: Duration::from_secs(10),
            lookup_block_leaves: 65_536,
        }
    }
}
