//! `EncodeRecord`: the canonical bytes of a record, for callers without a client library. Writes nothing.

use bytes::Bytes;
use muniment_core::digest::record_digest;
use muniment_core::record::{self, SCHEMA_VERSION};
use muniment_core::{Blind, RequestId};
use muniment_proto::field_error::FieldError;
use muniment_proto::{identifiers, v1};

use crate::gate::Call;
use crate::refused::{Answer, Refused};
use crate::service::Service;

/// Fills in what is absent of version, ledger and submitter, and encodes.
pub(crate) fn encode_record(
    service: &Service,
    call: &Call,
    request: v1::EncodeRecordRequest,
) -> Answer<v1::EncodeRecordResponse> {
    let mut record = request.record.ok_or_else(|| FieldError::missing("record"))?;
    if record.schema_version == 0 {
        record.schema_version = SCHEMA_VERSION;
    }
    if record.ledger_id.is_empty() {
        record.ledger_id = service.ledger_id.0.to_vec();
    }
    if record.submitter == 0 {
        record.submitter = call.caller.bureau.0;
    }
    let of_record = |error| FieldError::from(error).within("record");
    record::check(&record, Some(&service.ledger_id)).map_err(of_record)?;
    let bytes = record::encode(&record).map_err(of_record)?;
    let blind = if request.blind.is_empty() {
        Blind(random()?)
    } else {
        identifiers::blind("blind", &request.blind)?
    };
    let digest = record_digest(service.suite(), &blind, &bytes);
    let request_id = RequestId::new(Service::now(), random()?);
    let record = v1::NewRecord { blind: Bytes::copy_from_slice(&blind.0), record: bytes.into() };
    Ok(v1::EncodeRecordResponse {
        header: Some(service.header()),
        record: Some(record),
        record_digest: Bytes::copy_from_slice(&digest.0),
        request_id: Bytes::copy_from_slice(&request_id.0),
    })
}

fn random<const N: usize>() -> Answer<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Refused::internal(format!("no random bytes: {error}")))?;
    Ok(bytes)
}
