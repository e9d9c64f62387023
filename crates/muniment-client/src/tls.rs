//! Who is at the other end: TLS 1.3, a node's SPIFFE name, and that name's own bureau's CA.
//!
//! A node's certificate has exactly one URI, `spiffe://<trust domain>/node/<name>` (X509-SVID 2). The trust domain chooses
//! *one* CA, so that no bureau's CA can make another bureau's nodes; host names and common names say nothing.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::version::TLS13;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError,
    PeerMisbehaved, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use thiserror::Error as ThisError;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::first_word::FirstWord;
use crate::identity::Identity;
use crate::options::{Options, OptionsError};

/// The longest that a connection with its handshake may take.
const DIAL_MAX: Duration = Duration::from_secs(3);

/// Why no connection to a member came about. No call was sent.
#[derive(Clone, Debug, ThisError)]
pub enum DialError {
    /// The network, or the other end's alert.
    #[error("{0}")]
    Io(String),
    /// Nobody answered in time.
    #[error("not connected within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The member's alert is about the caller's certificate.
    #[error("the member refused this client's certificate: {0}; {CHECK_CERTIFICATE}")]
    CertificateRefused(String),
    /// The member closed the connection before it took a call.
    #[error(
        "the member closed the connection before it took a call: it has all the connections that it allows, in all or of \
         this bureau, or it stops"
    )]
    Closed,
}

/// What to do about [`DialError::CertificateRefused`].
pub(crate) const CHECK_CERTIFICATE: &str =
    "check that it is issued by your bureau's CA for its trust domain, not expired, not revoked";

/// Why a certificate is no node's.
#[derive(Debug, ThisError)]
pub(crate) enum NoNode {
    #[error("the certificate can't be read: {0}")]
    Malformed(String),
    #[error("the certificate's one URI must be spiffe://<trust domain>/node/<name>, not {0:?}")]
    Name(String),
    #[error("no authority is known for the trust domain {0:?} of the node that answered")]
    UnknownDomain(String),
}

/// Dials members.
#[derive(Clone)]
pub(crate) struct Dialler {
    config: Arc<ClientConfig>,
    identity: Arc<Identity>,
}

/// A connection to a member whose certificate holds.
pub(crate) struct Dialled {
    pub(crate) io: TokioIo<FirstWord<TlsStream<TcpStream>>>,
    /// Whether the member took the connection: told once HTTP/2 runs over it.
    pub(crate) first_word: oneshot::Receiver<Result<(), DialError>>,
    /// Whether the member is of the caller's own bureau.
    pub(crate) is_own: bool,
}

impl Dialler {
    /// Reads the caller's certificate and key, and the authorities.
    pub(crate) fn new(options: &Options) -> Result<Self, OptionsError> {
        // ring by name: rustls would else take whatever is compiled in.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let identity = Identity::read(&options.identity, &provider)?;
        let mut authorities = BTreeMap::new();
        for authority in &options.authorities {
            let domain = authority.trust_domain.clone().unwrap_or_else(|| identity.trust_domain.clone());
            let mut roots = RootCertStore::empty();
            for certificate in certificates(&authority.ca)? {
                roots.add(certificate).map_err(|error| fault(&authority.ca, &error))?;
            }
            if roots.is_empty() {
                return Err(fault(&authority.ca, &"no certificate in it"));
            }
            if authorities.insert(domain.clone(), roots).is_some() {
                return Err(OptionsError::TwoAuthorities(domain));
            }
        }
        if authorities.is_empty() {
            return Err(OptionsError::NoAuthority);
        }
        let verifier = NodeVerifier::new(authorities, &provider);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::<Identity>::clone(&identity));
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), identity })
    }

    /// Dials a member with the certificate that is in the files now, within `limit` and [`DIAL_MAX`].
    pub(crate) async fn dial(&self, address: &str, limit: Duration) -> Result<Dialled, DialError> {
        let limit = limit.min(DIAL_MAX);
        timeout(limit, self.connect(address)).await.unwrap_or(Err(DialError::TimedOut(limit)))
    }

    async fn connect(&self, address: &str) -> Result<Dialled, DialError> {
        self.identity.refresh();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // A name must be given; the verifier looks at none.
        let name = ServerName::try_from("member.invalid").map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await?;
        let (_, session) = stream.get_ref();
        let leaf = session.peer_certificates().and_then(|chain| chain.first());
        let domain = leaf.and_then(|leaf| uri_of(leaf).and_then(|uri| trust_domain(&uri, Some("node"))).ok());
        let is_own = domain.is_some_and(|domain| domain == self.identity.trust_domain);
        let (stream, first_word) = FirstWord::new(stream);
        Ok(Dialled { io: TokioIo::new(stream), first_word, is_own })
    }
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        Self::of(&error)
    }
}

impl DialError {
    /// What an error of the stream means, as long as the member has not said a word of HTTP.
    pub(crate) fn of(error: &io::Error) -> Self {
        let under = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
        match under {
            // rustls shows what is inside in its debug form.
            Some(Error::InvalidCertificate(CertificateError::Other(OtherError(refusal)))) => {
                Self::Io(refusal.to_string())
            }
            Some(Error::AlertReceived(alert)) => match refused_certificate(*alert) {
                Some(why) => Self::CertificateRefused(why),
                None => Self::Io(error.to_string()),
            },
            _ if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error.to_string()),
        }
    }
}

/// What an alert says about the caller's certificate (RFC 8446 6.2); none if it is about something else.
fn refused_certificate(alert: AlertDescription) -> Option<String> {
    let why = match alert {
        AlertDescription::CertificateExpired => "it has expired, or is not valid yet",
        AlertDescription::CertificateRevoked => "it is revoked",
        AlertDescription::UnknownCA => "its issuer is not the CA of the bureau that it names",
        AlertDescription::CertificateRequired => "none was shown",
        AlertDescription::AccessDenied => "its bearer has no access",
        AlertDescription::CertificateUnknown => {
            "it does not hold, or its name or role is none that may call here"
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::DecryptError => return Some(format!("it does not hold ({alert:?})")),
        _ => return None,
    };
    Some(format!("{why} ({alert:?})"))
}

pub(crate) fn fault(file: &std::path::Path, reason: &dyn std::fmt::Display) -> OptionsError {
    OptionsError::File { file: file.to_owned(), reason: reason.to_string() }
}

pub(crate) fn certificates(file: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    certificates.map_err(|error: rustls_pki_types::pem::Error| fault(file, &error))
}

/// The one URI among a certificate's names.
pub(crate) fn uri_of(der: &CertificateDer<'_>) -> Result<String, NoNode> {
    let (rest, certificate) =
        parse_x509_certificate(der).map_err(|error| NoNode::Malformed(error.to_string()))?;
    if !rest.is_empty() {
        return Err(NoNode::Malformed(format!("{} bytes follow it", rest.len())));
    }
    // Also an error when the extension stands there twice.
    let names =
        certificate.subject_alternative_name().map_err(|error| NoNode::Malformed(error.to_string()))?;
    let names = names.map_or(&[][..], |extension| &extension.value.general_names);
    if names.iter().any(|name| matches!(name, GeneralName::Invalid(..))) {
        // It might be a URI that this parser reads differently from the next one.
        return Err(NoNode::Malformed("a name of it can't be read".to_owned()));
    }
    let uris =
        names.iter().filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
    let uris: Vec<&str> = uris.collect();
    let [uri] = uris[..] else { return Err(NoNode::Malformed(format!("it has {} URI names", uris.len()))) };
    Ok(uri.to_owned())
}

/// The trust domain of `spiffe://<trust domain>/<role>/<name>` in its one form; of a given role where one is asked for.
pub(crate) fn trust_domain(uri: &str, role: Option<&str>) -> Result<String, NoNode> {
    let wrong = || NoNode::Name(uri.chars().take(120).collect());
    let parts: Vec<&str> = uri.strip_prefix("spiffe://").ok_or_else(wrong)?.split('/').collect();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_segment = |text: &str| {
        (1..=255).contains(&text.len()) && text.bytes().all(allowed) && !matches!(text, "." | "..")
    };
    match parts[..] {
        [domain, found, name]
            if is_segment(domain)
                && is_segment(name)
                && is_segment(found)
                && role.is_none_or(|role| role == found) =>
        {
            Ok(domain.to_owned())
        }
        _ => Err(wrong()),
    }
}

/// Verifies that a node of a known trust domain has answered.
#[derive(Debug)]
struct NodeVerifier {
    authorities: BTreeMap<String, RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl NodeVerifier {
    fn new(authorities: BTreeMap<String, RootCertStore>, provider: &CryptoProvider) -> Self {
        Self { authorities, algorithms: provider.signature_verification_algorithms }
    }

    fn roots(&self, certificate: &CertificateDer<'_>) -> Result<&RootCertStore, NoNode> {
        let domain = trust_domain(&uri_of(certificate)?, Some("node"))?;
        self.authorities.get(&domain).ok_or(NoNode::UnknownDomain(domain))
    }
}

impl ServerCertVerifier for NodeVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let roots = self.roots(end_entity);
        let roots =
            roots.map_err(|refusal| Error::from(CertificateError::Other(OtherError(Arc::new(refusal)))))?;
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, self.algorithms.all)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_node_s_name_in_its_one_form_is_a_node_s_name() {
        let node = |uri: &str| trust_domain(uri, Some("node")).ok();
        assert_eq!(node("spiffe://hefei.example/node/hefei").as_deref(), Some("hefei.example"));
        for uri in [
            "spiffe://hefei.example/client/erp",
            "spiffe://hefei.example/node",
            "spiffe://hefei.example/node/1/2",
            "spiffe://hefei.example:443/node/1",
            "spiffe://x@hefei.example/node/1",
            "SPIFFE://hefei.example/node/1",
            "https://hefei.example/node/1",
            "spiffe:///node/1",
            "spiffe://hefei.example/node/..",
        ] {
            assert_eq!(node(uri), None, "{uri}");
        }
    }
}
