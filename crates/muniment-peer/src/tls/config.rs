//! rustls' configurations: TLS 1.3 with ring, and nothing that outlives a handshake.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use super::credentials::Credentials;
use super::identity::{Role, SpiffeId};
use super::trust::Trust;
use super::verifier::{ClientVerifier, NodeVerifier};

/// Who may open connections to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPolicy {
    /// Roles that are admitted; a certificate of another role fails the handshake.
    pub roles: Vec<Role>,
    /// Whether one without a certificate is admitted. A bad certificate is refused all the same.
    pub anonymous: bool,
    /// Whether HTTP/1.1 is spoken beside HTTP/2 (ALPN).
    pub http1: bool,
}

impl ServerPolicy {
    /// Port 7444: nodes, by HTTP/2.
    #[must_use]
    pub fn peers() -> Self {
        Self { roles: vec![Role::Node], anonymous: false, http1: false }
    }

    /// Port 7443: services and operators, by HTTP/2 and HTTP/1.1; browsers without a certificate if `anonymous`.
    #[must_use]
    pub fn clients(anonymous: bool) -> Self {
        Self { roles: vec![Role::Client, Role::Admin], anonymous, http1: true }
    }
}

/// The cryptography: ring, named here because rustls would else take whatever is compiled in.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// For a port: TLS 1.3, client certificates by `policy`, no tickets, no resumption, no early data.
///
/// Resumption would let a certificate in that was revoked since (02, S5): a resumed handshake shows none.
///
/// # Errors
/// Those of rustls, for a build without TLS 1.3.
pub fn server_config(
    trust: &Arc<Trust>,
    credentials: &Arc<Credentials>,
    policy: ServerPolicy,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut alpn = vec![b"h2".to_vec()];
    if policy.http1 {
        alpn.push(b"http/1.1".to_vec());
    }
    let resolver = Arc::clone(credentials);
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(ClientVerifier::new(Arc::clone(trust), policy)))
        .with_cert_resolver(resolver);
    config.alpn_protocols = alpn;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// For calling one node: TLS 1.3, HTTP/2, and nobody but `expected` may answer, under whatever host name.
///
/// # Errors
/// Those of rustls, for a build without TLS 1.3.
pub fn client_config(
    trust: &Arc<Trust>,
    credentials: &Arc<Credentials>,
    expected: SpiffeId,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let verifier = Arc::new(NodeVerifier::new(Arc::clone(trust), expected));
    let resolver = Arc::clone(credentials);
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(Arc::new(config))
}
