//! What one connection, one bureau and a crowd can take of the public port.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muniment_peer::tls::{AcceptOptions, Role};
use muniment_proto::v1;
use muniment_proto::v1::ledger_service_client::LedgerServiceClient;
use muniment_service::ServiceLimits;
use tokio::time::timeout;
use tonic::Request;
use tonic::metadata::MetadataValue;

use crate::cluster::Cluster;
use crate::frames::{CALM, Frame, GOAWAY, RST_STREAM, Raw, WINDOW_UPDATE};
use crate::made_up::{access, submit};

/// Nothing on loopback takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection of bureau 1 to member 1 on which a test says what it likes.
async fn raw(cluster: &Cluster) -> Raw {
    Raw::begin(cluster.dial(cluster.authorities[0].issue(Role::Client, "raw"), 1).await).await
}

/// The code of the GOAWAY with which a connection ends.
async fn end_of(raw: &mut Raw) -> Option<u32> {
    let frames = timeout(PATIENCE, raw.rest()).await.expect("it ends");
    frames.iter().filter_map(Frame::error_code).next_back()
}

async fn closed(cluster: &Cluster, reason: &str) -> u64 {
    let (_, metrics) = cluster.get("/metrics").await;
    let name = format!("muniment_connections_closed_total{{reason=\"{reason}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{name}: {metrics}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bureau_that_has_all_its_connections_gets_no_more_and_the_others_do() {
    let accept = AcceptOptions { connections_per_bureau_max: 2, ..AcceptOptions::default() };
    let cluster = Cluster::with_accept(ServiceLimits::default(), accept).await;
    let ledger_id = cluster.ledger_id();
    let (mut first, _second) = (raw(&cluster).await, raw(&cluster).await);
    assert!(timeout(PATIENCE, first.next()).await.expect("its settings come").is_some());
    let mut third = raw(&cluster).await;
    let rest = timeout(PATIENCE, third.rest()).await.expect("it is closed");
    assert!(rest.is_empty(), "not a frame: nothing of it can have been read: {rest:?}");
    let counted = async { while closed(&cluster, "bureau").await != 1 {} };
    timeout(PATIENCE, counted).await.expect("it is counted");
    let mut other = cluster.client(2, 2).await;
    other.submit(submit(&access(&ledger_id, 2))).await.expect("another bureau, another member");
    let mut here = cluster.admin(2, 1).await;
    here.get_status(muniment_proto::admin::v1::GetStatusRequest {}).await.expect("another bureau, here");
    drop(first);
    let mut again = raw(&cluster).await;
    assert!(timeout(PATIENCE, again.next()).await.expect("a place came free").is_some());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn breaches_of_http_2_end_their_own_connection_only() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut bystander = cluster.client(1, 1).await;
    bystander.submit(submit(&access(&ledger_id, 1))).await.expect("it is written");
    let calls = |count: u32| (0..count).map(|number| 2 * number + 1);

    // Rapid reset: each call is taken back before it is looked at.
    let mut resetting = raw(&cluster).await;
    let cancel = 8_u32.to_be_bytes();
    let frames: Vec<Frame> = calls(200)
        .flat_map(|stream| [Frame::call(stream), Frame::new(RST_STREAM, stream, &cancel)])
        .collect();
    resetting.send(&frames).await;
    assert_eq!(end_of(&mut resetting).await, Some(CALM), "rapid reset");

    // The server is made to reset: a window over 2^31-1 is an error of its stream (RFC 9113 6.9.1).
    let too_wide = (u32::MAX >> 1).to_be_bytes();
    let mut breaching = raw(&cluster).await;
    let sending = async {
        for stream in calls(200) {
            breaching.send(&[Frame::call(stream), Frame::new(WINDOW_UPDATE, stream, &too_wide)]).await;
            while let Some(frame) = breaching.next().await {
                if frame.kind == RST_STREAM && frame.stream == stream {
                    break;
                }
                if frame.kind == GOAWAY {
                    return frame.error_code().map(|code| (stream, code));
                }
            }
        }
        None
    };
    let ended = timeout(PATIENCE, sending).await.expect("it ends");
    assert!(matches!(ended, Some((100..=140, CALM))), "64 errors of streams are borne: {ended:?}");
    bystander.submit(submit(&access(&ledger_id, 1))).await.expect("others go on");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_s_headers_are_bounded() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    for (bytes, fits) in [(8 * 1024, true), (15 * 1024, true), (17 * 1024, false), (60 * 1024, false)] {
        let mut request = Request::new(submit(&access(&ledger_id, 1)));
        let value = MetadataValue::try_from("v".repeat(bytes)).expect("ASCII");
        request.metadata_mut().insert("x-large", value);
        let answer = client.submit(request).await;
        assert_eq!(answer.is_ok(), fits, "{bytes} bytes: {answer:?}");
    }
    client.submit(submit(&access(&ledger_id, 1))).await.expect("the connection goes on, or another");
    assert_eq!(cluster.node(1).read_index().await.expect("a majority").size.0, 3);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_does_not_answer_pings_is_ended() {
    let second = Duration::from_secs(1);
    let limits = ServiceLimits { keepalive: second, keepalive_timeout: second, ..ServiceLimits::default() };
    let cluster = Cluster::with(limits).await;
    let mut dead = raw(&cluster).await;
    let since = Instant::now();
    dead.send(&[Frame::call(1)]).await;
    assert!(timeout(PATIENCE, dead.rest()).await.is_ok(), "it is ended");
    assert!(since.elapsed() >= second, "{:?}", since.elapsed());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_connection_is_asked_to_end_and_cut_when_it_does_not() {
    let limits = ServiceLimits {
        connection_age: Duration::from_secs(1),
        drain: Duration::from_secs(2),
        ..ServiceLimits::default()
    };
    let cluster = Cluster::with(limits).await;
    let mut old = raw(&cluster).await;
    let since = Instant::now();
    old.send(&[Frame::call(1)]).await;
    let asked = async {
        while let Some(frame) = old.next().await {
            if frame.kind == GOAWAY {
                return frame.error_code();
            }
        }
        None
    };
    assert_eq!(
        timeout(PATIENCE, asked).await.expect("it hears of it"),
        Some(0),
        "NO_ERROR: finish your calls"
    );
    assert!(since.elapsed() >= Duration::from_secs(1));
    // Its call goes on, until its time is over, too.
    timeout(PATIENCE, old.rest()).await.expect("it is cut");
    assert!(since.elapsed() >= Duration::from_secs(3), "{:?}", since.elapsed());
    assert_eq!(closed(&cluster, "age").await, 1);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_expires_ends_its_open_watch_within_5_s_and_opens_no_other() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let brief = cluster.authorities[0].issue_brief(Role::Client, "brief", 3);
    let since = Instant::now();
    let channel = cluster.channel(Arc::clone(&brief), 1).await.expect("it connects");
    let mut client = LedgerServiceClient::new(channel);
    client.submit(submit(&access(&ledger_id, 1))).await.expect("it is valid");
    let watch = client.watch_records(v1::WatchRecordsRequest::default()).await.expect("it is valid");
    let mut watch = watch.into_inner();
    let ended = async { while watch.message().await.is_ok_and(|message| message.is_some()) {} };
    timeout(Duration::from_secs(4 + 5), ended).await.expect("cut within 5 s of its end");
    assert!(since.elapsed() > Duration::from_secs(2), "not before its time: {:?}", since.elapsed());
    // The first may find the old connection closing.
    for _ in 0..2 {
        client.submit(submit(&access(&ledger_id, 1))).await.expect_err("its certificate has expired");
    }
    assert!(closed(&cluster, "handshake").await >= 1);
    let mut renewed = cluster.client(1, 1).await;
    renewed.submit(submit(&access(&ledger_id, 1))).await.expect("a new certificate is good");
    cluster.stop().await;
}
