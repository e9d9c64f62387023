//! `SubmitStream`: records one after another, outcomes in the same order.
//!
//! Three tasks a call. The *reader* checks what comes, and stops reading while too much is unanswered. The *writer* has one
//! group of items under way at a time: all that waits and that apply can't refuse one by one, in one admission, which is an
//! indivisible part of an entry; a decision goes alone. So nothing after an item that is not appended is appended, and the
//! order of a stream never breaks by our own doing. The *answerer* waits for cosignatures, where they were asked for, and
//! hands out results.

mod answerer;
mod reader;
mod writer;

use std::sync::Arc;

use futures::stream::BoxStream;
use muniment_core::RequestId;
use muniment_core::admission::Admission;
use muniment_core::limits::BATCH_BYTES_MAX;
use muniment_proto::submission::{Level, NewRecord};
use muniment_proto::{metadata, v1};
use muniment_raft::SubmissionOutcome;
use tokio::sync::{Semaphore, mpsc};
use tonic::{Status, Streaming};
use tracing::{Instrument as _, info_span};

use self::answerer::Answerer;
use self::reader::Reader;
use self::writer::Writer;
use crate::gate::Call;
use crate::outbox::outbox;
use crate::refused::Refused;
use crate::service::Service;

/// Records that may be unanswered.
const UNANSWERED_RECORDS_MAX: usize = 4_096;
/// Bytes of records that may be unanswered.
const UNANSWERED_BYTES_MAX: usize = 4 * BATCH_BYTES_MAX;
/// Messages with results that may wait for their reader.
const RESULTS_WAITING_MAX: usize = 4;

/// One record of the call, checked.
struct Item {
    position: u64,
    request_id: RequestId,
    record: NewRecord,
    /// Whether apply may refuse it by itself: it goes alone.
    goes_alone: bool,
}

/// What the reader hands to the writer.
enum Step {
    /// Items that the node signs for.
    Items(Vec<Item>),
    /// Items that their submitter signed for: one part.
    Signed(Vec<Item>, Admission),
    /// The call ends here.
    End(Refused),
}

/// What the writer hands to the answerer.
enum Written {
    /// A group with its outcome.
    Group { items: Vec<Item>, outcome: SubmissionOutcome },
    /// The call ends here.
    End(Refused),
}

/// How much is unanswered: the reader takes, the answerer gives back.
#[derive(Clone)]
struct Unanswered {
    records: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

impl Unanswered {
    fn new() -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { records: semaphore(UNANSWERED_RECORDS_MAX), bytes: semaphore(UNANSWERED_BYTES_MAX) }
    }

    /// Waits until there is room. A message has less than either bound.
    async fn take(&self, items: &[Item]) {
        let (records, bytes) = weight(items);
        for (semaphore, permits) in [(&self.records, records), (&self.bytes, bytes)] {
            let permits = u32::try_from(permits).unwrap_or(u32::MAX);
            if let Ok(permit) = semaphore.acquire_many(permits).await {
                permit.forget();
            }
        }
    }

    fn give_back(&self, items: &[Item]) {
        let (records, bytes) = weight(items);
        self.records.add_permits(records);
        self.bytes.add_permits(bytes);
    }
}

/// Records, and their bytes.
fn weight(items: &[Item]) -> (usize, usize) {
    (items.len(), items.iter().map(|item| item.record.bytes.len()).sum())
}

/// A refusal that ends the call at a position.
fn at(position: u64, refused: impl Into<Refused>) -> Refused {
    refused.into().with(metadata::POSITION, position)
}

/// Begins a call.
pub(crate) fn submit_stream(
    service: &Arc<Service>,
    call: Call,
    incoming: Streaming<v1::SubmitStreamRequest>,
) -> BoxStream<'static, Result<v1::SubmitStreamResponse, Status>> {
    let (outbox, stream) = outbox(RESULTS_WAITING_MAX);
    // Bounded by what may be unanswered.
    let (steps, steps_in) = mpsc::unbounded_channel();
    let (written, written_in) = mpsc::unbounded_channel();
    let (wait_for, wait_for_in) = tokio::sync::watch::channel(Level::Committed);
    let unanswered = Unanswered::new();
    let span = info_span!("record.submit", bureau = call.caller.bureau.0, stream = true);
    let caller = call.caller;
    let service = Arc::clone(service);
    let reader = Reader {
        service: Arc::clone(&service),
        caller: caller.clone(),
        unanswered: unanswered.clone(),
        wait_for,
        steps,
        next: None,
    };
    let writer = Writer {
        service: Arc::clone(&service),
        caller,
        wait_for: wait_for_in.clone(),
        steps: steps_in,
        written,
    };
    let answerer = Answerer { service, unanswered, wait_for: wait_for_in, written: written_in };
    tokio::spawn(reader.run(incoming).instrument(span.clone()));
    tokio::spawn(writer.run().instrument(span.clone()));
    tokio::spawn(answerer.run(outbox).instrument(span));
    stream
}
