//! The accept loop by itself: its time-out and its caps.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use muniment_core::NodeId;
use muniment_peer::tls::{AcceptOptions, Closed, ServerPolicy, accept, server_config};
use muniment_raft::{Lane, Transport as _};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::authority::Wanted;
use crate::bench::{Bench, PATIENCE, eventually};

const ONE: NodeId = NodeId(1);

/// Ends when the server has closed the connection.
async fn closed(stream: &mut TcpStream) {
    let mut bytes = [0; 64];
    let read = async { while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(PATIENCE, read).await.expect("the server closes it");
}

#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let bench = Bench::new();
    let served = bench
        .serve_with(1, bench.trust(), |options| options.accept.handshake_timeout = Duration::from_millis(400))
        .await;
    let since = Instant::now();
    let mut silent = TcpStream::connect(served.server.address()).await.expect("the port is open");
    closed(&mut silent).await;
    assert!(since.elapsed() >= Duration::from_millis(400), "{:?}", since.elapsed());
    assert_eq!(served.server.closed().of(Closed::HandshakeTimeout), 1);
    // The handshake is done, and then there is not a byte of HTTP.
    let mut mute = bench.dial(&bench.node(2), served.server.address()).await;
    let mut bytes = [0; 64];
    let read = async { while mute.read(&mut bytes).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(Duration::from_secs(10), read)
        .await
        .expect("it is cut long before a ping would tell");
    assert_eq!(served.server.closed().of(Closed::Silent), 1);
    let transport = bench.transport(2, &bench.node(2), served.server.address());
    transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.expect("others are served");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.expect("who spoke once may be silent");
    assert_eq!(served.server.closed().of(Closed::Silent), 1);
}

#[tokio::test]
async fn a_crowd_that_never_ends_its_handshakes_keeps_nobody_out() {
    let bench = Bench::new();
    let served = bench.serve_with(1, bench.trust(), |options| options.accept.handshakes_max = 2).await;
    let address = served.server.address();
    let since = Instant::now();
    let mut crowd = Vec::new();
    for _ in 0..2 {
        crowd.push(TcpStream::connect(address).await.expect("the port is open"));
    }
    // Young ones keep their places, and who comes is closed.
    let mut third = TcpStream::connect(address).await.expect("the port is open");
    closed(&mut third).await;
    assert!(since.elapsed() < Duration::from_secs(1), "closed at once, not after a time-out");
    let transport = bench.transport(2, &bench.node(2), address);
    while transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.is_err() {
        assert!(since.elapsed() < Duration::from_secs(8), "the slow ones don't give way");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(since.elapsed() >= Duration::from_secs(1), "the cap is not kept");
    closed(&mut crowd[0]).await;
    assert!(since.elapsed() < Duration::from_secs(9), "it gave way, long before its time-out");
    assert!(served.server.closed().of(Closed::Handshakes) >= 2, "{:?}", served.server.closed());
}

#[tokio::test]
async fn a_bureau_and_a_crowd_without_certificates_have_caps_of_their_own() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it listens");
    let (trust, credentials) = (bench.trust(), bench.node(1).credentials(bench.dir.path()));
    let policy = ServerPolicy::clients(true);
    let config = server_config(&trust, &credentials, policy).expect("TLS");
    let options = AcceptOptions {
        connections_per_bureau_max: 2,
        anonymous_connections_max: 1,
        connections_max: 5,
        ..AcceptOptions::default()
    };
    let mut incoming = accept(listener, config, trust, options);
    let counts = incoming.closed();
    let client =
        |number: usize| Some(bench.authority(number).issue(&Wanted::named(&bench.uri(number, "client"))));
    let mut open = Vec::new();
    // Bureau, whether it gets in, and why not.
    let rows = [
        (client(2), None),
        (client(2), None),
        (client(2), Some(Closed::Bureau)),
        (None, None),
        (None, Some(Closed::Anonymous)),
        (client(3), None),
        (client(3), None),
        (client(1), Some(Closed::Connections)),
    ];
    for (row, (issued, refused)) in rows.into_iter().enumerate() {
        let before = refused.map_or(0, |reason| counts.of(reason));
        let mut stream = bench.dial_as(issued.as_ref(), address).await;
        if let Some(reason) = refused {
            let read = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 64])).await.expect("it is closed");
            assert_eq!(read.expect("closed in order"), 0, "row {row}: nothing of HTTP is said");
            eventually("it is counted", || counts.of(reason) == before + 1).await;
        } else {
            let taken = tokio::time::timeout(PATIENCE, incoming.next()).await.expect("it gets in");
            open.push((stream, taken.expect("it accepts").expect("a connection")));
        }
    }
    // Who leaves makes room for its own.
    open.remove(0);
    let stream = bench.dial_as(client(2).as_ref(), address).await;
    let taken = tokio::time::timeout(PATIENCE, incoming.next()).await.expect("it gets in");
    drop((stream, taken));
}

#[tokio::test]
async fn a_full_port_closes_who_comes_and_takes_the_next_when_one_leaves() {
    let bench = Bench::new();
    let served = bench.serve_with(1, bench.trust(), |options| options.accept.connections_max = 1).await;
    let first = bench.dial(&bench.node(2), served.server.address()).await;
    let mut second = bench.dial(&bench.node(3), served.server.address()).await;
    let read = tokio::time::timeout(PATIENCE, second.read(&mut [0; 64])).await.expect("it is closed");
    assert!(!matches!(read, Ok(1..)), "the second is served: {read:?}");
    eventually("it is counted", || served.server.closed().of(Closed::Connections) == 1).await;
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
