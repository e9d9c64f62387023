//! This process's own certificate and key, replaced without a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use thiserror::Error;

use super::config::provider;
use super::identity::Identity;
use super::trust::{Purpose, Refusal, Trust};

/// A certificate chain and its key, from two PEM files. New handshakes take the newest; open connections stay.
#[derive(Debug)]
pub struct Credentials {
    certificate_file: PathBuf,
    key_file: PathBuf,
    current: ArcSwap<CertifiedKey>,
}

/// Why files are no credentials. What was in use stays in use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("credentials {}: {reason}", .file.display())]
pub struct CredentialsError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong; never part of a key.
    pub reason: String,
}

impl Credentials {
    /// Reads a chain, leaf first, and the key of the leaf (PKCS #8, PKCS #1 or SEC 1).
    ///
    /// # Errors
    /// [`CredentialsError`] names the file.
    pub fn load(certificate_file: &Path, key_file: &Path) -> Result<Arc<Self>, CredentialsError> {
        let current = ArcSwap::from_pointee(read(certificate_file, key_file)?);
        let (certificate_file, key_file) = (certificate_file.to_owned(), key_file.to_owned());
        Ok(Arc::new(Self { certificate_file, key_file, current }))
    }

    /// Reads the files again.
    ///
    /// # Errors
    /// [`CredentialsError`] names file and reason; the old credentials stay in use. A reader between the two renames of
    /// a rotation sees a key that is not the certificate's: try again.
    pub fn reload(&self) -> Result<(), CredentialsError> {
        self.current.store(Arc::new(read(&self.certificate_file, &self.key_file)?));
        Ok(())
    }

    /// The files: certificate chain, key.
    #[must_use]
    pub fn files(&self) -> (&Path, &Path) {
        (&self.certificate_file, &self.key_file)
    }

    /// The chain in use, DER, leaf first; never empty.
    #[must_use]
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.current.load().cert.clone()
    }

    /// Whom others will see in this chain, now.
    ///
    /// # Errors
    /// [`Refusal`]: others will refuse it for the same reason.
    pub fn identity(&self, trust: &Trust, purpose: Purpose) -> Result<Identity, Refusal> {
        trust.verify(&self.chain(), purpose, UnixTime::now())
    }
}

fn read(certificate_file: &Path, key_file: &Path) -> Result<CertifiedKey, CredentialsError> {
    let fault = |file: &Path, reason: String| CredentialsError { file: file.to_owned(), reason };
    let of_certificate = |reason: String| fault(certificate_file, reason);
    let chain = CertificateDer::pem_file_iter(certificate_file)
        .map_err(|error| of_certificate(error.to_string()))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| of_certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(of_certificate("no certificate in it".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| fault(key_file, error.to_string()))?;
    let signing = provider().key_provider.load_private_key(key);
    let signing = signing.map_err(|error| fault(key_file, error.to_string()))?;
    let certified = CertifiedKey::new(chain, signing);
    match certified.keys_match() {
        // Kinds of keys that can't be compared fail at the first handshake.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let of = certificate_file.display();
            Err(fault(key_file, format!("it is not the key of the certificate in {of}")))
        }
        Err(error) => Err(of_certificate(error.to_string())),
    }
}

impl ResolvesServerCert for Credentials {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl ResolvesClientCert for Credentials {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
