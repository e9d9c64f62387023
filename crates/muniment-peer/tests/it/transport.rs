//! Calls and streams between two nodes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use muniment_core::NodeId;
use muniment_raft::{Lane, Transport as _, Unreachable};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::bench::{Bench, HANG, PATIENCE, SILENT, eventually};

const ONE: NodeId = NodeId(1);

/// Requests from a channel, and how often they were polled.
fn requests() -> (mpsc::UnboundedSender<Bytes>, futures::stream::BoxStream<'static, Bytes>, Arc<AtomicU64>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let polled = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&polled);
    let stream = futures::stream::poll_fn(move |context| {
        counter.fetch_add(1, Ordering::SeqCst);
        receiver.poll_recv(context)
    });
    (sender, stream.boxed(), polled)
}

/// A port on which nobody listens.
fn dead_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

#[tokio::test]
async fn calls_come_back_on_both_lanes() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let transport = bench.transport(2, &bench.node(2), served.server.address());
    for lane in [Lane::Urgent, Lane::Bulk] {
        let answer = transport.call(ONE, lane, Bytes::from_static(b"question")).await;
        assert_eq!(answer, Ok(Bytes::from_static(b"\x02question")), "the sender is node 2");
    }
    let large = Bytes::from(vec![7; muniment_peer::MESSAGE_BYTES_MAX - 1]);
    let answer = transport.call(ONE, Lane::Bulk, large.clone()).await.expect("4 MiB less one byte");
    assert_eq!(answer.slice(1..), large);
    let unanswered = transport.call(ONE, Lane::Urgent, Bytes::from_static(SILENT)).await.unwrap_err();
    assert_eq!(unanswered, Unreachable { to: ONE, reason: "it does not answer".to_owned() });
    let stranger = transport.call(NodeId(9), Lane::Urgent, Bytes::new()).await.unwrap_err();
    assert_eq!(stranger.reason, "it is no node of this ledger");
    let too_large = Bytes::from(vec![7; muniment_peer::MESSAGE_BYTES_MAX + 1]);
    let refused = transport.call(ONE, Lane::Bulk, too_large).await.unwrap_err();
    assert!(refused.reason.contains("is not sent"), "{refused}");
}

#[tokio::test]
async fn a_stream_answers_in_order_without_waiting_for_requests() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let transport = bench.transport(2, &bench.node(2), served.server.address());
    let (sender, stream, _) = requests();
    for number in 0_u32..200 {
        sender.send(Bytes::copy_from_slice(&number.to_be_bytes())).expect("open");
    }
    let mut answers = transport.stream(ONE, stream);
    for number in 0_u32..200 {
        let answer = answers.next().await.expect("an answer").expect("reachable");
        assert_eq!(answer[1..], number.to_be_bytes());
    }
    sender.send(Bytes::from_static(b"more")).expect("open");
    assert_eq!(answers.next().await, Some(Ok(Bytes::from_static(b"\x02more"))));
    drop(sender);
    assert_eq!(answers.next().await, None, "all is answered, nothing will come");
}

#[tokio::test]
async fn an_unreachable_peer_costs_one_request_and_no_spinning() {
    let bench = Bench::new();
    let transport = bench.transport(2, &bench.node(2), dead_address());
    let (sender, stream, polled) = requests();
    let mut answers = transport.stream(ONE, stream);
    let waits = tokio::time::timeout(Duration::from_millis(200), answers.next()).await;
    assert!(waits.is_err(), "nothing is dialled before there is a request: {waits:?}");
    assert!(polled.load(Ordering::SeqCst) > 0, "the first request is polled first");
    sender.send(Bytes::from_static(b"first")).expect("open");
    let error = answers.next().await.expect("an error").unwrap_err();
    assert!(error.reason.contains("refused"), "{error}");
    let at_error = polled.load(Ordering::SeqCst);
    assert!(sender.send(Bytes::from_static(b"second")).is_err(), "the requests were dropped with the error");
    assert_eq!(answers.next().await, None, "an error ends the stream");
    assert_eq!(polled.load(Ordering::SeqCst), at_error, "not polled after the error");
}

#[tokio::test]
async fn a_peer_that_vanishes_ends_the_stream_before_more_is_asked_of_the_caller() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let transport = bench.transport(2, &bench.node(2), served.server.address());
    let (sender, stream, polled) = requests();
    sender.send(Bytes::from_static(b"first")).expect("open");
    let mut answers = transport.stream(ONE, stream);
    assert!(matches!(answers.next().await, Some(Ok(_))));
    served.server.shutdown(PATIENCE).await;
    let error = answers.next().await.expect("an error").unwrap_err();
    let at_error = polled.load(Ordering::SeqCst);
    assert!(sender.send(Bytes::from_static(b"second")).is_err(), "dropped: {error}");
    assert_eq!(answers.next().await, None);
    assert_eq!(polled.load(Ordering::SeqCst), at_error);
}

#[tokio::test]
async fn a_peer_that_comes_back_is_dialled_again() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let address = served.server.address();
    let transport = bench.transport(2, &bench.node(2), address);
    let ask = || transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?"));
    ask().await.expect("it is there");
    served.server.shutdown(PATIENCE).await;
    // The first finds the connection that just closed, the second dials, the third must not dial again.
    let since = Instant::now();
    while !ask().await.unwrap_err().reason.contains("the last dial failed") {
        assert!(since.elapsed() < PATIENCE, "it dials without a pause");
    }
    let _again = bench.serve_with(1, bench.trust(), |options| options.listen = address).await;
    let since = Instant::now();
    while ask().await.is_err() {
        assert!(since.elapsed() < PATIENCE, "it is never found again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_peer_that_hangs_meets_a_deadline() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let transport = bench.transport_with(2, &bench.node(2), served.server.address(), |options| {
        options.timings.urgent_call = Duration::from_millis(300);
        options.timings.bulk_call = Duration::from_millis(300);
        options.timings.stream_answer = Duration::from_millis(300);
    });
    for lane in [Lane::Urgent, Lane::Bulk] {
        let call = transport.call(ONE, lane, Bytes::from_static(HANG));
        let late = tokio::time::timeout(PATIENCE, call).await.expect("a deadline").unwrap_err();
        assert!(late.reason.contains("300 ms") || late.reason.contains("expired"), "{late}");
    }
    let (sender, stream, _) = requests();
    sender.send(Bytes::from_static(b"first")).expect("open");
    let mut answers = transport.stream(ONE, stream);
    assert!(matches!(answers.next().await, Some(Ok(_))));
    let idle = tokio::time::timeout(Duration::from_millis(1000), answers.next()).await;
    assert!(idle.is_err(), "an idle stream owes nothing: {idle:?}");
    let mut answers = transport.stream(ONE, futures::stream::iter([Bytes::from_static(HANG)]).boxed());
    let late = tokio::time::timeout(PATIENCE, answers.next()).await.expect("a deadline");
    assert_eq!(late.expect("an error").unwrap_err().reason, "no answer within 300 ms");

    // The connection lives on, and the caller's requests with it, unless the gate is shut.
    let (sender, stream, polled) = requests();
    sender.send(Bytes::from_static(HANG)).expect("open");
    let mut answers = transport.stream(ONE, stream);
    let late = answers.next().await.expect("an error");
    let at_error = polled.load(Ordering::SeqCst);
    assert!(sender.send(Bytes::from_static(b"second")).is_err(), "dropped before the error: {late:?}");
    assert_eq!(answers.next().await, None);
    assert_eq!(polled.load(Ordering::SeqCst), at_error);
}

#[tokio::test]
async fn small_messages_don_t_wait_for_each_other() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let transport = bench.transport(2, &bench.node(2), served.server.address());
    let ask = || transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?"));
    ask().await.expect("connected");
    let since = Instant::now();
    for _ in 0..100 {
        ask().await.expect("reachable");
    }
    // Nagle's algorithm on either side makes it 40 ms a call and more.
    assert!(since.elapsed() < Duration::from_secs(3), "{:?} for 100 calls", since.elapsed());
}

/// A link that can go dead without a word, as one does when a router vanishes.
struct Link {
    address: SocketAddr,
    /// Connections of an earlier age carry nothing.
    age: Arc<AtomicU64>,
}

impl Link {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let age = Arc::new(AtomicU64::new(0));
        let now = Arc::clone(&age);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(server).await.expect("the server is there");
                let born = now.load(Ordering::SeqCst);
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(carry(near_in, far_out, Arc::clone(&now), born));
                tokio::spawn(carry(far_in, near_out, Arc::clone(&now), born));
            }
        });
        Self { address, age }
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, age: Arc<AtomicU64>, born: u64) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if age.load(Ordering::SeqCst) > born {
            std::future::pending::<()>().await;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_dead_link_is_noticed_and_replaced() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let link = Link::to(served.server.address()).await;
    let transport = bench.transport_with(2, &bench.node(2), link.address, |options| {
        // Only the pings are left to notice it.
        options.timings.stream_answer = Duration::from_secs(600);
        options.timings.bulk_call = Duration::from_secs(600);
    });
    let (sender, stream, _) = requests();
    sender.send(Bytes::from_static(b"first")).expect("open");
    let mut answers = transport.stream(ONE, stream);
    assert!(matches!(answers.next().await, Some(Ok(_))));
    link.age.fetch_add(1, Ordering::SeqCst);
    let noticed = tokio::time::timeout(Duration::from_secs(15), answers.next()).await;
    assert!(matches!(noticed, Ok(Some(Err(_)))), "{noticed:?}");
    let since = Instant::now();
    while transport.call(ONE, Lane::Bulk, Bytes::from_static(b"?")).await.is_err() {
        assert!(since.elapsed() < PATIENCE, "it is never dialled again");
    }
}

#[tokio::test]
async fn shutdown_has_a_deadline_of_its_own_and_frees_the_port() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let address = served.server.address();
    let transport = bench.transport(2, &bench.node(2), address);
    let hanging = tokio::spawn(transport.call(ONE, Lane::Bulk, Bytes::from_static(HANG)));
    let echo = Arc::clone(&served.echo);
    eventually("the call arrives", || echo.seen.load(Ordering::SeqCst) == 1).await;
    let since = Instant::now();
    served.server.shutdown(Duration::from_millis(300)).await;
    assert!(since.elapsed() < Duration::from_secs(5), "a hanging call holds nothing up");
    let cut = tokio::time::timeout(Duration::from_secs(5), hanging).await.expect("the call is cut");
    assert!(cut.expect("a task").is_err());
    std::net::TcpListener::bind(address).expect("the port is free");
}

#[tokio::test]
async fn the_port_is_closed_while_calls_still_finish() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let address = served.server.address();
    let transport = bench.transport(2, &bench.node(2), address);
    let hanging = tokio::spawn(transport.call(ONE, Lane::Bulk, Bytes::from_static(HANG)));
    let echo = Arc::clone(&served.echo);
    eventually("the call arrives", || echo.seen.load(Ordering::SeqCst) == 1).await;
    let draining = tokio::spawn(served.server.shutdown(PATIENCE));
    eventually("nobody new is let in", || std::net::TcpStream::connect(address).is_err()).await;
    assert!(!draining.is_finished() && !hanging.is_finished(), "the call is still waited for");
    hanging.abort();
    tokio::time::timeout(Duration::from_secs(10), draining).await.expect("it ends").expect("a task");
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let bench = Bench::new();
    let served = bench.serve_with(1, bench.trust(), |options| options.lanes.calls_max = 1).await;
    let transport = bench.transport(2, &bench.node(2), served.server.address());
    let hanging = tokio::spawn(transport.call(ONE, Lane::Bulk, Bytes::from_static(HANG)));
    let echo = Arc::clone(&served.echo);
    eventually("the call arrives", || echo.seen.load(Ordering::SeqCst) == 1).await;
    let full = transport.call(ONE, Lane::Bulk, Bytes::from_static(b"?")).await.unwrap_err();
    assert!(full.reason.contains("queue of the Bulk lane is full"), "{full}");
    transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.expect("the other lane is free");
    hanging.abort();
    let since = Instant::now();
    while transport.call(ONE, Lane::Bulk, Bytes::from_static(b"?")).await.is_err() {
        assert!(since.elapsed() < PATIENCE, "a cancelled call gives its place back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
