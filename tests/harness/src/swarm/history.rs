//! What happened in a run, in the order in which it happened, on the virtual clock.

use std::time::Duration;

use muniment_core::checkpoint::Checkpoint;
use muniment_core::{
    Blind, BureauNumber, Hash, LeafIndex, NodeId, RequestId, Suite, TreeSize, UnixMillis, Verdict, digest,
};

/// Position of a submission in [`History::submissions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubmissionId(pub usize);

/// A linearizable read, numbered in the order in which reads began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(pub usize);

/// Records under one request id, as their client made them; a retry sends the very same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// In whose name.
    pub bureau: BureauNumber,
    /// The request id.
    pub request_id: RequestId,
    /// Blind and bytes of each record.
    pub records: Vec<(Blind, Vec<u8>)>,
    /// Whether it may become leaves: false for what is forged or malformed.
    pub honest: bool,
}

/// What became of one record, as the submitter was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A new leaf.
    Appended {
        /// The leaf.
        leaf: LeafIndex,
        /// What the rules found.
        verdict: Verdict,
    },
    /// There already.
    Duplicate {
        /// The leaf, if it is remembered.
        leaf: Option<LeafIndex>,
    },
    /// Refused.
    Rejected(String),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client sent a submission to a node.
    Sent {
        /// What.
        submission: SubmissionId,
        /// To whom.
        via: NodeId,
    },
    /// A node acknowledged it.
    Acknowledged {
        /// What.
        submission: SubmissionId,
        /// Who.
        via: NodeId,
        /// One outcome a record.
        told: Vec<Told>,
        /// The entry's time.
        accepted_at: UnixMillis,
        /// Tree size after the entry.
        size: TreeSize,
    },
    /// A node did not acknowledge it; whether it was written may be unknown.
    NotAcknowledged {
        /// What.
        submission: SubmissionId,
        /// Who.
        via: NodeId,
        /// What the node said.
        error: String,
    },
    /// A node answered a checkpoint that covers a submission.
    Cosigned {
        /// What.
        submission: SubmissionId,
        /// Who.
        via: NodeId,
        /// The checkpoint.
        checkpoint: Checkpoint,
    },
    /// A client began a linearizable read.
    ReadBegan {
        /// Which.
        read: ReadId,
        /// At which node.
        via: NodeId,
    },
    /// It was answered.
    ReadAnswered {
        /// Which.
        read: ReadId,
        /// Leaves that it shows.
        size: TreeSize,
        /// The root over them.
        root: Hash,
    },
    /// A node handed out a receipt.
    Receipt {
        /// Who.
        via: NodeId,
        /// Of which leaf.
        leaf: LeafIndex,
        /// The receipt's text.
        text: Vec<u8>,
    },
    /// A node did not hand out a receipt where it should have.
    NoReceipt {
        /// Who.
        via: NodeId,
        /// Of which leaf.
        leaf: LeafIndex,
        /// What the node said.
        error: String,
    },
    /// A node sent a signed checkpoint to others: its own line and perhaps more, noted once for each body.
    Signed {
        /// Who.
        by: NodeId,
        /// Body and lines.
        checkpoint: Checkpoint,
    },
    /// A node asked another for its vote, noted once for each Raft term and life.
    Campaigned {
        /// Who.
        by: NodeId,
        /// For which Raft term.
        raft_term: u64,
    },
    /// A node's part in Raft, noted when it changes.
    Role {
        /// Who.
        node: NodeId,
        /// Its Raft term.
        raft_term: u64,
        /// Whether it leads in that term.
        leads: bool,
        /// Its commit index.
        committed: Option<u64>,
    },
    /// A node was started.
    Started {
        /// Who.
        node: NodeId,
    },
    /// A node could not be started, or stopped by itself without a fault.
    Stopped {
        /// Who.
        node: NodeId,
        /// What it said.
        reason: String,
    },
    /// A fault was brought about.
    Fault(String),
    /// All faults ended.
    Healed,
    /// All members had applied the same.
    Converged,
    /// A write sent after healing was acknowledged.
    WriteAfterHealing,
    /// A write sent after healing was cosigned.
    CosignedAfterHealing,
}

/// Everything that happened in a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What clients made, retries not counted.
    pub submissions: Vec<Submitted>,
    /// What happened, with the virtual time since the run's start.
    pub events: Vec<(Duration, Event)>,
    /// Reads begun so far.
    pub reads: usize,
}

impl Submitted {
    /// Digests of the records, in order.
    pub fn record_digests(&self, suite: Suite) -> impl Iterator<Item = Hash> {
        self.records.iter().map(move |(blind, bytes)| digest::record_digest(suite, blind, bytes))
    }
}

impl History {
    /// Notes what a client made.
    pub fn submission(&mut self, submitted: Submitted) -> SubmissionId {
        self.submissions.push(submitted);
        SubmissionId(self.submissions.len() - 1)
    }

    /// Notes that a read begins.
    pub fn read(&mut self, at: Duration, via: NodeId) -> ReadId {
        let read = ReadId(self.reads);
        self.reads += 1;
        self.note(at, Event::ReadBegan { read, via });
        read
    }

    /// Notes an event.
    pub fn note(&mut self, at: Duration, event: Event) {
        self.events.push((at, event));
    }

    /// Faults brought about so far.
    #[must_use]
    pub fn fault_count(&self) -> usize {
        self.events.iter().filter(|(_, event)| matches!(event, Event::Fault(_))).count()
    }

    /// Acknowledgements so far, retries included.
    #[must_use]
    pub fn acknowledged_count(&self) -> usize {
        self.events.iter().filter(|(_, event)| matches!(event, Event::Acknowledged { .. })).count()
    }

    /// Linearizable reads answered so far.
    #[must_use]
    pub fn read_count(&self) -> usize {
        self.events.iter().filter(|(_, event)| matches!(event, Event::ReadAnswered { .. })).count()
    }

    /// Receipts handed out so far.
    #[must_use]
    pub fn receipt_count(&self) -> usize {
        self.events.iter().filter(|(_, event)| matches!(event, Event::Receipt { .. })).count()
    }

    /// Whether a submission was acknowledged after the first `events` events.
    #[must_use]
    pub fn is_acknowledged_after(&self, events: usize) -> bool {
        let later = self.events.get(events..).unwrap_or_default();
        later.iter().any(|(_, event)| matches!(event, Event::Acknowledged { .. }))
    }

    /// Digest of the whole trace: equal for equal runs.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let text = format!("{:?}\n{:?}", self.submissions, self.events);
        Suite::Blake3.hash(&[text.as_bytes()])
    }
}
