//! A ledger of one member, and what its clients need.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harness::ledger::{access, founding, keys};
use muniment_client::{Authority, Client, IdentityFiles, Options, Prepared};
use muniment_core::founding::Founding;
use muniment_core::trust::TrustFile;
use muniment_core::{BureauNumber, NodeId, Suite, UnixMillis};
use muniment_peer::tls::{AcceptOptions, Credentials, Trust};
use muniment_raft::{
    Handle, Limits, MemoryNetwork, Node, Options as NodeOptions, OwnState, PerfectLinks, SystemEnvironment,
    Timings,
};
use muniment_service::{RunningServer, Server, ServerOptions, ServerTls, ServiceLimits};
use muniment_store::FileDisk;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};
use tempfile::TempDir;

/// Hash suite of the ledger.
const SUITE: Suite = Suite::Blake3;

/// A CA.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
    pem: String,
}

/// What a client's certificate says beside its good name.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) role: &'static str,
    pub(crate) years: (i32, i32),
    pub(crate) serial: u64,
}

/// Good as it is.
pub(crate) const GOOD: Wanted = Wanted { role: "client", years: (2020, 2100), serial: 7 };

/// One running member.
pub(crate) struct Ledger {
    dir: TempDir,
    founding: Founding,
    pub(crate) ca: Ca,
    pub(crate) trust: Arc<Trust>,
    node: Handle<SystemEnvironment>,
    server: RunningServer,
    _network: MemoryNetwork<SystemEnvironment>,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a CA");
        let (der, pem) = (certificate.der().to_vec(), certificate.pem());
        Self { issuer: Issuer::new(params, key), der, pem }
    }

    /// A certificate of the bureau's trust domain, and its key, PEM.
    fn issue(&self, wanted: Wanted) -> (String, String) {
        let Wanted { role, years, serial } = wanted;
        let mut params = CertificateParams::default();
        let uri = format!("spiffe://hefei.example/{role}/one");
        params.subject_alt_names = vec![SanType::URI(uri.try_into().expect("ASCII"))];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.serial_number = Some(SerialNumber::from(serial));
        (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// A revocation list, PEM.
    fn revoke(&self, number: u64, serials: &[u64]) -> String {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a list").pem().expect("PEM")
    }
}

impl Ledger {
    /// A ledger that takes records.
    pub(crate) async fn start(accept: AcceptOptions) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let ca = Ca::new("hefei");
        let mut founding = founding(SUITE, 1);
        founding.founders[0].contact.ca_certificate.clone_from(&ca.der);
        founding.validate().expect("a founding file");
        let list = dir.path().join("hefei.crl");
        std::fs::write(&list, ca.revoke(1, &[])).expect("write the list");
        let lists = BTreeMap::from([(BureauNumber(1), vec![list])]);
        let trust = Trust::of_founding(&founding, &lists).expect("one CA");
        std::fs::write(dir.path().join("ca.pem"), &ca.pem).expect("write the CA");
        let trust_file = TrustFile::of_founding(&founding).to_json();
        std::fs::write(dir.path().join("trust.json"), trust_file).expect("write the trust file");
        let network = MemoryNetwork::new(Arc::new(PerfectLinks));
        let node = Node::start(NodeOptions {
            environment: SystemEnvironment,
            disk: Arc::new(FileDisk),
            data_dir: dir.path().join("data"),
            founding: founding.clone(),
            node_id: NodeId(1),
            incarnation: 1,
            keys: keys(SUITE, 1),
            transport: network.endpoint(NodeId(1)),
            notary: Arc::new(OwnState),
            rules: None,
            timings: Timings::lan(),
            limits: Limits { log_segment_bytes: 1 << 20, disk_reserve_bytes: 0, ..Limits::default() },
        });
        let node = node.await.expect("it starts");
        network.attach(NodeId(1), node.service());
        node.initialize().await.expect("the ledger begins");
        node.wait_running().await.expect("it recovers");
        let (certificate, key) = write(&dir, "node", ca.issue(Wanted { role: "node", ..GOOD }));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let credentials = Credentials::load(&certificate, &key).expect("they fit");
        let tls = ServerTls { trust: Arc::clone(&trust), credentials, anonymous: false, accept };
        let server = Server::start(ServerOptions {
            node: node.clone(),
            founding: founding.clone(),
            lookup_dir: None,
            limits: ServiceLimits::default(),
            tls,
            public_address: any,
            internal_address: any,
        });
        let server = server.await.expect("it serves");
        Self { dir, founding, ca, trust, node, server, _network: network }
    }

    /// Puts a certificate where a client looks for it.
    pub(crate) fn put(&self, ca: &Ca, wanted: Wanted) -> IdentityFiles {
        let (certificate, key) = write(&self.dir, "client", ca.issue(wanted));
        IdentityFiles { certificate, key }
    }

    /// Revokes a serial number from now on; answers how many connections that cut.
    pub(crate) fn revoke(&self, number: u64, serial: u64) -> usize {
        let list = self.ca.revoke(number, &[serial]);
        std::fs::write(self.dir.path().join("hefei.crl"), list).expect("write the list");
        self.trust.reload_revocations().expect("it holds")
    }

    pub(crate) fn client(&self, identity: IdentityFiles) -> Client {
        let authorities = vec![Authority { trust_domain: None, ca: self.dir.path().join("ca.pem") }];
        let endpoints = vec![self.server.public_address.to_string()];
        let mut options = Options::new(endpoints, identity, authorities, self.dir.path().join("trust.json"));
        options.bureau = Some(BureauNumber(1));
        options.deadline = Duration::from_secs(20);
        Client::new(&options).expect("the options hold")
    }

    /// A record unlike any other, by `serial`.
    pub(crate) fn prepare(&self, client: &Client, serial: u64) -> Prepared {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let now = UnixMillis(u64::try_from(now).expect("64 bits"));
        client.prepare(access(&self.founding.ledger_id(), 1, serial, now)).expect("a valid record")
    }

    /// Leaves of the tree.
    pub(crate) async fn size(&self) -> u64 {
        self.node.read_index().await.expect("it leads").size.0
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
        self.node.shutdown().await;
    }
}

fn write(dir: &TempDir, name: &str, (certificate, key): (String, String)) -> (PathBuf, PathBuf) {
    let file = |end: &str| dir.path().join(format!("{name}.{end}"));
    std::fs::write(file("pem"), certificate).expect("write the certificate");
    std::fs::write(file("key"), key).expect("write the key");
    (file("pem"), file("key"))
}
