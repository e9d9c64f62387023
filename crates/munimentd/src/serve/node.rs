//! A running node: transport, Raft and ledger, peer port, public port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use muniment_core::NodeId;
use muniment_core::founding::{Founder, Founding};
use muniment_peer::tls::{AcceptOptions, Credentials, FileWatch, Purpose, Role, Trust};
use muniment_peer::{
    GrpcTransport, LaneLimits, PeerRuntime, PeerServer, PeerServerOptions, Peers, TransportOptions,
    TransportTimings,
};
use muniment_raft::{Handle, Node, NodeState, Options, OwnState, SystemEnvironment};
use muniment_service::{RunningServer, Server, ServerOptions, ServerTls, ServiceLimits};
use muniment_store::FileDisk;

use crate::config::Config;
use crate::{founding, init, secrets};

/// How long peers' calls may finish after the public port is closed.
const PEER_DRAIN: Duration = Duration::from_secs(3);
/// How long the last sync point is waited for.
const SYNC: Duration = Duration::from_secs(5);
/// How long a hand-over of leadership is waited for.
const HAND_OVER: Duration = Duration::from_secs(2);

/// A node and its ports.
pub(crate) struct Running {
    handle: Handle<SystemEnvironment>,
    public: RunningServer,
    peer: PeerServer,
    runtime: PeerRuntime,
    trust: Arc<Trust>,
    credentials: [Arc<Credentials>; 2],
    /// Takes up files that change.
    _watch: FileWatch,
}

/// What the files say, checked before a port is opened or a byte written.
struct Checked {
    founding: Founding,
    keys: muniment_raft::NodeKeys,
    incarnation: u64,
    trust: Arc<Trust>,
    client: Arc<Credentials>,
    peer: Arc<Credentials>,
}

impl Checked {
    fn read(config: &Config) -> anyhow::Result<Self> {
        let founding = founding::read(&config.founding)?;
        let founder = founding::founder_of(&founding, config.node)?;
        let keys = secrets::load(&config.keys, &founding.origin, &founder.code, founding.suite)?;
        secrets::insist_on(&keys, founder)?;
        let incarnation = init::incarnation(&config.data)?;
        let trust = Trust::of_founding(&founding, &config.crls)?;
        let client = Credentials::load(&config.client.certificate, &config.client.key)?;
        let peer = Credentials::load(&config.peer.certificate, &config.peer.key)?;
        insist_on_node(&trust, &client, &[Purpose::Server], founder)?;
        insist_on_node(&trust, &peer, &[Purpose::Server, Purpose::Client], founder)?;
        Ok(Self { founding: founding.clone(), keys, incarnation, trust, client, peer })
    }
}

/// Says now what every other member would say later.
fn insist_on_node(
    trust: &Trust,
    credentials: &Credentials,
    purposes: &[Purpose],
    founder: &Founder,
) -> anyhow::Result<()> {
    let file = credentials.files().0.display().to_string();
    for purpose in purposes {
        let identity =
            credentials.identity(trust, *purpose).with_context(|| format!("certificate {file}"))?;
        if identity.role != Role::Node || identity.bureau != founder.number {
            let id = identity.spiffe_id();
            bail!("certificate {file} is of {id}, not of a node of bureau {}", founder.number);
        }
    }
    Ok(())
}

/// Threads of the peers' runtime: disk and apply have threads of their own. On a small machine two would mostly wake each
/// other.
fn peer_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores <= 2 { 1 } else { 2 }
}

impl Running {
    /// Starts everything, from the inside out.
    ///
    /// # Errors
    /// The first part that does not start; nothing is left running.
    pub(crate) async fn start(config: &Config) -> anyhow::Result<Self> {
        let Checked { founding, keys, incarnation, trust, client, peer } = Checked::read(config)?;
        let runtime = PeerRuntime::start(peer_threads()).context("start the peers' threads")?;
        let peers = Arc::new(Peers::of_founding(&founding, &config.peer_addresses));
        let transport = GrpcTransport::new(TransportOptions {
            ledger_id: founding.ledger_id(),
            me: config.node,
            peers: Arc::clone(&peers),
            trust: Arc::clone(&trust),
            credentials: Arc::clone(&peer),
            runtime: runtime.handle(),
            timings: TransportTimings::default(),
        })?;
        let options = Options {
            environment: SystemEnvironment,
            disk: Arc::new(FileDisk),
            data_dir: config.data.clone(),
            founding: founding.clone(),
            node_id: config.node,
            incarnation,
            keys,
            transport,
            notary: Arc::new(OwnState),
            rules: None,
            timings: config.timings.clone(),
            limits: config.limits.clone(),
        };
        // On the peers' runtime: a flood of clients causes no election.
        let started = runtime.handle().spawn(Node::start(options)).await.context("start the node")?;
        let handle = started?;
        let server = PeerServer::start(PeerServerOptions {
            ledger_id: founding.ledger_id(),
            me: config.node,
            peers,
            trust: Arc::clone(&trust),
            credentials: Arc::clone(&peer),
            listen: config.peer.listen,
            service: handle.service(),
            runtime: runtime.handle(),
            accept: AcceptOptions::default(),
            lanes: LaneLimits::default(),
        })
        .await?;
        begin(config, &handle).await?;
        let public = Server::start(ServerOptions {
            node: handle.clone(),
            founding,
            lookup_dir: Some(config.data.join("lookup")),
            limits: ServiceLimits { rates: config.limits.bureau_rates, ..ServiceLimits::default() },
            tls: ServerTls {
                trust: Arc::clone(&trust),
                credentials: Arc::clone(&client),
                anonymous: config.accept.anonymous_connections_max > 0,
                accept: config.accept.clone(),
            },
            public_address: config.client.listen,
            internal_address: config.internal,
        })
        .await?;
        let credentials = [client, peer];
        let watch = FileWatch::start(&trust, &credentials);
        Ok(Self { handle, public, peer: server, runtime, trust, credentials, _watch: watch })
    }

    /// Waits until a leader has confirmed what the node's log holds.
    ///
    /// # Errors
    /// If the node ends, or no majority is there in time.
    pub(crate) async fn wait_running(&self) -> anyhow::Result<()> {
        Ok(self.handle.wait_running().await?)
    }

    pub(crate) fn node(&self) -> NodeId {
        self.handle.node_id()
    }

    pub(crate) fn public_address(&self) -> SocketAddr {
        self.public.public_address
    }

    pub(crate) fn internal_address(&self) -> SocketAddr {
        self.public.internal_address
    }

    pub(crate) fn peer_address(&self) -> SocketAddr {
        self.peer.address()
    }

    pub(crate) fn state(&self) -> NodeState {
        self.handle.status().state
    }

    /// Reads certificates and revocation lists again. What does not hold is told and not used.
    pub(crate) async fn reload(&self) {
        for credentials in &self.credentials {
            match credentials.reload() {
                Ok(()) => tracing::info!(file = %credentials.files().0.display(), "certificate read again"),
                Err(error) => tracing::error!(%error, "the certificate in use stays"),
            }
        }
        let trust = Arc::clone(&self.trust);
        match tokio::task::spawn_blocking(move || trust.reload_revocations()).await {
            Ok(Ok(cut)) => tracing::info!(cut, "revocation lists read again"),
            Ok(Err(error)) => tracing::error!(%error, "revocation lists that are not used"),
            Err(error) => tracing::error!(%error, "read revocation lists"),
        }
    }

    /// Says that this node is about to stop, while everything is still answered.
    pub(crate) fn turn_away(&self) {
        self.public.drain();
    }

    /// Hands leadership over, then ends the parts from the outside in. Leaving the ledger is never a side effect.
    pub(crate) async fn stop(self) {
        hand_over(&self.handle).await;
        self.public.stop().await;
        self.peer.shutdown(PEER_DRAIN).await;
        sync(&self.handle).await;
        self.handle.shutdown().await;
        let runtime = self.runtime;
        // It blocks, which an async task must not.
        if let Err(error) = tokio::task::spawn_blocking(move || runtime.shutdown(PEER_DRAIN)).await {
            tracing::error!(%error, "end the peers' threads");
        }
        tracing::info!("stopped");
    }
}

/// The one founder that was made with `init --first` begins the ledger, once.
async fn begin(config: &Config, handle: &Handle<SystemEnvironment>) -> anyhow::Result<()> {
    if !init::is_first(&config.data) {
        return Ok(());
    }
    // A crash between the two leaves a ledger that has begun, and the file.
    if handle.status().last_log_index.is_none() {
        match handle.initialize().await {
            Ok(()) => tracing::info!("the ledger begins"),
            // It stays up and says why in its status, as it would without the file.
            Err(error) if matches!(handle.status().state, NodeState::RolledBack(_)) => {
                tracing::error!(%error, "this node begins no ledger");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
    init::begun(&config.data)
}

/// All that was applied lies behind a sync point when the node has stopped in order: fsck checks as far as that, and the next
/// start has nothing to write again. Without it nothing is lost, since the log has it all.
async fn sync(handle: &Handle<SystemEnvironment>) {
    match tokio::time::timeout(SYNC, handle.trigger_sync_point()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "no sync point at the end; the next start reads the log"),
        Err(_) => tracing::warn!("no sync point within {SYNC:?}; the next start reads the log"),
    }
}

/// Another member leads before this one goes: writes pause for a message, not for an election.
async fn hand_over(handle: &Handle<SystemEnvironment>) {
    let me = handle.node_id();
    let leads = || handle.status().leader == Some(me);
    let Some(other) = leads().then(|| handle.peers().first().copied()).flatten() else { return };
    if handle.transfer_leader(other).await.is_err() {
        return;
    }
    let handed = async {
        while leads() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(HAND_OVER, handed).await.is_err() {
        tracing::warn!("no other member took over; an election follows");
    }
}
