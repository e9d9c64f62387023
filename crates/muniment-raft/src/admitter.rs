//! Signs what this node's own submitters hand in: one admission for all that waits, one at a time.

use std::collections::VecDeque;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use muniment_core::Suite;
use muniment_core::admission::{self, Admission};
use muniment_core::batch::{BATCH_HEADER_LENGTH, SubmittedRecord, encode_admission_part};
use muniment_core::digest::record_digest;
use muniment_core::keys::SigningKey;
use muniment_core::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, RECORD_BYTES_MAX};
use tokio::sync::{mpsc, oneshot};

use crate::environment::Environment;
use crate::lifecycle::Lifecycle;
use crate::proposer::PartResult;
use crate::router::Router;
use crate::submission::{Refusal, SignedPart, Submission, SubmissionOutcome, Wait};

/// Admissions on their way at once, while each is full.
const IN_FLIGHT_MAX: usize = 8;
/// Bytes of a part beside its records: type, length, counts, root, key, signature.
const PART_OVERHEAD: usize = 256;
/// Bytes of one submission's line in an admission, and of a record's blind and length.
const SUBMISSION_OVERHEAD: usize = 20;

/// Submissions that wait to be signed, all in one admission: alone, or a group whose order must hold.
pub(crate) struct Waiting {
    pub(crate) submissions: Vec<Submission>,
    pub(crate) done: oneshot::Sender<PartResult>,
}

impl Waiting {
    fn weight(&self) -> usize {
        self.submissions.iter().map(weight).sum()
    }

    fn records(&self) -> usize {
        self.submissions.iter().map(|submission| submission.records.len()).sum()
    }
}

/// Signs and sends; one task a node.
pub(crate) struct Admitter<R: Environment> {
    pub(crate) submissions: mpsc::UnboundedReceiver<Waiting>,
    pub(crate) router: Router<R>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) key: SigningKey,
    pub(crate) suite: Suite,
    pub(crate) origin: String,
    pub(crate) queue: VecDeque<Waiting>,
}

/// What a submission takes in a part, in bytes.
fn weight(submission: &Submission) -> usize {
    let records: usize =
        submission.records.iter().map(|record| SUBMISSION_OVERHEAD + record.bytes.len()).sum();
    SUBMISSION_OVERHEAD + records
}

/// Refuses what no entry could hold together.
pub(crate) fn check(submissions: &[Submission]) -> Result<(), Refusal> {
    let too_large = |what, found, limit| Err(Refusal::TooLarge { what, found, limit });
    if submissions.is_empty() || submissions.iter().any(|submission| submission.records.is_empty()) {
        return Err(Refusal::Empty);
    }
    let mut records = submissions.iter().flat_map(|submission| &submission.records);
    let count = records.clone().count();
    if count > BATCH_RECORDS_MAX {
        return too_large("records in one submission", count, BATCH_RECORDS_MAX);
    }
    if let Some(large) = records.find(|record| record.bytes.len() > RECORD_BYTES_MAX) {
        return too_large("bytes of one record", large.bytes.len(), RECORD_BYTES_MAX);
    }
    let limit = BATCH_BYTES_MAX - BATCH_HEADER_LENGTH - PART_OVERHEAD;
    let weight = submissions.iter().map(weight).sum();
    if weight > limit {
        return too_large("bytes of one submission", weight, limit);
    }
    Ok(())
}

impl<R: Environment> Admitter<R> {
    /// Works until the node is over.
    pub(crate) async fn run(mut self) {
        let mut flights: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
        loop {
            while let Some(group) = self.next_group(flights.len()) {
                flights.push(self.send(group));
            }
            let mut over = std::pin::pin!(self.lifecycle.over().fuse());
            futures::select_biased! {
                () = over => return,
                () = flights.select_next_some() => {}
                waiting = self.submissions.recv().fuse() => match waiting {
                    Some(waiting) => self.queue.push_back(waiting),
                    None => return,
                },
            }
            while let Ok(waiting) = self.submissions.try_recv() {
                self.queue.push_back(waiting);
            }
        }
    }

    /// All that waits and fits one part, if one may go out now: the first always, another beside it only if full.
    fn next_group(&mut self, in_flight: usize) -> Option<Vec<Waiting>> {
        let (mut count, mut bytes, mut records) = (0, BATCH_HEADER_LENGTH + PART_OVERHEAD, 0);
        for waiting in &self.queue {
            bytes += waiting.weight();
            records += waiting.records();
            if count > 0 && (bytes > BATCH_BYTES_MAX || records > BATCH_RECORDS_MAX) {
                break;
            }
            count += 1;
        }
        let is_full = count < self.queue.len();
        let may_go = count > 0 && (in_flight == 0 || (is_full && in_flight < IN_FLIGHT_MAX));
        may_go.then(|| self.queue.drain(..count).collect())
    }

    fn send(&self, group: Vec<Waiting>) -> BoxFuture<'static, ()> {
        let part = self.sign(&group);
        let router = self.router.clone();
        Box::pin(async move {
            let result = router.deliver(part).await;
            hand_out(group, &result);
        })
    }

    fn sign(&self, group: &[Waiting]) -> SignedPart {
        let in_order = || group.iter().flat_map(|waiting| &waiting.submissions);
        let records: Vec<SubmittedRecord<'_>> = in_order()
            .flat_map(|submission| &submission.records)
            .map(|record| SubmittedRecord { blind: record.blind, bytes: &record.bytes })
            .collect();
        let submissions = in_order()
            .map(|submission| admission::Submission {
                request_id: submission.request_id,
                count: u32::try_from(submission.records.len()).expect("check bounds a submission"),
            })
            .collect();
        let digests = records.iter().map(|record| record_digest(self.suite, &record.blind, record.bytes));
        let admission = Admission::sign(self.suite, &self.origin, &self.key, submissions, digests);
        let wait = in_order().map(|submission| submission.wait).max().unwrap_or(Wait::Committed);
        SignedPart {
            bytes: encode_admission_part(&admission, &records).into(),
            records: u32::try_from(records.len()).expect("next_group bounds a part"),
            wait,
        }
    }
}

/// Gives each submission, or group, its own records' outcomes.
fn hand_out(group: Vec<Waiting>, result: &PartResult) {
    let mut first = 0;
    for waiting in group {
        let end = first + waiting.records();
        let answer = result.clone().map(|whole| SubmissionOutcome {
            outcomes: whole.outcomes.get(first..end).unwrap_or_default().to_vec(),
            ..whole
        });
        first = end;
        // A submitter that went away asks again with the same request id.
        drop(waiting.done.send(answer));
    }
}
