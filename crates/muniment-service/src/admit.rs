//! Admission, the node's part: whose records, in which form, under whose signature.

use std::sync::Arc;

use bytes::Bytes;
use muniment_core::admission::Admission;
use muniment_core::batch::{SubmittedRecord, encode_admission_part};
use muniment_core::digest::record_digest;
use muniment_core::limits::REQUEST_ID_WINDOW_MS;
use muniment_core::{BureauNumber, Reason, RequestId, record, v1 as records};
use muniment_ledger::Rejection;
use muniment_proto::error_report::ErrorReport;
use muniment_proto::field_error::{FieldError, RequestError};
use muniment_proto::metadata;
use muniment_proto::submission::{Level, NewRecord};
use muniment_raft::{Refusal, SignedPart, Submission, SubmissionOutcome, SubmitError, Wait};
use tokio::time::timeout_at;

use crate::caller::Caller;
use crate::deadline::Deadline;
use crate::rate_limit::InFlight;
use crate::refused::{Answer, Refused};
use crate::service::Service;

/// What goes to the node.
pub(crate) enum Admitted {
    /// The node signs, all in one admission.
    Own(Vec<Submission>),
    /// The submitter signed.
    Signed(SignedPart),
}

/// Records of one or several submissions, in order, before admission.
pub(crate) struct Candidates {
    /// Request ids, each with its records.
    pub(crate) submissions: Vec<(RequestId, Vec<NewRecord>)>,
    /// The submitter's signature over all of them.
    pub(crate) admission: Option<Admission>,
    pub(crate) wait_for: Level,
}

impl Candidates {
    fn records(&self) -> impl Iterator<Item = &NewRecord> {
        self.submissions.iter().flat_map(|(_, records)| records)
    }

    /// Records, and their bytes.
    pub(crate) fn weight(&self) -> (usize, usize) {
        let lengths = self.records().map(|record| record.bytes.len());
        lengths.fold((0, 0), |(records, bytes), length| (records + 1, bytes + length))
    }
}

/// Decodes a record that the caller submits, and checks that it is the caller's to submit.
///
/// # Errors
/// The record's own reasons; NOT_PERMITTED for another bureau's record.
pub(crate) fn decode(
    service: &Service,
    caller: &Caller,
    bytes: &Bytes,
) -> Result<records::Record, FieldError> {
    let record = record::decode(bytes, Some(&service.ledger_id)).map_err(FieldError::from);
    let record = record.map_err(|error| error.within("record"))?;
    if record.submitter != caller.bureau.0 {
        let detail = format!("is not bureau {}, for which the caller's certificate speaks", caller.bureau);
        return Err(FieldError::new(Reason::NotPermitted, "record.submitter", detail));
    }
    Ok(record)
}

/// Checks every record of a request; `path` names a record by its position.
///
/// # Errors
/// All that are malformed, by their paths.
pub(crate) fn decode_all<'a>(
    service: &Service,
    caller: &Caller,
    records: impl IntoIterator<Item = &'a NewRecord>,
    path: impl Fn(usize) -> String,
) -> Result<Vec<records::Record>, RequestError> {
    let (mut decoded, mut errors) = (Vec::new(), Vec::new());
    for (position, record) in records.into_iter().enumerate() {
        match decode(service, caller, &record.bytes) {
            Ok(record) => decoded.push(record),
            Err(error) => errors.push(error.within(path(position))),
        }
    }
    RequestError::of(errors).map_or(Ok(decoded), Err)
}

/// Refuses at ingress what apply would refuse for the client's clock: ids from the future, of records without a stream.
///
/// By this node's clock and the ledger's, whichever is later, so that a node whose clock is behind refuses nothing.
pub(crate) fn check_clock(service: &Service, id: RequestId, record: &records::Record) -> Answer<()> {
    if record.stream.is_some() {
        return Ok(());
    }
    let ledger_time =
        service.node.view().map_or(Service::now(), |view| view.world.head().accepted_at.max(Service::now()));
    if id.time().0 > ledger_time.0.saturating_add(REQUEST_ID_WINDOW_MS) {
        let detail = "is more than 2 minutes ahead of the ledger's time: set the clock";
        let rejection = Rejection::new(Reason::Expired, "request_id", detail);
        return Err(Refused::rejected(&rejection, id, ledger_time));
    }
    Ok(())
}

/// Whoever signs: the node for clients of its own bureau, others for themselves. The records are decoded already.
///
/// # Errors
/// ATTRIBUTION_REQUIRED, BAD_SIGNATURE.
pub(crate) fn admit(service: &Service, caller: &Caller, candidates: Candidates) -> Answer<Admitted> {
    let wait = match candidates.wait_for {
        Level::Committed => Wait::Committed,
        Level::Cosigned => Wait::Cosigned,
    };
    if let Some(admission) = &candidates.admission {
        check_signature(service, caller.bureau, admission, &candidates)?;
        let submitted: Vec<SubmittedRecord<'_>> = candidates
            .records()
            .map(|record| SubmittedRecord { blind: record.blind, bytes: &record.bytes })
            .collect();
        let records = u32::try_from(submitted.len()).map_err(|_| Refused::internal("records unbounded"))?;
        let bytes = encode_admission_part(admission, &submitted).into();
        return Ok(Admitted::Signed(SignedPart { bytes, records, wait }));
    }
    if caller.bureau != service.bureau {
        let (ours, theirs) = (service.bureau, caller.bureau);
        let message = format!(
            "this node is of bureau {ours} and signs for no client of bureau {theirs}: sign an admission with a bound \
             key, or call a node of your own bureau"
        );
        return Err(Refused::new(Reason::AttributionRequired, message));
    }
    let submission = |(request_id, records): (RequestId, Vec<NewRecord>)| {
        let records = records.into_iter();
        let records = records.map(|NewRecord { blind, bytes }| muniment_raft::NewRecord { blind, bytes });
        Submission { request_id, records: records.collect(), wait }
    };
    Ok(Admitted::Own(candidates.submissions.into_iter().map(submission).collect()))
}

/// Early what apply checks again, by the state of its entry.
fn check_signature(
    service: &Service,
    bureau: BureauNumber,
    admission: &Admission,
    candidates: &Candidates,
) -> Answer<()> {
    let bad = |what: String| Refused::from(FieldError::new(Reason::BadSignature, "admission", what));
    admission.verify_signature(&service.founding.origin).map_err(|error| bad(error.to_string()))?;
    let suite = service.suite();
    let digests = candidates.records().map(|record| record_digest(suite, &record.blind, &record.bytes));
    if Admission::root_over(suite, digests) != admission.root {
        return Err(bad(
            "was signed over other records, or in another order, than the request has".to_owned()
        ));
    }
    let view = service.node.view()?;
    let now = view.world.head().accepted_at;
    // A key that this node does not know yet may be bound in an entry that it has not applied: apply decides.
    match view.world.signer(&admission.public_key, now) {
        Some(signer) if signer != bureau => {
            Err(bad(format!("its key is bound to bureau {signer}, not to the caller's bureau {bureau}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Hands what was admitted to the node and waits for its outcome until `deadline`.
///
/// It goes on in a task of its own: a caller that goes away ends nothing that is under way, and what is in flight is counted
/// until it is over.
///
/// # Errors
/// What the node answers; OUTCOME_UNKNOWN when the time is over first.
pub(crate) async fn deliver(
    service: &Arc<Service>,
    admitted: Admitted,
    in_flight: InFlight,
    deadline: Deadline,
) -> Answer<SubmissionOutcome> {
    let node = service.node.clone();
    let under_way = tokio::spawn(async move {
        let outcome = match admitted {
            Admitted::Own(submissions) => node.submit_local_group(submissions).await,
            Admitted::Signed(part) => node.submit(part).await,
        };
        drop(in_flight);
        outcome
    });
    let outcome = match timeout_at(deadline.soft, under_way).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(SubmitError::OutcomeUnknown("this node stopped before it answered".to_owned())),
        Err(_) => {
            Err(SubmitError::OutcomeUnknown("no outcome within 90 % of the call's deadline".to_owned()))
        }
    };
    if let Err(SubmitError::NotWritten(Refusal::RateLimited(over))) = &outcome {
        service.metrics.rate_limited(over.bureau);
    }
    Ok(outcome?)
}

/// The refusal of an I01: it was written all the same.
pub(crate) fn reused(leaf: muniment_core::LeafIndex) -> Refused {
    let message = format!(
        "the request id was used before with other content; this was appended as leaf {leaf}, flagged I01"
    );
    ErrorReport::new(Reason::RequestIdReused, message).with(metadata::LEAF_INDEX, leaf).into()
}
