//! Certificates and handshakes that must not get in at the ports of a process, or no longer.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muniment_peer::tls::Credentials;
use muniment_proto::v1;
use muniment_proto::v1::ledger_service_client::LedgerServiceClient;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};
use rustix::process::Signal;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::ledger::{CODES, Ledger, PATIENCE};

/// What an HTTP/2 client says first: preface and empty SETTINGS (RFC 9113 3.4).
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// Extensions of a hello: P-256, ECDSA with SHA-256.
const GROUPS_AND_SIGNATURES: &[u8] = &[0, 16, 0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3];
/// How soon a revoked certificate's connections are cut (S6).
const CUT_WITHIN: Duration = Duration::from_secs(5);

/// A certificate as a test wants it, in two PEM files.
#[derive(Clone)]
struct Wanted {
    uris: Vec<String>,
    common_name: String,
    /// Last year in which it holds.
    until: i32,
    serial: u64,
}

struct Issued {
    certificate: PathBuf,
    key: PathBuf,
}

impl Wanted {
    fn named(uri: &str) -> Self {
        Self { uris: vec![uri.to_owned()], common_name: "gateway".to_owned(), until: 2100, serial: 77 }
    }
}

impl Ledger {
    /// The CA of a bureau: `munimentd dev` leaves its key beside its certificate.
    fn authority(&self, bureau: usize) -> Issuer<'static, KeyPair> {
        let key = fs::read_to_string(self.bureau_dir(bureau).join("ca.key")).expect("the CA's key");
        let (first, rest) = CODES[bureau].split_at(1);
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let name = format!("{}{rest} (for trying things)", first.to_uppercase());
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Issuer::new(params, KeyPair::from_pem(&key).expect("a key"))
    }

    fn uri(&self, bureau: usize, role: &str) -> String {
        let domain = &self.founding.founders[bureau].contact.trust_domain;
        let name = if role == "node" { CODES[bureau] } else { "gateway" };
        format!("spiffe://{domain}/{role}/{name}")
    }

    /// A certificate by a bureau's CA, in files of that name.
    fn issue(&self, bureau: usize, name: &str, wanted: &Wanted) -> Issued {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, wanted.common_name.as_str());
        let uris = wanted.uris.iter().map(|uri| SanType::URI(uri.as_str().try_into().expect("ASCII")));
        params.subject_alt_names = uris.collect();
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(wanted.until, 1, 1));
        params.serial_number = Some(SerialNumber::from(wanted.serial));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.authority(bureau)).expect("a certificate");
        let file = |kind: &str| self.dir.path().join(format!("{}.{kind}", name.replace(' ', "-")));
        fs::write(file("pem"), certificate.pem()).expect("written");
        fs::write(file("key"), key.serialize_pem()).expect("written");
        Issued { certificate: file("pem"), key: file("key") }
    }

    /// A bureau's revocation list, PEM.
    fn revocation_list(&self, bureau: usize, number: u64, serials: &[u64]) -> String {
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
        params.signed_by(&self.authority(bureau)).expect("a list").pem().expect("PEM")
    }
}

/// A client that believes everybody and shows `issued`, if any.
fn gullible(issued: Option<&Issued>) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13]).expect("a version");
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Gullible));
    let mut config = match issued {
        None => builder.with_no_client_auth(),
        Some(Issued { certificate, key }) => {
            let chain = CertificateDer::pem_file_iter(certificate).expect("PEM").collect::<Result<_, _>>();
            let key = PrivateKeyDer::from_pem_file(key).expect("PEM");
            builder.with_client_auth_cert(chain.expect("PEM"), key).expect("a pair")
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// Bytes that such a client is answered when it says hello.
async fn hello(config: ClientConfig, address: &str) -> io::Result<usize> {
    let talk = async {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        stream.write_all(HELLO).await?;
        stream.read(&mut [0; 64]).await
    };
    timeout(PATIENCE, talk).await.expect("it is answered or refused")
}

/// Who offers TLS 1.2 and no more is told that it is the version (RFC 8446 4.2.1, 6.2: alert 70).
async fn check_tls_1_2(address: &str) {
    let hello = [&[3, 3][..], &[0x5a; 32], &[0, 0, 2, 0xc0, 0x2b, 1, 0], GROUPS_AND_SIGNATURES].concat();
    let length = u8::try_from(hello.len()).expect("a short hello");
    let record = [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat();
    let mut stream = TcpStream::connect(address).await.expect("the port is open");
    stream.write_all(&record).await.expect("sent");
    let mut answer = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the member ends it");
    assert!(ended.is_ok() && answer == [0x15, 3, 3, 0, 2, 2, 70], "{ended:?}: {answer:?}");
}

/// The client is answered where `welcome`, and gets an alert else.
async fn check(what: &str, welcome: bool, config: ClientConfig, address: &str) {
    let answered = hello(config, address).await;
    let alert = |error: &io::Error| error.to_string().contains("received fatal alert");
    let as_expected = match &answered {
        Ok(bytes) => welcome && *bytes > 0,
        Err(error) => !welcome && alert(error),
    };
    assert!(as_expected, "{what}: {answered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_bureau_s_own_certificate_of_the_right_role_gets_in_at_each_port_of_a_process() {
    let ledger = Ledger::begin().await;
    let (client, node) = (ledger.uri(1, "client"), ledger.uri(1, "node"));
    let named = Wanted::named(&client);
    let two = Wanted { uris: vec![client.clone(), ledger.uri(2, "client")], ..named.clone() };
    let common_name = Wanted { uris: Vec::new(), common_name: client, ..named.clone() };
    let public = ledger.endpoint(0);
    let rows = [
        ("a good certificate", true, 1, named.clone()),
        ("expired", false, 1, Wanted { until: 2024, ..named.clone() }),
        ("minted by another bureau's CA", false, 0, named.clone()),
        ("two URIs", false, 1, two),
        ("only a common name", false, 1, common_name),
        ("a node's", false, 1, Wanted::named(&node)),
    ];
    for (what, welcome, authority, wanted) in rows {
        let issued = ledger.issue(authority, what, &wanted);
        check(what, welcome, gullible(Some(&issued)), &public).await;
    }
    check("no certificate", false, gullible(None), &public).await;
    let good = ledger.issue(1, "good", &named);
    check_tls_1_2(&public).await;

    let peer = &ledger.founding.founders[0].contact.peer_address;
    let of_node = ledger.issue(1, "node", &Wanted::named(&node));
    check("a node's, at the peer port", true, gullible(Some(&of_node)), peer).await;
    check("a client's, at the peer port", false, gullible(Some(&good)), peer).await;
    check("no certificate, at the peer port", false, gullible(None), peer).await;
    check_tls_1_2(peer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_revoked_loses_its_open_watch_on_sighup_and_no_other_does() {
    let mut ledger = Ledger::begin().await;
    let list = ledger.dir.path().join("wuhu.crl");
    fs::write(&list, ledger.revocation_list(2, 1, &[])).expect("written");
    ledger.kill(0);
    ledger.start_with(0, &[&format!("crls=3={}", list.display())]);
    ledger.submit(&ledger.client(0), 2, muniment_proto::submission::Level::Cosigned).await;

    let mut watches = Vec::new();
    for serial in [501, 502] {
        let wanted = Wanted { serial, ..Wanted::named(&ledger.uri(2, "client")) };
        let issued = ledger.issue(2, &format!("serial {serial}"), &wanted);
        let credentials = Credentials::load(&issued.certificate, &issued.key).expect("a pair");
        let wire = ledger.wire_to(&credentials, 0, ledger.endpoint(0));
        let mut service = LedgerServiceClient::new(wire.channel().await.expect("a connection"));
        let watch = service.watch_records(v1::WatchRecordsRequest::default()).await.expect("it begins");
        let mut watch = watch.into_inner();
        watch.message().await.expect("it goes on").expect("a message");
        watches.push((watch, service, issued));
    }
    fs::write(&list, ledger.revocation_list(2, 2, &[501])).expect("written");
    let told = Instant::now();
    ledger.signal(0, Signal::HUP);
    let (cut, _, revoked) = &mut watches[0];
    let ended = async { while let Ok(Some(_)) = cut.message().await {} };
    timeout(CUT_WITHIN, ended).await.unwrap_or_else(|_| panic!("open after {:?}", told.elapsed()));
    check("revoked", false, gullible(Some(revoked)), &ledger.endpoint(0)).await;
    let (kept, service, _) = &mut watches[1];
    service.get_statistics(v1::GetStatisticsRequest::default()).await.expect("the other is served");
    ledger.submit(&ledger.client(0), 3, muniment_proto::submission::Level::Cosigned).await;
    kept.message().await.expect("it goes on").expect("a message");
}

#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
