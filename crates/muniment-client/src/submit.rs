//! Writes with one answer.

use bytes::Bytes;
use muniment_core::{Hash, Reason, UnixMillis};
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::RecordName;
use muniment_proto::submission::Level;
use muniment_proto::submitted::{Place, ResultError, SubmittedRecord};
use muniment_proto::{FieldError, metadata, v1};

use crate::call::{Answered, Purpose};
use crate::client::{Client, broken, refuted};
use crate::error::Error;
use crate::evidence::EvidenceError;
use crate::prepared::{Batch, Prepared};
use crate::reads::VerifiedReceipt;
use crate::record::LedgerRecord;

/// A record that is in the ledger.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// Where; none for a record of a stream whose place there is taken by other content, or not known.
    pub place: Option<Place>,
    /// How far it came: [`Level::Committed`] is an acknowledgement, [`Level::Cosigned`] has a receipt.
    pub level: Level,
    /// Whether it was there before.
    pub duplicate: bool,
    /// The receipt, verified; from [`Client::submit`] at [`Level::Cosigned`] only.
    pub receipt: Option<VerifiedReceipt>,
}

impl Client {
    /// Appends a record. Waiting for [`Level::Cosigned`] is a wish: near the deadline the answer is what was reached.
    ///
    /// # Errors
    /// [`Error::Refused`] says by its reason whether something was written; [`Error::OutcomeUnknown`]: submit the same
    /// again; evidence: the record may be in, but its receipt does not hold.
    pub async fn submit(&self, prepared: &Prepared, wait_for: Level) -> Result<Submitted, Error> {
        const CALL: &str = "Submit";
        let request = v1::SubmitRequest {
            request_id: Bytes::copy_from_slice(&prepared.request_id.0),
            record: Some(prepared.record.clone().into()),
            wait_for: v1::Level::from(wait_for).into(),
            admission: Bytes::new(),
        };
        let purpose = Purpose::Write(prepared.request_id);
        let answered = self
            .call(CALL, purpose, request, |mut ledger, request| async move { ledger.submit(request).await });
        let Answered { answer, member } = answered.await.map_err(|error| self.noting_clock(error))?;
        let endpoint = &member.address;
        self.header(CALL, endpoint, answer.header)?;
        let record = answer.submitted;
        let record = record.ok_or_else(|| broken(CALL, endpoint, FieldError::missing("submitted")))?;
        let record = SubmittedRecord::try_from(record).map_err(|fault| broken(CALL, endpoint, fault))?;
        let mut submitted = self.placed(self.submitted(record.clone()), prepared.digest).await?;
        if record.level == Level::Cosigned
            && let Some(place) = record.place
        {
            submitted.receipt = Some(self.own_receipt(endpoint, prepared, place, record.receipt).await?);
        }
        Ok(submitted)
    }

    /// Verifies the receipt of what was just submitted: it must be of these very bytes.
    async fn own_receipt(
        &self,
        endpoint: &str,
        prepared: &Prepared,
        place: Place,
        text: Bytes,
    ) -> Result<VerifiedReceipt, Error> {
        const CALL: &str = "Submit";
        let receipt = self.take_receipt(CALL, endpoint, place.leaf, text).await?;
        let proven = &receipt.proven;
        let parts = [
            ("record", proven.record_digest == prepared.digest),
            ("verdict", proven.stub.verdict == place.verdict),
            ("accepted_at", proven.stub.accepted_at == place.accepted_at),
        ];
        match parts.into_iter().find(|(_, same)| !same) {
            None => Ok(receipt),
            Some((what, _)) => {
                Err(refuted(CALL, endpoint, EvidenceError::OtherReceipt { leaf: place.leaf, what }))
            }
        }
    }

    /// Appends up to 2,048 records under one request id, side by side; one result for each, in order. What the rules refuse
    /// is that record's error, and the others stand. Receipts are asked for by leaf ([`Client::receipt`]).
    ///
    /// # Errors
    /// As [`Self::submit`], for all records.
    pub async fn submit_batch(
        &self,
        batch: &Batch,
        wait_for: Level,
    ) -> Result<Vec<Result<Submitted, Error>>, Error> {
        const CALL: &str = "SubmitBatch";
        let request = v1::SubmitBatchRequest {
            request_id: Bytes::copy_from_slice(&batch.request_id.0),
            records: batch.records.iter().cloned().map(Into::into).collect(),
            wait_for: v1::Level::from(wait_for).into(),
            admission: Bytes::new(),
        };
        let purpose = Purpose::Write(batch.request_id);
        let answered = self.call(CALL, purpose, request, |mut ledger, request| async move {
            ledger.submit_batch(request).await
        });
        let Answered { answer, member } = answered.await.map_err(|error| self.noting_clock(error))?;
        let endpoint = &member.address;
        self.header(CALL, endpoint, answer.header)?;
        if answer.results.len() != batch.records.len() {
            let detail = format!("are {}, for {} records", answer.results.len(), batch.records.len());
            return Err(broken(CALL, endpoint, FieldError::invalid("results", detail)));
        }
        let mut results = Vec::with_capacity(answer.results.len());
        for (result, digest) in answer.results.into_iter().zip(&batch.digests) {
            results.push(match self.result(CALL, endpoint, result) {
                Ok(submitted) => self.placed(submitted, *digest).await,
                Err(error) => Err(error),
            });
        }
        Ok(results)
    }

    /// Looks up where a duplicate is that the ledger took for one without comparing, because its sequence is older than what
    /// its stream remembers: by its digest, so that it is certain to be these very bytes. Left without a place where the
    /// stream has other content there.
    pub(crate) async fn placed(&self, mut submitted: Submitted, digest: Hash) -> Result<Submitted, Error> {
        if submitted.place.is_some() {
            return Ok(submitted);
        }
        match self.get(RecordName::Digest(digest), Freshness::Linearizable).await {
            Ok(LedgerRecord { leaf, stub, .. }) => {
                let (accepted_at, verdict) = (stub.accepted_at, stub.verdict);
                submitted.place = Some(Place { leaf, accepted_at, verdict });
                Ok(submitted)
            }
            Err(error) if error.reason() == Some(Reason::NotFound) => Ok(submitted),
            Err(error) => Err(error),
        }
    }

    /// One record's result.
    pub(crate) fn result(
        &self,
        call: &'static str,
        endpoint: &str,
        result: v1::SubmitResult,
    ) -> Result<Submitted, Error> {
        match SubmittedRecord::try_from(result) {
            Ok(record) => Ok(self.submitted(record)),
            Err(ResultError::Refused(report)) => Err(Error::refused(call, endpoint, *report)),
            Err(ResultError::Field(fault)) => Err(broken(call, endpoint, fault)),
            Err(ResultError::Unreported(unreported)) => {
                Err(broken(call, endpoint, FieldError::invalid("results", unreported.to_string())))
            }
        }
    }

    fn submitted(&self, record: SubmittedRecord) -> Submitted {
        let SubmittedRecord { place, level, duplicate, .. } = record;
        if let Some(place) = place.filter(|_| !duplicate) {
            self.follow_clock(place.accepted_at);
        }
        Submitted { place, level, duplicate, receipt: None }
    }

    /// Learns the ledger's time from a refusal for the clock's sake, for the ids that are made from now on.
    pub(crate) fn noting_clock(&self, error: Error) -> Error {
        if let Error::Refused(refusal) = &error
            && matches!(refusal.report.reason, Reason::ClientClock | Reason::Expired)
            && let Some(time) = refusal.report.number(metadata::LEDGER_TIME_MS)
        {
            self.follow_clock(UnixMillis(time));
        }
        error
    }
}
