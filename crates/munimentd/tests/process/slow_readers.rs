//! Services that ask for much and read nothing.

use bytes::Bytes;
use futures::future::try_join_all;
use muniment_core::{RequestId, record, v1 as records};
use muniment_proto::bounds::ANSWER_BYTES_MAX;
use muniment_proto::v1;
use muniment_proto::v1::ledger_service_client::LedgerServiceClient;
use tonic::transport::Channel;

use crate::honest::{Honest, check_memory, raft_terms};
use crate::ledger::{Ledger, now, until};

/// The bureau whose services read nothing.
const BAD: usize = 2;
/// Connections to each member, and watches of each: as many as a connection has.
const CONNECTIONS: u32 = 2;
const WATCHES: u32 = 64;
/// Records for them to watch, about 1 KiB each: more than goes out unread.
const RECORDS: u64 = 6_000;
/// Records of one message or batch.
const TOGETHER: u64 = 500;
/// Records of the stream whose results nobody reads. The HTTP/2 library of such a client ends its connection before the member
/// does: it takes many small frames that are not read for an attack.
const STREAMED: u64 = 24_000;

type Service = LedgerServiceClient<Channel>;

async fn service(ledger: &Ledger, member: usize) -> Service {
    let channel = ledger.wire(BAD, member).narrow_channel().await.expect("a connection");
    LedgerServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// A record that is larger than most.
fn large(mut record: records::Record) -> records::Record {
    record.references = (0..60).map(|number| number * 1_000_000_007).collect();
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_read_nothing_are_cut_off_and_cost_the_others_nothing() {
    let ledger = Ledger::begin_alone(&[]).await;
    let client = ledger.client(BAD);
    for first in (0..RECORDS).step_by(usize::try_from(TOGETHER).expect("small")) {
        let records = (first..first + TOGETHER).map(|serial| large(ledger.access(&client, 10_000 + serial)));
        let batch = client.prepare_batch(records).expect("valid records");
        let taken = client.submit_batch(&batch, muniment_proto::submission::Level::Committed).await;
        assert!(taken.expect("they are taken").iter().all(Result::is_ok));
    }
    let mut honest = Honest::begin(&ledger, &[0, 1]).await;
    let terms = raft_terms(&ledger).await;

    let mut unread = Vec::new();
    for member in 0..3 {
        for _ in 0..CONNECTIONS {
            let service = service(&ledger, member).await;
            let opened = (0..WATCHES).map(|_| {
                let mut service = service.clone();
                async move { service.watch_records(v1::WatchRecordsRequest::default()).await }
            });
            unread.extend(try_join_all(opened).await.expect("they begin"));
        }
    }
    let mut submitter = service(&ledger, BAD).await;
    let results = submitter.submit_stream(stream(&ledger)).await.expect("it begins");
    honest.wait(200).await;
    until(async || {
        for member in 0..3 {
            let metrics = ledger.try_metrics(member).await?;
            let cut = metrics["muniment_slow_readers_total"];
            if metrics["muniment_watches"] > 0.0 || cut < f64::from(CONNECTIONS * WATCHES) {
                return None;
            }
        }
        Some(())
    })
    .await;
    honest.wait(50).await;
    assert_eq!(raft_terms(&ledger).await, terms, "an election");
    check_memory(&ledger);
    // Whoever reads after all gets what was sent, and is told why it ends.
    let mut watch = unread.swap_remove(0).into_inner();
    drop((unread, results));
    let mut last = watch.message().await;
    while let Ok(Some(_)) = last {
        last = watch.message().await;
    }
    let status = last.expect_err("it was cut off");
    assert_eq!(status.code(), tonic::Code::Aborted, "{status}");
}

/// The messages of the stream.
fn stream(ledger: &Ledger) -> impl futures::Stream<Item = v1::SubmitStreamRequest> + Send + use<> {
    let template = ledger.access(&ledger.client(BAD), 900_000);
    futures::stream::iter((0..STREAMED / TOGETHER).map(move |message| {
        let position = message * TOGETHER;
        let items = (position..position + TOGETHER).map(|serial| item(&template, serial)).collect();
        v1::SubmitStreamRequest { position, items, ..v1::SubmitStreamRequest::default() }
    }))
}

fn item(template: &records::Record, serial: u64) -> v1::StreamItem {
    let mut access = template.clone();
    if let Some(records::record::Body::AccessExecuted(access)) = &mut access.body {
        access.exchange = format!("unread-{serial}");
    }
    let mut random = [0x5a; 10];
    random[..8].copy_from_slice(&serial.to_be_bytes());
    let record = Bytes::from(record::encode(&access).expect("a valid record"));
    v1::StreamItem {
        request_id: Bytes::copy_from_slice(&RequestId::new(now(), random).0),
        record: Some(v1::NewRecord { blind: Bytes::from_static(&[7; 16]), record }),
    }
}
