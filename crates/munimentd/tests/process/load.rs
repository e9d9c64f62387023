//! Services that submit one record after another all the time, and remember what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use muniment_client::{Class, Client, Prepared};
use muniment_core::verify::{Outcome, verify};
use muniment_core::{BureauNumber, LeafIndex};
use muniment_proto::submission::Level;
use tokio::task::JoinSet;

use crate::ledger::{Ledger, until};

/// Between two calls of one caller.
const PAUSE: Duration = Duration::from_millis(10);
/// Serial numbers that one caller may use up.
const SERIALS: u64 = 1_000_000;

/// A record that was acknowledged.
pub(crate) struct Acknowledged {
    pub(crate) submitter: BureauNumber,
    pub(crate) prepared: Prepared,
    pub(crate) leaf: LeafIndex,
}

/// Callers of every bureau at its own member, every second record of each waiting for its receipt.
pub(crate) struct Load {
    shared: Arc<Shared>,
    callers: JoinSet<Vec<Acknowledged>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    /// Acknowledgements by bureau.
    acknowledged: [AtomicU64; 3],
    /// Receipts that came with one.
    receipts: AtomicU64,
    /// Calls that ended without an answer, and were made again.
    unanswered: AtomicU64,
}

impl Load {
    /// Starts so many callers a bureau.
    pub(crate) fn begin(ledger: &Ledger, callers: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let mut running = JoinSet::new();
        for bureau in 0..3 {
            for caller in 0..callers {
                let mut options = ledger.options(bureau);
                // What is pinned is of no matter here, and each pin costs the disk that the members write to a flush.
                options.state_dir = None;
                // A call that breaks ends here, and is made again here.
                options.retry.attempts = 1;
                let client = Client::new(&options).expect("the options hold");
                let first = (1 + caller) * SERIALS;
                let template = ledger.access(&client, first);
                let make = move |serial: u64| numbered(&template, first + serial);
                running.spawn(call(client, bureau, make, Arc::clone(&shared)));
            }
        }
        Self { shared, callers: running }
    }

    /// Waits until every one of these bureaus has had so many further acknowledgements.
    pub(crate) async fn wait(&self, bureaus: &[usize], further: u64) {
        let count = |bureau: usize| self.shared.acknowledged[bureau].load(Ordering::SeqCst);
        let due: Vec<u64> = bureaus.iter().map(|bureau| count(*bureau) + further).collect();
        until(async || bureaus.iter().zip(&due).all(|(bureau, due)| count(*bureau) >= *due).then_some(()))
            .await;
    }

    /// Receipts that came with an acknowledgement so far, and calls without an answer.
    pub(crate) fn receipts_and_unanswered(&self) -> (u64, u64) {
        let Shared { receipts, unanswered, .. } = &*self.shared;
        (receipts.load(Ordering::SeqCst), unanswered.load(Ordering::SeqCst))
    }

    /// Lets every caller finish the record that it is at: nothing is under way after that.
    pub(crate) async fn end(mut self) -> Vec<Acknowledged> {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        while let Some(caller) = self.callers.join_next().await {
            all.extend(caller.expect("no caller failed"));
        }
        all
    }
}

/// The record of that number.
fn numbered(template: &muniment_core::v1::Record, serial: u64) -> muniment_core::v1::Record {
    let mut record = template.clone();
    if let Some(muniment_core::v1::record::Body::AccessExecuted(access)) = &mut record.body {
        access.exchange = format!("load-{}-{serial}", record.submitter);
        access.rows = serial;
    }
    record
}

async fn call(
    client: Client,
    bureau: usize,
    record: impl Fn(u64) -> muniment_core::v1::Record,
    shared: Arc<Shared>,
) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    for serial in 0..SERIALS {
        if shared.is_over.load(Ordering::SeqCst) {
            break;
        }
        let level = if serial % 2 == 0 { Level::Committed } else { Level::Cosigned };
        let prepared = client.prepare(record(serial)).expect("a valid record");
        let submitted = loop {
            match client.submit(&prepared, level).await {
                Ok(submitted) => break submitted,
                Err(error) => assert_eq!(error.class(), Class::Unavailable, "{error}"),
            }
            shared.unanswered.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(PAUSE).await;
        };
        if let Some(receipt) = submitted.receipt {
            assert_eq!(verify(&receipt.text, client.trust()).outcome, Outcome::Verified);
            shared.receipts.fetch_add(1, Ordering::SeqCst);
        }
        let leaf = submitted.place.expect("an acknowledgement names its leaf").leaf;
        let submitter = client.bureau().expect("it has one");
        acknowledged.push(Acknowledged { submitter, prepared, leaf });
        shared.acknowledged[bureau].fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(PAUSE).await;
    }
    acknowledged
}
