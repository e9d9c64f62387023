//! What became of a written record, as both ends see it.

use bytes::Bytes;
use muniment_core::{LeafIndex, UnixMillis, Verdict};

use crate::error_report::{ErrorReport, Unreported};
use crate::field_error::FieldError;
use crate::submission::Level;
use crate::v1;
use crate::v1::submit_result::Result as Wire;

/// A record that is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmittedRecord {
    /// Where; none for a duplicate that was taken for one without comparing, since its sequence is older than what its
    /// stream remembers.
    pub place: Option<Place>,
    /// The level reached.
    pub level: Level,
    /// Whether it was there before.
    pub duplicate: bool,
    /// Text of its receipt; empty where there is none. Nothing is verified.
    pub receipt: Bytes,
}

/// A record's place in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its leaf.
    pub leaf: LeafIndex,
    /// When the ledger accepted it.
    pub accepted_at: UnixMillis,
    /// What the rules found.
    pub verdict: Verdict,
}

/// Why one of several results can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResultError {
    /// The record's own error: an answer, not a broken message.
    #[error("{}: {}", .0.reason, .0.message)]
    Refused(Box<ErrorReport>),
    /// An error that can't be read.
    #[error(transparent)]
    Unreported(#[from] Unreported),
    /// A broken message.
    #[error(transparent)]
    Field(#[from] FieldError),
}

impl From<SubmittedRecord> for v1::SubmittedRecord {
    fn from(record: SubmittedRecord) -> Self {
        Self {
            leaf_index: record.place.map(|place| place.leaf.0),
            accepted_at_ms: record.place.map_or(0, |place| place.accepted_at.0),
            verdict: record.place.map(|place| place.verdict.into()),
            level: v1::Level::from(record.level).into(),
            duplicate: record.duplicate,
            compared: record.place.is_some(),
            receipt: record.receipt,
        }
    }
}

impl TryFrom<v1::SubmittedRecord> for SubmittedRecord {
    type Error = FieldError;

    fn try_from(record: v1::SubmittedRecord) -> Result<Self, FieldError> {
        let level = Level::from_wire("level", record.level)?.ok_or_else(|| FieldError::missing("level"))?;
        let place = match (record.leaf_index, &record.verdict) {
            (Some(leaf), Some(verdict)) => Some(Place {
                leaf: LeafIndex(leaf),
                accepted_at: UnixMillis(record.accepted_at_ms),
                verdict: Verdict::try_from(verdict)?,
            }),
            (None, None) if record.duplicate => None,
            (None, None) => return Err(FieldError::missing("leaf_index")),
            _ => return Err(FieldError::invalid("verdict", "must be there exactly when leaf_index is")),
        };
        if record.compared != place.is_some() {
            return Err(FieldError::invalid("compared", "must be true exactly when leaf_index is there"));
        }
        Ok(Self { place, level, duplicate: record.duplicate, receipt: record.receipt })
    }
}

impl From<Result<SubmittedRecord, ErrorReport>> for v1::SubmitResult {
    fn from(result: Result<SubmittedRecord, ErrorReport>) -> Self {
        let result = match result {
            Ok(record) => Wire::Submitted(record.into()),
            Err(report) => Wire::Error(report.into_rpc_status()),
        };
        Self { result: Some(result) }
    }
}

impl TryFrom<v1::SubmitResult> for SubmittedRecord {
    type Error = ResultError;

    fn try_from(result: v1::SubmitResult) -> Result<Self, ResultError> {
        match result.result {
            Some(Wire::Submitted(record)) => Ok(Self::try_from(record)?),
            Some(Wire::Error(status)) => {
                Err(ResultError::Refused(Box::new(ErrorReport::from_rpc_status(&status)?)))
            }
            None => Err(FieldError::missing("result").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use muniment_core::{Flag, Reason};

    use super::*;
    use crate::metadata;

    fn place() -> Place {
        let verdict = Verdict::NONE.with(Flag::A03);
        Place { leaf: LeafIndex(0), accepted_at: UnixMillis(5), verdict }
    }

    #[test]
    fn results_survive_the_wire_leaf_0_and_uncompared_duplicates_included() {
        let receipt = Bytes::from_static(b"muniment/proof@v1 blake3\n");
        let new = SubmittedRecord { place: Some(place()), level: Level::Cosigned, duplicate: false, receipt };
        let again = SubmittedRecord { duplicate: true, level: Level::Committed, ..new.clone() };
        let uncompared = SubmittedRecord { place: None, receipt: Bytes::new(), ..again.clone() };
        for record in [new, again, uncompared] {
            let message = v1::SubmitResult::from(Ok(record.clone()));
            assert_eq!(SubmittedRecord::try_from(message), Ok(record));
        }
        let report = ErrorReport::new(Reason::RequestIdReused, "used before").with(metadata::LEAF_INDEX, 7);
        let message = v1::SubmitResult::from(Err(report.clone()));
        assert_eq!(SubmittedRecord::try_from(message), Err(ResultError::Refused(Box::new(report))));
    }

    #[test]
    fn a_result_that_says_nothing_or_contradicts_itself_is_refused() {
        let record = SubmittedRecord {
            place: Some(place()),
            level: Level::Committed,
            duplicate: false,
            receipt: Bytes::new(),
        };
        type Lie = fn(&mut v1::SubmittedRecord);
        let lies: [(&str, Lie); 5] = [
            ("level", |record| record.level = 0),
            ("verdict", |record| record.verdict = None),
            ("verdict", |record| record.leaf_index = None),
            ("compared", |record| record.compared = false),
            ("leaf_index", |record| (record.leaf_index, record.verdict) = (None, None)),
        ];
        for (field, lie) in lies {
            let mut message = v1::SubmittedRecord::from(record.clone());
            lie(&mut message);
            assert_eq!(SubmittedRecord::try_from(message).expect_err("it lies").field, field);
        }
        assert!(SubmittedRecord::try_from(v1::SubmitResult::default()).is_err(), "no result at all");
    }
}
