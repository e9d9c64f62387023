//! Turns parts into Raft entries: natural batching, without a timer (02, "propose").
//!
//! All that waits goes out as one entry. A second entry goes out beside the first only if it is full, or if the quorum
//! is far away.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use muniment_core::batch::{BATCH_HEADER_LENGTH, BatchHeader, SealMark, encode_batch};
use muniment_core::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX};
use muniment_core::{BureauNumber, LedgerId, NodeId};
use muniment_ledger::PartOutcome;
use openraft::AsyncRuntime;
use openraft::errors::{ClientWriteError, ForwardToLeader};
use openraft::impls::OneshotResponder;
use openraft::raft::ClientWriteResult;
use tokio::sync::{mpsc, oneshot};

use crate::apply_worker::LifeClock;
use crate::bureau_rates::RateLimiter;
use crate::charge::charge;
use crate::environment::Environment;
use crate::gauges::Gauges;
use crate::lifecycle::Lifecycle;
use crate::machine::prefix;
use crate::options::{Limits, Timings};
use crate::outcome::EntryOutcome;
use crate::published::Published;
use crate::shared::{Core, RaftOf};
use crate::submission::{Refusal, SignedPart, SubmissionOutcome, SubmitError, Wait};
use crate::type_config::{EntryData, TypeConfig};

/// Entries in flight while the quorum is far away.
const IN_FLIGHT_MAX: usize = 8;
/// From here on a quorum is far away, and waiting for each entry before the next would waste the line.
const FAR: Duration = Duration::from_millis(10);

/// What becomes of a part.
pub(crate) type PartResult = Result<SubmissionOutcome, SubmitError>;

/// A part to propose.
pub(crate) struct Proposal {
    /// The node that it came from: parts of different nodes take turns.
    pub(crate) from: NodeId,
    pub(crate) part: SignedPart,
    /// The bureau among whose submissions in flight it counts, once it was let pass.
    pub(crate) charged: Option<BureauNumber>,
    pub(crate) done: oneshot::Sender<PartResult>,
}

/// An entry on its way.
struct Flight<Rt: AsyncRuntime> {
    /// Who pays for each part, and who waits for it.
    parts: Vec<(Option<BureauNumber>, oneshot::Sender<PartResult>)>,
    mark: SealMark,
    proposed_at: Duration,
    result: Option<ClientWriteResult<TypeConfig<Rt>>>,
}

/// What the proposer waits for.
enum Event<Rt: AsyncRuntime> {
    Landed(Flight<Rt>),
    Proposed(Option<Proposal>),
    Time,
}

/// Forms entries and proposes them; one task a node. On a follower everything is answered NOT_LEADER.
pub(crate) struct Proposer<R: Environment> {
    proposals: mpsc::UnboundedReceiver<Proposal>,
    raft: RaftOf<R>,
    environment: R,
    clock: LifeClock<R>,
    me: NodeId,
    ledger_id: LedgerId,
    origin: String,
    published: Published,
    gauges: Gauges,
    lifecycle: Lifecycle,
    timings: Timings,
    limits: Limits,
    queue: PartQueue,
    pace: SealPace,
    rates: RateLimiter,
}

/// Parts by the node that they came from, taken in turn.
#[derive(Default)]
pub(crate) struct PartQueue {
    parts: BTreeMap<NodeId, VecDeque<Proposal>>,
    /// Whose turn is over.
    last: NodeId,
    bytes: usize,
    records: usize,
}

/// When the next entry is marked for signing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SealPace {
    /// When the last marked entry was proposed, in the node's life.
    last_mark: Duration,
    /// When the last derived point was marked, in the node's life.
    last_point: Option<Duration>,
    /// No empty entry before this moment: the last one was refused, and asking again at once would spin.
    quiet_until: Duration,
    /// Somebody waits for COSIGNED in an entry that was not marked.
    cosigned_waits: bool,
    /// What an entry took from proposal to apply, smoothed.
    latency: Duration,
}

impl PartQueue {
    pub(crate) fn push(&mut self, proposal: Proposal) {
        self.bytes += proposal.part.bytes.len();
        self.records += record_count(&proposal.part);
        self.parts.entry(proposal.from).or_default().push_back(proposal);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether what waits fills an entry.
    fn fills_an_entry(&self) -> bool {
        self.bytes >= BATCH_BYTES_MAX / 2 || self.records >= BATCH_RECORDS_MAX
    }

    /// Takes parts for one entry: one of each node in turn, while they fit.
    fn take(&mut self) -> Vec<Proposal> {
        let (mut taken, mut bytes, mut records) = (Vec::new(), BATCH_HEADER_LENGTH, 0);
        while let Some(node) = self.next_node() {
            let waiting = self.parts.get_mut(&node).expect("next_node answers a node with parts");
            let part = &waiting.front().expect("a node without parts is removed").part;
            let (part_bytes, part_records) = (part.bytes.len(), record_count(part));
            let fits = bytes + part_bytes <= BATCH_BYTES_MAX && records + part_records <= BATCH_RECORDS_MAX;
            if !fits && !taken.is_empty() {
                break;
            }
            taken.extend(waiting.pop_front());
            if waiting.is_empty() {
                self.parts.remove(&node);
            }
            self.last = node;
            bytes += part_bytes;
            records += part_records;
            self.bytes -= part_bytes;
            self.records -= part_records;
        }
        taken
    }

    fn next_node(&self) -> Option<NodeId> {
        let after = (std::ops::Bound::Excluded(self.last), std::ops::Bound::Unbounded);
        self.parts.range(after).next().or_else(|| self.parts.iter().next()).map(|(node, _)| *node)
    }
}

fn record_count(part: &SignedPart) -> usize {
    usize::try_from(part.records).unwrap_or(usize::MAX)
}

impl SealPace {
    /// How long after the last mark the next one is due.
    fn interval(&self, timings: &Timings, waits_for_cosigned: bool, seal_cost_us: u64) -> Duration {
        if waits_for_cosigned || self.cosigned_waits {
            let ten_seals = Duration::from_micros(seal_cost_us.saturating_mul(10));
            return timings.seal_interval_min.max(ten_seals).min(timings.seal_interval);
        }
        timings.seal_interval
    }

    fn note_latency(&mut self, took: Duration) {
        self.latency = (self.latency * 7 + took) / 8;
    }
}

impl<R: Environment> Proposer<R> {
    pub(crate) fn new(core: &Core<R>, environment: R, proposals: mpsc::UnboundedReceiver<Proposal>) -> Self {
        Self {
            proposals,
            raft: core.raft.clone(),
            environment,
            clock: core.clock,
            me: core.me,
            ledger_id: core.ledger_id,
            origin: core.context.members.origin.clone(),
            published: core.published.clone(),
            gauges: core.gauges.clone(),
            lifecycle: core.lifecycle.clone(),
            timings: core.timings.clone(),
            limits: core.limits.clone(),
            queue: PartQueue::default(),
            pace: SealPace::default(),
            rates: RateLimiter::new(core.limits.bureau_rates),
        }
    }

    /// Works until the node is over.
    pub(crate) async fn run(mut self) {
        let mut flights = FuturesUnordered::new();
        loop {
            while let Some(parts) = self.next_entry(flights.len()) {
                let flight = self.propose(parts).await;
                flights.push(flight);
            }
            let event = {
                let mut over = std::pin::pin!(self.lifecycle.over().fuse());
                let mut timer = self.until_seal_is_due(flights.is_empty()).fuse();
                let mut proposal = std::pin::pin!(self.proposals.recv().fuse());
                futures::select_biased! {
                    () = over => return,
                    flight = flights.select_next_some() => Event::Landed(flight),
                    proposal = proposal => Event::Proposed(proposal),
                    () = timer => Event::Time,
                }
            };
            match event {
                Event::Landed(flight) => self.land(flight),
                Event::Proposed(Some(proposal)) => self.take_in(proposal),
                Event::Proposed(None) => return,
                Event::Time => {}
            }
            while let Ok(proposal) = self.proposals.try_recv() {
                self.take_in(proposal);
            }
        }
    }

    /// Queues a part; while this node leads, refuses it whole if its bureau has more proposed than it may. Nothing of it has
    /// reached Raft then, and what was queued before keeps its order.
    fn take_in(&mut self, mut proposal: Proposal) {
        if self.raft.is_leader() {
            let (view, part) = (self.published.view(), &proposal.part);
            let charge = charge(&view.world, &self.origin, self.me, proposal.from, part);
            if let Some((bureau, records)) = charge {
                let admitted = self.rates.admit(bureau, records, part.bytes.len(), self.clock.elapsed());
                if let Err(over) = admitted {
                    // A submitter that went away asks again with the same request id.
                    drop(proposal.done.send(Err(Refusal::RateLimited(over).into())));
                    return;
                }
                proposal.charged = Some(bureau);
            }
        }
        self.queue.push(proposal);
    }

    /// The parts of the next entry, if one may go out now; none of them for an empty marked entry.
    fn next_entry(&mut self, in_flight: usize) -> Option<Vec<Proposal>> {
        let may_overlap = self.queue.fills_an_entry() || self.pace.latency > FAR;
        let room = in_flight == 0 || (in_flight < IN_FLIGHT_MAX && may_overlap);
        if !self.queue.is_empty() && room {
            return Some(self.queue.take());
        }
        let sealed_too_late = || self.tree_is_unsealed() && self.seal_wait().is_zero();
        let seal_alone = in_flight == 0 && (sealed_too_late() || self.point_is_due());
        seal_alone.then(Vec::new)
    }

    /// Whether this node leads and its newest leaves stand behind the last mark.
    fn tree_is_unsealed(&self) -> bool {
        let view = self.published.view();
        view.size > view.sealed_size && self.raft.is_leader() && self.lifecycle.is_running()
    }

    /// Whether members should derive values at the end of the next entry.
    fn point_is_due(&self) -> bool {
        if !self.raft.is_leader() || !self.lifecycle.is_running() {
            return false;
        }
        if self.gauges.is_point_wanted() {
            return true;
        }
        let view = self.published.view();
        let leaves = view.size.0.saturating_sub(view.world.head().derived_size.0);
        let grown = leaves >= self.limits.derived_leaves
            || self.gauges.since_point_bytes() >= self.limits.derived_bytes;
        let now = self.clock.elapsed();
        let waited = |last| now.saturating_sub(last) >= self.timings.derive_again;
        grown && self.pace.last_point.is_none_or(waited)
    }

    fn seal_wait(&self) -> Duration {
        let interval = self.pace.interval(&self.timings, false, self.gauges.seal_cost_us());
        (self.pace.last_mark + interval).max(self.pace.quiet_until).saturating_sub(self.clock.elapsed())
    }

    /// The end of a burst is sealed by an empty entry when its time has come.
    fn until_seal_is_due(&self, idle: bool) -> BoxFuture<'static, ()> {
        if !idle || !self.tree_is_unsealed() {
            // Looked at again after the next event; a new leader has the blank entry of its term as one.
            let again = R::Runtime::sleep(self.timings.seal_interval);
            return Box::pin(again);
        }
        Box::pin(R::Runtime::sleep(self.seal_wait()))
    }

    async fn propose(&mut self, proposals: Vec<Proposal>) -> BoxFuture<'static, Flight<R::Runtime>> {
        let now = self.clock.elapsed();
        let waits = proposals.iter().any(|proposal| proposal.part.wait == Wait::Cosigned);
        let interval = self.pace.interval(&self.timings, waits, self.gauges.seal_cost_us());
        let sealed = proposals.is_empty() || now.saturating_sub(self.pace.last_mark) >= interval;
        let mark = match (self.point_is_due(), sealed) {
            (true, _) => SealMark::Derive,
            (false, true) => SealMark::Seal,
            (false, false) => SealMark::None,
        };
        let view = self.published.view();
        let header = BatchHeader {
            rules: view.world.head().rules,
            ledger_id: self.ledger_id,
            proposed_at: self.environment.now(),
            seal: mark,
            applied_size: view.size,
            root_prefix: prefix(&view.root),
        };
        let bytes: Vec<&Bytes> = proposals.iter().map(|proposal| &proposal.part.bytes).collect();
        let data = EntryData(encode_batch(&header, &bytes).into());
        if mark == SealMark::Derive {
            self.pace.last_point = Some(now);
            self.gauges.point_marked();
        }
        if mark != SealMark::None {
            self.pace.last_mark = now;
        }
        self.pace.cosigned_waits = mark == SealMark::None && (self.pace.cosigned_waits || waits);
        let (responder, receiver) = OneshotResponder::new_pair();
        let sent = self.raft.client_write_ff(data, Some(responder)).await.is_ok();
        let parts = proposals.into_iter().map(|proposal| (proposal.charged, proposal.done)).collect();
        let mut flight = Flight { parts, mark, proposed_at: now, result: None };
        Box::pin(async move {
            if sent {
                flight.result = receiver.await.ok();
            }
            flight
        })
    }

    fn land(&mut self, flight: Flight<R::Runtime>) {
        let result = match flight.result {
            Some(Ok(response)) => {
                self.pace.note_latency(self.clock.elapsed().saturating_sub(flight.proposed_at));
                match response.data.0 {
                    Some(outcome) => Ok(outcome),
                    None => Err(SubmitError::OutcomeUnknown("the node failed while applying".to_owned())),
                }
            }
            Some(Err(error)) => Err(refusal(error)),
            None => Err(SubmitError::OutcomeUnknown("Raft stopped before it answered".to_owned())),
        };
        if flight.mark == SealMark::Derive && result.is_err() {
            self.pace.last_point = None;
            self.gauges.want_point();
        }
        if flight.mark != SealMark::None && result.is_err() {
            // The mark did not reach the log, as far as this node knows: the next entry carries it.
            self.pace.last_mark = Duration::ZERO;
            self.pace.quiet_until = self.clock.elapsed() + self.timings.heartbeat / 4;
        }
        for (part, (charged, done)) in flight.parts.into_iter().enumerate() {
            charged.into_iter().for_each(|bureau| self.rates.done(bureau));
            let answer = match &result {
                Ok(outcome) => part_result(outcome, part),
                Err(error) => Err(error.clone()),
            };
            // A submitter that went away asks again with the same request id.
            drop(done.send(answer));
        }
    }
}

/// What one part of an applied entry came to.
fn part_result(outcome: &Arc<EntryOutcome>, part: usize) -> PartResult {
    let outcomes = match outcome.parts.get(part) {
        Some(PartOutcome::Admission(admission)) => match &admission.dropped {
            Some(rejection) => return Err(SubmitError::NotWritten(Refusal::Rejected(rejection.clone()))),
            None => admission.outcomes.clone(),
        },
        Some(PartOutcome::Derived(_)) => Vec::new(),
        None => {
            let why = "the entry was no batch of this ledger and applied to nothing".to_owned();
            return Err(SubmitError::NotWritten(Refusal::NotRunning(why)));
        }
    };
    Ok(SubmissionOutcome {
        outcomes,
        accepted_at: outcome.accepted_at,
        log_index: outcome.log_index,
        size: outcome.size,
    })
}

/// Definite failures apart from unknown outcomes.
fn refusal<Rt: AsyncRuntime>(error: ClientWriteError<TypeConfig<Rt>>) -> SubmitError {
    match error {
        // Rejected before its entry was appended.
        ClientWriteError::ForwardToLeader(ForwardToLeader { leader_id, .. }) => {
            SubmitError::NotWritten(Refusal::NotLeader { leader: leader_id.map(NodeId) })
        }
        // Another leader may have the entry, and may still commit it.
        ClientWriteError::LogEntryDiscarded(_) => {
            SubmitError::OutcomeUnknown("leadership changed while it was being replicated".to_owned())
        }
        other @ (ClientWriteError::ChangeMembershipError(_) | ClientWriteError::PreconditionFailed(_)) => {
            SubmitError::NotWritten(Refusal::NotRunning(other.to_string()))
        }
    }
}
