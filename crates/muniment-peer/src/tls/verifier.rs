//! rustls' questions, answered by [`Trust`].

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerMisbehaved,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::config::{ServerPolicy, provider};
use super::identity::SpiffeId;
use super::trust::{Purpose, Refusal, Trust};

/// Verifies who opened a connection.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    trust: Arc<Trust>,
    policy: ServerPolicy,
    subjects: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Verifies that the node that was called has answered.
#[derive(Debug)]
pub(super) struct NodeVerifier {
    trust: Arc<Trust>,
    expected: SpiffeId,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    pub(super) fn new(trust: Arc<Trust>, policy: ServerPolicy) -> Self {
        let subjects = trust.subjects();
        Self { trust, policy, subjects, algorithms: provider().signature_verification_algorithms }
    }
}

impl NodeVerifier {
    pub(super) fn new(trust: Arc<Trust>, expected: SpiffeId) -> Self {
        Self { trust, expected, algorithms: provider().signature_verification_algorithms }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    fn client_auth_mandatory(&self) -> bool {
        !self.policy.anonymous
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain = chain(end_entity, intermediates);
        let identity = self.trust.verify(&chain, Purpose::Client, now).map_err(alert)?;
        Refusal::unless_role(&identity, &self.policy.roles).map_err(alert)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
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

impl ServerCertVerifier for NodeVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = chain(end_entity, intermediates);
        let found = self.trust.verify(&chain, Purpose::Server, now).map_err(alert)?.spiffe_id();
        if found != self.expected {
            return Err(alert(Refusal::OtherNode { expected: self.expected.clone(), found }));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
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

fn chain<'a>(
    end_entity: &CertificateDer<'a>,
    intermediates: &[CertificateDer<'a>],
) -> Vec<CertificateDer<'a>> {
    std::iter::once(end_entity).chain(intermediates).cloned().collect()
}

/// The alert that the other side sees. It tells that side what it can know anyway, its own certificate's dates and
/// issuer; the whole refusal stands in this side's log.
fn alert(refusal: Refusal) -> Error {
    let Refusal::Chain { error, .. } = &refusal else {
        return CertificateError::Other(OtherError(Arc::new(refusal))).into();
    };
    match *error {
        webpki::Error::CertExpired { time, not_after } => {
            CertificateError::ExpiredContext { time, not_after }.into()
        }
        webpki::Error::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }.into()
        }
        webpki::Error::CertRevoked => CertificateError::Revoked.into(),
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer.into(),
        _ => CertificateError::Other(OtherError(Arc::new(refusal))).into(),
    }
}

/// Why a handshake failed, in this side's words where it was this side that refused.
pub(crate) fn handshake_fault(error: &io::Error) -> String {
    let under = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    match under {
        // rustls shows what is inside in its debug form.
        Some(Error::InvalidCertificate(CertificateError::Other(OtherError(refusal)))) => refusal.to_string(),
        _ => error.to_string(),
    }
}

fn only_tls13() -> Error {
    PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported.into()
}
