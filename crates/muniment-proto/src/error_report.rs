//! One error as both ends see it: built by servers, read back by clients.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use muniment_core::{LeafIndex, Reason};
use prost::Message as _;
use thiserror::Error;
use tonic::Code;
use tonic_types::{ErrorDetail, ErrorDetails, RpcStatusExt as _, StatusExt as _};

use crate::error_code::{Violations, code_of, retry_after_of, violations_of};
use crate::metadata;

/// Domain of every ErrorInfo.
pub const DOMAIN: &str = "muniment";
/// Violations that one error lists, at most. This bound and those below keep a status under 8 KiB, beyond which
/// grpc-java by default refuses the answer as a whole; a test holds them to it.
const VIOLATIONS_MAX: usize = 8;
/// Bytes of the message, at most.
const MESSAGE_BYTES_MAX: usize = 384;
/// Bytes of a violation's subject, at most.
const SUBJECT_BYTES_MAX: usize = 128;
/// Bytes of a violation's description, and of a metadata value, at most.
const TEXT_BYTES_MAX: usize = 264;
/// Bytes of the list of malformed records, at most.
const MALFORMED_BYTES_MAX: usize = 1_024;

/// One thing that was wrong: a field of the request, a condition of the ledger's state, or whose limit was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What it concerns: a field's path (`records[3].blind`), or a subject.
    pub subject: String,
    /// What is wrong, and what to do. Never personal data.
    pub description: String,
}

/// Why a call, or one record of it, was not carried out: reason and details, as `docs/errors.md` has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    /// The reason; it decides the gRPC code and which details are attached.
    pub reason: Reason,
    /// For people: what happened and what to do. Never personal data.
    pub message: String,
    /// Values by the keys of [`metadata`].
    pub metadata: BTreeMap<String, String>,
    /// What was wrong.
    pub violations: Vec<Violation>,
    /// When a retry may fare better; none for what is not retried.
    pub retry_after: Option<Duration>,
}

/// Why a status is no [`ErrorReport`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreported {
    /// Not answered by a member: a proxy, the library or the network did, with this code.
    #[error("{code:?} without an error of Muniment: {message}")]
    Bare {
        /// The code.
        code: Code,
        /// What it says.
        message: String,
    },
    /// A reason of a newer build.
    #[error("reason {reason} ({code:?}) is unknown to this build: {message}")]
    UnknownReason {
        /// The reason's name.
        reason: String,
        /// The code.
        code: Code,
        /// What it says.
        message: String,
    },
    /// Details that can't be read, or more than one ErrorInfo.
    #[error("error details can't be read: {0}")]
    Malformed(String),
}

impl ErrorReport {
    /// An error; the delay of a retry is that of the reason's row.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            retry_after: retry_after_of(reason),
        }
    }

    /// With a value by one of the keys of [`metadata`].
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Display) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// With one thing more that was wrong.
    #[must_use]
    pub fn violating(mut self, subject: impl Into<String>, description: impl Into<String>) -> Self {
        self.violations.push(Violation { subject: subject.into(), description: description.into() });
        self
    }

    /// With a better delay for a retry; nothing changes where the reason is not retried.
    #[must_use]
    pub fn retrying_after(mut self, delay: Duration) -> Self {
        self.retry_after = self.retry_after.map(|_| delay);
        self
    }

    /// The gRPC code.
    #[must_use]
    pub const fn code(&self) -> Code {
        code_of(self.reason)
    }

    /// The number that the metadata have by this key.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        self.metadata.get(key)?.parse().ok()
    }

    /// The leaf that was written all the same (REQUEST_ID_REUSED).
    #[must_use]
    pub fn leaf(&self) -> Option<LeafIndex> {
        self.number(metadata::LEAF_INDEX).map(LeafIndex)
    }

    /// The status of a call, within the 8 KiB that clients take.
    #[must_use]
    pub fn into_status(self) -> tonic::Status {
        let details = self.details();
        tonic::Status::with_error_details(self.code(), cut(&self.message, MESSAGE_BYTES_MAX), details)
    }

    /// The status of one record of a call.
    #[must_use]
    pub fn into_rpc_status(self) -> tonic_types::Status {
        let (code, message) = (i32::from(self.code()), cut(&self.message, MESSAGE_BYTES_MAX));
        let encoded = self.into_status();
        let details = tonic_types::Status::decode(encoded.details()).map(|status| status.details);
        tonic_types::Status { code, message, details: details.unwrap_or_default() }
    }

    /// Reads the status of a call.
    ///
    /// # Errors
    /// [`Unreported`] if no member's error is in it.
    pub fn from_status(status: &tonic::Status) -> Result<Self, Unreported> {
        let details = tonic_types::Status::decode(status.details());
        let details = details.map_err(|error| Unreported::Malformed(error.to_string()))?.details;
        let (code, message) = (i32::from(status.code()), status.message().to_owned());
        Self::from_rpc_status(&tonic_types::Status { code, message, details })
    }

    /// Reads the status of one record of a call.
    ///
    /// # Errors
    /// [`Unreported`] if no member's error is in it.
    pub fn from_rpc_status(status: &tonic_types::Status) -> Result<Self, Unreported> {
        let details = status.check_error_details_vec();
        let details = details.map_err(|error| Unreported::Malformed(error.to_string()))?;
        let mut infos = details.iter().filter_map(|detail| match detail {
            ErrorDetail::ErrorInfo(info) if info.domain == DOMAIN => Some(info),
            _ => None,
        });
        let (code, message) = (Code::from(status.code), status.message.clone());
        let Some(info) = infos.next() else { return Err(Unreported::Bare { code, message }) };
        if infos.next().is_some() {
            return Err(Unreported::Malformed("there is more than one ErrorInfo".to_owned()));
        }
        let Some(reason) = Reason::ALL.iter().copied().find(|reason| reason.name() == info.reason) else {
            return Err(Unreported::UnknownReason { reason: info.reason.clone(), code, message });
        };
        let metadata = info.metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let mut report = Self { reason, message, metadata, violations: Vec::new(), retry_after: None };
        details.into_iter().for_each(|detail| report.take(detail));
        Ok(report)
    }

    /// Reads the status of a *write*: what came from no member, and may therefore have happened or not, is
    /// OUTCOME_UNKNOWN.
    ///
    /// # Errors
    /// [`Unreported`] for other bare codes (UNIMPLEMENTED, say) and for reasons of a newer build.
    pub fn of_write(status: &tonic::Status) -> Result<Self, Unreported> {
        match Self::from_status(status) {
            Err(Unreported::Bare {
                code: Code::DeadlineExceeded | Code::Cancelled | Code::Unavailable | Code::Unknown,
                message,
            }) => Ok(Self::new(Reason::OutcomeUnknown, message)),
            read => read,
        }
    }

    fn take(&mut self, detail: ErrorDetail) {
        let violation = |subject, description| Violation { subject, description };
        match detail {
            ErrorDetail::RetryInfo(info) => self.retry_after = info.retry_delay,
            ErrorDetail::BadRequest(bad) => {
                let fields = bad.field_violations.into_iter();
                self.violations.extend(fields.map(|field| violation(field.field, field.description)));
            }
            ErrorDetail::PreconditionFailure(failure) => {
                let violations = failure.violations.into_iter();
                self.violations.extend(violations.map(|found| violation(found.subject, found.description)));
            }
            ErrorDetail::QuotaFailure(failure) => {
                let violations = failure.violations.into_iter();
                self.violations.extend(violations.map(|found| violation(found.subject, found.description)));
            }
            _ => {}
        }
    }

    fn details(&self) -> ErrorDetails {
        let omitted = self.violations.len().saturating_sub(VIOLATIONS_MAX);
        let metadata = self.metadata.iter().map(|(key, value)| {
            let limit = if key == metadata::MALFORMED { MALFORMED_BYTES_MAX } else { TEXT_BYTES_MAX };
            (key.clone(), cut(value, limit))
        });
        let omitted = (omitted > 0).then(|| (metadata::OMITTED.to_owned(), omitted.to_string()));
        let metadata: BTreeMap<String, String> = metadata.chain(omitted).collect();
        let mut details = ErrorDetails::with_error_info(
            self.reason.name(),
            DOMAIN,
            metadata.into_iter().collect::<std::collections::HashMap<_, _>>(),
        );
        if self.retry_after.is_some() {
            details.set_retry_info(self.retry_after);
        }
        let unnamed = [Violation { subject: "request".to_owned(), description: self.message.clone() }];
        let violations = if self.violations.is_empty() { &unnamed[..] } else { &self.violations };
        for Violation { subject, description } in violations.iter().take(VIOLATIONS_MAX) {
            let (subject, description) = (cut(subject, SUBJECT_BYTES_MAX), cut(description, TEXT_BYTES_MAX));
            match violations_of(self.reason) {
                Violations::None => {}
                Violations::BadRequest => {
                    details.add_bad_request_violation(subject, description);
                }
                Violations::PreconditionFailure => {
                    details.add_precondition_failure_violation(self.reason.name(), subject, description);
                }
                Violations::QuotaFailure => {
                    details.add_quota_failure_violation(subject, description);
                }
            }
        }
        details
    }
}

impl From<ErrorReport> for tonic::Status {
    fn from(report: ErrorReport) -> Self {
        report.into_status()
    }
}

/// The status of a reason without further details.
#[must_use]
pub fn status(reason: Reason, message: impl Into<String>) -> tonic::Status {
    ErrorReport::new(reason, message).into_status()
}

/// At most so many bytes of a text, whole characters.
fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes.saturating_sub(3)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}...", &text[..end])
}

#[cfg(test)]
mod tests {
    use tonic_types::pb;

    use super::*;

    #[test]
    fn a_report_survives_a_call_s_status_and_a_record_s() {
        let report = ErrorReport::new(Reason::RateLimited, "bureau 2 is over 500 records/s")
            .with(metadata::LIMIT, 500)
            .violating("bureau 2", "over 500 records/s")
            .retrying_after(Duration::from_millis(70));
        assert_eq!(ErrorReport::from_status(&report.clone().into()), Ok(report.clone()));
        assert_eq!(ErrorReport::from_rpc_status(&report.clone().into_rpc_status()), Ok(report));
        let reused = ErrorReport::new(Reason::RequestIdReused, "used before").with(metadata::LEAF_INDEX, 7);
        let read = ErrorReport::from_status(&reused.into()).expect("own statuses are read");
        assert_eq!(read.leaf(), Some(LeafIndex(7)));
        let never = ErrorReport::new(Reason::NotFound, "no").retrying_after(Duration::from_secs(1));
        assert_eq!(never.retry_after, None, "what is not retried has no delay");
    }

    #[test]
    fn the_largest_status_fits_what_clients_take() {
        let long = "x".repeat(2_000);
        let filled = metadata::ALL.iter().filter(|key| **key != metadata::OMITTED);
        let report = filled.fold(ErrorReport::new(Reason::RecordTooLarge, &long), |report, key| match *key {
            metadata::MALFORMED | metadata::LEADER_ADDRESS => report.with(key, &long),
            _ => report.with(key, u64::MAX),
        });
        let report = (0..100).fold(report, |report, _| report.violating(&long, &long));
        let response = report.into_status().into_http::<()>();
        let headers = response.headers().iter();
        let bytes: usize = headers.map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        assert!((6_000..8_192).contains(&bytes), "{bytes} bytes");
    }

    #[test]
    fn what_no_member_said_is_not_taken_for_a_member_s_word() {
        let bare = |code| tonic::Status::new(code, "upstream connect error");
        let unknown_outcome = [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled, Code::Unknown];
        for code in unknown_outcome {
            let message = "upstream connect error".to_owned();
            assert_eq!(ErrorReport::from_status(&bare(code)), Err(Unreported::Bare { code, message }));
            let written = ErrorReport::of_write(&bare(code)).map(|report| report.reason);
            assert_eq!(written, Ok(Reason::OutcomeUnknown), "{code:?}");
        }
        assert!(ErrorReport::of_write(&bare(Code::Unimplemented)).is_err(), "certainly not written");
        let foreign =
            ErrorDetails::with_error_info("NOT_LEADER", "other.example", std::collections::HashMap::new());
        let foreign = tonic::Status::with_error_details(Code::Unavailable, "no", foreign);
        assert!(matches!(ErrorReport::from_status(&foreign), Err(Unreported::Bare { .. })));
    }

    #[test]
    fn a_newer_reason_keeps_its_name_and_two_errors_in_one_are_refused() {
        let newer =
            ErrorDetails::with_error_info("PHASE_OF_THE_MOON", DOMAIN, std::collections::HashMap::new());
        let newer = tonic::Status::with_error_details(Code::Aborted, "wait", newer);
        let read = ErrorReport::from_status(&newer);
        assert!(
            matches!(read, Err(Unreported::UnknownReason { reason, .. }) if reason == "PHASE_OF_THE_MOON")
        );
        let mut twice = ErrorReport::new(Reason::NotFound, "no").into_rpc_status();
        twice.details.push(twice.details[0].clone());
        assert!(matches!(ErrorReport::from_rpc_status(&twice), Err(Unreported::Malformed(_))));
        let garbage =
            tonic::Status::with_details(Code::Internal, "no", bytes::Bytes::from_static(b"\xff\xff"));
        assert!(matches!(ErrorReport::from_status(&garbage), Err(Unreported::Malformed(_))));
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "lo...");
        assert_eq!(cut("存证存证", 8), "存...");
        let status =
            pb::Status::decode(ErrorReport::new(Reason::Internal, "存".repeat(900)).into_status().details());
        assert!(status.expect("own details are read").message.len() <= MESSAGE_BYTES_MAX);
    }
}
