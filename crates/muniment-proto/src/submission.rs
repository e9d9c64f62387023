//! Writes as they come from the wire: ids, blinds, sizes and admissions checked. Record bytes are not looked into: that
//! is `muniment_core::record::decode`'s, and costs more.

use bytes::Bytes;
use muniment_core::admission::{self, Admission};
use muniment_core::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, RECORD_BYTES_MAX};
use muniment_core::{Blind, Reason, RequestId};

use crate::field_error::{FieldError, RequestError};
use crate::identifiers::{blind, request_id};
use crate::v1;

/// Bytes of one request's records with what stands around each, at most: they then fit one Raft entry.
pub const SUBMISSION_BYTES_MAX: usize = BATCH_BYTES_MAX - 512;
/// What a record counts besides its bytes: blind and length.
pub const RECORD_OVERHEAD: usize = 20;
/// What a submission of its own counts: request id and count.
pub const SUBMISSION_OVERHEAD: usize = 20;
/// Bytes of an admission, at most: 2,048 submissions need less.
pub const ADMISSION_BYTES_MAX: usize = 64 * 1024;

/// How far a written record has come, and what its submitter waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Durable on a majority: an acknowledgement. The wire's default; client libraries ask for the other.
    #[default]
    Committed,
    /// Under a cosigned checkpoint: a receipt.
    Cosigned,
}

/// A record's bytes with their blind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// 16 random bytes from whoever made the record.
    pub blind: Blind,
    /// 1 byte to 64 KiB, not yet decoded.
    pub bytes: Bytes,
}

/// One `Submit` or `SubmitBatch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// UUIDv7.
    pub request_id: RequestId,
    /// 1 to 2,048 records that fit one entry.
    pub records: Vec<NewRecord>,
    /// What to wait for.
    pub wait_for: Level,
    /// The submitter's own admission, of exactly this request id and count. Its signature and root are not checked.
    pub admission: Option<Admission>,
}

/// One message of a `SubmitStream`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamMessage {
    /// Position of the first item.
    pub position: u64,
    /// 1 to 2,048 items that fit one entry.
    pub items: Vec<StreamItem>,
    /// What to wait for; none = as the first message said.
    pub wait_for: Option<Level>,
    /// The submitter's own admission, of exactly these items. Its signature and root are not checked.
    pub admission: Option<Admission>,
}

/// One record of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamItem {
    /// UUIDv7.
    pub request_id: RequestId,
    /// The record.
    pub record: NewRecord,
}

impl Level {
    /// Reads a level: none if it is unspecified.
    ///
    /// # Errors
    /// INVALID_REQUEST for a number that is no level.
    pub fn from_wire(field: &str, level: i32) -> Result<Option<Self>, FieldError> {
        match v1::Level::try_from(level) {
            Ok(v1::Level::Unspecified) => Ok(None),
            Ok(v1::Level::Committed) => Ok(Some(Self::Committed)),
            Ok(v1::Level::Cosigned) => Ok(Some(Self::Cosigned)),
            Err(_) => Err(FieldError::invalid(field, "is no level that this build knows")),
        }
    }
}

impl From<Level> for v1::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Committed => Self::Committed,
            Level::Cosigned => Self::Cosigned,
        }
    }
}

impl TryFrom<v1::NewRecord> for NewRecord {
    type Error = FieldError;

    fn try_from(record: v1::NewRecord) -> Result<Self, FieldError> {
        let bytes = record.record;
        if bytes.is_empty() {
            return Err(FieldError::missing("record"));
        }
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(too_large("record", "bytes", bytes.len(), RECORD_BYTES_MAX));
        }
        Ok(Self { blind: blind("blind", &record.blind)?, bytes })
    }
}

impl From<NewRecord> for v1::NewRecord {
    fn from(record: NewRecord) -> Self {
        Self { blind: Bytes::copy_from_slice(&record.blind.0), record: record.bytes }
    }
}

impl TryFrom<v1::SubmitRequest> for Submission {
    type Error = RequestError;

    fn try_from(request: v1::SubmitRequest) -> Result<Self, RequestError> {
        let record = request.record.ok_or_else(|| FieldError::missing("record"))?;
        let record = NewRecord::try_from(record).map_err(|error| error.within("record"))?;
        Self::checked(&request.request_id, vec![record], request.wait_for, &request.admission)
    }
}

impl TryFrom<v1::SubmitBatchRequest> for Submission {
    type Error = RequestError;

    /// Names every record that is malformed, not only the first.
    fn try_from(request: v1::SubmitBatchRequest) -> Result<Self, RequestError> {
        insist_on_count("records", request.records.len())?;
        let records = all("records", request.records, NewRecord::try_from)?;
        Self::checked(&request.request_id, records, request.wait_for, &request.admission)
    }
}

impl Submission {
    fn checked(
        id: &[u8],
        records: Vec<NewRecord>,
        wait_for: i32,
        signed: &[u8],
    ) -> Result<Self, RequestError> {
        let request_id = request_id("request_id", id)?;
        let wait_for = Level::from_wire("wait_for", wait_for)?.unwrap_or_default();
        insist_on_size(
            "records",
            SUBMISSION_OVERHEAD + records.iter().map(NewRecord::weight).sum::<usize>(),
        )?;
        let count = u32::try_from(records.len()).expect("at most 2,048 records were let in");
        let admission = admission(signed, &[admission::Submission { request_id, count }])?;
        Ok(Self { request_id, records, wait_for, admission })
    }
}

impl NewRecord {
    /// What it takes of [`SUBMISSION_BYTES_MAX`].
    #[must_use]
    pub fn weight(&self) -> usize {
        RECORD_OVERHEAD + self.bytes.len()
    }
}

impl TryFrom<v1::StreamItem> for StreamItem {
    type Error = FieldError;

    fn try_from(item: v1::StreamItem) -> Result<Self, FieldError> {
        let request_id = request_id("request_id", &item.request_id)?;
        let record = item.record.ok_or_else(|| FieldError::missing("record"))?;
        let record = NewRecord::try_from(record).map_err(|error| error.within("record"))?;
        Ok(Self { request_id, record })
    }
}

impl TryFrom<v1::SubmitStreamRequest> for StreamMessage {
    type Error = RequestError;

    /// Names every item that is malformed, not only the first.
    fn try_from(message: v1::SubmitStreamRequest) -> Result<Self, RequestError> {
        insist_on_count("items", message.items.len())?;
        let items = all("items", message.items, StreamItem::try_from)?;
        let weights = items.iter().map(|item| SUBMISSION_OVERHEAD + item.record.weight());
        insist_on_size("items", weights.sum())?;
        let submissions =
            items.iter().map(|item| admission::Submission { request_id: item.request_id, count: 1 });
        let admission = admission(&message.admission, &submissions.collect::<Vec<_>>())?;
        let wait_for = Level::from_wire("wait_for", message.wait_for)?;
        Ok(Self { position: message.position, items, wait_for, admission })
    }
}

/// Every value converted, or every error with its index.
fn all<W, T>(
    field: &str,
    values: Vec<W>,
    convert: impl Fn(W) -> Result<T, FieldError>,
) -> Result<Vec<T>, RequestError> {
    let (mut converted, mut errors) = (Vec::with_capacity(values.len()), Vec::new());
    for (index, value) in values.into_iter().enumerate() {
        match convert(value) {
            Ok(value) => converted.push(value),
            Err(error) => errors.push(error.within(format_args!("{field}[{index}]"))),
        }
    }
    RequestError::of(errors).map_or(Ok(converted), Err)
}

fn insist_on_count(field: &str, found: usize) -> Result<(), FieldError> {
    match found {
        0 => Err(FieldError::missing(field)),
        1..=BATCH_RECORDS_MAX => Ok(()),
        _ => Err(too_large(field, "records", found, BATCH_RECORDS_MAX)),
    }
}

fn insist_on_size(field: &str, found: usize) -> Result<(), FieldError> {
    if found > SUBMISSION_BYTES_MAX {
        return Err(too_large(field, "bytes with what stands around records", found, SUBMISSION_BYTES_MAX));
    }
    Ok(())
}

fn too_large(field: &str, unit: &str, found: usize, limit: usize) -> FieldError {
    let detail = format!("has {found} {unit}, at most {limit} are allowed");
    FieldError::new(Reason::RecordTooLarge, field, detail)
}

/// The submitter's own admission, where there is one: it must name these submissions and nothing else.
fn admission(bytes: &[u8], expected: &[admission::Submission]) -> Result<Option<Admission>, FieldError> {
    let field = "admission";
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() > ADMISSION_BYTES_MAX {
        return Err(too_large(field, "bytes", bytes.len(), ADMISSION_BYTES_MAX));
    }
    let admission =
        Admission::decode(bytes).map_err(|error| FieldError::invalid(field, error.to_string()))?;
    if admission.submissions != expected {
        let detail = "was signed for other request ids, or another number of records, than the request has";
        return Err(FieldError::new(Reason::BadSignature, field, detail));
    }
    Ok(Some(admission))
}

#[cfg(test)]
mod tests {
    use muniment_core::keys::SigningKey;
    use muniment_core::{Hash, Suite, UnixMillis};

    use super::*;

    fn id(byte: u8) -> RequestId {
        RequestId::new(UnixMillis(1_700_000_000_000), [byte; 10])
    }

    fn bytes(id: RequestId) -> Bytes {
        Bytes::copy_from_slice(&id.0)
    }

    fn record(length: usize) -> v1::NewRecord {
        v1::NewRecord { blind: Bytes::from_static(&[7; 16]), record: vec![1; length].into() }
    }

    fn batch(records: Vec<v1::NewRecord>) -> v1::SubmitBatchRequest {
        v1::SubmitBatchRequest { request_id: bytes(id(1)), records, ..Default::default() }
    }

    fn signed(submissions: Vec<admission::Submission>) -> Bytes {
        let key = SigningKey::from_seed(&[1; 32]);
        Admission::sign(Suite::Blake3, "example/ledger", &key, submissions, [Hash([1; 32])]).encode().into()
    }

    /// Reasons and fields of a refusal.
    fn faults<T>(result: Result<T, RequestError>) -> Vec<(Reason, String)> {
        let Err(error) = result else { panic!("it was taken") };
        error.errors().map(|error| (error.reason, error.field.clone())).collect()
    }

    #[test]
    fn one_record_becomes_a_submission_that_waits_as_asked() {
        let request = |wait_for| v1::SubmitRequest {
            request_id: bytes(id(1)),
            record: Some(record(3)),
            wait_for,
            admission: Bytes::new(),
        };
        let cases = [(0, Level::Committed), (1, Level::Committed), (2, Level::Cosigned)];
        for (wire, wait_for) in cases {
            let submission = Submission::try_from(request(wire)).expect("it is in order");
            assert_eq!(submission.wait_for, wait_for);
            assert_eq!(submission.request_id, id(1));
            let back = v1::NewRecord::from(submission.records[0].clone());
            assert_eq!(back, record(3));
        }
        assert_eq!(faults(Submission::try_from(request(3))), [(Reason::InvalidRequest, "wait_for".into())]);
        let nothing = v1::SubmitRequest { record: None, ..request(0) };
        assert_eq!(faults(Submission::try_from(nothing)), [(Reason::InvalidRequest, "record".into())]);
        let anonymous = v1::SubmitRequest { request_id: Bytes::new(), ..request(0) };
        let required = [(Reason::RequestIdRequired, "request_id".into())];
        assert_eq!(faults(Submission::try_from(anonymous)), required);
    }

    #[test]
    fn a_batch_names_every_malformed_record() {
        let short = v1::NewRecord { blind: Bytes::from_static(&[7; 15]), ..record(3) };
        let records =
            vec![record(0), record(3), short, record(RECORD_BYTES_MAX + 1), record(RECORD_BYTES_MAX)];
        let expected = [
            (Reason::InvalidRequest, "records[0].record".into()),
            (Reason::InvalidRequest, "records[2].blind".into()),
            (Reason::RecordTooLarge, "records[3].record".into()),
        ];
        assert_eq!(faults(Submission::try_from(batch(records))), expected);
    }

    #[test]
    fn a_batch_is_bounded_in_records_and_bytes() {
        let check = |count: usize, length: usize| Submission::try_from(batch(vec![record(length); count]));
        assert_eq!(faults(check(0, 1)), [(Reason::InvalidRequest, "records".into())]);
        assert_eq!(check(BATCH_RECORDS_MAX, 1).expect("it is in bounds").records.len(), BATCH_RECORDS_MAX);
        let too_large = [(Reason::RecordTooLarge, "records".into())];
        assert_eq!(faults(check(BATCH_RECORDS_MAX + 1, 1)), too_large);
        // 16 records of these lengths are just below the bound, and just above.
        let length = (SUBMISSION_BYTES_MAX - SUBMISSION_OVERHEAD) / 16 - RECORD_OVERHEAD;
        check(16, length).expect("it is in bounds");
        assert_eq!(faults(check(16, length + 1)), too_large);
    }

    #[test]
    fn an_admission_must_name_the_request_and_nothing_else() {
        let one = |request_id, count| admission::Submission { request_id, count };
        let check = |admission: Bytes| {
            Submission::try_from(v1::SubmitBatchRequest { admission, ..batch(vec![record(1); 2]) })
        };
        let admission = check(signed(vec![one(id(1), 2)])).expect("it names the request").admission;
        assert_eq!(admission.expect("it is there").submissions, [one(id(1), 2)]);
        let others = [vec![one(id(1), 1)], vec![one(id(2), 2)], vec![one(id(1), 2), one(id(2), 1)]];
        for other in others {
            let bad = [(Reason::BadSignature, "admission".into())];
            assert_eq!(faults(check(signed(other))), bad);
        }
        let cut = signed(vec![one(id(1), 2)]).slice(1..);
        assert_eq!(faults(check(cut)), [(Reason::InvalidRequest, "admission".into())]);
        let large = vec![0; ADMISSION_BYTES_MAX + 1].into();
        assert_eq!(faults(check(large)), [(Reason::RecordTooLarge, "admission".into())]);
    }

    #[test]
    fn a_stream_message_is_checked_item_by_item_and_with_its_admission() {
        let item =
            |byte, length| v1::StreamItem { request_id: bytes(id(byte)), record: Some(record(length)) };
        let message = |items, admission| {
            StreamMessage::try_from(v1::SubmitStreamRequest { position: 7, items, wait_for: 2, admission })
        };
        let one = |byte| admission::Submission { request_id: id(byte), count: 1 };
        let both = signed(vec![one(1), one(2)]);
        let read = message(vec![item(1, 3), item(2, 4)], both.clone()).expect("it is in order");
        assert_eq!((read.position, read.items.len()), (7, 2));
        assert_eq!(read.wait_for, Some(Level::Cosigned));
        let swapped = message(vec![item(2, 4), item(1, 3)], both);
        assert_eq!(faults(swapped), [(Reason::BadSignature, "admission".into())]);
        let empty = v1::StreamItem { record: None, ..item(3, 1) };
        let anonymous = v1::StreamItem { request_id: Bytes::new(), ..item(3, 1) };
        let expected = [
            (Reason::InvalidRequest, "items[0].record".into()),
            (Reason::RequestIdRequired, "items[1].request_id".into()),
            (Reason::InvalidRequest, "items[2].record.record".into()),
        ];
        assert_eq!(faults(message(vec![empty, anonymous, item(4, 0)], Bytes::new())), expected);
        assert_eq!(faults(message(Vec::new(), Bytes::new())), [(Reason::InvalidRequest, "items".into())]);
    }
}
