//! The accept loop by itself: its time-out and its caps.

use std::time::{Duration, Instant};

use bytes::Bytes;
use muniment_core::NodeId;
use muniment_raft::{Lane, Transport as _};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::bench::{Bench, PATIENCE};

const ONE: NodeId = NodeId(1);

/// Ends when the server has closed the connection.
async fn closed(stream: &mut TcpStream) {
    let mut bytes = [0; 64];
    let read = async { while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(PATIENCE, read).await.expect("the server closes it");
}

#[tokio::test]
async fn who_says_nothing_is_let_go_and_holds_nobody_up_for_ever() {
    let bench = Bench::new();
    let served = bench
        .serve_with(1, bench.trust(), |options| {
            options.accept.handshake_timeout = Duration::from_millis(400);
            options.accept.handshakes_max = 1;
        })
        .await;
    let since = Instant::now();
    let mut silent = TcpStream::connect(served.server.address()).await.expect("the port is open");
    let transport = bench.transport(2, &bench.node(2), served.server.address());
    // The silent one has the only place; the caller waits for it in the kernel's queue.
    transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.expect("its turn comes");
    assert!(since.elapsed() >= Duration::from_millis(400), "it did not wait: the cap is not kept");
    closed(&mut silent).await;
    assert!(since.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_full_port_closes_who_comes_and_takes_the_next_when_one_leaves() {
    let bench = Bench::new();
    let served = bench.serve_with(1, bench.trust(), |options| options.accept.connections_max = 1).await;
    let first = bench.dial(&bench.node(2), served.server.address()).await;
    let mut second = bench.dial(&bench.node(3), served.server.address()).await;
    let read = tokio::time::timeout(PATIENCE, second.read(&mut [0; 64])).await.expect("it is closed");
    assert!(!matches!(read, Ok(1..)), "the second is served: {read:?}");
    drop(first);
    let transport = bench.transport(3, &bench.node(3), served.server.address());
    let since = Instant::now();
    while transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.is_err() {
        assert!(since.elapsed() < PATIENCE, "the place never comes free");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn failed_handshakes_never_end_the_loop() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    for _ in 0..50 {
        let mut stream = TcpStream::connect(served.server.address()).await.expect("the port is open");
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.1\r\n\r\n").await.expect("open");
        closed(&mut stream).await;
        drop(TcpStream::connect(served.server.address()).await.expect("the port is open"));
    }
    let transport = bench.transport(2, &bench.node(2), served.server.address());
    transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.expect("it still serves");
}
