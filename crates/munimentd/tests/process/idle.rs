//! Ten thousand connections that ask for nothing.

use std::time::Duration;

use futures::StreamExt as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::honest::{Honest, check_memory, raft_terms};
use crate::ledger::{Ledger, say};

/// Connections to each member with a finished handshake and no request.
const IDLE: usize = 2_900;
/// Connections to each member that never begin a handshake: more than a member shakes at a time.
const SILENT: usize = 450;
/// Descriptors that this process needs beside the connections.
const SPARE: usize = 500;
/// Connections that are made at a time.
const AT_A_TIME: usize = 64;
/// How long the port's handshake time-out makes the last of the silent wait: two rounds of 256, 10 s each.
const SILENT_TIME: Duration = Duration::from_secs(20);
const SLACK: Duration = Duration::from_secs(10);

/// Raises this process's limit of descriptors; how many connections of each kind to make at each member.
fn room() -> (usize, usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current < maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("the soft limit is ours");
    }
    let limit = maximum.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let wanted = 3 * (IDLE + SILENT) + SPARE;
    if limit >= wanted {
        return (IDLE, SILENT);
    }
    let idle = (limit.saturating_sub(SPARE) / 3).saturating_sub(SILENT).max(100);
    say(&format!("FEWER IDLE CONNECTIONS: {} INSTEAD OF {wanted}, NOFILE IS {limit}", 3 * (idle + SILENT)));
    (idle, SILENT)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_cost_others_no_call_and_cause_no_election() {
    let (idle, silent) = room();
    let ledger = Ledger::begin_alone(&[]).await;
    let mut honest = Honest::begin(&ledger, &[0, 1]).await;
    let terms = raft_terms(&ledger).await;

    let wires = [0, 1, 2].map(|member| ledger.wire(2, member));
    // A member may refuse some of them; they are not counted on.
    let shaken: Vec<_> = futures::stream::iter((0..3 * idle).map(|number| wires[number % 3].clone()))
        .map(|wire| async move { wire.dial().await.ok() })
        .buffer_unordered(AT_A_TIME)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let addresses = [0, 1, 2].map(|member| ledger.endpoint(member));
    let mute: Vec<_> = futures::stream::iter((0..3 * silent).map(|number| addresses[number % 3].clone()))
        .map(|address| async move { TcpStream::connect(address).await.expect("the kernel takes it") })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    assert_eq!(mute.len(), 3 * silent);
    assert!(shaken.len() >= 3 * idle / 10, "{} of {} came about", shaken.len(), 3 * idle);

    honest.wait(200).await;
    // Who comes now waits behind those that say nothing, for no longer than their time.
    let newcomer = timeout(SILENT_TIME + SLACK, async {
        let client = ledger.wire(0, 0).channel().await.expect("a connection");
        let mut health = tonic::client::Grpc::new(client);
        health.ready().await.expect("it is served");
    });
    newcomer.await.expect("a newcomer gets in");
    honest.wait(50).await;
    assert_eq!(raft_terms(&ledger).await, terms, "an election");
    check_memory(&ledger);
}
