//! The record codec: canonical bytes in, a checked record out, and back.
//!
//! A record's bytes are made once by its submitter, then hashed, stored and handed out for ever; nothing re-encodes
//! them. So a node takes them only when they are the one canonical encoding of a record within the schema's bounds.

use thiserror::Error;

use crate::canonical::{self, CanonicalError};
use crate::limits::RECORD_BYTES_MAX;
use crate::shape::{self, Fault};
use crate::v1::{Record, Visibility};
use crate::{Kind, LedgerId, Reason};

/// Version of the record schema that this build writes and accepts.
pub const SCHEMA_VERSION: u32 = 1;

/// Why a record is refused: nothing was written.
///
/// Never holds the offending value: it may be personal data, and errors end up in logs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}: {}: {detail}", if field.is_empty() { "record" } else { field })]
pub struct RecordError {
    /// The reason on the wire.
    pub reason: Reason,
    /// Path of the field, "access_executed.subject_tags[3]"; empty when it concerns the record as a whole.
    pub field: String,
    /// What is wrong with it, and what to do.
    pub detail: String,
}

impl From<Box<Fault>> for RecordError {
    fn from(fault: Box<Fault>) -> Self {
        Self { reason: fault.reason, field: fault.field(), detail: fault.detail }
    }
}

impl From<CanonicalError> for RecordError {
    fn from(error: CanonicalError) -> Self {
        let reason = match error {
            CanonicalError::Malformed(_) => Reason::InvalidRecord,
            CanonicalError::NotCanonical { .. } => Reason::NotCanonical,
        };
        Self { reason, field: String::new(), detail: error.to_string() }
    }
}

/// Decodes record bytes and checks everything that needs no ledger state: size, canonical form, the bounds of every
/// field, identifiers, personal data in free text and, where `ledger` is given, that the record is for this ledger.
///
/// # Errors
/// [`RecordError`] with reason RECORD_TOO_LARGE, INVALID_RECORD, NOT_CANONICAL, INVALID_IDENTIFIER, PERSONAL_DATA or
/// LEDGER_ID_MISMATCH.
pub fn decode(bytes: &[u8], ledger: Option<&LedgerId>) -> Result<Record, RecordError> {
    within_size(bytes.len())?;
    let record: Record = canonical::decode(bytes)?;
    check(&record, ledger)?;
    Ok(record)
}

/// Encodes a record canonically, after the same checks as [`decode`] does: the client library's side.
///
/// # Errors
/// [`RecordError`] as of [`decode`], save NOT_CANONICAL and LEDGER_ID_MISMATCH.
pub fn encode(record: &Record) -> Result<Vec<u8>, RecordError> {
    check(record, None)?;
    let bytes = canonical::encode(record);
    within_size(bytes.len())?;
    Ok(bytes)
}

/// Checks a record that was decoded or built elsewhere.
///
/// # Errors
/// [`RecordError`] as of [`decode`], save NOT_CANONICAL and the record's size in bytes.
pub fn check(record: &Record, ledger: Option<&LedgerId>) -> Result<(), RecordError> {
    shape::check(record)?;
    if ledger.is_some_and(|ledger| record.ledger_id != ledger.as_bytes()) {
        return Err(RecordError {
            reason: Reason::LedgerIdMismatch,
            field: "ledger_id".to_owned(),
            detail: "names another ledger: submit the record to the ledger that it was made for".to_owned(),
        });
    }
    Ok(())
}

/// The kind of a record; none when it has no body, which [`decode`] refuses.
#[must_use]
pub fn kind(record: &Record) -> Option<Kind> {
    record.body.as_ref().map(Kind::of)
}

/// Whether the record is sealed: its subject, holder and licence are no index terms until a record discloses them.
#[must_use]
pub fn is_sealed(record: &Record) -> bool {
    matches!(record.visibility(), Visibility::Deferred | Visibility::Hidden)
}

fn within_size(bytes: usize) -> Result<(), RecordError> {
    if bytes <= RECORD_BYTES_MAX {
        return Ok(());
    }
    Err(RecordError {
        reason: Reason::RecordTooLarge,
        field: String::new(),
        detail: format!(
            "has {bytes} bytes, at most {RECORD_BYTES_MAX} are allowed: store digests, not content"
        ),
    })
}
