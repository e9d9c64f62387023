//! What each reason means on the wire: gRPC code, details, whether a write happened, whether to try again.
//!
//! `docs/errors.md` is this module as a table; a test holds the two together.

use std::time::Duration;

use muniment_core::Reason;
use tonic::Code;

/// What an error says about a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Nothing was written, and nothing will be.
    Nothing,
    /// It may or may not have been written: only the same bytes under the same request id are safe to send.
    Unknown,
    /// It was written all the same, flagged; the metadata name its leaf.
    Flagged,
}

/// Whether a call may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call, to any member, after the delay of RetryInfo.
    Same,
    /// The same call, to another member at once, or to this one after the delay of RetryInfo.
    Elsewhere,
    /// The same call fails the same way until something else has changed.
    No,
}

/// Which standard message lists what was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violations {
    /// None: the message says all.
    None,
    /// google.rpc.BadRequest: fields of the request.
    BadRequest,
    /// google.rpc.PreconditionFailure: the ledger's state.
    PreconditionFailure,
    /// google.rpc.QuotaFailure: whose rate limit.
    QuotaFailure,
}

/// The gRPC code of a reason.
#[must_use]
pub const fn code_of(reason: Reason) -> Code {
    match reason {
        Reason::NotLeader
        | Reason::NoQuorum
        | Reason::OutcomeUnknown
        | Reason::ClockUnsynced
        | Reason::DiskRolledBack
        | Reason::RulesVersion
        | Reason::Overloaded
        | Reason::StorageFull
        | Reason::Halted
        | Reason::MemberNotCaughtUp => Code::Unavailable,
        Reason::RequestIdRequired
        | Reason::RecordTooLarge
        | Reason::PersonalData
        | Reason::NotCanonical
        | Reason::LedgerIdMismatch
        | Reason::InvalidRecord
        | Reason::InvalidIdentifier
        | Reason::InvalidRequest => Code::InvalidArgument,
        Reason::UnknownBureau
        | Reason::Expired
        | Reason::ClientClock
        | Reason::UnsafeMembershipChange
        | Reason::DecisionRefused => Code::FailedPrecondition,
        Reason::BadSignature | Reason::AttributionRequired | Reason::NotPermitted => Code::PermissionDenied,
        Reason::RequestIdReused => Code::AlreadyExists,
        Reason::RateLimited => Code::ResourceExhausted,
        Reason::ResumePointUnavailable => Code::OutOfRange,
        Reason::NotFound => Code::NotFound,
        Reason::Unauthenticated => Code::Unauthenticated,
        Reason::SlowReader => Code::Aborted,
        Reason::Damaged => Code::DataLoss,
        Reason::Internal => Code::Internal,
    }
}

/// What a reason says about a write.
#[must_use]
pub const fn written_of(reason: Reason) -> Written {
    match reason {
        Reason::OutcomeUnknown | Reason::SlowReader | Reason::Damaged | Reason::Internal => Written::Unknown,
        Reason::RequestIdReused => Written::Flagged,
        Reason::NotLeader
        | Reason::NoQuorum
        | Reason::RequestIdRequired
        | Reason::RecordTooLarge
        | Reason::PersonalData
        | Reason::UnknownBureau
        | Reason::BadSignature
        | Reason::NotCanonical
        | Reason::Expired
        | Reason::ClientClock
        | Reason::ClockUnsynced
        | Reason::DiskRolledBack
        | Reason::RulesVersion
        | Reason::RateLimited
        | Reason::Overloaded
        | Reason::StorageFull
        | Reason::Halted
        | Reason::MemberNotCaughtUp
        | Reason::UnsafeMembershipChange
        | Reason::LedgerIdMismatch
        | Reason::ResumePointUnavailable
        | Reason::AttributionRequired
        | Reason::InvalidRecord
        | Reason::InvalidIdentifier
        | Reason::DecisionRefused
        | Reason::NotPermitted
        | Reason::NotFound
        | Reason::InvalidRequest
        | Reason::Unauthenticated => Written::Nothing,
    }
}

/// Whether a call with this answer may be sent again.
#[must_use]
pub const fn retry_of(reason: Reason) -> Retry {
    match reason {
        Reason::NotLeader
        | Reason::NoQuorum
        | Reason::OutcomeUnknown
        | Reason::RateLimited
        | Reason::Overloaded
        | Reason::StorageFull
        | Reason::SlowReader => Retry::Same,
        Reason::ClockUnsynced
        | Reason::DiskRolledBack
        | Reason::RulesVersion
        | Reason::Halted
        | Reason::MemberNotCaughtUp
        | Reason::Damaged
        | Reason::Internal => Retry::Elsewhere,
        Reason::RequestIdRequired
        | Reason::RequestIdReused
        | Reason::RecordTooLarge
        | Reason::PersonalData
        | Reason::UnknownBureau
        | Reason::BadSignature
        | Reason::NotCanonical
        | Reason::Expired
        | Reason::ClientClock
        | Reason::UnsafeMembershipChange
        | Reason::LedgerIdMismatch
        | Reason::ResumePointUnavailable
        | Reason::AttributionRequired
        | Reason::InvalidRecord
        | Reason::InvalidIdentifier
        | Reason::DecisionRefused
        | Reason::NotPermitted
        | Reason::NotFound
        | Reason::InvalidRequest
        | Reason::Unauthenticated => Retry::No,
    }
}

/// Which message lists what was wrong: an answer with this reason always carries it.
#[must_use]
pub const fn violations_of(reason: Reason) -> Violations {
    match code_of(reason) {
        Code::InvalidArgument => Violations::BadRequest,
        Code::FailedPrecondition => Violations::PreconditionFailure,
        Code::ResourceExhausted => Violations::QuotaFailure,
        _ => Violations::None,
    }
}

/// The delay of RetryInfo where whoever answers knows no better; none for what is not retried.
#[must_use]
pub const fn retry_after_of(reason: Reason) -> Option<Duration> {
    let delay_ms = match (retry_of(reason), reason) {
        (Retry::No, _) => return None,
        (_, Reason::StorageFull) => 5_000,
        (_, Reason::RateLimited | Reason::NoQuorum) => 500,
        (Retry::Same, _) => 50,
        (Retry::Elsewhere, _) => 1_000,
    };
    Some(Duration::from_millis(delay_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorReport, metadata};

    const DOCUMENT: &str = include_str!("../../../docs/errors.md");

    /// The cells of the rows of the table below a heading, without its head.
    fn table(heading: &str) -> Vec<Vec<&'static str>> {
        let (_, after) = DOCUMENT.split_once(heading).expect("the heading is there");
        let rows = after.lines().skip_while(|line| !line.starts_with('|'));
        let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
        rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect())
            .collect()
    }

    /// What the document says of a reason, without the last column, which is for people.
    fn row(reason: Reason) -> [String; 5] {
        let written = match written_of(reason) {
            Written::Nothing => "nothing",
            Written::Unknown => "unknown",
            Written::Flagged => "written, flagged I01",
        };
        let retry = match (retry_of(reason), retry_after_of(reason)) {
            (Retry::No, _) | (_, None) => "no".to_owned(),
            (Retry::Same, Some(delay)) => format!("yes, after {} ms", delay.as_millis()),
            (Retry::Elsewhere, Some(delay)) => {
                format!("another member, or after {} ms", delay.as_millis())
            }
        };
        let violations = violations_of(reason);
        let name = if violations == Violations::None { "-".to_owned() } else { format!("{violations:?}") };
        let code = format!("{:?}", code_of(reason));
        [reason.name().to_owned(), screaming(&code), written.to_owned(), retry, name]
    }

    /// "NotFound" as "NOT_FOUND".
    fn screaming(name: &str) -> String {
        let breaks = name.char_indices().flat_map(|(at, letter)| {
            let separator = (at > 0 && letter.is_uppercase()).then_some('_');
            separator.into_iter().chain([letter.to_ascii_uppercase()])
        });
        breaks.collect()
    }

    #[test]
    fn the_document_has_every_reason_as_it_is_answered() {
        let documented = table("## Reasons");
        for (row_found, reason) in documented.iter().zip(Reason::ALL) {
            assert_eq!(row_found[..5], row(*reason), "{reason}");
            assert!(row_found[5].len() > 20, "{reason}: what is one to do?");
        }
        let names: Vec<&str> = documented.iter().map(|row| row[0]).collect();
        let all: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names, all, "each reason once, in the order of their numbers");
    }

    #[test]
    fn the_document_has_every_key_of_the_metadata() {
        let keys: Vec<&str> = table("## Metadata").iter().map(|row| row[0]).collect();
        assert_eq!(keys, metadata::ALL);
    }

    #[test]
    fn every_reason_is_answered_with_exactly_the_details_of_its_row() {
        for reason in Reason::ALL.iter().copied() {
            let report = ErrorReport::new(reason, "something happened");
            let status = report.clone().into_status();
            assert_eq!(status.code(), code_of(reason), "{reason}");
            let read = ErrorReport::from_status(&status).expect("own statuses are read");
            assert_eq!(read.retry_after, retry_after_of(reason), "{reason}");
            assert_eq!(read.violations.is_empty(), violations_of(reason) == Violations::None, "{reason}");
            let of_record = ErrorReport::from_rpc_status(&report.into_rpc_status());
            assert_eq!(of_record, Ok(read), "{reason}: of a call and of one record the same");
        }
    }

    #[test]
    fn what_may_be_sent_again_unchanged_is_what_the_shipped_retry_policies_send_again() {
        for reason in Reason::ALL.iter().copied() {
            if code_of(reason) == Code::Unavailable {
                assert_ne!(retry_of(reason), Retry::No, "{reason}: UNAVAILABLE is always safe to retry");
            }
            if written_of(reason) == Written::Unknown {
                assert_ne!(retry_of(reason), Retry::No, "{reason}: only a retry tells what became of it");
            }
        }
    }
}
