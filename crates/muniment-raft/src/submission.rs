//! What goes into the ledger through a node, and every way in which that can end (G8).

use std::time::Duration;

use bytes::Bytes;
use muniment_core::{Blind, LogIndex, NodeId, Reason, RequestId, TreeSize, UnixMillis};
use muniment_ledger::{Outcome, Rejection};
use thiserror::Error;

use crate::bureau_rates::OverRate;

/// A record as its client made it: kept, with its blind and request id, for every retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// 16 random bytes from whoever made the record.
    pub blind: Blind,
    /// The canonical bytes.
    pub bytes: Bytes,
}

/// Some records under one request id; they become one run of leaves in one Raft entry, or none does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// UUIDv7 of the submission; the same for a retry.
    pub request_id: RequestId,
    /// The records, in order, at least one.
    pub records: Vec<NewRecord>,
    /// What the submitter waits for.
    pub wait: Wait,
}

/// An admission that was signed elsewhere, with its records, as `batch::encode_admission_part` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedPart {
    /// The part: indivisible, resent unchanged to a new leader.
    pub bytes: Bytes,
    /// Records in it.
    pub records: u32,
    /// What its submitters wait for.
    pub wait: Wait,
}

/// What a submitter waits for: it decides when the leader marks the next seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// Durable on a majority: an acknowledgement, no evidence.
    Committed,
    /// Under a checkpoint that q bureaus cosigned; see [`crate::Handle::wait_cosigned`].
    Cosigned,
}

/// What became of a submission's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmissionOutcome {
    /// One outcome a record, in order.
    pub outcomes: Vec<Outcome>,
    /// The ledger's time of the entry.
    pub accepted_at: UnixMillis,
    /// The entry in which they lie.
    pub log_index: LogIndex,
    /// Tree size after that entry: wait for a checkpoint of at least this size to get receipts.
    pub size: TreeSize,
}

/// Why a submission has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SubmitError {
    /// A definite failure: nothing was written, and nothing will be.
    #[error("nothing was written: {0}")]
    NotWritten(#[from] Refusal),
    /// The records may or may not be in the ledger.
    #[error("outcome unknown: {0}; retry with the same request id and bytes")]
    OutcomeUnknown(String),
}

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The admission was refused whole by every member.
    #[error("the admission was refused: {} ({})", .0.detail, .0.reason.name())]
    Rejected(Rejection),
    /// The submission itself can't be carried.
    #[error("{what}: {found}, at most {limit}; split the submission")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A submission without a record.
    #[error("the submission holds no record")]
    Empty,
    /// The node can't keep up.
    #[error("overloaded: {what}; retry after {} ms", .retry_after.as_millis())]
    Overloaded {
        /// What is behind.
        what: &'static str,
        /// When a retry may fare better.
        retry_after: Duration,
    },
    /// The bureau has more proposed by the leader than it may.
    #[error("bureau {} is {} at the leader; retry after {} ms", .0.bureau, .0, .0.retry_after.as_millis())]
    RateLimited(OverRate),
    /// The disk reserve is reached.
    #[error(
        "storage full: {available} bytes left, {reserve} are kept in reserve; free some or grow the disk"
    )]
    StorageFull {
        /// Bytes left.
        available: u64,
        /// Bytes of the reserve.
        reserve: u64,
    },
    /// The leader's clock is off; it hands leadership over.
    #[error(
        "clock unsynced: this node's clock is {ahead_ms} ms ahead of the members' median; ask another member"
    )]
    ClockUnsynced {
        /// How far ahead, in milliseconds; negative if behind.
        ahead_ms: i64,
    },
    /// No leader accepted it in time.
    #[error("no leader accepted it within {} ms; a majority of voters must be reachable", .waited.as_millis())]
    NoQuorum {
        /// How long this node tried.
        waited: Duration,
    },
    /// Another node leads; answered between nodes, retried inside.
    #[error("this node does not lead")]
    NotLeader {
        /// Who leads, as far as it knows.
        leader: Option<NodeId>,
    },
    /// The node's disk is older than what it promised.
    #[error("this node does not accept writes, ask another member: {0}")]
    RolledBack(String),
    /// The node does not run.
    #[error("this node does not accept writes: {0}")]
    NotRunning(String),
}

impl SubmitError {
    /// The reason code of the wire.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::OutcomeUnknown(_) => Reason::OutcomeUnknown,
            Self::NotWritten(refusal) => refusal.reason(),
        }
    }
}

impl Refusal {
    /// The reason code of the wire.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Rejected(rejection) => rejection.reason,
            Self::TooLarge { .. } => Reason::RecordTooLarge,
            Self::Empty => Reason::InvalidRecord,
            Self::Overloaded { .. } => Reason::Overloaded,
            Self::RateLimited(_) => Reason::RateLimited,
            Self::StorageFull { .. } => Reason::StorageFull,
            Self::ClockUnsynced { .. } => Reason::ClockUnsynced,
            Self::NoQuorum { .. } => Reason::NoQuorum,
            Self::NotLeader { .. } => Reason::NotLeader,
            Self::RolledBack(_) => Reason::DiskRolledBack,
            Self::NotRunning(_) => Reason::Halted,
        }
    }
}
