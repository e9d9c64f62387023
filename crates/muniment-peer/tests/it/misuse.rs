//! Certificates and handshakes that must not get in.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use muniment_core::NodeId;
use muniment_peer::tls::{Purpose, Trust, TrustError};
use muniment_raft::{Lane, Transport as _};
use rcgen::ExtendedKeyUsagePurpose;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::authority::{Authority, Issued, Wanted};
use crate::bench::{Bench, PATIENCE, Served};

const ONE: NodeId = NodeId(1);
/// What an HTTP/2 client says first: preface and empty SETTINGS (RFC 9113 3.4).
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The certificate is refused with `why`, and a call with it reaches no node.
async fn check(bench: &Bench, served: &Served, issued: &Issued, what: &str, why: &str) {
    let credentials = issued.credentials(bench.dir.path());
    let verified = credentials.identity(&served.trust, Purpose::Client);
    let told = verified.as_ref().err().map(ToString::to_string).unwrap_or_default();
    // What the port refuses by role is a good certificate elsewhere.
    assert!(verified.is_ok() == why.is_empty() && told.contains(why), "{what}: {verified:?}");
    let before = served.echo.seen.load(Ordering::SeqCst);
    let transport = bench.transport(2, issued, served.server.address());
    let call = transport.call(ONE, Lane::Urgent, Bytes::from_static(b"let me in")).await;
    // An alert, before any call went out; never only a time-out.
    let told = call.as_ref().err().map(|error| error.reason.as_str()).unwrap_or_default();
    assert!(told.contains("received fatal alert"), "{what}: {call:?}");
    assert_eq!(served.echo.seen.load(Ordering::SeqCst), before, "{what}: it reached the node");
}

async fn good(bench: &Bench, served: &Served, issued: &Issued, what: &str) {
    let transport = bench.transport(2, issued, served.server.address());
    let call = transport.call(ONE, Lane::Urgent, Bytes::from_static(b"let me in")).await;
    assert!(call.is_ok(), "{what}: {call:?}");
}

#[tokio::test]
async fn a_certificate_speaks_only_for_whom_its_own_bureau_s_ca_named_by_one_uri() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let node = bench.uri(2, "node");
    let named = Wanted::named(&node);
    let own = |wanted: &Wanted| bench.authority(2).issue(wanted);
    good(&bench, &served, &own(&named), "a good one").await;
    let ca = Wanted { is_ca: true, ..Wanted::named("spiffe://bozhou.example/node/ca") };
    good(&bench, &served, &bench.authority(2).issue_through(&ca, &named), "of the CA's own intermediate")
        .await;

    let two = Wanted { uris: vec![node.clone(), node.clone()], ..named.clone() };
    let mixed = Wanted { uris: vec![node.clone(), bench.uri(3, "node")], ..named.clone() };
    let web = Wanted { uris: vec![node.clone(), "https://bozhou.example".to_owned()], ..named.clone() };
    let common = Wanted { uris: Vec::new(), common_name: node.clone(), ..named.clone() };
    let dns = Wanted { uris: Vec::new(), dns: vec!["bozhou.example".to_owned()], ..named.clone() };
    let old = Wanted { years: (2020, 2025), ..named.clone() };
    let early = Wanted { years: (2090, 2100), ..named.clone() };
    let server_only = Wanted { usages: vec![ExtendedKeyUsagePurpose::ServerAuth], ..named.clone() };
    let a_ca = Wanted { is_ca: true, ..named.clone() };
    let holds_not = "does not hold under its bureau's CA";
    let rows = [
        ("two URIs", own(&two), "has 2 URI names"),
        ("URIs of two bureaus", own(&mixed), "has 2 URI names"),
        ("a web address beside the id", own(&web), "has 2 URI names"),
        ("only a common name", own(&common), "has 0 URI names"),
        ("only a DNS name", own(&dns), "has 0 URI names"),
        ("another scheme", own(&Wanted::named("https://bozhou.example/node/bozhou")), "is not spiffe://"),
        ("a longer path", own(&Wanted::named(&format!("{node}/x"))), "is not spiffe://"),
        ("an unknown role", own(&Wanted::named(&bench.uri(2, "root"))), "is neither node nor client"),
        ("a strange domain", own(&Wanted::named("spiffe://strange.example/node/x")), "no bureau"),
        ("the domain in capitals", own(&Wanted::named("spiffe://BOZHOU.example/node/x")), "no bureau"),
        ("expired", own(&old), "CertExpired"),
        ("not yet valid", own(&early), "CertNotValidYet"),
        ("for servers only", own(&server_only), "RequiredEkuNotFound"),
        ("a CA's certificate", own(&a_ca), "CaUsedAsEndEntity"),
        ("made by another bureau's CA", bench.authority(1).issue(&named), "UnknownIssuer"),
        ("made by a CA of the same name", Authority::new("bozhou").issue(&named), holds_not),
        ("made by the node itself", bench.authority(2).issue_through(&named, &named), holds_not),
    ];
    for (what, issued, why) in rows {
        check(&bench, &served, &issued, what, why).await;
    }
}

#[tokio::test]
async fn only_nodes_get_in_at_the_peer_port() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    for role in ["client", "admin"] {
        let issued = bench.authority(2).issue(&Wanted::named(&bench.uri(2, role)));
        check(&bench, &served, &issued, role, "").await;
    }
}

#[tokio::test]
async fn two_bureaus_can_t_share_a_ca_or_a_domain() {
    let bench = Bench::new();
    let shared = |change: fn(&mut muniment_core::founding::Founding)| {
        let mut founding = bench.founding.clone();
        change(&mut founding);
        Trust::of_founding(&founding, &Default::default()).err()
    };
    let ca = shared(|f| f.founders[1].contact.ca_certificate = f.founders[0].contact.ca_certificate.clone());
    assert!(matches!(ca, Some(TrustError::Shared(..))), "{ca:?}");
    let domain = shared(|f| f.founders[1].contact.trust_domain = f.founders[0].contact.trust_domain.clone());
    assert!(matches!(domain, Some(TrustError::Shared(..))), "{domain:?}");
    let mut founding = bench.founding.clone();
    let leaf = bench.node(1).credentials(bench.dir.path()).chain().remove(0).to_vec();
    founding.founders[0].contact.ca_certificate = leaf;
    let no_ca = Trust::of_founding(&founding, &Default::default()).err();
    assert!(matches!(no_ca, Some(TrustError::CaCertificate { .. })), "{no_ca:?}");
}

#[tokio::test]
async fn a_caller_talks_only_to_the_node_that_it_called() {
    let bench = Bench::new();
    // Node 3 sits where node 1 should be.
    let served = bench.serve(3).await;
    let transport = bench.transport(2, &bench.node(2), served.server.address());
    let call = transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.unwrap_err();
    assert!(call.reason.contains("answered, not spiffe://hefei.example/node/hefei"), "{call}");
    assert_eq!(served.echo.seen.load(Ordering::SeqCst), 0);
}

/// What a client of this configuration gets when it says hello.
async fn hello(config: ClientConfig, served: &Served) -> std::io::Result<usize> {
    let talk = async {
        let stream = TcpStream::connect(served.server.address()).await?;
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        stream.write_all(HELLO).await?;
        stream.read(&mut [0; 64]).await
    };
    tokio::time::timeout(PATIENCE, talk).await.expect("it is answered or refused")
}

/// A client that believes everybody and shows `issued`, if any.
fn gullible(issued: Option<&Issued>, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let builder = builder.expect("versions").dangerous().with_custom_certificate_verifier(Arc::new(Gullible));
    let mut config = match issued {
        Some(issued) => {
            use rustls_pki_types::pem::PemObject as _;
            let chain = CertificateDer::pem_slice_iter(issued.chain.as_bytes());
            let chain = chain.collect::<Result<Vec<_>, _>>().expect("PEM");
            let key = rustls_pki_types::PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).expect("PEM");
            builder.with_client_auth_cert(chain, key).expect("a pair")
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

#[tokio::test]
async fn no_certificate_and_tls_1_2_are_refused() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let node = bench.node(2);
    let tls13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
    let answered = hello(gullible(Some(&node), tls13), &served).await;
    assert!(answered.is_ok_and(|bytes| bytes > 0), "the same client with everything right");
    let nobody = hello(gullible(None, tls13), &served).await;
    assert!(
        nobody.as_ref().is_err_and(|error| error.to_string().contains("CertificateRequired")),
        "{nobody:?}"
    );
    let old = hello(gullible(Some(&node), &[&rustls::version::TLS12]), &served).await;
    assert!(old.as_ref().is_err_and(|error| error.to_string().contains("ProtocolVersion")), "{old:?}");
    let mut alpn = gullible(Some(&node), tls13);
    alpn.alpn_protocols = vec![b"http/1.1".to_vec()];
    let alpn = hello(alpn, &served).await;
    assert!(
        alpn.as_ref().is_err_and(|error| error.to_string().contains("NoApplicationProtocol")),
        "{alpn:?}"
    );
}

#[tokio::test]
async fn nothing_of_a_session_can_be_resumed() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let config = Arc::new(gullible(Some(&bench.node(2)), &[&rustls::version::TLS13]));
    for attempt in ["first", "second"] {
        let stream = TcpStream::connect(served.server.address()).await.expect("the port is open");
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let connector = TlsConnector::from(Arc::clone(&config));
        let mut stream = connector.connect(name, stream).await.expect("a handshake");
        stream.write_all(HELLO).await.expect("open");
        assert!(stream.read(&mut [0; 64]).await.expect("answered") > 0);
        let (_, session) = stream.get_ref();
        assert_eq!(session.handshake_kind(), Some(rustls::HandshakeKind::Full), "{attempt}");
        assert_eq!(session.tls13_tickets_received(), 0, "{attempt}");
    }
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
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
