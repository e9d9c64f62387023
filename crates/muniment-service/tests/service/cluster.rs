//! Three nodes with their servers, and clients of them.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::TryFutureExt as _;
use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use muniment_core::contact::Contact;
use muniment_core::cosignature::CosigningKey;
use muniment_core::founding::{Founder, Founding};
use muniment_core::keys::SigningKey;
use muniment_core::{BureauNumber, LedgerId, NodeId, Suite, UnixMillis};
use muniment_peer::tls::{AcceptOptions, Credentials, Role, SpiffeId, Trust, client_config};
use muniment_proto::admin::v1::cluster_service_client::ClusterServiceClient;
use muniment_proto::v1::ledger_service_client::LedgerServiceClient;
use muniment_raft::{
    Environment as _, Handle, Limits, MemoryNetwork, Node, NodeKeys, Options, OwnState, PerfectLinks,
    RateLimits, SystemEnvironment, Timings,
};
use muniment_service::{RunningServer, Server, ServerOptions, ServerTls, ServiceLimits};
use muniment_store::FileDisk;
use rustls_pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

use crate::authorities::Authority;

const ORIGIN: &str = "anhui.example/ledger/2026";
const CODES: [&str; 3] = ["hefei", "bozhou", "wuhu"];

pub(crate) type Ledger = LedgerServiceClient<Channel>;

/// A node and its server.
pub(crate) struct Member {
    pub(crate) node: Handle<SystemEnvironment>,
    pub(crate) server: RunningServer,
}

/// Three members; the directory goes with them.
pub(crate) struct Cluster {
    pub(crate) root: TempDir,
    pub(crate) founding: Founding,
    pub(crate) authorities: Vec<Authority>,
    pub(crate) trust: Arc<Trust>,
    pub(crate) members: BTreeMap<u64, Member>,
    pub(crate) limits: ServiceLimits,
    accept: AcceptOptions,
    leader_rates: RateLimits,
    network: MemoryNetwork<SystemEnvironment>,
}

/// The time on this machine.
pub(crate) fn now() -> UnixMillis {
    SystemEnvironment.now()
}

/// The key with which a bureau's node signs admissions.
pub(crate) fn admission_key(number: u32) -> SigningKey {
    SigningKey::from_seed(&[u8::try_from(number).expect("small"); 32])
}

fn cosigning_key(number: u32) -> CosigningKey {
    let name = format!("{ORIGIN}/{}", CODES[number as usize - 1]);
    let seed = [100 + u8::try_from(number).expect("small"); 32];
    CosigningKey::from_seed(Suite::Blake3, &name, &seed).expect("a key name")
}

impl Cluster {
    /// Three running members of a new ledger.
    pub(crate) async fn start() -> Self {
        Self::with(ServiceLimits::default()).await
    }

    pub(crate) async fn with(limits: ServiceLimits) -> Self {
        Self::with_accept(limits, AcceptOptions::default()).await
    }

    pub(crate) async fn with_accept(limits: ServiceLimits, accept: AcceptOptions) -> Self {
        Self::with_all(limits, accept, RateLimits::default()).await
    }

    /// Members whose leader holds each bureau to these rates.
    pub(crate) async fn with_leader_rates(rates: RateLimits) -> Self {
        Self::with_all(ServiceLimits::default(), AcceptOptions::default(), rates).await
    }

    async fn with_all(limits: ServiceLimits, accept: AcceptOptions, leader_rates: RateLimits) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let authorities: Vec<Authority> =
            CODES.iter().map(|code| Authority::new(code, root.path())).collect();
        let founder = |(number, authority): (u32, &Authority)| Founder {
            number: BureauNumber(number),
            code: CODES[number as usize - 1].to_owned(),
            region: format!("gbt2260:34{number:02}00"),
            node_id: NodeId(u64::from(number)),
            cosigning_key: cosigning_key(number).verifier_key().clone(),
            admission_key: admission_key(number).public_key().to_bytes(),
            log_key: None,
            contact: Contact {
                trust_domain: authority.trust_domain().to_owned(),
                peer_address: format!("node-{number}.example:7444"),
                client_address: format!("node-{number}.example:7443"),
                ca_certificate: authority.certificate(),
            },
        };
        let founders = (1..).zip(&authorities).map(founder).collect();
        let founding = Founding { origin: ORIGIN.to_owned(), suite: Suite::Blake3, founders };
        founding.validate().expect("a founding file");
        let trust = Trust::of_founding(&founding, &BTreeMap::new()).expect("three CAs");
        let network = MemoryNetwork::new(Arc::new(PerfectLinks));
        let members = BTreeMap::new();
        let mut cluster =
            Self { root, founding, authorities, trust, members, limits, accept, leader_rates, network };
        for number in 1..=3 {
            cluster.start_member(number).await;
        }
        cluster.node(1).initialize().await.expect("the ledger begins");
        cluster.running().await;
        cluster
    }

    /// Waits until every member runs and knows a leader.
    pub(crate) async fn running(&self) {
        for member in self.members.values() {
            member.node.wait_running().await.expect("it recovers");
            member.node.read_index().await.expect("a majority is there");
        }
    }

    pub(crate) fn data_dir(&self, number: u64) -> PathBuf {
        self.root.path().join(format!("node-{number}"))
    }

    pub(crate) async fn start_member(&mut self, number: u64) {
        let small = u32::try_from(number).expect("small");
        let options = Options {
            environment: SystemEnvironment,
            disk: Arc::new(FileDisk),
            data_dir: self.data_dir(number),
            founding: self.founding.clone(),
            node_id: NodeId(number),
            incarnation: number,
            keys: NodeKeys { admission: admission_key(small), cosigning: cosigning_key(small), log: None },
            transport: self.network.endpoint(NodeId(number)),
            notary: Arc::new(OwnState),
            rules: None,
            timings: Timings { submit: Duration::from_secs(5), ..Timings::lan() },
            limits: Limits {
                log_segment_bytes: 8 * 1024 * 1024,
                disk_reserve_bytes: 0,
                bureau_rates: self.leader_rates,
                ..Limits::default()
            },
        };
        let node = Node::start(options).await.expect("the node starts");
        self.network.attach(NodeId(number), node.service());
        let authority = &self.authorities[small as usize - 1];
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start(ServerOptions {
            node: node.clone(),
            founding: self.founding.clone(),
            lookup_dir: Some(self.data_dir(number).join("lookup")),
            limits: self.limits.clone(),
            tls: ServerTls {
                trust: Arc::clone(&self.trust),
                credentials: authority.issue(Role::Node, &format!("{number}")),
                anonymous: true,
                accept: self.accept.clone(),
            },
            public_address: any,
            internal_address: any,
        })
        .await
        .expect("the server starts");
        self.members.insert(number, Member { node, server });
    }

    /// Takes a member off the network and stops it.
    pub(crate) async fn stop_member(&mut self, number: u64) {
        let Member { node, server } = self.members.remove(&number).expect("it runs");
        self.network.detach(NodeId(number));
        server.stop().await;
        node.shutdown().await;
    }

    pub(crate) async fn stop(mut self) {
        for number in 1..=3 {
            if self.members.contains_key(&number) {
                self.stop_member(number).await;
            }
        }
    }

    pub(crate) fn node(&self, number: u64) -> &Handle<SystemEnvironment> {
        &self.members[&number].node
    }

    pub(crate) fn ledger_id(&self) -> LedgerId {
        self.founding.ledger_id()
    }

    /// The id of a member that does not lead.
    pub(crate) fn follower(&self) -> u64 {
        let leader = self.node(1).status().leader.expect("there is a leader");
        (1..=3).find(|number| *number != leader.0).expect("three members")
    }

    /// A plain HTTP/1.1 request to the internal port of member 1: status code and whole answer.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let address = self.members[&1].server.internal_address;
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
        (code, answer)
    }

    /// A client of a bureau, connected to a member.
    pub(crate) async fn client(&self, bureau: u32, member: u64) -> Ledger {
        let credentials = self.authorities[bureau as usize - 1].issue(Role::Client, "gateway");
        LedgerServiceClient::new(self.channel(credentials, member).await.expect("it connects"))
            .max_decoding_message_size(64 * 1024 * 1024)
    }

    /// An administrator of a bureau, connected to a member.
    pub(crate) async fn admin(&self, bureau: u32, member: u64) -> ClusterServiceClient<Channel> {
        let credentials = self.authorities[bureau as usize - 1].issue(Role::Admin, "operator");
        ClusterServiceClient::new(self.channel(credentials, member).await.expect("it connects"))
    }

    /// A connection under a certificate.
    pub(crate) async fn channel(
        &self,
        credentials: Arc<Credentials>,
        member: u64,
    ) -> Result<Channel, tonic::transport::Error> {
        let connect = self.connector(&credentials, member);
        let connect = tower::service_fn(move |_| connect().map_ok(TokioIo::new));
        Endpoint::from_static("http://node.example").connect_with_connector(connect).await
    }

    /// A connection under a certificate, below HTTP.
    pub(crate) async fn dial(&self, credentials: Arc<Credentials>, member: u64) -> TlsStream<TcpStream> {
        self.connector(&credentials, member)().await.expect("it connects")
    }

    fn connector(
        &self,
        credentials: &Arc<Credentials>,
        member: u64,
    ) -> impl Fn() -> BoxFuture<'static, io::Result<TlsStream<TcpStream>>> + Send + Sync + 'static {
        let authority = &self.authorities[usize::try_from(member).expect("small") - 1];
        let expected = SpiffeId::node(authority.trust_domain(), &member.to_string());
        let config = client_config(&self.trust, credentials, expected).expect("TLS 1.3");
        let address = self.members[&member].server.public_address;
        let connector = TlsConnector::from(config);
        move || {
            let connector = connector.clone();
            Box::pin(async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from("node.example").expect("a name");
                connector.connect(name, stream).await
            })
        }
    }
}
