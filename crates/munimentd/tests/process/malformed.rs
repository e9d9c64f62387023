//! Calls that are broken, or broken off, and a disk without room: at the public port of a process.

use bytes::Bytes;
use muniment_core::Reason;
use muniment_proto::error_report::ErrorReport;
use muniment_proto::header::Freshness;
use muniment_proto::submission::Level;
use muniment_proto::v1;
use muniment_proto::v1::ledger_service_client::LedgerServiceClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tonic::{Code, Status};
use tower::{Service as _, ServiceExt as _};

use crate::ledger::{Ledger, PATIENCE, leaf, until};

/// More than one batch may have, with all that stands around it: 1.25 MiB.
const OVERSIZE: usize = 2 << 20;
/// A reserve that no disk has.
const RESERVE: &str = "disk.reserve_bytes=4611686018427387904";
/// Elections until the one without room leads, at most: all lost once in a million runs.
const ELECTIONS_MAX: u32 = 20;

/// The status of a `GetStatistics` whose body is these bytes.
async fn framed(ledger: &Ledger, body: String) -> Status {
    let mut channel = ledger.wire(0, 0).channel().await.expect("a connection");
    let request = http::Request::post("http://node.example/muniment.v1.LedgerService/GetStatistics")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(body))
        .expect("a request");
    let answered = timeout(PATIENCE, async { channel.ready().await?.call(request).await });
    match answered.await.expect("it is answered") {
        Ok(response) => Status::from_header_map(response.headers()).unwrap_or_else(|| Status::ok("")),
        Err(error) => Status::from_error(Box::new(error)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_frames_end_their_own_call_or_connection_and_nothing_else() {
    let ledger = Ledger::begin().await;
    let good = framed(&ledger, "\0\0\0\0\0".to_owned()).await;
    assert_eq!(good.code(), Code::Ok, "an empty message: {good}");
    let rows = [
        ("no frame", String::new()),
        ("half a frame's head", "\0\0".to_owned()),
        ("a flag that there is not", "\x07\0\0\0\0".to_owned()),
        ("compressed, which nobody agreed on", "\x01\0\0\0\x02hi".to_owned()),
        ("a length of 2 GiB", "\0\x7f\x7f\x7f\x7fhi".to_owned()),
        ("a length that never comes", "\0\0\0\0\x09hi".to_owned()),
        ("bytes that are no message", "\0\0\0\0\x02\x0f\x0f".to_owned()),
    ];
    for (what, body) in rows {
        let status = framed(&ledger, body).await;
        assert_ne!(status.code(), Code::Ok, "{what}");
    }
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let frame = |head: &[u8], body: usize| [&preface[..], head, &vec![0xee; body][..]].concat();
    let rows = [
        ("a frame of 16 MiB", frame(&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1], 4096)),
        ("headers that can't be decoded", frame(&[0, 0, 64, 1, 4, 0, 0, 0, 1], 64)),
        ("data on no stream", frame(&[0, 0, 8, 0, 0, 0, 0, 0, 5], 8)),
    ];
    for (what, bytes) in rows {
        let mut stream = ledger.wire(0, 0).dial().await.expect("a connection");
        stream.write_all(&bytes).await.expect(what);
        let mut answer = Vec::new();
        let ends = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(ends.is_ok(), "{what}: the connection stays open");
    }
    let mut service = LedgerServiceClient::new(ledger.wire(0, 0).channel().await.expect("a connection"));
    let record = Bytes::from(vec![0x0a; OVERSIZE]);
    let new_record = v1::NewRecord { blind: Bytes::from_static(&[7; 16]), record };
    let request = v1::SubmitRequest { record: Some(new_record), ..v1::SubmitRequest::default() };
    let refused = service.submit(request).await.expect_err("over what is read");
    let report = ErrorReport::from_status(&refused).expect("it says why");
    assert_eq!(report.reason, Reason::RecordTooLarge);
    ledger.submit(&ledger.client(0), 2, Level::Cosigned).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_broken_off_is_in_once_as_a_whole_when_it_is_sent_again() {
    let ledger = Ledger::begin().await;
    let client = ledger.client(1);
    let mut cut = 0;
    for round in 0..20_u32 {
        let records =
            (0..200).map(|record| ledger.access(&client, 10_000 + u64::from(round) * 1_000 + record));
        let batch = client.prepare_batch(records).expect("valid records");
        // From before it is sent until after it is answered.
        let limit = std::time::Duration::from_millis(1 << (round % 6));
        cut += u32::from(timeout(limit, client.submit_batch(&batch, Level::Committed)).await.is_err());
        let results = until(async || client.submit_batch(&batch, Level::Committed).await.ok()).await;
        let leaves: Vec<_> =
            results.iter().map(|result| leaf(result.as_ref().expect("it is taken")).0).collect();
        let first = leaves[0];
        assert_eq!(leaves, (first..first + 200).collect::<Vec<_>>(), "one submission, in one piece");
    }
    assert!(cut >= 5, "{cut} of 20 were broken off");
    let statistics = client.statistics(Freshness::Linearizable).await.expect("counted");
    let submitter = statistics.by_submitter.iter().find(|count| count.submitter == 2);
    assert_eq!(submitter.map(|count| count.count), Some(20 * 200), "none is there twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_without_room_on_disk_refuses_submissions_and_reads_and_members_go_on() {
    let mut ledger = Ledger::begin().await;
    ledger.kill(0);
    ledger.start_with(0, &[RESERVE]);
    // Whoever leads instead is killed: each election is as likely to be won by the one without room.
    let mut elections = 0;
    while ledger.leader().await != 0 {
        elections += 1;
        assert!(elections <= ELECTIONS_MAX, "member 0 never leads");
        let leader = ledger.leader().await;
        if leader != 0 {
            ledger.kill(leader);
            until(async || (ledger.leader().await != leader).then_some(())).await;
            ledger.start(leader);
        }
    }
    for bureau in [0, 1] {
        let client = ledger.client(bureau);
        let prepared = client.prepare(ledger.access(&client, 50)).expect("a valid record");
        let refused = until(async || {
            let refused = client.submit(&prepared, Level::Committed).await.expect_err("there is no room");
            (refused.reason() == Some(Reason::StorageFull)).then_some(refused)
        });
        assert_eq!(refused.await.class(), muniment_client::Class::Unavailable, "bureau {bureau}");
    }
    let client = ledger.client(1);
    let before = client.statistics(Freshness::Linearizable).await.expect("reads go on");
    assert_eq!(before.by_submitter.iter().map(|count| count.count).sum::<u64>(), 1, "nothing was written");
    assert!(ledger.statuses().await.iter().all(Option::is_some), "no member has ended");
    ledger.stop(&[0]).await;
    ledger.start(0);
    let taken = ledger.submit(&ledger.client(0), 51, Level::Cosigned).await;
    assert_eq!(leaf(&taken).0, 1);
}
