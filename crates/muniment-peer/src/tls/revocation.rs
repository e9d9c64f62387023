//! A bureau's certificate revocation lists (RFC 5280 5).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject as _;
use thiserror::Error;
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::certificate::X509Certificate;
use x509_parser::num_bigint::BigUint;
use x509_parser::parse_x509_crl;

/// Bytes of a file of revocation lists, at most.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Why a file of revocation lists is not used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("revocation lists {}: {reason}", .file.display())]
pub struct RevocationError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// Every file that was not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationErrors(
    /// One for each bureau with a fault, the first of that bureau; never empty.
    pub Vec<RevocationError>,
);

impl std::error::Error for RevocationErrors {}

impl fmt::Display for RevocationErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&faults.join("; "))
    }
}

/// The lists of one bureau, from all of its files.
#[derive(Debug, Default)]
pub(super) struct RevocationLists {
    pub(super) lists: Vec<CertRevocationList<'static>>,
    /// The number of the list of each issuer: an older list would give revoked certificates back their power.
    numbers: BTreeMap<Vec<u8>, BigUint>,
}

impl RevocationLists {
    /// Reads all files, PEM or DER. A list in the CA's name must bear the CA's signature; those of the CA's own
    /// intermediates are verified with each chain. No list may be older than the one in `current`.
    pub(super) fn load(
        files: &[PathBuf],
        ca: &X509Certificate<'_>,
        current: &Self,
    ) -> Result<Self, RevocationError> {
        let mut loaded = Self::default();
        for file in files {
            let fault = |reason| RevocationError { file: file.clone(), reason };
            for der in read(file).map_err(fault)? {
                loaded.add(&der, ca, current).map_err(fault)?;
            }
        }
        Ok(loaded)
    }

    fn add(
        &mut self,
        der: &CertificateRevocationListDer<'_>,
        ca: &X509Certificate<'_>,
        current: &Self,
    ) -> Result<(), String> {
        let (_, list) = parse_x509_crl(der).map_err(|error| format!("not a revocation list: {error}"))?;
        if list.issuer().as_raw() == ca.subject().as_raw() {
            let signed = list.verify_signature(ca.public_key());
            signed.map_err(|_| "the bureau's CA did not sign it".to_owned())?;
        }
        if let Some(number) = list.crl_number() {
            let issuer = list.issuer().as_raw().to_vec();
            if let Some(newer) = current.numbers.get(&issuer).filter(|newer| *newer > number) {
                return Err(format!("it is list {number}, older than list {newer}, which is in use"));
            }
            self.numbers.insert(issuer, number.clone());
        }
        let list = OwnedCertRevocationList::from_der(der).map_err(|error| error.to_string())?;
        self.lists.push(list.into());
        Ok(())
    }
}

fn read(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let length = std::fs::metadata(file).map_err(|error| format!("read: {error}"))?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("{length} bytes; at most {FILE_BYTES_MAX} are read"));
    }
    let bytes = std::fs::read(file).map_err(|error| format!("read: {error}"))?;
    // DER begins with a SEQUENCE's tag, which no PEM text does.
    if bytes.first() == Some(&0x30) {
        return Ok(vec![CertificateRevocationListDer::from(bytes)]);
    }
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    let lists = lists.map_err(|error| format!("not PEM: {error}"))?;
    if lists.is_empty() {
        return Err("no revocation list in it".to_owned());
    }
    Ok(lists)
}
