//! Authenticated peers that say what they must not.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::StreamExt as _;
use muniment_core::NodeId;
use muniment_proto::peer::v1 as pb;
use muniment_raft::{Lane, Transport as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::bench::{Bench, PATIENCE, Served};

const ONE: NodeId = NodeId(1);

fn route(bench: &Bench, from: u64, to: u64) -> pb::Route {
    let ledger_id = Bytes::copy_from_slice(&bench.ledger_id().0);
    pb::Route { ledger_id, from_node_id: from, to_node_id: to }
}

fn call(route: Option<pb::Route>, lane: pb::Lane, payload: Vec<u8>) -> pb::CallRequest {
    pb::CallRequest { route, lane: lane.into(), payload: payload.into() }
}

fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// The server still serves, and has let `seen` messages through before this.
async fn still_serves(bench: &Bench, served: &Served, seen: u64) {
    assert_eq!(served.echo.seen.load(Ordering::SeqCst), seen, "a bad message reached the node");
    let transport = bench.transport(3, &bench.node(3), served.server.address());
    transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.expect("it still serves");
}

#[tokio::test]
async fn a_message_whose_route_is_not_its_own_is_refused() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let mut liar = bench.liar(&bench.node(2), served.server.address()).await;
    let good = route(&bench, 2, 1);
    let other = pb::Route { ledger_id: Bytes::from_static(&[9; 32]), ..good.clone() };
    let short = pb::Route { ledger_id: Bytes::new(), ..good.clone() };
    let (denied, invalid) = (Code::PermissionDenied, Code::InvalidArgument);
    let bulk = pb::Lane::Bulk;
    let rows = [
        ("another ledger", call(Some(other), bulk, Vec::new()), invalid, "LEDGER_ID_MISMATCH"),
        ("no ledger", call(Some(short), bulk, Vec::new()), invalid, "LEDGER_ID_MISMATCH"),
        ("another bureau's node", call(Some(route(&bench, 3, 1)), bulk, Vec::new()), denied, "NOT_PERMITTED"),
        ("this node", call(Some(route(&bench, 1, 1)), bulk, Vec::new()), denied, "NOT_PERMITTED"),
        ("an unknown node", call(Some(route(&bench, 9, 1)), bulk, Vec::new()), denied, "NOT_PERMITTED"),
        ("another addressee", call(Some(route(&bench, 2, 3)), bulk, Vec::new()), denied, "NOT_PERMITTED"),
        ("no route", call(None, bulk, Vec::new()), invalid, "INVALID_REQUEST"),
        ("no lane", call(Some(good.clone()), pb::Lane::Unspecified, Vec::new()), invalid, "INVALID_REQUEST"),
        ("5 MiB", call(Some(good.clone()), bulk, vec![0; 5 << 20]), invalid, "RECORD_TOO_LARGE"),
    ];
    for (what, message, code, why) in rows {
        let status = liar.call(message.clone()).await.expect_err(what);
        assert_eq!((status.code(), reason(&status).as_deref()), (code, Some(why)), "{what}: {status}");
        if message.lane() == bulk && why != "INVALID_REQUEST" {
            let first = pb::AppendRequest { route: message.route, payload: message.payload };
            let status = liar.append(futures::stream::iter([first])).await.expect_err(what);
            assert_eq!(reason(&status).as_deref(), Some(why), "{what}, as a stream: {status}");
        }
    }
    let enormous = liar.call(call(Some(good.clone()), bulk, vec![0; 9 << 20])).await.expect_err("9 MiB");
    assert_eq!(enormous.code(), Code::OutOfRange, "refused by its length, unread: {enormous}");
    liar.call(call(Some(good), bulk, Vec::new())).await.expect("the same connection, with everything right");
    still_serves(&bench, &served, 1).await;
}

#[tokio::test]
async fn a_node_of_another_ledger_with_the_same_bureaus_is_refused() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let transport = bench.transport_with(2, &bench.node(2), served.server.address(), |options| {
        options.ledger_id = muniment_core::LedgerId([9; 32]);
    });
    let call = transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.unwrap_err();
    assert!(call.reason.contains("of another ledger"), "{call}");
    let requests = futures::stream::iter([Bytes::from_static(b"?")]).boxed();
    let stream = transport.stream(ONE, requests).next().await.expect("an error").unwrap_err();
    assert!(stream.reason.contains("of another ledger"), "{stream}");
    still_serves(&bench, &served, 0).await;
}

#[tokio::test]
async fn a_bad_message_within_a_stream_ends_it_after_the_answers_before() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let mut liar = bench.liar(&bench.node(2), served.server.address()).await;
    let good = pb::AppendRequest { route: Some(route(&bench, 2, 1)), payload: Bytes::from_static(b"1") };
    let large = pb::AppendRequest { route: None, payload: vec![0; 5 << 20].into() };
    for (bad, why) in [(good.clone(), "INVALID_REQUEST"), (large, "RECORD_TOO_LARGE")] {
        let answers = liar.append(futures::stream::iter([good.clone(), bad])).await.expect("it opens");
        let mut answers = answers.into_inner();
        let first = answers.message().await.expect("the first stands").expect("an answer");
        assert_eq!(first.payload, Bytes::from_static(b"\x021"));
        let status = answers.message().await.expect_err("the second is bad");
        assert_eq!(reason(&status).as_deref(), Some(why), "{status}");
    }
    let empty = liar.append(futures::stream::empty()).await.expect_err("no first message");
    assert_eq!(reason(&empty).as_deref(), Some("INVALID_REQUEST"), "{empty}");
    still_serves(&bench, &served, 2).await;
}

#[tokio::test]
async fn malformed_frames_end_their_own_connection_only() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let frame = |head: &[u8], body: usize| [&preface[..], head, &vec![0xee; body][..]].concat();
    let rows: [(&str, Vec<u8>); 6] = [
        ("noise", vec![0xa5; 4096]),
        ("HTTP/1.1", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("a frame of 16 MiB", frame(&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1], 4096)),
        ("headers that can't be decoded", frame(&[0, 0, 64, 1, 4, 0, 0, 0, 1], 64)),
        ("data on no stream", frame(&[0, 0, 8, 0, 0, 0, 0, 0, 5], 8)),
        ("settings of a wrong length", frame(&[0, 0, 5, 4, 0, 0, 0, 0, 0], 5)),
    ];
    for (what, bytes) in rows {
        let mut stream = bench.dial(&bench.node(2), served.server.address()).await;
        stream.write_all(&bytes).await.expect(what);
        let mut answer = Vec::new();
        let ends = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(ends.is_ok(), "{what}: the connection stays open");
        still_serves(&bench, &served, served.echo.seen.load(Ordering::SeqCst)).await;
    }
    // gRPC's own framing, broken: a length that never comes.
    assert!(served.echo.seen.load(Ordering::SeqCst) == 6, "only the checks reached the node");
}
