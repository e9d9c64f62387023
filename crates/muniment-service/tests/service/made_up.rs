//! Records, submissions and requests for tests.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use muniment_core::v1::record::Body;
use muniment_core::{Blind, LedgerId, RequestId, UnixMillis, record, v1 as records};
use muniment_proto::error_report::ErrorReport;
use muniment_proto::v1;
use tonic::{Code, Status};

use crate::cluster::now;

/// A valid credit code of nobody in particular.
pub(crate) const COMPANY: &str = "uscc:91350100M000100Y43";

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// A number that was not there before.
pub(crate) fn serial() -> u64 {
    SERIAL.fetch_add(1, Ordering::Relaxed)
}

/// A record of a bureau.
pub(crate) fn of(ledger_id: &LedgerId, bureau: u32, body: Body) -> records::Record {
    records::Record {
        schema_version: 1,
        ledger_id: ledger_id.0.to_vec(),
        submitter: bureau,
        region: format!("gbt2260:34{bureau:02}00"),
        actor: Some(records::Actor { system: "system:gateway".to_owned(), ..records::Actor::default() }),
        occurred_at: Some(records::Time { unix_ms: now().0, precision: 0 }),
        body: Some(body),
        ..records::Record::default()
    }
}

/// An access unlike any other.
pub(crate) fn access(ledger_id: &LedgerId, bureau: u32) -> records::Record {
    let body = records::AccessExecuted {
        side: records::Side::Provider.into(),
        exchange: format!("exchange-{}", serial()),
        provider: COMPANY.to_owned(),
        consumer: COMPANY.to_owned(),
        data_set: "catalogue:307009001/15".to_owned(),
        ..records::AccessExecuted::default()
    };
    of(ledger_id, bureau, Body::AccessExecuted(body))
}

/// An access in a stream.
pub(crate) fn in_stream(ledger_id: &LedgerId, bureau: u32, id: &str, sequence: u64) -> records::Record {
    let stream = Some(records::Stream { id: id.to_owned(), sequence });
    records::Record { stream, ..access(ledger_id, bureau) }
}

/// A decision that the rules refuse: nothing was granted at that leaf.
pub(crate) fn impossible(ledger_id: &LedgerId, bureau: u32) -> records::Record {
    let body = records::AuthorisationRevoked {
        authorisation: Some(records::Leaf { index: 1 << 40 }),
        effective_ms: now().0,
        ..records::AuthorisationRevoked::default()
    };
    of(ledger_id, bureau, Body::AuthorisationRevoked(body))
}

/// The record's bytes with a blind of its own.
pub(crate) fn new_record(record: &records::Record) -> v1::NewRecord {
    let blind = Blind(u128::from(serial()).to_be_bytes());
    let bytes = record::encode(record).expect("a valid record");
    v1::NewRecord { blind: Bytes::copy_from_slice(&blind.0), record: bytes.into() }
}

/// A request id of now.
pub(crate) fn request_id() -> Bytes {
    request_id_at(now())
}

/// A request id of some time.
pub(crate) fn request_id_at(time: UnixMillis) -> Bytes {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&serial().to_be_bytes());
    Bytes::copy_from_slice(&RequestId::new(time, random).0)
}

/// A request to append a record.
pub(crate) fn submit(record: &records::Record) -> v1::SubmitRequest {
    v1::SubmitRequest {
        request_id: request_id(),
        record: Some(new_record(record)),
        ..v1::SubmitRequest::default()
    }
}

/// A request to append several.
pub(crate) fn batch(records: &[records::Record]) -> v1::SubmitBatchRequest {
    v1::SubmitBatchRequest {
        request_id: request_id(),
        records: records.iter().map(new_record).collect(),
        ..v1::SubmitBatchRequest::default()
    }
}

/// Reason and report of a refused call.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (String, ErrorReport) {
    let status = answer.expect_err("it is refused");
    let report = ErrorReport::from_status(&status);
    let report = report.unwrap_or_else(|error| panic!("{error}: {status:?}"));
    (report.reason.name().to_owned(), report)
}

/// The reason of a refused call.
pub(crate) fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    refusal(answer).0
}

/// The code of a refused call.
pub(crate) fn code<T: std::fmt::Debug>(answer: Result<T, Status>) -> Code {
    answer.expect_err("it is refused").code()
}
