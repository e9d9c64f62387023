//! Certificate authorities that do whatever a test asks of them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muniment_peer::tls::Credentials;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};

/// A serial number for each certificate, whoever issues it.
static SERIAL: AtomicU64 = AtomicU64::new(1);

/// A bureau's CA, or one that claims to be.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: Vec<u8>,
}

/// A certificate as a test wants it; [`Wanted::named`] is a good one.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) uris: Vec<String>,
    pub(crate) dns: Vec<String>,
    pub(crate) common_name: String,
    pub(crate) years: (i32, i32),
    pub(crate) usages: Vec<ExtendedKeyUsagePurpose>,
    pub(crate) is_ca: bool,
    /// Seconds from now after which it expires, instead of by `years`.
    pub(crate) lives_s: Option<u64>,
}

/// A certificate and its key in files, as a node has them.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) serial: u64,
    /// PEM, leaf first.
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Wanted {
    pub(crate) fn named(uri: &str) -> Self {
        Self {
            uris: vec![uri.to_owned()],
            dns: Vec::new(),
            common_name: "node".to_owned(),
            years: (2020, 2100),
            usages: vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            is_ca: false,
            lives_s: None,
        }
    }

    fn params(&self, serial: u64) -> CertificateParams {
        let mut params = CertificateParams::new(self.dns.clone()).expect("DNS names");
        let uris = self.uris.iter().map(|uri| SanType::URI(uri.as_str().try_into().expect("ASCII")));
        params.subject_alt_names.extend(uris);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.common_name.as_str());
        params.not_before = date_time_ymd(self.years.0, 1, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        if let Some(seconds) = self.lives_s {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(now.as_secs() + seconds);
        }
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages.clone_from(&self.usages);
        if self.is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        }
        params
    }
}

impl Authority {
    /// A self-signed CA of a name; two of one name have different keys.
    pub(crate) fn new(name: &str) -> Self {
        let wanted = Wanted { uris: Vec::new(), common_name: name.to_owned(), ..Wanted::named("") };
        let params = Wanted { usages: Vec::new(), is_ca: true, ..wanted }.params(0);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").der().to_vec();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    pub(crate) fn issue(&self, wanted: &Wanted) -> Issued {
        let serial = SERIAL.fetch_add(1, Ordering::SeqCst);
        let key = KeyPair::generate().expect("a key");
        let leaf = wanted.params(serial).signed_by(&key, &self.issuer).expect("a certificate");
        Issued { serial, chain: leaf.pem(), key: key.serialize_pem() }
    }

    /// A certificate from an issuer that this CA certified, CA or not.
    pub(crate) fn issue_through(&self, intermediate: &Wanted, wanted: &Wanted) -> Issued {
        let serial = SERIAL.fetch_add(1, Ordering::SeqCst);
        let params = intermediate.params(serial);
        let key = KeyPair::generate().expect("a key");
        let between = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let under = Self { issuer: Issuer::new(params, key), certificate: Vec::new() };
        let mut issued = under.issue(wanted);
        issued.chain.push_str(&between);
        issued
    }

    /// A revocation list, PEM, in date until the first of `until`.
    pub(crate) fn revoke(&self, number: u64, until: i32, serials: &[u64]) -> String {
        self.revocation_list(number, until, serials).pem().expect("PEM")
    }

    pub(crate) fn revocation_list(
        &self,
        number: u64,
        until: i32,
        serials: &[u64],
    ) -> rcgen::CertificateRevocationList {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a list")
    }
}

impl Issued {
    /// Writes both files, the same pair each time for one `name`.
    pub(crate) fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
        std::fs::write(&certificate, &self.chain).expect("write the chain");
        std::fs::write(&key, &self.key).expect("write the key");
        (certificate, key)
    }

    pub(crate) fn credentials(&self, dir: &Path) -> std::sync::Arc<Credentials> {
        let (certificate, key) = self.write(dir, &format!("serial-{}", self.serial));
        Credentials::load(&certificate, &key).expect("credentials")
    }
}
