//! The writer of a call: one group under way at a time, tried again until its outcome is known.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use muniment_core::Reason;
use muniment_core::admission::Admission;
use muniment_core::limits::BATCH_RECORDS_MAX;
use muniment_ledger::Outcome;
use muniment_proto::submission::{Level, SUBMISSION_BYTES_MAX, SUBMISSION_OVERHEAD};
use muniment_raft::SubmissionOutcome;
use tokio::sync::{mpsc, watch};

use super::{Item, Step, Written, at, weight};
use crate::admit::{self, Candidates};
use crate::caller::Caller;
use crate::deadline::Deadline;
use crate::refused::{Answer, Refused};
use crate::service::Service;

/// Between two tries where the refusal says no delay.
const PAUSE: Duration = Duration::from_millis(50);

/// Writes one call.
pub(super) struct Writer {
    pub(super) service: Arc<Service>,
    pub(super) caller: Caller,
    pub(super) wait_for: watch::Receiver<Level>,
    pub(super) steps: mpsc::UnboundedReceiver<Step>,
    pub(super) written: mpsc::UnboundedSender<Written>,
}

/// Items that go together.
struct Group {
    items: Vec<Item>,
    admission: Option<Admission>,
}

/// What was read and is not yet under way.
#[derive(Default)]
struct Waiting {
    unsigned: VecDeque<Item>,
    /// What comes after `unsigned`.
    then: Option<Step>,
}

impl Waiting {
    fn take(&mut self, step: Step) {
        match step {
            Step::Items(items) => self.unsigned.extend(items),
            step @ (Step::Signed(..) | Step::End(_)) => self.then = Some(step),
        }
    }

    /// The items in front that may go together. A single item always fits.
    fn next_group(&mut self) -> Vec<Item> {
        let (mut count, mut bytes) = (0, 0);
        for item in &self.unsigned {
            bytes += SUBMISSION_OVERHEAD + item.record.weight();
            let is_full = count == BATCH_RECORDS_MAX || bytes > SUBMISSION_BYTES_MAX;
            if count > 0 && (item.goes_alone || is_full) {
                break;
            }
            count += 1;
            if item.goes_alone {
                break;
            }
        }
        self.unsigned.drain(..count).collect()
    }
}

impl Writer {
    /// Writes until all is written, an item is not appended, or nobody waits for results.
    pub(super) async fn run(mut self) {
        let mut waiting = Waiting::default();
        loop {
            let group = match self.next(&mut waiting).await {
                Some(Ok(group)) => group,
                Some(Err(refused)) => {
                    self.hand_on(Written::End(refused));
                    return;
                }
                None => return,
            };
            if !self.write(group).await {
                return;
            }
        }
    }

    /// The next group; why the call ends; none when all is written.
    async fn next(&mut self, waiting: &mut Waiting) -> Option<Result<Group, Refused>> {
        loop {
            while waiting.then.is_none() {
                match self.steps.try_recv() {
                    Ok(step) => waiting.take(step),
                    Err(_) => break,
                }
            }
            let items = waiting.next_group();
            if !items.is_empty() {
                return Some(Ok(Group { items, admission: None }));
            }
            match waiting.then.take() {
                Some(Step::Signed(items, admission)) => {
                    return Some(Ok(Group { items, admission: Some(admission) }));
                }
                Some(Step::End(refused)) => return Some(Err(refused)),
                Some(Step::Items(items)) => waiting.unsigned.extend(items),
                None => waiting.take(self.steps.recv().await?),
            }
        }
    }

    /// Writes a group and hands on its outcomes, up to the first item that is not appended; false if the call ends.
    async fn write(&mut self, group: Group) -> bool {
        let Group { mut items, admission } = group;
        let first = items.first().map_or(0, |item| item.position);
        let mut outcome = match self.deliver(&items, admission).await {
            Ok(outcome) => outcome,
            Err(refused) => {
                self.hand_on(Written::End(at(first, refused)));
                return false;
            }
        };
        let not_appended = outcome.outcomes.iter().position(|one| matches!(one, Outcome::Rejected(_)));
        let end = not_appended.and_then(|index| match (&outcome.outcomes[index], items.get(index)) {
            (Outcome::Rejected(rejection), Some(item)) => {
                let refused = Refused::rejected(rejection, item.request_id, outcome.accepted_at);
                Some((index, at(item.position, refused)))
            }
            _ => None,
        });
        if let Some((index, _)) = &end {
            items.truncate(*index);
            outcome.outcomes.truncate(*index);
        }
        self.hand_on(Written::Group { items, outcome });
        let Some((_, refused)) = end else { return !self.written.is_closed() };
        self.hand_on(Written::End(refused));
        false
    }

    /// Tries until the outcome is known. The same bytes under the same ids are the same write: they are appended once.
    async fn deliver(&self, items: &[Item], admission: Option<Admission>) -> Answer<SubmissionOutcome> {
        let service = &self.service;
        let (records, bytes) = weight(items);
        let budget = Deadline::after(service.limits.call);
        let mut is_unknown = false;
        loop {
            let admitted = admit::admit(service, &self.caller, self.candidates(items, admission.clone()))?;
            let refused = match service.rates.admit(self.caller.bureau, records, bytes) {
                Ok(in_flight) => match admit::deliver(service, admitted, in_flight, budget).await {
                    Ok(outcome) => return Ok(outcome),
                    Err(refused) => refused,
                },
                Err(refused) => {
                    service.metrics.rate_limited(self.caller.bureau);
                    refused
                }
            };
            let pauses = match refused.reason() {
                // By its own choice the bureau may wait as long as its client does.
                Reason::RateLimited | Reason::Overloaded => true,
                Reason::NotLeader | Reason::NoQuorum => !budget.left().is_zero(),
                Reason::OutcomeUnknown => {
                    is_unknown = true;
                    !budget.left().is_zero()
                }
                _ => false,
            };
            if !pauses || service.is_stopping() || self.written.is_closed() {
                // A definite answer to this try says nothing about an earlier one.
                return Err(if is_unknown { unknown(&refused) } else { refused });
            }
            tokio::time::sleep(refused.retry_after().unwrap_or(PAUSE)).await;
        }
    }

    fn candidates(&self, items: &[Item], admission: Option<Admission>) -> Candidates {
        let submissions = items.iter().map(|item| (item.request_id, vec![item.record.clone()]));
        Candidates { submissions: submissions.collect(), admission, wait_for: *self.wait_for.borrow() }
    }

    /// An answerer that has gone has no use for it.
    fn hand_on(&self, written: Written) {
        drop(self.written.send(written));
    }
}

fn unknown(refused: &Refused) -> Refused {
    let message = format!("outcome unknown after several tries, the last of which said {}", refused.reason());
    Refused::new(Reason::OutcomeUnknown, message)
}
