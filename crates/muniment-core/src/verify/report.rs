//! What a verification answers: the steps that held, the one that did not, and what is proven.

use crate::checkpoint::{CheckpointBody, CosignedAt};
use crate::members::MemberList;
use crate::{Hash, LeafIndex, Stub, UnixMillis, v1};

/// How a verification ended; the exit code of `muniment verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that the file binds holds.
    Verified,
    /// Not a file of this format.
    Malformed,
    /// A file of this format that does not hold, or that proves a contradiction.
    Tampered,
    /// This verifier or this trust file can't tell.
    Undecidable,
}

impl Outcome {
    /// 0 verified, 2 malformed, 3 tampered, 5 undecidable.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Malformed => 2,
            Self::Tampered => 3,
            Self::Undecidable => 5,
        }
    }

    /// Name in reports and test vectors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Malformed => "malformed",
            Self::Tampered => "tampered",
            Self::Undecidable => "undecidable",
        }
    }
}

/// The steps of a verification, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The file is of a known format, in its one canonical form.
    Format,
    /// It is of the trust file's ledger: origin and suite.
    Ledger,
    /// The stub is of a known version, without reserved bits.
    Stub,
    /// The record is canonical, of this ledger, and what the stub says of it holds.
    Record,
    /// The terms are those of the record and the verdict.
    Terms,
    /// The stub's content digest is that of record and terms.
    Content,
    /// The stub is the leaf at that index of the checkpoint's tree.
    Inclusion,
    /// Every handover holds.
    Handover,
    /// The member list is that of the checkpoint's epoch.
    Members,
    /// q bureaus of that epoch cosigned the checkpoint, and no line fails.
    Cosignatures,
    /// The submitter's node signed for the record.
    Admission,
    /// A conflict file: one key signed both statements.
    Conflict,
}

impl Step {
    /// Name in reports and test vectors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Ledger => "ledger",
            Self::Stub => "stub",
            Self::Record => "record",
            Self::Terms => "terms",
            Self::Content => "content",
            Self::Inclusion => "inclusion",
            Self::Handover => "handover",
            Self::Members => "members",
            Self::Cosignatures => "cosignatures",
            Self::Admission => "admission",
            Self::Conflict => "conflict",
        }
    }
}

/// The step that failed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step.
    pub step: Step,
    /// What that means for the file.
    pub outcome: Outcome,
    /// What is wrong, for people.
    pub reason: String,
}

/// When the record existed, as far as the evidence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Existed {
    /// When the ledger accepted it, by the proposing member's clock.
    pub accepted_at: UnixMillis,
    /// The (f+1)-th smallest cosignature time, in seconds since 1970 UTC: at least one honest bureau had signed by then.
    pub no_later_than_s: u64,
}

/// What a verified receipt proves.
#[derive(Clone, Debug, PartialEq)]
pub struct Proven {
    /// The leaf.
    pub index: LeafIndex,
    /// Its stub.
    pub stub: Stub,
    /// Its record; none when its body is withheld or the ledger wrote it.
    pub record: Option<v1::Record>,
    /// Whether the receipt carries the record's digest only.
    pub body_withheld: bool,
    /// The record's digest.
    pub record_digest: Hash,
    /// Code of the bureau whose node signed the admission; none for records of the ledger.
    pub submitter: Option<String>,
    /// The checkpoint.
    pub checkpoint: CheckpointBody,
    /// The members whose cosignatures counted.
    pub members: MemberList,
    /// Who cosigned, and when.
    pub cosigned: CosignedAt,
    /// When the record existed.
    pub existed: Existed,
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// How it ended.
    pub outcome: Outcome,
    /// The steps that held.
    pub steps: Vec<Step>,
    /// The step that did not.
    pub failure: Option<Failure>,
    /// What is proven, if the outcome is [`Outcome::Verified`].
    pub proven: Option<Box<Proven>>,
}
