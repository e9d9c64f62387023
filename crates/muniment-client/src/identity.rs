//! The caller's certificate and key, read again for every connection: a service outlives its certificates.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

use crate::options::{IdentityFiles, OptionsError};
use crate::tls::{certificates, fault, trust_domain, uri_of};

/// What is shown to members.
#[derive(Debug)]
pub(crate) struct Identity {
    files: IdentityFiles,
    provider: Arc<CryptoProvider>,
    /// Trust domain of the caller: stays the same for as long as the client lives.
    pub(crate) trust_domain: String,
    /// Held to look and to replace, never while reading files.
    current: Mutex<Arc<CertifiedKey>>,
}

impl Identity {
    pub(crate) fn read(
        files: &IdentityFiles,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<Self>, OptionsError> {
        let (key, trust_domain) = read(files, provider)?;
        let (files, provider, current) = (files.clone(), Arc::clone(provider), Mutex::new(Arc::new(key)));
        Ok(Arc::new(Self { files, provider, trust_domain, current }))
    }

    /// Takes up what the files say now. What can't be used, half a rotation say, is told, and what was shown before stays.
    pub(crate) fn refresh(&self) {
        match self.read_again() {
            Ok(key) => *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(key),
            Err(error) => tracing::warn!(%error, "the client certificate in use stays"),
        }
    }

    fn read_again(&self) -> Result<CertifiedKey, OptionsError> {
        let (key, found) = read(&self.files, &self.provider)?;
        if found != self.trust_domain {
            let reason = format!("it is of trust domain {found}, not of {}", self.trust_domain);
            return Err(fault(&self.files.certificate, &reason));
        }
        Ok(key)
    }
}

/// The pair, and its trust domain.
fn read(files: &IdentityFiles, provider: &CryptoProvider) -> Result<(CertifiedKey, String), OptionsError> {
    let IdentityFiles { certificate, key: key_file } = files;
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| fault(key_file, &error))?;
    let [leaf, ..] = &chain[..] else { return Err(fault(certificate, &"no certificate in it")) };
    let domain = uri_of(leaf).and_then(|uri| trust_domain(&uri, None));
    let domain = domain.map_err(|error| fault(certificate, &error))?;
    let of_key = |error: rustls::Error| fault(key_file as &Path, &error);
    Ok((CertifiedKey::from_der(chain, key, provider).map_err(of_key)?, domain))
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
