//! Three real nodes on real files over this transport.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use harness::ledger;
use muniment_core::{NodeId, Suite};
use muniment_peer::{GrpcTransport, PeerServer, PeerServerOptions, TransportOptions, TransportTimings};
use muniment_raft::{
    Environment as _, Handle, Limits, Node, Options, OwnState, Role, SystemEnvironment, Timings, Wait,
};
use muniment_store::FileDisk;

use crate::bench::{Bench, PATIENCE, eventually};

type Member = (Handle<SystemEnvironment>, PeerServer);

/// A free port for each node; somebody else could take one before its node does, which a test would see.
fn addresses() -> BTreeMap<NodeId, String> {
    let listeners: Vec<_> =
        (0..3).map(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    let address = |listener: &std::net::TcpListener| listener.local_addr().expect("an address").to_string();
    (1..).map(NodeId).zip(listeners.iter().map(address)).collect()
}

/// Starts a node as a process would: transport, node, server.
async fn start(bench: &Bench, addresses: &BTreeMap<NodeId, String>, number: u32, data_dir: &Path) -> Member {
    let id = NodeId(number.into());
    let (peers, trust) = (bench.peers(addresses), bench.trust());
    let credentials = bench.node(usize::try_from(number).expect("small")).credentials(bench.dir.path());
    let transport = GrpcTransport::new(TransportOptions {
        ledger_id: bench.ledger_id(),
        me: id,
        peers: Arc::clone(&peers),
        trust: Arc::clone(&trust),
        credentials: Arc::clone(&credentials),
        runtime: bench.runtime.handle(),
        timings: TransportTimings::default(),
    });
    let options = Options {
        environment: SystemEnvironment,
        disk: Arc::new(FileDisk),
        data_dir: data_dir.join(number.to_string()),
        founding: bench.founding.clone(),
        node_id: id,
        incarnation: number.into(),
        keys: ledger::keys(Suite::Blake3, number),
        transport: transport.expect("a transport"),
        notary: Arc::new(OwnState),
        rules: None,
        timings: Timings::lan(),
        limits: Limits { log_segment_bytes: 8 << 20, disk_reserve_bytes: 0, ..Limits::default() },
    };
    let node = bench.runtime.handle().spawn(Node::start(options)).await.expect("a task").expect("it starts");
    let server = PeerServer::start(PeerServerOptions {
        ledger_id: bench.ledger_id(),
        me: id,
        peers,
        trust,
        credentials,
        listen: addresses[&id].parse::<SocketAddr>().expect("an address"),
        service: node.service(),
        runtime: bench.runtime.handle(),
        accept: Default::default(),
        lanes: Default::default(),
    });
    (node, server.await.expect("a server"))
}

/// Submits through `member` until it is acknowledged, and waits for the bureaus' signatures.
async fn submit(bench: &Bench, member: &Handle<SystemEnvironment>, serial: u64) -> usize {
    let number = u32::try_from(member.node_id().0).expect("small");
    let now = SystemEnvironment.now();
    let submission = ledger::submission(&bench.ledger_id(), number, serial, 20, now, Wait::Cosigned);
    let acknowledge = async {
        loop {
            // The same request id and bytes each time: a node that finds no leader yet is asked again.
            match member.submit_local(submission.clone()).await {
                Ok(outcome) => return outcome,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let outcome = tokio::time::timeout(PATIENCE, acknowledge).await.expect("acknowledged");
    member.wait_cosigned(outcome.size).await.expect("cosigned");
    outcome.outcomes.len()
}

async fn one_leader(members: &[&Handle<SystemEnvironment>]) -> NodeId {
    let leaders = || -> Vec<_> {
        members.iter().filter(|member| member.status().role == Role::Leader).map(|m| m.node_id()).collect()
    };
    eventually("a leader that all know", || {
        let known = members.iter().map(|member| member.status().leader);
        matches!(leaders()[..], [leader] if known.into_iter().all(|known| known == Some(leader)))
    })
    .await;
    leaders()[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_elect_submit_cosign_and_survive_the_loss_and_return_of_their_leader() {
    let bench = Bench::new();
    let addresses = addresses();
    let mut members = BTreeMap::new();
    for number in 1..=3 {
        members.insert(NodeId(number.into()), start(&bench, &addresses, number, bench.dir.path()).await);
    }
    members[&NodeId(1)].0.initialize().await.expect("it begins");
    let leader = one_leader(&members.values().map(|(node, _)| node).collect::<Vec<_>>()).await;
    let mut leaves = 0;
    for (serial, (node, _)) in (1..).zip(members.values()) {
        node.wait_running().await.expect("it runs");
        leaves += submit(&bench, node, serial).await;
    }

    let (node, server) = members.remove(&leader).expect("it runs");
    server.shutdown(Duration::from_secs(1)).await;
    node.shutdown().await;
    let next = one_leader(&members.values().map(|(node, _)| node).collect::<Vec<_>>()).await;
    assert_ne!(next, leader);
    for (serial, (node, _)) in (10..).zip(members.values()) {
        leaves += submit(&bench, node, serial).await;
    }

    let number = u32::try_from(leader.0).expect("small");
    let (node, server) = start(&bench, &addresses, number, bench.dir.path()).await;
    node.wait_running().await.expect("it recovers");
    leaves += submit(&bench, &node, 20).await;
    members.insert(leader, (node, server));
    assert_eq!(leaves, 120);
    let sizes = || members.values().map(|(node, _)| node.status()).map(|s| (s.size.0, s.alarms.len()));
    eventually("every member has every leaf and no alarm", || {
        sizes().all(|(size, alarms)| size >= 120 && alarms == 0)
    })
    .await;
    for (node, server) in members.into_values() {
        server.shutdown(Duration::from_secs(1)).await;
        node.shutdown().await;
    }
}
