//! Why a message is not what it should be: the field, by its path.

use std::fmt::{self, Display};

use muniment_core::Reason;
use muniment_core::record::RecordError;
use thiserror::Error;

use crate::error_report::ErrorReport;
use crate::metadata;

/// One field that is missing, malformed or out of bounds. Never holds the offending value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: {detail}", if field.is_empty() { "request" } else { field })]
pub struct FieldError {
    /// The reason with which a server answers it.
    pub reason: Reason,
    /// Path of the field, `records[3].blind`; empty when it concerns the message as a whole.
    pub field: String,
    /// What is wrong with it, and what to do.
    pub detail: String,
}

/// All that is wrong with a request: nothing of it was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct RequestError {
    first: FieldError,
    others: Vec<FieldError>,
}

impl FieldError {
    /// A field with this reason.
    #[must_use]
    pub fn new(reason: Reason, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { reason, field: field.into(), detail: detail.into() }
    }

    /// A field that makes the request invalid (INVALID_REQUEST).
    #[must_use]
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Reason::InvalidRequest, field, detail)
    }

    /// A field that must be there.
    #[must_use]
    pub fn missing(field: impl Into<String>) -> Self {
        Self::invalid(field, "is missing")
    }

    /// A byte string of another length than it must have.
    #[must_use]
    pub fn length(field: impl Into<String>, expected: usize, found: usize) -> Self {
        Self::invalid(field, format!("has {found} bytes, must have {expected}"))
    }

    /// The same error, seen from the message around it: `outer` is that message's field.
    #[must_use]
    pub fn within(mut self, outer: impl Display) -> Self {
        let inner = std::mem::take(&mut self.field);
        self.field = if inner.is_empty() { outer.to_string() } else { format!("{outer}.{inner}") };
        self
    }
}

impl From<RecordError> for FieldError {
    fn from(error: RecordError) -> Self {
        Self { reason: error.reason, field: error.field, detail: error.detail }
    }
}

impl RequestError {
    /// All errors, if there are any.
    #[must_use]
    pub fn of(errors: Vec<FieldError>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let first = errors.next()?;
        Some(Self { first, others: errors.collect() })
    }

    /// The errors, in the order of the fields; at least one.
    pub fn errors(&self) -> impl Iterator<Item = &FieldError> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        match self.others.len() {
            0 => Ok(()),
            others => write!(f, " (and {others} more)"),
        }
    }
}

impl From<FieldError> for RequestError {
    fn from(first: FieldError) -> Self {
        Self { first, others: Vec::new() }
    }
}

impl From<FieldError> for ErrorReport {
    fn from(error: FieldError) -> Self {
        RequestError::from(error).into()
    }
}

impl From<RequestError> for ErrorReport {
    /// The reason is that of the first field; every field is a violation; indexes of records are listed whole.
    fn from(error: RequestError) -> Self {
        let report = Self::new(error.first.reason, error.to_string());
        let malformed: Vec<u64> = error.errors().filter_map(|error| record_index(&error.field)).collect();
        let report =
            if malformed.is_empty() { report } else { report.with(metadata::MALFORMED, ranges(malformed)) };
        error.errors().fold(report, |report, error| report.violating(&error.field, &error.detail))
    }
}

impl From<FieldError> for tonic::Status {
    fn from(error: FieldError) -> Self {
        ErrorReport::from(error).into_status()
    }
}

impl From<RequestError> for tonic::Status {
    fn from(error: RequestError) -> Self {
        ErrorReport::from(error).into_status()
    }
}

/// The index in a path such as "records[3].blind".
fn record_index(field: &str) -> Option<u64> {
    let (_, after) = field.split_once('[').filter(|(name, _)| matches!(*name, "records" | "items"))?;
    after.split_once(']')?.0.parse().ok()
}

/// "0,4-7" of 0, 4, 5, 6, 7.
fn ranges(mut indexes: Vec<u64>) -> String {
    indexes.sort_unstable();
    indexes.dedup();
    let runs = indexes.chunk_by(|a, b| a + 1 == *b).filter_map(|run| match run {
        [] => None,
        [only] => Some(only.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    runs.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_grows_from_the_inside() {
        let error = FieldError::missing("blind").within("records[3]").within("batch");
        assert_eq!(error.field, "batch.records[3].blind");
        assert_eq!(FieldError::missing("").within("record").to_string(), "record: is missing");
    }

    #[test]
    fn every_malformed_record_is_named_by_index_even_when_few_are_listed() {
        let errors = (0..40).filter(|index| *index != 7);
        let errors = errors.map(|index| FieldError::missing("blind").within(format!("records[{index}]")));
        let report = ErrorReport::from(RequestError::of(errors.collect()).expect("there are errors"));
        let read = ErrorReport::from_status(&report.into_status()).expect("own statuses are read");
        assert_eq!(read.metadata[metadata::MALFORMED], "0-6,8-39");
        assert_eq!(read.number(metadata::OMITTED), Some(31));
        assert_eq!(read.violations.len(), 8);
        assert_eq!(read.message, "records[0].blind: is missing (and 38 more)");
    }
}
