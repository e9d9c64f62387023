//! One CA a bureau, and the certificates that it issues.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muniment_peer::tls::{Credentials, Role};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

/// A bureau's CA.
pub(crate) struct Authority {
    trust_domain: String,
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    dir: PathBuf,
}

impl Authority {
    pub(crate) fn new(code: &str, dir: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, format!("{code} CA"));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a CA");
        Self {
            trust_domain: format!("{code}.example"),
            der: certificate.der().to_vec(),
            issuer: Issuer::new(params, key),
            dir: dir.to_owned(),
        }
    }

    pub(crate) fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.der.clone()
    }

    /// Issues a certificate for a bearer of this bureau.
    pub(crate) fn issue(&self, role: Role, name: &str) -> Arc<Credentials> {
        self.issue_for(&self.trust_domain, role, name)
    }

    /// Issues a certificate, whatever it says.
    pub(crate) fn issue_for(&self, trust_domain: &str, role: Role, name: &str) -> Arc<Credentials> {
        self.sign(CertificateParams::default(), trust_domain, role, name)
    }

    /// Issues a certificate that expires in some seconds.
    pub(crate) fn issue_brief(&self, role: Role, name: &str, seconds: u64) -> Arc<Credentials> {
        let mut params = CertificateParams::default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(now.as_secs() + seconds);
        self.sign(params, &self.trust_domain, role, name)
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        trust_domain: &str,
        role: Role,
        name: &str,
    ) -> Arc<Credentials> {
        let uri = format!("spiffe://{trust_domain}/{role}/{name}");
        params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("an ASCII URI"))];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let file =
            |end: &str| self.dir.join(format!("{}-{trust_domain}-{role}-{name}.{end}", self.trust_domain));
        std::fs::write(file("crt"), certificate.pem()).expect("written");
        std::fs::write(file("key"), key.serialize_pem()).expect("written");
        Credentials::load(&file("crt"), &file("key")).expect("they fit")
    }
}
