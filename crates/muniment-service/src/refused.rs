//! Why a call is refused: every failure of the layers below as one reason of the wire, exhaustively.

use muniment_core::{Reason, RequestId, UnixMillis};
use muniment_ledger::{CheckAccessError, Rejection};
use muniment_proto::error_report::ErrorReport;
use muniment_proto::field_error::{FieldError, RequestError};
use muniment_proto::metadata;
use muniment_raft::{ReadError, ReceiptError, Refusal, SubmitError};
use muniment_store::StorageError;

use crate::rate_limit::limited;

/// A refusal on its way to the wire.
#[derive(Clone, Debug)]
pub(crate) struct Refused(Box<ErrorReport>);

/// The answer of a method.
pub(crate) type Answer<T> = Result<T, Refused>;

impl Refused {
    /// A refusal without further details.
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        ErrorReport::new(reason, message).into()
    }

    /// No such leaf.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Reason::NotFound, message)
    }

    /// A fault of this build.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Reason::Internal, message)
    }

    /// The reason.
    pub(crate) const fn reason(&self) -> Reason {
        self.0.reason
    }

    /// When a retry may fare better.
    pub(crate) const fn retry_after(&self) -> Option<std::time::Duration> {
        self.0.retry_after
    }

    /// With a value by one of the keys of [`metadata`].
    #[must_use]
    pub(crate) fn with(self, key: &str, value: impl std::fmt::Display) -> Self {
        self.0.with(key, value).into()
    }

    /// A record that the rules refused, or its whole submission.
    ///
    /// The request id's time being ahead of the ledger's can only be the client's clock; being behind, it may as well be
    /// a late retry, which must look up what became of the first.
    pub(crate) fn rejected(rejection: &Rejection, id: RequestId, ledger_time: UnixMillis) -> Self {
        let Rejection { reason, field, detail } = rejection;
        let is_ahead = *reason == Reason::Expired && id.time() > ledger_time;
        let reason = if is_ahead { Reason::ClientClock } else { *reason };
        let subject = if field.is_empty() { "record" } else { field };
        let report = ErrorReport::new(reason, format!("{subject}: {detail}")).violating(subject, detail);
        match reason {
            Reason::Expired | Reason::ClientClock => report
                .with(metadata::CLIENT_TIME_MS, id.time())
                .with(metadata::LEDGER_TIME_MS, ledger_time)
                .into(),
            _ => report.into(),
        }
    }

    /// What goes into the result of one record of a call.
    pub(crate) fn into_report(self) -> ErrorReport {
        *self.0
    }
}

impl From<ErrorReport> for Refused {
    fn from(report: ErrorReport) -> Self {
        Self(Box::new(report))
    }
}

impl From<FieldError> for Refused {
    fn from(error: FieldError) -> Self {
        ErrorReport::from(error).into()
    }
}

impl From<RequestError> for Refused {
    fn from(error: RequestError) -> Self {
        ErrorReport::from(error).into()
    }
}

impl From<Refused> for tonic::Status {
    fn from(refused: Refused) -> Self {
        refused.0.into_status()
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let report = ErrorReport::new(refusal.reason(), refusal.to_string());
        match refusal {
            Refusal::Rejected(Rejection { field, detail, .. }) => {
                report.violating(if field.is_empty() { "admission".to_owned() } else { field }, detail)
            }
            Refusal::TooLarge { what, found, limit } => report
                .with(metadata::LIMIT, limit)
                .with(metadata::FOUND, found)
                .violating("records", format!("{what}: {found}, at most {limit} are allowed")),
            Refusal::Empty => report.violating("records", "must be at least one"),
            Refusal::Overloaded { retry_after, .. } => report.retrying_after(retry_after),
            Refusal::RateLimited(over) => return limited(over, "the leader"),
            Refusal::NotLeader { leader: Some(leader) } => report.with(metadata::LEADER_NODE_ID, leader),
            Refusal::NotLeader { leader: None }
            | Refusal::StorageFull { .. }
            | Refusal::ClockUnsynced { .. }
            | Refusal::NoQuorum { .. }
            | Refusal::RolledBack(_)
            | Refusal::NotRunning(_) => report,
        }
        .into()
    }
}

impl From<SubmitError> for Refused {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::NotWritten(refusal) => refusal.into(),
            SubmitError::OutcomeUnknown(_) => Self::new(Reason::OutcomeUnknown, error.to_string()),
        }
    }
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        let reason = match error {
            ReadError::NotReadable(_) => Reason::Halted,
            ReadError::Damaged(_) => Reason::Damaged,
            ReadError::NoQuorum(_) => Reason::NoQuorum,
            ReadError::TimedOut { .. } => Reason::MemberNotCaughtUp,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<StorageError> for Refused {
    fn from(error: StorageError) -> Self {
        let (reason, message) = match &error {
            // Paths are the operators' business: they go to the log.
            StorageError::Corrupt { .. } => (Reason::Damaged, "this node's copy of it is damaged"),
            StorageError::Io { .. } => (Reason::Damaged, "this node can't read its copy of it"),
            StorageError::Full { .. } => (Reason::StorageFull, "this node's disk is full"),
            StorageError::Refused { .. } => (Reason::Internal, "this node asked its files for what can't be"),
        };
        tracing::error!(%error, "read evidence files");
        Self::new(reason, format!("{message}; ask another member"))
    }
}

impl From<ReceiptError> for Refused {
    fn from(error: ReceiptError) -> Self {
        match error {
            ReceiptError::Read(error) => error.into(),
            ReceiptError::Storage(error) => error.into(),
            ReceiptError::Unreadable { .. } | ReceiptError::DoesNotVerify { .. } => {
                Self::new(Reason::Damaged, error.to_string())
            }
        }
    }
}

impl From<CheckAccessError> for Refused {
    fn from(error: CheckAccessError) -> Self {
        match error {
            CheckAccessError::UnknownRules(_) => Self::new(Reason::RulesVersion, error.to_string()),
            CheckAccessError::Rejected(Rejection { reason, field, detail }) => {
                FieldError::new(reason, field, detail).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use muniment_raft::{OverRate, Rate};

    use super::*;

    fn rejection(reason: Reason) -> Rejection {
        Rejection::new(reason, "request_id", "is off")
    }

    #[test]
    fn every_refusal_keeps_the_reason_that_the_node_gave_it() {
        let all = [
            Refusal::Rejected(rejection(Reason::BadSignature)),
            Refusal::TooLarge { what: "records", found: 3, limit: 2 },
            Refusal::Empty,
            Refusal::Overloaded { what: "apply", retry_after: Duration::from_millis(70) },
            Refusal::RateLimited(OverRate {
                bureau: muniment_core::BureauNumber(2),
                rate: Rate::Records,
                limit: 5,
                retry_after: Duration::from_millis(70),
            }),
            Refusal::StorageFull { available: 1, reserve: 2 },
            Refusal::ClockUnsynced { ahead_ms: 6_000 },
            Refusal::NoQuorum { waited: Duration::from_secs(1) },
            Refusal::NotLeader { leader: None },
            Refusal::NotLeader { leader: Some(muniment_core::NodeId(2)) },
            Refusal::NotRunning("stopped".to_owned()),
        ];
        for refusal in all {
            let refused = Refused::from(SubmitError::from(refusal.clone()));
            assert_eq!(refused.reason(), refusal.reason(), "{refusal}");
        }
        let unknown = Refused::from(SubmitError::OutcomeUnknown("lost".to_owned()));
        assert_eq!(unknown.reason(), Reason::OutcomeUnknown);
        assert_eq!(tonic::Status::from(unknown).code(), tonic::Code::Unavailable);
        let paused =
            Refused::from(Refusal::Overloaded { what: "apply", retry_after: Duration::from_millis(70) });
        assert_eq!(paused.retry_after(), Some(Duration::from_millis(70)));
    }

    #[test]
    fn a_request_id_from_the_future_is_the_client_s_clock_and_one_from_the_past_is_expired() {
        let id = RequestId::new(UnixMillis(1_000_000), [1; 10]);
        for (ledger, reason) in
            [(UnixMillis(1), Reason::ClientClock), (UnixMillis(2_000_000), Reason::Expired)]
        {
            let refused = Refused::rejected(&rejection(Reason::Expired), id, ledger);
            assert_eq!(refused.reason(), reason);
            let report = ErrorReport::from_status(&refused.into()).expect("own statuses are read");
            assert_eq!(report.number(metadata::CLIENT_TIME_MS), Some(1_000_000));
            assert_eq!(report.number(metadata::LEDGER_TIME_MS), Some(ledger.0));
        }
        let other = Refused::rejected(&rejection(Reason::DecisionRefused), id, UnixMillis(1));
        assert_eq!(other.reason(), Reason::DecisionRefused);
    }
}
