//! `Submit` and `SubmitBatch`.

use std::sync::Arc;

use bytes::Bytes;
use muniment_core::{LeafIndex, Reason, RequestId, Stub, TreeSize};
use muniment_ledger::Outcome;
use muniment_proto::submission::{Level, Submission};
use muniment_proto::submitted::{Place, SubmittedRecord};
use muniment_proto::v1;
use muniment_raft::SubmissionOutcome;
use tracing::instrument;

use crate::admit::{self, Candidates};
use crate::caller::Caller;
use crate::deadline::Deadline;
use crate::gate::Call;
use crate::refused::{Answer, Refused};
use crate::service::Service;

/// Appends one record.
#[instrument(name = "record.submit", skip_all, fields(bureau = call.caller.bureau.0, leaf))]
pub(crate) async fn submit(
    service: &Arc<Service>,
    call: &Call,
    request: v1::SubmitRequest,
) -> Answer<v1::SubmitResponse> {
    let submission = Submission::try_from(request)?;
    let (id, wait_for) = (submission.request_id, submission.wait_for);
    let outcome = write(service, &call.caller, submission, |_| "record".to_owned(), call.deadline).await?;
    let Some(first) = outcome.outcomes.first() else {
        return Err(Refused::internal("the node answered no outcome"));
    };
    let mut submitted = submitted(service, first, id, &outcome, call.deadline).await?;
    let place = submitted.place;
    tracing::Span::current().record("leaf", place.map(|place| place.leaf.0));
    if wait_for == Level::Cosigned
        && let Some(Place { leaf, .. }) = place
        && service.is_cosigned(needed(first, outcome.size), call.deadline).await
    {
        match service.node.receipt(leaf).await {
            Ok(receipt) => {
                submitted.level = Level::Cosigned;
                submitted.receipt = receipt.encode().into();
            }
            // It is written: an error now would lose that. The acknowledgement says how far it came.
            Err(error) => tracing::error!(leaf = leaf.0, %error, "make the receipt of a record just written"),
        }
    }
    Ok(v1::SubmitResponse { header: Some(service.header()), submitted: Some(submitted.into()) })
}

/// Appends several records under one request id.
#[instrument(name = "record.submit", skip_all, fields(bureau = call.caller.bureau.0, records))]
pub(crate) async fn submit_batch(
    service: &Arc<Service>,
    call: &Call,
    request: v1::SubmitBatchRequest,
) -> Answer<v1::SubmitBatchResponse> {
    let submission = Submission::try_from(request)?;
    tracing::Span::current().record("records", submission.records.len());
    let (id, wait_for) = (submission.request_id, submission.wait_for);
    let path = |position| format!("records[{position}]");
    let outcome = write(service, &call.caller, submission, path, call.deadline).await?;
    refuse_whole(&outcome, id)?;
    let ids = std::iter::repeat_n(id, outcome.outcomes.len());
    let results = results(service, ids, &outcome, wait_for, call.deadline).await;
    Ok(v1::SubmitBatchResponse { header: Some(service.header()), results })
}

/// Checks a submission and has it written.
async fn write(
    service: &Arc<Service>,
    caller: &Caller,
    submission: Submission,
    path: impl Fn(usize) -> String,
    deadline: Deadline,
) -> Answer<SubmissionOutcome> {
    let Submission { request_id, records, wait_for, admission } = submission;
    let decoded = admit::decode_all(service, caller, &records, path)?;
    if let Some(record) = decoded.iter().find(|record| record.stream.is_none()) {
        admit::check_clock(service, request_id, record)?;
    }
    let candidates = Candidates { submissions: vec![(request_id, records)], admission, wait_for };
    let (records, bytes) = candidates.weight();
    let admitted = admit::admit(service, caller, candidates)?;
    let in_flight = service.rates.admit(caller.bureau, records, bytes);
    let in_flight = in_flight.inspect_err(|_| service.metrics.rate_limited(caller.bureau))?;
    admit::deliver(service, admitted, in_flight, deadline).await
}

/// What concerns the request id concerns the call, not one record of it.
fn refuse_whole(outcome: &SubmissionOutcome, id: RequestId) -> Answer<()> {
    let Some(Outcome::Rejected(first)) = outcome.outcomes.first() else { return Ok(()) };
    let is_of_id = first.field == "request_id" && first.reason != Reason::DecisionRefused;
    let same = |outcome: &Outcome| matches!(outcome, Outcome::Rejected(other) if other == first);
    if is_of_id && outcome.outcomes.iter().all(same) {
        return Err(Refused::rejected(first, id, outcome.accepted_at));
    }
    Ok(())
}

/// The results of several records, at the level that they reach by `deadline`.
pub(crate) async fn results(
    service: &Arc<Service>,
    ids: impl IntoIterator<Item = RequestId>,
    outcome: &SubmissionOutcome,
    wait_for: Level,
    deadline: Deadline,
) -> Vec<v1::SubmitResult> {
    let mut results = Vec::with_capacity(outcome.outcomes.len());
    for (id, one) in ids.into_iter().zip(&outcome.outcomes) {
        results.push(submitted(service, one, id, outcome, deadline).await);
    }
    let needed = outcome.outcomes.iter().map(|one| needed(one, outcome.size)).max();
    if wait_for == Level::Cosigned
        && let Some(needed) = needed.filter(|size| size.0 > 0)
        && service.is_cosigned(needed, deadline).await
    {
        let written = results.iter_mut().filter_map(|result| result.as_mut().ok());
        written.filter(|record| record.place.is_some()).for_each(|record| record.level = Level::Cosigned);
    }
    results.into_iter().map(|result| result.map_err(Refused::into_report).into()).collect()
}

/// The size that a checkpoint must have to cover an outcome's leaf; 0 if it has none.
const fn needed(outcome: &Outcome, size: TreeSize) -> TreeSize {
    match outcome {
        // The entry is sealed at its end, or later.
        Outcome::Appended { .. } => size,
        Outcome::Duplicate { leaf: Some(leaf) } => TreeSize::after(*leaf),
        Outcome::Duplicate { leaf: None } | Outcome::Rejected(_) => TreeSize(0),
    }
}

/// One record that is in the ledger, as it is acknowledged.
///
/// # Errors
/// Why it is not; REQUEST_ID_REUSED if it is, flagged.
async fn submitted(
    service: &Arc<Service>,
    outcome: &Outcome,
    id: RequestId,
    whole: &SubmissionOutcome,
    deadline: Deadline,
) -> Answer<SubmittedRecord> {
    let at = |place, duplicate| SubmittedRecord {
        place,
        level: Level::Committed,
        duplicate,
        receipt: Bytes::new(),
    };
    match outcome {
        Outcome::Appended { leaf, reused_request_id: true, .. } => Err(admit::reused(*leaf)),
        Outcome::Appended { leaf, verdict, reused_request_id: false } => {
            let place = Place { leaf: *leaf, accepted_at: whole.accepted_at, verdict: *verdict };
            Ok(at(Some(place), false))
        }
        Outcome::Duplicate { leaf: None } => Ok(at(None, true)),
        Outcome::Duplicate { leaf: Some(leaf) } => {
            let stub = first_stub(service, *leaf, whole, deadline).await.ok_or_else(|| {
                let message =
                    format!("it is there as leaf {leaf}, which this node can't read now: ask again");
                Refused::new(Reason::OutcomeUnknown, message)
            })?;
            let place = Place { leaf: *leaf, accepted_at: stub.accepted_at, verdict: stub.verdict };
            Ok(at(Some(place), true))
        }
        Outcome::Rejected(rejection) => Err(Refused::rejected(rejection, id, whole.accepted_at)),
    }
}

/// What was acknowledged when a duplicate was first written. None if this node can't tell in time.
async fn first_stub(
    service: &Arc<Service>,
    leaf: LeafIndex,
    whole: &SubmissionOutcome,
    deadline: Deadline,
) -> Option<Stub> {
    let applied = tokio::time::timeout_at(deadline.soft, service.node.wait_applied(whole.log_index)).await;
    let view = applied.ok()?.ok()?;
    match view.files.stub(leaf) {
        Ok(bytes) => Stub::decode(&bytes).ok(),
        Err(error) => {
            tracing::error!(leaf = leaf.0, %error, "read the stub of a duplicate");
            None
        }
    }
}
