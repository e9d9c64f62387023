//! Clients of every bureau: what they submit, again and again, well and badly.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use muniment_core::admission::{self, Admission};
use muniment_core::batch::{SubmittedRecord, encode_admission_part};
use muniment_core::{Blind, BureauNumber, LeafIndex, NodeId, RequestId, UnixMillis, record, v1};
use muniment_intake::generator::{self, Traffic};
use muniment_ledger::Outcome;
use muniment_raft::{NewRecord, SignedPart, Submission, SubmissionOutcome, Wait};
use openraft::AsyncRuntime as _;
use openraft_rt_sim::SimRuntime;

use crate::random::Random;
use crate::swarm::cluster::SimCluster;
use crate::swarm::history::{Event, SubmissionId, Submitted, Told};
use crate::swarm::machine::{EPOCH, now, sleep};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(7);
/// Most submissions of one client under way.
const UNDER_WAY_MAX: usize = 6;
/// Most records of one submission.
const RECORDS_MAX: u64 = 4;

/// How a submission reaches its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Unsigned, to the bureau's own node, which signs the admission.
    Local,
    /// Signed with the bureau's key, to any node.
    Signed,
    /// Signed, and the signature spoilt.
    Forged,
}

/// Sends submissions and notes what happens to them.
#[derive(Clone)]
pub struct Sender {
    /// The cluster.
    pub cluster: Arc<SimCluster>,
}

impl Sender {
    /// Sends a submission to a node once. True if it was acknowledged, and cosigned if that was asked for.
    pub async fn send(
        &self,
        id: SubmissionId,
        via: NodeId,
        way: Way,
        wait: Wait,
    ) -> Option<SubmissionOutcome> {
        self.cluster.note(Event::Sent { submission: id, via });
        let Some(handle) = self.cluster.handle(via) else {
            self.not_acknowledged(id, via, "the node is off");
            return None;
        };
        let machine = self.cluster.machine(via);
        let submitted = self.cluster.history(|history| history.submissions[id.0].clone());
        let answer = async {
            match way {
                Way::Local => handle.submit_local(local(&submitted, wait)).await,
                Way::Signed | Way::Forged => handle.submit(self.sign(&submitted, way, wait)).await,
            }
        };
        let answer = SimRuntime::timeout(PATIENCE, answer).await;
        // An answer of a machine without power reaches nobody.
        let outcome = match answer {
            _ if machine.is_off() => Err("the node lost its power".to_owned()),
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.not_acknowledged(id, via, &error);
                return None;
            }
        };
        let told = outcome.outcomes.iter().map(tell).collect();
        let (accepted_at, size) = (outcome.accepted_at, outcome.size);
        self.cluster.note(Event::Acknowledged { submission: id, via, told, accepted_at, size });
        if wait == Wait::Committed {
            return Some(outcome);
        }
        let checkpoint = handle.wait_cosigned(size).await;
        match checkpoint {
            Ok(checkpoint) if !machine.is_off() => {
                let checkpoint = (*checkpoint).clone();
                self.cluster.note(Event::Cosigned { submission: id, via, checkpoint });
                Some(outcome)
            }
            _ => None,
        }
    }

    fn not_acknowledged(&self, submission: SubmissionId, via: NodeId, error: &str) {
        self.cluster.note(Event::NotAcknowledged { submission, via, error: error.to_owned() });
    }

    fn sign(&self, submitted: &Submitted, way: Way, wait: Wait) -> SignedPart {
        let bureaus = &self.cluster.bureaus;
        let suite = bureaus.founding.suite;
        let records = u32::try_from(submitted.records.len()).expect("a submission is small");
        let submissions = vec![admission::Submission { request_id: submitted.request_id, count: records }];
        let key = &bureaus.keys(bureaus.node_of(submitted.bureau)).admission;
        let digests = submitted.record_digests(suite);
        let mut admission = Admission::sign(suite, &bureaus.founding.origin, key, submissions, digests);
        if way == Way::Forged {
            admission.signature[7] ^= 1;
        }
        let bodies: Vec<SubmittedRecord<'_>> =
            submitted.records.iter().map(|(blind, bytes)| SubmittedRecord { blind: *blind, bytes }).collect();
        SignedPart { bytes: encode_admission_part(&admission, &bodies).into(), records, wait }
    }

    /// Sends a submission through its bureau's own node until it is acknowledged.
    async fn insist(&self, id: SubmissionId, bureau: BureauNumber) -> Vec<LeafIndex> {
        let via = self.cluster.bureaus.node_of(bureau);
        for _ in 0..40 {
            if let Some(outcome) = self.send(id, via, Way::Local, Wait::Committed).await {
                return outcome.outcomes.iter().filter_map(leaf_of).collect();
            }
            sleep(Duration::from_millis(100)).await;
        }
        Vec::new()
    }
}

fn local(submitted: &Submitted, wait: Wait) -> Submission {
    let new_record =
        |(blind, bytes): &(Blind, Vec<u8>)| NewRecord { blind: *blind, bytes: Bytes::copy_from_slice(bytes) };
    let records = submitted.records.iter().map(new_record).collect();
    Submission { request_id: submitted.request_id, records, wait }
}

const fn leaf_of(outcome: &Outcome) -> Option<LeafIndex> {
    match outcome {
        Outcome::Appended { leaf, .. } => Some(*leaf),
        Outcome::Duplicate { leaf } => *leaf,
        Outcome::Rejected(_) => None,
    }
}

fn tell(outcome: &Outcome) -> Told {
    match outcome {
        Outcome::Appended { leaf, verdict, .. } => Told::Appended { leaf: *leaf, verdict: *verdict },
        Outcome::Duplicate { leaf } => Told::Duplicate { leaf: *leaf },
        Outcome::Rejected(rejection) => Told::Rejected(rejection.to_string()),
    }
}

/// A client's time, which is right.
fn client_time() -> UnixMillis {
    UnixMillis(EPOCH.0 + u64::try_from(now().as_millis()).unwrap_or(u64::MAX))
}

/// Records that the clients of one bureau have yet to submit.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The bureau.
    pub bureau: BureauNumber,
    records: VecDeque<v1::Record>,
}

/// Publishes a catalogue, applies and grants, and answers what each bureau has to report under those grants.
pub async fn lay_ground(sender: &Sender, random: &mut Random, exchanges: u32) -> Vec<Pending> {
    let founding = &sender.cluster.bureaus.founding;
    let bureaus = u32::try_from(founding.founders.len()).expect("at most 16 bureaus");
    let options = |seed| generator::Options {
        data_sets: 4,
        exchanges,
        violations: 2,
        ..generator::Options::small(seed, founding.ledger_id(), bureaus, EPOCH)
    };
    let traffic = Traffic::new(options(random.next()));
    submit_all(sender, random, traffic.catalogue()).await;
    let applications = submit_all(sender, random, traffic.applications()).await;
    let grants = submit_all(sender, random, traffic.grants(&applications)).await;
    let mut pending: Vec<Pending> = (1..=bureaus)
        .map(|number| Pending { bureau: BureauNumber(number), records: VecDeque::new() })
        .collect();
    // Decisions come along with the facts: another catalogue, announced while the accesses are reported.
    let announced = Traffic::new(options(random.next()));
    for submission in announced.catalogue().chain(traffic.accesses(&grants)) {
        let position = usize::try_from(submission.bureau.0 - 1).expect("a small number");
        pending[position].records.push_back(submission.record);
    }
    pending
}

async fn submit_all(
    sender: &Sender,
    random: &mut Random,
    submissions: impl Iterator<Item = generator::Submission>,
) -> Vec<LeafIndex> {
    let mut leaves = Vec::new();
    for generator::Submission { bureau, record } in submissions {
        let id = make(sender, random, bureau, vec![record]);
        leaves.extend(sender.insist(id, bureau).await);
    }
    leaves
}

/// Makes a submission of records: blinds and request id are the client's.
fn make(
    sender: &Sender,
    random: &mut Random,
    bureau: BureauNumber,
    records: Vec<v1::Record>,
) -> SubmissionId {
    let encoded = records.iter().filter_map(|record| record::encode(record).ok());
    let records = encoded.map(|bytes| (Blind(random.bytes()), bytes)).collect();
    let request_id = RequestId::new(client_time(), random.bytes());
    note(sender, Submitted { bureau, request_id, records, honest: true })
}

fn note(sender: &Sender, submitted: Submitted) -> SubmissionId {
    sender.cluster.history(|history| history.submission(submitted))
}

/// One bureau's clients.
pub struct Client {
    /// Sends.
    pub sender: Sender,
    /// Draws.
    pub random: Random,
    /// What there is to report.
    pub pending: Pending,
    /// Of a hundred submissions, how many wait for COSIGNED.
    pub cosigned_percent: u64,
    /// Longest pause between submissions, in milliseconds.
    pub pause_ms: u64,
}

impl Client {
    /// Submits until told to stop.
    pub async fn run(mut self, stop: Arc<AtomicBool>) {
        let under_way = Arc::new(AtomicUsize::new(0));
        let mut sent: Vec<(SubmissionId, Way)> = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let pause = self.random.within(1..self.pause_ms + 1);
            sleep(Duration::from_millis(pause)).await;
            if under_way.load(Ordering::Relaxed) >= UNDER_WAY_MAX {
                continue;
            }
            let Some((id, way)) = self.choose(&sent) else { continue };
            sent.push((id, way));
            let cosigned = self.random.chance(self.cosigned_percent);
            let wait = if cosigned { Wait::Cosigned } else { Wait::Committed };
            let (sender, via, under_way) = (self.sender.clone(), self.via(way), Arc::clone(&under_way));
            under_way.fetch_add(1, Ordering::Relaxed);
            drop(SimRuntime::spawn(async move {
                sender.send(id, via, way, wait).await;
                under_way.fetch_sub(1, Ordering::Relaxed);
            }));
        }
    }

    fn choose(&mut self, sent: &[(SubmissionId, Way)]) -> Option<(SubmissionId, Way)> {
        let way = if self.random.chance(60) { Way::Local } else { Way::Signed };
        match self.random.below(20) {
            // The very same again, by the same way: known, unknown or still under way.
            0..4 => return self.random.pick(sent).copied(),
            4 => return self.forge(),
            5 => return self.reuse_request_id(sent, way),
            6 => return self.spoil_record(),
            _ => {}
        }
        let count = self.random.within(1..RECORDS_MAX + 1);
        let records = self.take(count);
        (!records.is_empty())
            .then(|| (make(&self.sender, &mut self.random, self.pending.bureau, records), way))
    }

    fn via(&mut self, way: Way) -> NodeId {
        let own = self.sender.cluster.bureaus.node_of(self.pending.bureau);
        if way == Way::Local {
            return own;
        }
        let nodes = self.sender.cluster.nodes();
        self.random.pick(&nodes).copied().unwrap_or(own)
    }

    fn take(&mut self, count: u64) -> Vec<v1::Record> {
        (0..count).filter_map(|_| self.pending.records.pop_front()).collect()
    }

    /// A good record under a signature that does not hold.
    fn forge(&mut self) -> Option<(SubmissionId, Way)> {
        let record = self.pending.records.front()?.clone();
        let id = make(&self.sender, &mut self.random, self.pending.bureau, vec![record]);
        self.sender.cluster.history(|history| history.submissions[id.0].honest = false);
        Some((id, Way::Forged))
    }

    /// Other content under a request id that was used before.
    fn reuse_request_id(&mut self, sent: &[(SubmissionId, Way)], way: Way) -> Option<(SubmissionId, Way)> {
        let (earlier, _) = *self.random.pick(sent)?;
        let records = self.take(1);
        if records.is_empty() {
            return None;
        }
        let id = make(&self.sender, &mut self.random, self.pending.bureau, records);
        self.sender.cluster.history(|history| {
            history.submissions[id.0].request_id = history.submissions[earlier.0].request_id;
        });
        Some((id, way))
    }

    /// Bytes that are no record, or not in canonical form.
    fn spoil_record(&mut self) -> Option<(SubmissionId, Way)> {
        let record = self.pending.records.front()?.clone();
        let mut bytes = record::encode(&record).ok()?;
        bytes.push(0);
        let records = vec![(Blind(self.random.bytes()), bytes)];
        let request_id = RequestId::new(client_time(), self.random.bytes());
        let bureau = self.pending.bureau;
        Some((note(&self.sender, Submitted { bureau, request_id, records, honest: false }), Way::Signed))
    }
}
