//! One bureau's services send more than they may; how much is left to the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use muniment_core::{RequestId, record, v1 as records};
use muniment_proto::v1;
use muniment_proto::v1::ledger_service_client::LedgerServiceClient;

use crate::honest::{Honest, check_memory, raft_terms};
use crate::ledger::{Ledger, now};
use crate::wire::Wire;

/// The bureau that floods, at its own member.
const BAD: usize = 2;
/// Records a second that a bureau may write through its member; the honest ones stay below.
const RATE: &str = "rate.records_per_second=400";
const CONNECTIONS: u64 = 8;
/// Calls under way on each connection, all the time: batches and streams by turns.
const CALLS: u64 = 8;
/// Records of one batch, and of one message of a stream.
const RECORDS: u64 = 50;
/// How long the others' throughput is measured at a time, and how often with and without the flood, by turns.
const WINDOW: Duration = Duration::from_secs(3);
const ROUNDS: u32 = 3;

/// A flood on threads of its own. It ends when it is told to.
struct Flood {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Flood {
    fn begin(wire: Wire, template: records::Record, sent: Arc<AtomicU64>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let connections = (0..CONNECTIONS).map(|_| connection(&wire, &template, &told, &sent));
            runtime.expect("threads").block_on(join_all(connections));
        });
        Self { is_over, thread }
    }

    fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().expect("it did not fail");
    }
}

/// One connection with its calls. What they are answered is of no matter to them.
async fn connection(wire: &Wire, template: &records::Record, is_over: &AtomicBool, sent: &AtomicU64) {
    let Ok(channel) = wire.channel().await else { return };
    let calls = (0..CALLS).map(|call| {
        let mut service = LedgerServiceClient::new(channel.clone());
        async move {
            while !is_over.load(Ordering::SeqCst) {
                let first = sent.fetch_add(RECORDS, Ordering::SeqCst);
                let records = (first..first + RECORDS).map(|serial| new_record(template, serial));
                if call % 2 == 0 {
                    let records = records.collect();
                    let request_id = request_id(first);
                    let batch = v1::SubmitBatchRequest { request_id, records, ..Default::default() };
                    drop(service.submit_batch(batch).await);
                } else {
                    let item = |(serial, record)| v1::StreamItem {
                        request_id: request_id(serial),
                        record: Some(record),
                    };
                    let items = (first..).zip(records).map(item).collect();
                    let message = v1::SubmitStreamRequest { items, ..Default::default() };
                    let answers = service.submit_stream(futures::stream::iter([message])).await;
                    // One result is enough to send the next.
                    if let Ok(answers) = answers {
                        drop(answers.into_inner().message().await);
                    }
                }
            }
        }
    });
    join_all(calls).await;
}

fn request_id(serial: u64) -> Bytes {
    let mut random = [0x66; 10];
    random[..8].copy_from_slice(&serial.to_be_bytes());
    Bytes::copy_from_slice(&RequestId::new(now(), random).0)
}

fn new_record(template: &records::Record, serial: u64) -> v1::NewRecord {
    let mut access = template.clone();
    if let Some(records::record::Body::AccessExecuted(access)) = &mut access.body {
        access.exchange = format!("flood-{serial}");
    }
    let record = Bytes::from(record::encode(&access).expect("a valid record"));
    v1::NewRecord { blind: Bytes::from_static(&[7; 16]), record }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bureau_that_floods_its_member_leaves_the_others_nine_tenths_of_their_throughput() {
    let ledger = Ledger::begin_alone(&[RATE]).await;
    let mut honest = Honest::begin(&ledger, &[0, 1]).await;
    let terms = raft_terms(&ledger).await;
    let sent = Arc::new(AtomicU64::new(0));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(honest.throughput(WINDOW).await);
        let template = ledger.access(&ledger.client(BAD), 1);
        let flood = Flood::begin(ledger.wire(BAD, BAD), template, Arc::clone(&sent));
        with.push(honest.throughput(WINDOW).await);
        // It waits for answers that are under way.
        tokio::task::spawn_blocking(|| flood.end()).await.expect("it ends");
    }
    let metrics = ledger.try_metrics(BAD).await.expect("the member answers");
    let refused = metrics.get("muniment_rate_limited_total{bureau=\"3\"}").copied().unwrap_or_default();
    let sum = |rates: &[f64]| rates.iter().sum::<f64>();
    let sent = sent.load(Ordering::SeqCst);
    let told = format!(
        "calls a second without {without:.0?}, with {with:.0?}; {sent} records sent by the flood, {refused} refusals"
    );
    assert!(refused > 100.0, "no flood: {told}");
    assert!(sum(&with) >= 0.9 * sum(&without), "{told}");
    assert_eq!(raft_terms(&ledger).await, terms, "an election");
    check_memory(&ledger);
}
