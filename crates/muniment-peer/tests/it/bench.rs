//! Three bureaus with CAs, and nodes that echo.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use harness::ledger;
use hyper_util::rt::TokioIo;
use muniment_core::founding::Founding;
use muniment_core::{BureauNumber, LedgerId, NodeId, Suite};
use muniment_peer::tls::{AcceptOptions, Credentials, SpiffeId, Trust, client_config};
use muniment_peer::{
    GrpcTransport, LaneLimits, PeerRuntime, PeerServer, PeerServerOptions, Peers, TransportOptions,
    TransportTimings,
};
use muniment_proto::peer::v1::peer_service_client::PeerServiceClient;
use muniment_raft::PeerService;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls_pki_types::ServerName;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

use crate::authority::{Authority, Issued, Wanted};

/// Nothing on loopback takes longer, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Bureaus 1 to 3, their CAs, and a directory for files.
pub(crate) struct Bench {
    pub(crate) founding: Founding,
    pub(crate) authorities: Vec<Authority>,
    pub(crate) dir: TempDir,
    pub(crate) runtime: PeerRuntime,
}

/// Answers a message with itself. Its first byte may ask for something else.
#[derive(Default)]
pub(crate) struct Echo {
    /// Messages that reached the node.
    pub(crate) seen: AtomicU64,
}

/// Asks [`Echo`] for no answer.
pub(crate) const SILENT: &[u8] = b"-";
/// Asks [`Echo`] to hang.
pub(crate) const HANG: &[u8] = b"~";

impl PeerService for Echo {
    fn answer(&self, from: NodeId, request: Bytes) -> BoxFuture<'static, Option<Bytes>> {
        self.seen.fetch_add(1, Ordering::SeqCst);
        async move {
            match &request[..] {
                SILENT => None,
                HANG => std::future::pending().await,
                _ => Some(Bytes::from([&from.0.to_be_bytes()[7..], &request].concat())),
            }
        }
        .boxed()
    }

    fn answer_stream(&self, from: NodeId, requests: BoxStream<'static, Bytes>) -> BoxStream<'static, Bytes> {
        self.seen.fetch_add(1, Ordering::SeqCst);
        let answers = requests.then(move |request| async move {
            match &request[..] {
                HANG => std::future::pending().await,
                SILENT => None,
                _ => Some(Bytes::from([&from.0.to_be_bytes()[7..], &request].concat())),
            }
        });
        answers
            .take_while(|answer| std::future::ready(answer.is_some()))
            .filter_map(std::future::ready)
            .boxed()
    }
}

/// A node's server, what it echoed, and whom it believes.
pub(crate) struct Served {
    pub(crate) server: PeerServer,
    pub(crate) echo: Arc<Echo>,
    pub(crate) trust: Arc<Trust>,
    pub(crate) credentials: Arc<Credentials>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let mut founding = ledger::founding(Suite::Blake3, 3);
        let authority = |founder: &muniment_core::founding::Founder| Authority::new(&founder.code);
        let authorities: Vec<_> = founding.founders.iter().map(authority).collect();
        for (founder, authority) in founding.founders.iter_mut().zip(&authorities) {
            founder.contact.ca_certificate.clone_from(&authority.certificate);
        }
        founding.validate().expect("a founding file");
        let dir = tempfile::tempdir().expect("a directory");
        Self { founding, authorities, dir, runtime: PeerRuntime::start(2).expect("threads") }
    }

    /// `spiffe://<trust domain of the bureau>/<role>/<code>`.
    pub(crate) fn uri(&self, number: usize, role: &str) -> String {
        let founder = &self.founding.founders[number - 1];
        format!("spiffe://{}/{role}/{}", founder.contact.trust_domain, founder.code)
    }

    pub(crate) fn authority(&self, number: usize) -> &Authority {
        &self.authorities[number - 1]
    }

    /// A good certificate of the node of a bureau.
    pub(crate) fn node(&self, number: usize) -> Issued {
        self.authority(number).issue(&Wanted::named(&self.uri(number, "node")))
    }

    pub(crate) fn trust(&self) -> Arc<Trust> {
        Trust::of_founding(&self.founding, &BTreeMap::new()).expect("trust")
    }

    /// Trust with one file of revocation lists of bureau `number`.
    pub(crate) fn trust_with_list(&self, number: u32, list: &[u8]) -> (Arc<Trust>, PathBuf) {
        let file = self.dir.path().join(format!("bureau-{number}.crl"));
        std::fs::write(&file, list).expect("write the list");
        let files = BTreeMap::from([(BureauNumber(number), vec![file.clone()])]);
        (Trust::of_founding(&self.founding, &files).expect("trust"), file)
    }

    pub(crate) fn peers(&self, addresses: &BTreeMap<NodeId, String>) -> Arc<Peers> {
        Arc::new(Peers::of_founding(&self.founding, addresses))
    }

    /// The server of a node, with everything good, on a free port.
    pub(crate) async fn serve(&self, number: u32) -> Served {
        self.serve_with(number, self.trust(), |_| {}).await
    }

    pub(crate) async fn serve_with(
        &self,
        number: u32,
        trust: Arc<Trust>,
        change: impl FnOnce(&mut PeerServerOptions),
    ) -> Served {
        let position = usize::try_from(number).expect("small");
        let credentials = self.node(position).credentials(self.dir.path());
        let echo = Arc::new(Echo::default());
        let mut options = PeerServerOptions {
            ledger_id: self.founding.ledger_id(),
            me: NodeId(number.into()),
            peers: self.peers(&BTreeMap::new()),
            trust: Arc::clone(&trust),
            credentials: Arc::clone(&credentials),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            service: echo.clone(),
            runtime: self.runtime.handle(),
            accept: AcceptOptions::default(),
            lanes: LaneLimits::default(),
        };
        change(&mut options);
        let server = PeerServer::start(options).await.expect("a server");
        Served { server, echo, trust, credentials }
    }

    /// What a node with these credentials sends with; node 1 is at `address`.
    pub(crate) fn transport(&self, me: u64, issued: &Issued, address: SocketAddr) -> Arc<GrpcTransport> {
        self.transport_with(me, issued, address, |_| {})
    }

    pub(crate) fn transport_with(
        &self,
        me: u64,
        issued: &Issued,
        address: SocketAddr,
        change: impl FnOnce(&mut TransportOptions),
    ) -> Arc<GrpcTransport> {
        let mut options = TransportOptions {
            ledger_id: self.founding.ledger_id(),
            me: NodeId(me),
            peers: self.peers(&BTreeMap::from([(NodeId(1), address.to_string())])),
            trust: self.trust(),
            credentials: issued.credentials(self.dir.path()),
            runtime: self.runtime.handle(),
            timings: TransportTimings::default(),
        };
        change(&mut options);
        GrpcTransport::new(options).expect("a transport")
    }

    /// A connection to the server of node 1 that shows these credentials, below gRPC.
    pub(crate) async fn dial(&self, issued: &Issued, address: SocketAddr) -> TlsStream<TcpStream> {
        self.dial_as(Some(issued), address).await
    }

    /// As [`Self::dial`]; without credentials it shows none.
    pub(crate) async fn dial_as(&self, issued: Option<&Issued>, address: SocketAddr) -> TlsStream<TcpStream> {
        let expected: SpiffeId = SpiffeId::parse(&self.uri(1, "node")).expect("an id");
        let credentials = issued.cloned().unwrap_or_else(|| self.node(1)).credentials(self.dir.path());
        let mut config = client_config(&self.trust(), &credentials, expected).expect("a configuration");
        if issued.is_none() {
            Arc::make_mut(&mut config).client_auth_cert_resolver = Arc::new(Nobody);
        }
        let stream = TcpStream::connect(address).await.expect("the port is open");
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        TlsConnector::from(config).connect(name, stream).await.expect("a handshake")
    }

    /// A gRPC client that says what it likes to the server of node 1.
    pub(crate) async fn liar(&self, issued: &Issued, address: SocketAddr) -> PeerServiceClient<Channel> {
        let mut dialled = Some(TokioIo::new(self.dial(issued, address).await));
        let endpoint = Endpoint::from_static("https://liar.invalid");
        let channel = endpoint.connect_with_connector_lazy(tower::service_fn(move |_| {
            std::future::ready(dialled.take().ok_or(std::io::Error::other("dialled once")))
        }));
        PeerServiceClient::new(channel).max_encoding_message_size(usize::MAX)
    }

    pub(crate) fn ledger_id(&self) -> LedgerId {
        self.founding.ledger_id()
    }
}

/// Shows no certificate.
#[derive(Debug)]
struct Nobody;

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}"));
}
