//! What applying one batch answers: leaves for the store, outcomes for the submitters, alarms for the operators.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use muniment_core::batch::BatchError;
use muniment_core::record::RecordError;
use muniment_core::{
    Blind, Hash, LeafIndex, LedgerId, LogIndex, RaftTerm, Reason, RulesVersion, Stub, TreeSize, UnixMillis,
    Verdict,
};
use thiserror::Error;

/// Where a batch stands in the Raft log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPosition {
    /// Its log index.
    pub log_index: LogIndex,
    /// Its Raft term.
    pub raft_term: RaftTerm,
}

/// Bytes of a record, shared with the batch that they came in.
#[derive(Clone)]
pub struct RecordBytes {
    batch: Arc<[u8]>,
    range: Range<usize>,
}

impl RecordBytes {
    /// A part of a batch. `range` lies inside.
    pub(crate) const fn within(batch: Arc<[u8]>, range: Range<usize>) -> Self {
        Self { batch, range }
    }

    /// Bytes of their own.
    pub(crate) fn owned(bytes: &[u8]) -> Self {
        Self { batch: bytes.into(), range: 0..bytes.len() }
    }
}

impl Deref for RecordBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.batch[self.range.clone()]
    }
}

impl PartialEq for RecordBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for RecordBytes {}

impl fmt::Debug for RecordBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordBytes({})", self.len())
    }
}

/// A record that became a leaf, with all that the store and the index need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its stub.
    pub stub: Stub,
    /// Its blind.
    pub blind: Blind,
    /// Its bytes.
    pub record: RecordBytes,
    /// H("muniment/v1/record" 00 blind record).
    pub record_digest: Hash,
    /// Keys of its index terms, flags included, strictly ascending.
    pub term_keys: Vec<Hash>,
    /// Position in [`Applied::admissions`] of what it came in.
    pub admission: u32,
    /// Its position in that admission, from 0.
    pub position: u32,
    /// Position of its part in the batch, from 0.
    pub part: u32,
}

/// Why a record was not appended: a definite failure, nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}: {}: {detail}", if field.is_empty() { "record" } else { field })]
pub struct Rejection {
    /// The reason on the wire.
    pub reason: Reason,
    /// Path of the field; empty when it concerns the record, its admission or its request id as a whole.
    pub field: String,
    /// What is wrong, and what to do. Never personal data.
    pub detail: String,
}

impl Rejection {
    /// A rejection.
    #[must_use]
    pub fn new(reason: Reason, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { reason, field: field.into(), detail: detail.into() }
    }
}

impl From<RecordError> for Rejection {
    fn from(error: RecordError) -> Self {
        Self { reason: error.reason, field: error.field, detail: error.detail }
    }
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is a new leaf.
    Appended {
        /// The leaf.
        leaf: LeafIndex,
        /// What the rules found.
        verdict: Verdict,
        /// I01: the request id was used before with other content. The client gets ALREADY_EXISTS with this leaf.
        reused_request_id: bool,
    },
    /// It is there already; nothing was appended. Its verdict is in its stub.
    Duplicate {
        /// The leaf that it is; none for a sequence older than what its stream remembers, taken for a duplicate
        /// without comparing (`compared = false`).
        leaf: Option<LeafIndex>,
    },
    /// It was refused; nothing was appended.
    Rejected(Rejection),
}

/// What became of one admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionOutcome {
    /// One outcome a record, in order.
    pub outcomes: Vec<Outcome>,
    /// Why the admission was dropped whole (each record is then rejected for the same reason); none if it holds.
    pub dropped: Option<Rejection>,
}

/// Why a derived statement became no leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DerivedRefusal {
    /// Too few current members signed it.
    #[error("derived statement at size {size}: {held} of {needed} signatures by current members hold")]
    Signatures {
        /// The statement's size.
        size: TreeSize,
        /// Members whose signature holds.
        held: u32,
        /// Members needed.
        needed: u32,
    },
    /// It speaks of a size or log index that the ledger has not reached.
    #[error("derived statement at size {size}, log index {log_index}: the ledger has not come that far")]
    Beyond {
        /// The statement's size.
        size: TreeSize,
        /// The statement's log index.
        log_index: LogIndex,
    },
    /// A statement of that size or a later one is a leaf already.
    #[error("derived statement at size {size}: one at size {newest} is there already")]
    Superseded {
        /// The statement's size.
        size: TreeSize,
        /// Size of the newest statement.
        newest: TreeSize,
    },
    /// Checking it panicked.
    #[error("derived statement: checking it failed")]
    Fault,
}

/// What became of one part of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartOutcome {
    /// An admission.
    Admission(AdmissionOutcome),
    /// A derived statement: its leaf, or why there is none.
    Derived(Result<LeafIndex, DerivedRefusal>),
}

/// Something that an operator should know; the same on every node.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Alarm {
    /// The entry is no batch: it applied to nothing.
    #[error("log index {log_index}: entry is no batch and applies to nothing: {error}")]
    NoBatch {
        /// Its log index.
        log_index: LogIndex,
        /// What is wrong with it.
        error: BatchError,
    },
    /// The entry is of another ledger: it applied to nothing.
    #[error("log index {log_index}: entry is of ledger {found} and applies to nothing")]
    OtherLedger {
        /// Its log index.
        log_index: LogIndex,
        /// The ledger that it names.
        found: LedgerId,
    },
    /// The leader's batch names other rules than those in force; the latter judged it.
    #[error("log index {log_index}: the leader names rules version {named}, {in_force} is in force")]
    RulesDiffer {
        /// Its log index.
        log_index: LogIndex,
        /// The version that the batch names.
        named: RulesVersion,
        /// The version that judged it.
        in_force: RulesVersion,
    },
    /// An admission does not hold and was dropped whole.
    #[error("log index {log_index}, part {part}: admission dropped: {rejection}")]
    AdmissionDropped {
        /// Its log index.
        log_index: LogIndex,
        /// Position of the part.
        part: u32,
        /// Why.
        rejection: Rejection,
    },
    /// Checking a part or a record panicked; it was refused.
    #[error("log index {log_index}, part {part}: checking it failed by a fault of this build; it is refused")]
    VerifyFault {
        /// Its log index.
        log_index: LogIndex,
        /// Position of the part.
        part: u32,
    },
    /// A rule panicked: the record was appended with X01 and without effects.
    #[error("leaf {leaf}: a rule failed by a fault of this build (X01): {message}")]
    RuleFault {
        /// The leaf.
        leaf: LeafIndex,
        /// What the panic said.
        message: String,
    },
    /// A derived statement became no leaf.
    #[error("log index {log_index}: {refusal}")]
    DerivedRefused {
        /// Its log index.
        log_index: LogIndex,
        /// Why.
        refusal: DerivedRefusal,
    },
}

/// The node must stop before this entry: nothing of it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Halt {
    /// The entry needs rules that this build does not have.
    #[error(
        "log index {log_index} needs rules version {needed}; this build knows {known}: \
         halted before applying it, install a newer build"
    )]
    UnknownRules {
        /// The entry.
        log_index: LogIndex,
        /// The version needed.
        needed: RulesVersion,
        /// The version that this build knows.
        known: RulesVersion,
    },
}

/// What applying one batch answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The entry's time: max(previous, proposed_at).
    pub accepted_at: UnixMillis,
    /// New leaves, in order; the first has the index that the size was before.
    pub leaves: Vec<Leaf>,
    /// What to keep for ever of the parts that became leaves: encoded [`muniment_core::admission::KeptAdmission`].
    pub admissions: Vec<Vec<u8>>,
    /// One outcome a part, in order; empty when the batch applied to nothing.
    pub parts: Vec<PartOutcome>,
    /// Whether members sign the tree as it is now.
    pub seal: bool,
    /// Whether members derive the values of the state as it is now.
    pub derive: bool,
    /// Leaves after this batch.
    pub size: TreeSize,
    /// Whether a new epoch of members starts at this size.
    pub members_changed: bool,
    /// What operators should know.
    pub alarms: Vec<Alarm>,
}
