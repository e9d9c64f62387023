//! Why a call failed: by reason, with what, where, and what to do.

use std::time::Duration;

use muniment_core::{LeafIndex, Reason, RecordError, RequestId};
use muniment_proto::FieldError;
use muniment_proto::error_report::ErrorReport;
use thiserror::Error;
use tonic::Code;

use crate::call::Fault;
use crate::evidence::EvidenceError;
use crate::options::OptionsError;
use crate::pin::StateError;
use crate::tls::{CHECK_CERTIFICATE, DialError};

/// A member's refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The call.
    pub call: &'static str,
    /// The member that refused last.
    pub endpoint: String,
    /// Reason, message and details.
    pub report: ErrorReport,
}

/// Why a call failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The options; nothing was sent.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A record that no ledger would take; nothing was sent.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The system gave no random numbers; nothing was sent.
    #[error("no random numbers for a blind or a request id: {0}")]
    Random(getrandom::Error),
    /// Members refused, the last one with this reason. Whether something was written is the reason's to say.
    #[error("{} at {}: {}: {}", .0.call, .0.endpoint, .0.report.reason, .0.report.message)]
    Refused(Box<Refusal>),
    /// It may or may not have been written, also after retries. Send exactly the same again, later.
    #[error(
        "{call}: whether it was written is not known after {tries} tries, the last of which said: {last}"
    )]
    OutcomeUnknown {
        /// The call.
        call: &'static str,
        /// The request id to send again; that of a stream's first unanswered record.
        request_id: RequestId,
        /// Tries.
        tries: u32,
        /// What the last one said.
        last: String,
    },
    /// No member could be reached, or none answered a read; nothing was written.
    #[error("{call}: no member answered within {} ms: {last}", .waited.as_millis())]
    Unreachable {
        /// The call.
        call: &'static str,
        /// How long it was tried.
        waited: Duration,
        /// What was tried last, member by member.
        last: String,
    },
    /// A member refused this client's certificate, and no other answered; nothing was sent.
    #[error("{call} at {endpoint}: the member refused this client's certificate: {why}; {CHECK_CERTIFICATE}")]
    CertificateRefused {
        /// The call.
        call: &'static str,
        /// Who refused it.
        endpoint: String,
        /// What the member's alert says.
        why: String,
    },
    /// Something answered that is no member, or is of another build.
    #[error("{call} at {endpoint}: {code:?}: {message}")]
    Foreign {
        /// The call.
        call: &'static str,
        /// Where.
        endpoint: String,
        /// The code.
        code: Code,
        /// What it said.
        message: String,
    },
    /// An answer that breaks the schema.
    #[error("{call} at {endpoint}: the answer is broken: {fault}")]
    Answer {
        /// The call.
        call: &'static str,
        /// Who answered.
        endpoint: String,
        /// What is broken.
        fault: FieldError,
    },
    /// An answer that evidence contradicts.
    #[error("{call} at {endpoint}: {fault}")]
    Evidence {
        /// The call.
        call: &'static str,
        /// Who answered.
        endpoint: String,
        /// What does not hold.
        fault: Box<EvidenceError>,
    },
    /// The pinned checkpoint can't be read or written.
    #[error(transparent)]
    State(#[from] StateError),
}

/// What sort of failure it is: the exit code of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Anything without a class of its own.
    Other,
    /// The caller's input is wrong.
    Malformed,
    /// Evidence does not hold.
    Tampered,
    /// No such thing.
    NotFound,
    /// Nobody answered in time, or nothing can be said.
    Unavailable,
    /// Not allowed.
    NotPermitted,
    /// The ledger's state, or an earlier write, stands against it.
    Conflict,
}

impl Error {
    /// The reason, where a member named one.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(refusal) => Some(refusal.report.reason),
            Self::OutcomeUnknown { .. } => Some(Reason::OutcomeUnknown),
            Self::Record(error) => Some(error.reason),
            _ => None,
        }
    }

    /// The leaf that was written all the same (REQUEST_ID_REUSED).
    #[must_use]
    pub fn leaf(&self) -> Option<LeafIndex> {
        if let Self::Refused(refusal) = self { refusal.report.leaf() } else { None }
    }

    /// What to do about it, in a sentence.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Options(_) => "correct the options",
            Self::Random(_) => "look at the system's random number source",
            Self::Unreachable { .. } => "check the endpoints and whether the members run",
            Self::CertificateRefused { .. } => CHECK_CERTIFICATE,
            Self::Foreign { .. } => "check that the endpoint is a member's client address (port 7443)",
            Self::Answer { .. } => "report it with the member's name: its build and this one disagree",
            Self::Evidence { fault, .. } if fault.is_undecidable() => "get a newer trust file or client",
            Self::Evidence { .. } => "keep the state directory and tell the bureaus: this is evidence",
            Self::State(_) => "look at the state directory; a pin is never replaced unseen",
            Self::Record(error) => advice(error.reason),
            Self::OutcomeUnknown { .. } => advice(Reason::OutcomeUnknown),
            Self::Refused(refusal) => advice(refusal.report.reason),
        }
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Options(_) | Self::Record(_) => Class::Malformed,
            Self::Random(_) | Self::Foreign { .. } | Self::Answer { .. } | Self::State(_) => Class::Other,
            Self::OutcomeUnknown { .. } | Self::Unreachable { .. } => Class::Unavailable,
            Self::CertificateRefused { .. } => Class::NotPermitted,
            Self::Evidence { fault, .. } if fault.is_undecidable() => Class::Unavailable,
            Self::Evidence { .. } => Class::Tampered,
            Self::Refused(refusal) => class_of(refusal.report.code()),
        }
    }

    /// No member answered; the last one may have refused the certificate.
    pub(crate) fn unanswered(call: &'static str, endpoint: &str, fault: Fault, waited: Duration) -> Self {
        let endpoint = endpoint.to_owned();
        match fault {
            Fault::Dial(DialError::CertificateRefused(why)) => {
                Self::CertificateRefused { call, endpoint, why }
            }
            fault => Self::Unreachable { call, waited, last: format!("{endpoint}: {fault}") },
        }
    }

    pub(crate) fn refused(call: &'static str, endpoint: &str, report: ErrorReport) -> Self {
        Self::Refused(Box::new(Refusal { call, endpoint: endpoint.to_owned(), report }))
    }

    pub(crate) fn evidence(call: &'static str, endpoint: &str, fault: EvidenceError) -> Self {
        Self::Evidence { call, endpoint: endpoint.to_owned(), fault: Box::new(fault) }
    }
}

fn class_of(code: Code) -> Class {
    match code {
        Code::InvalidArgument | Code::OutOfRange => Class::Malformed,
        Code::NotFound => Class::NotFound,
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Aborted => {
            Class::Unavailable
        }
        Code::PermissionDenied | Code::Unauthenticated => Class::NotPermitted,
        Code::AlreadyExists | Code::FailedPrecondition => Class::Conflict,
        _ => Class::Other,
    }
}

/// What to do about a reason; docs/errors.md says it at length.
#[must_use]
pub const fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::NotLeader | Reason::Overloaded | Reason::OutcomeUnknown => {
            "send exactly the same again: same bytes, blind and request id"
        }
        Reason::NoQuorum => "wait; if it lasts, ask the operators (`muniment cluster status`)",
        Reason::RequestIdRequired => "make a UUIDv7 for each submission",
        Reason::RequestIdReused => "find out why two contents had one id; this one was appended, flagged I01",
        Reason::RecordTooLarge => "store digests, not content; use a stream for many records",
        Reason::PersonalData => "use subject tags instead of personal data",
        Reason::UnknownBureau => "check the submitter's number; a suspended bureau submits no decisions",
        Reason::BadSignature => "bind the signing key with a certificate_bound record first",
        Reason::NotCanonical => "let this library encode records, and never encode again for a retry",
        Reason::Expired => "look the record up by its digest; if it is not there, submit under a new id",
        Reason::ClientClock => "set this machine's clock",
        Reason::ClockUnsynced | Reason::DiskRolledBack | Reason::RulesVersion | Reason::Halted => {
            "ask another member, and tell that member's operators"
        }
        Reason::RateLimited => "slow down",
        Reason::StorageFull => "tell the leader's operators: its disk is at its reserve",
        Reason::MemberNotCaughtUp | Reason::Damaged | Reason::Internal => "ask another member",
        Reason::UnsafeMembershipChange => "see which condition the answer names",
        Reason::LedgerIdMismatch => "check endpoint and trust file: they are of different ledgers",
        Reason::ResumePointUnavailable => "keep the checkpoint that covers it: this may be a rollback",
        Reason::AttributionRequired => "write at a member of your own bureau",
        Reason::InvalidRecord | Reason::InvalidIdentifier | Reason::InvalidRequest => {
            "correct the field that is named"
        }
        Reason::DecisionRefused => "look at the state of what the decision is about",
        Reason::NotPermitted => "ask with a certificate whose role and bureau may",
        Reason::NotFound => "check the name; the answer reflects all that was written before",
        Reason::Unauthenticated => "use a certificate that a bureau's CA issued for its trust domain",
        Reason::SlowReader => "read faster, and resume",
    }
}
