//! A bureau's certificate authority, for trying things: its key lies beside its certificate.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};

/// A CA.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub(super) fn new(name: &str) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("{name} (for trying things)"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().context("draw a CA's key")?;
        let pem = params.self_signed(&key).context("make a CA certificate")?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// Writes `ca.pem` and `ca.key`.
    ///
    /// # Errors
    /// What the disk answers.
    pub(super) fn write(&self, dir: &Path) -> anyhow::Result<()> {
        write(&dir.join("ca.pem"), &self.pem)?;
        write(&dir.join("ca.key"), &self.issuer.key().serialize_pem())
    }

    /// Issues a certificate for one SPIFFE id into `<name>.pem` and `<name>.key`. Nodes answer on loopback too.
    ///
    /// # Errors
    /// What the disk answers.
    pub(super) fn issue(&self, dir: &Path, name: &str, id: &str) -> anyhow::Result<()> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
            .context("name loopback")?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names.push(SanType::URI(id.try_into().context("name a SPIFFE id")?));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().context("draw a key")?;
        let certificate = params.signed_by(&key, &self.issuer).context("issue a certificate")?;
        write(&dir.join(format!("{name}.pem")), &certificate.pem())?;
        write(&dir.join(format!("{name}.key")), &key.serialize_pem())
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
