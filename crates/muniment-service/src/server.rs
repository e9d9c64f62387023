//! Starting and stopping a server: its two ports, its tasks, in which order they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware;
use muniment_core::NodeId;
use muniment_peer::tls::{AcceptOptions, ConnectionInfo, ServerPolicy, accept, server_config};
use muniment_proto::admin::v1::cluster_service_server::ClusterServiceServer;
use muniment_proto::v1::ledger_service_server::LedgerServiceServer;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use crate::cluster_service::ClusterApi;
use crate::gate::{self, Gate, MESSAGE_BYTES_MAX};
use crate::internal::{self, Internal};
use crate::ledger_service::LedgerApi;
use crate::lookup::Lookups;
use crate::metrics::Metrics;
use crate::options::{ServerOptions, ServiceLimits};
use crate::pulse::{Pulse, follow};
use crate::readiness::{holds, readiness};
use crate::service::{Made, Service};

/// Bytes of a call's headers, at most.
const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
/// Calls that a client took back before they were looked at; more end its connection (CVE-2023-44487, rapid reset).
const RESETS_PENDING_MAX: usize = 64;
/// Calls that a client's breaches of HTTP/2 made this side reset, over a connection's life; more end it (CVE-2025-8671).
/// Without this line tonic knows no bound.
const STREAM_ERRORS_MAX: usize = 64;
/// Services whose health is reported, beside the process as a whole.
const SERVICES: [&str; 3] = ["", "muniment.v1.LedgerService", "muniment.admin.v1.ClusterService"];

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The port is taken, or not ours to take.
    #[error("listen on {address}: {error}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's answer.
        error: std::io::Error,
    },
    /// TLS.
    #[error("configure TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The node is none of the founding file's.
    #[error("node {0} is no founder's: the founding file is another ledger's")]
    NotAFounder(NodeId),
    /// The descriptors for reflection.
    #[error("read the service descriptors: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// The public edge of a node.
#[derive(Debug)]
pub struct Server;

/// A server that runs until [`RunningServer::stop`]. Dropping it without stopping leaves it running.
pub struct RunningServer {
    /// Where services and operators reach it.
    pub public_address: SocketAddr,
    /// Where probes and metrics are.
    pub internal_address: SocketAddr,
    draining: watch::Sender<bool>,
    stopping: watch::Sender<bool>,
    drain: Duration,
    public: JoinHandle<()>,
    internal: JoinHandle<()>,
    tasks: Vec<JoinHandle<()>>,
    lookups: Lookups,
}

impl Server {
    /// Listens on both ports and serves. Needs a tokio runtime; its tasks run there.
    ///
    /// # Errors
    /// [`StartError`]: nothing is left running.
    pub async fn start(options: ServerOptions) -> Result<RunningServer, StartError> {
        let ServerOptions { node, founding, lookup_dir, limits, tls, public_address, internal_address } =
            options;
        let config = server_config(&tls.trust, &tls.credentials, ServerPolicy::clients(tls.anonymous))?;
        let (public_listener, public_address) = listen(public_address).await?;
        let (internal_listener, internal_address) = listen(internal_address).await?;

        let (stopping, stopping_seen) = watch::channel(false);
        let (draining, draining_seen) = watch::channel(false);
        let (sealed, sealed_seen) = watch::channel(None);
        let (pulse, metrics) = (Pulse::of(&node), Metrics::new());
        let block_leaves = limits.lookup_block_leaves.max(1);
        let lookups =
            Lookups::start(lookup_dir, block_leaves, founding.suite, founding.ledger_id(), node.clone());
        let doorbell = lookups.doorbell();
        let made = Made {
            lookups: lookups.clone(),
            metrics: metrics.clone(),
            pulse: pulse.clone(),
            sealed: sealed_seen,
            stopping: stopping_seen.clone(),
        };
        let service = Service::new(node.clone(), founding, limits.clone(), made);
        let service = service.ok_or(StartError::NotAFounder(node.node_id()))?;

        let (reporter, health) = tonic_health::server::health_reporter();
        let gate = Gate::of::<ConnectionInfo>(limits.clone(), metrics);
        let routes = public_routes(&service, health.clone(), gate)?;
        let age_max = Some(limits.connection_age.saturating_add(limits.drain));
        let incoming = accept(public_listener, config, tls.trust, AcceptOptions { age_max, ..tls.accept });
        let closed = incoming.closed();
        let end = ended(stopping_seen.clone());
        let server = transport(&limits).add_routes(routes);
        let public = tokio::spawn(logged("public", server.serve_with_incoming_shutdown(incoming, end)));

        let inside = Internal { service: Arc::clone(&service), draining: draining_seen.clone(), closed };
        let plain = Routes::from(internal::routes(inside)).add_service(health);
        let incoming = TcpIncoming::from(internal_listener).with_nodelay(Some(true));
        let end = ended(stopping_seen.clone());
        let server = transport(&limits).add_routes(plain);
        let internal = tokio::spawn(logged("internal", server.serve_with_incoming_shutdown(incoming, end)));

        let (ready, ready_seen) = watch::channel(false);
        let watched = service.lookups.clone();
        let look = move |beat: &crate::pulse::Beat| {
            ready.send_replace(holds(&readiness(beat, &limits, *draining_seen.borrow())));
            watched.watch_over();
        };
        let tasks = vec![
            tokio::spawn(follow(node.clone(), sealed, doorbell, stopping_seen.clone())),
            tokio::spawn(pulse.run(node, stopping_seen, look)),
            tokio::spawn(report_health(reporter, ready_seen)),
        ];
        let drain = service.limits.drain;
        Ok(RunningServer {
            public_address,
            internal_address,
            draining,
            stopping,
            drain,
            public,
            internal,
            tasks,
            lookups,
        })
    }
}

impl RunningServer {
    /// Says that this node is about to stop: not ready any more, and health NOT_SERVING, while calls are still answered.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Takes no new calls, ends streams with HALTED (clients go on with another member), waits for calls that run, at most
    /// [`ServiceLimits::drain`], and closes both ports. The node runs on.
    pub async fn stop(self) {
        self.draining.send_replace(true);
        self.stopping.send_replace(true);
        for mut port in [self.public, self.internal] {
            if tokio::time::timeout(self.drain, &mut port).await.is_err() {
                tracing::warn!("calls still ran when their time was over; they are cut off");
                port.abort();
            }
        }
        for task in self.tasks {
            task.abort();
        }
        let lookups = self.lookups;
        // It flushes what it has, which may take a moment.
        if let Err(error) = tokio::task::spawn_blocking(move || lookups.stop()).await {
            tracing::error!(%error, "stop the look-ups");
        }
    }
}

/// All that the public port serves, behind its gate.
fn public_routes(
    service: &Arc<Service>,
    health: HealthServer<impl Health>,
    gate: Arc<Gate>,
) -> Result<Routes, StartError> {
    let ledger = LedgerServiceServer::new(LedgerApi(Arc::clone(service)));
    let cluster = ClusterServiceServer::new(ClusterApi(Arc::clone(service)));
    let mut routes = Routes::builder();
    routes
        .add_service(ledger.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(cluster.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    let gated = routes.routes().prepare().into_axum_router();
    Ok(Routes::from(gated.layer(middleware::from_fn_with_state(gate, gate::pass))))
}

fn transport(limits: &ServiceLimits) -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .accept_http1(true)
        .max_concurrent_streams(limits.streams_per_connection)
        .http2_max_header_list_size(HEADER_LIST_BYTES_MAX)
        .http2_max_pending_accept_reset_streams(Some(RESETS_PENDING_MAX))
        .http2_max_local_error_reset_streams(Some(STREAM_ERRORS_MAX))
        .http2_keepalive_interval(Some(limits.keepalive))
        .http2_keepalive_timeout(Some(limits.keepalive_timeout))
        // No grace: with one, tonic asks nobody to end and cuts calls that run. The accept loop has the grace.
        .max_connection_age(limits.connection_age)
        .timeout(limits.call)
}

/// Reflection over what this port serves, and over the messages that errors and health need.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(muniment_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("muniment.v1.LedgerService")
        .with_service_name("muniment.admin.v1.ClusterService")
        .with_service_name("grpc.health.v1.Health")
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |error| StartError::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

/// Ends when a stop is asked for.
async fn ended(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone is a server that is gone.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

async fn logged(port: &str, serving: impl Future<Output = Result<(), tonic::transport::Error>>) {
    if let Err(error) = serving.await {
        tracing::error!(port, %error, "serve");
    }
}

/// Reports readiness as health, whenever it changes.
async fn report_health(reporter: HealthReporter, mut ready: watch::Receiver<bool>) {
    loop {
        let status =
            if *ready.borrow_and_update() { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in SERVICES {
            reporter.set_service_status(service, status).await;
        }
        if ready.changed().await.is_err() {
            return;
        }
    }
}
