//! Reads with one answer.

use bytes::Bytes;
use muniment_core::checkpoint::Checkpoint;
use muniment_core::receipt::Receipt;
use muniment_core::verify::{Failure, Outcome, Proven, Step};
use muniment_core::{BureauNumber, LeafIndex, Reason, RequestId, TreeSize};
use muniment_proto::FieldError;
use muniment_proto::header::Freshness;
use muniment_proto::proof::InclusionProof;
use muniment_proto::record_filter::RecordName;
use muniment_proto::stored_record::StoredRecord;
use muniment_proto::v1;
use muniment_proto::v1::get_record_request::Name;

use crate::call::{Answered, Purpose};
use crate::client::{Asked, Client, broken, refuted};
use crate::error::Error;
use crate::evidence::EvidenceError;
use crate::record::LedgerRecord;

/// A receipt that holds under the trust file, and whose checkpoint is consistent with the pin.
#[derive(Clone, Debug)]
pub struct VerifiedReceipt {
    /// Its text: keep it, it needs no ledger and no client to be verified again.
    pub text: Bytes,
    /// What it proves.
    pub proven: Box<Proven>,
}

impl Client {
    /// One record by leaf, by digest or by its submission: checked, and proven to be in the tree of the pinned checkpoint
    /// where one covers it.
    ///
    /// # Errors
    /// [`Error`]; NOT_FOUND, or evidence that does not hold.
    pub async fn get(&self, name: RecordName, freshness: Freshness) -> Result<LedgerRecord, Error> {
        const CALL: &str = "GetRecord";
        let request = v1::GetRecordRequest {
            name: Some(wire_name(name)),
            decode: false,
            prove: true,
            stale_ok: freshness.into(),
        };
        let answered = self.call(CALL, Purpose::Read, request, |mut ledger, request| async move {
            ledger.get_record(request).await
        });
        let Answered { answer, member } = answered.await?;
        let endpoint = &member.address;
        self.header(CALL, endpoint, answer.header)?;
        let stored = answer.record.ok_or_else(|| broken(CALL, endpoint, FieldError::missing("record")))?;
        let stored = StoredRecord::try_from(stored).map_err(|fault| broken(CALL, endpoint, fault))?;
        let mut record = self.verifier().record(stored).map_err(|fault| refuted(CALL, endpoint, fault))?;
        insist_on_name(name, &record).map_err(|fault| refuted(CALL, endpoint, fault))?;
        let proof = answer.proof.map(InclusionProof::try_from).transpose();
        let proof = proof.map_err(|fault| broken(CALL, endpoint, fault))?;
        record.included_in = self.prove_inclusion(&record, proof).await?;
        Ok(record)
    }

    /// Proves a leaf under the pinned checkpoint, which is brought up to where the member says that it is covered.
    async fn prove_inclusion(
        &self,
        record: &LedgerRecord,
        proof: Option<InclusionProof>,
    ) -> Result<Option<TreeSize>, Error> {
        const CALL: &str = "GetInclusionProof";
        let leaf = record.leaf;
        let covers = |checkpoint: &Checkpoint| checkpoint.body.size.0 > leaf.0;
        let pinned = match (self.pinned()?, &proof) {
            (Some(pinned), _) if covers(&pinned) => pinned,
            (_, Some(proof)) => self.checkpoint(Some(proof.size)).await?,
            // No checkpoint covers it yet, as far as anybody says.
            (_, None) => return Ok(None),
        };
        let body = &pinned.body;
        if let Some(proof) = proof.filter(|proof| proof.size == body.size) {
            let verified = self.verifier().inclusion(leaf, &record.stub, &proof.path, body);
            verified.map_err(|fault| refuted("GetRecord", "the member asked", fault))?;
            return Ok(Some(body.size));
        }
        let request = v1::GetInclusionProofRequest { leaf_index: leaf.0, tree_size: body.size.0 };
        let answered = self.call(CALL, Purpose::Read, request, |mut ledger, request| async move {
            ledger.get_inclusion_proof(request).await
        });
        let Answered { answer, member } = answered.await.map_err(|error| self.is_rollback(error, body))?;
        let endpoint = &member.address;
        self.header(CALL, endpoint, answer.header)?;
        let proof = answer.proof.ok_or_else(|| broken(CALL, endpoint, FieldError::missing("proof")))?;
        let proof = InclusionProof::try_from(proof).map_err(|fault| broken(CALL, endpoint, fault))?;
        let verified = self.verifier().inclusion(leaf, &record.stub, &proof.path, body);
        verified.map_err(|fault| refuted(CALL, endpoint, fault))?;
        Ok(Some(body.size))
    }

    /// The receipt of a leaf, verified; waits until it is cosigned.
    ///
    /// # Errors
    /// [`Error`]; NOT_FOUND, NO_QUORUM, or evidence that does not hold.
    pub async fn receipt(&self, leaf: LeafIndex) -> Result<VerifiedReceipt, Error> {
        const CALL: &str = "GetReceipt";
        let request = v1::GetReceiptRequest { leaf_index: leaf.0 };
        let answered = self.call(CALL, Purpose::Read, request, |mut ledger, request| async move {
            ledger.get_receipt(request).await
        });
        let Answered { answer, member } = answered.await?;
        self.header(CALL, &member.address, answer.header)?;
        self.take_receipt(CALL, &member.address, leaf, answer.receipt).await
    }

    /// Verifies a receipt and takes in its checkpoint.
    pub(crate) async fn take_receipt(
        &self,
        call: &'static str,
        endpoint: &str,
        leaf: LeafIndex,
        text: Bytes,
    ) -> Result<VerifiedReceipt, Error> {
        let proven = self.verifier().receipt(leaf, &text).map_err(|fault| refuted(call, endpoint, fault))?;
        let receipt = Receipt::decode(&text).map_err(|error| {
            let failure =
                Failure { step: Step::Format, outcome: Outcome::Malformed, reason: error.to_string() };
            refuted(call, endpoint, EvidenceError::Receipt { leaf, failure })
        })?;
        self.take(call, endpoint, receipt.checkpoint, Asked::Receipt).await?;
        Ok(VerifiedReceipt { text, proven })
    }

    /// The newest checkpoint, of at least a size where one is given: verified, and consistent with what was verified before.
    ///
    /// # Errors
    /// [`Error`]; NOT_FOUND while there is none, NO_QUORUM if the size is not cosigned in time, and
    /// [`EvidenceError::RolledBack`] or [`EvidenceError::Forked`] if the ledger contradicts the pin.
    pub async fn checkpoint(&self, min_size: Option<TreeSize>) -> Result<Checkpoint, Error> {
        const CALL: &str = "GetCheckpoint";
        let request = v1::GetCheckpointRequest { min_size: min_size.map_or(0, |size| size.0) };
        let answered = self.call(CALL, Purpose::Read, request, |mut ledger, request| async move {
            ledger.get_checkpoint(request).await
        });
        let Answered { answer, member } = match answered.await {
            Ok(answered) => answered,
            Err(error) => {
                // A ledger without a checkpoint that had one has forgotten it.
                if matches!(error.reason(), Some(Reason::NotFound | Reason::NoQuorum)) {
                    self.insist_on_pin().await?;
                }
                return Err(error);
            }
        };
        self.header(CALL, &member.address, answer.header)?;
        let offered = Checkpoint::parse(&answer.checkpoint);
        let offered = offered.map_err(|error| refuted(CALL, &member.address, error.into()))?;
        self.take(CALL, &member.address, offered, Asked::Newest).await
    }

    /// Counts over all leaves: one member's word.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn statistics(&self, freshness: Freshness) -> Result<v1::GetStatisticsResponse, Error> {
        const CALL: &str = "GetStatistics";
        let request = v1::GetStatisticsRequest { stale_ok: freshness.into() };
        let answered = self.call(CALL, Purpose::Read, request, |mut ledger, request| async move {
            ledger.get_statistics(request).await
        });
        let Answered { answer, member } = answered.await?;
        self.header(CALL, &member.address, answer.header.clone())?;
        Ok(answer)
    }

    /// The state of the authorisation that was granted at a leaf: one member's word.
    ///
    /// # Errors
    /// [`Error`]; NOT_FOUND, NOT_PERMITTED.
    pub async fn authorisation(
        &self,
        leaf: LeafIndex,
        freshness: Freshness,
    ) -> Result<v1::AuthorisationState, Error> {
        const CALL: &str = "GetAuthorisation";
        let request = v1::GetAuthorisationRequest { leaf_index: leaf.0, stale_ok: freshness.into() };
        let answered = self.call(CALL, Purpose::Read, request, |mut ledger, request| async move {
            ledger.get_authorisation(request).await
        });
        let Answered { answer, member } = answered.await?;
        let endpoint = &member.address;
        self.header(CALL, endpoint, answer.header)?;
        let state = answer.authorisation;
        let state = state.ok_or_else(|| broken(CALL, endpoint, FieldError::missing("authorisation")))?;
        if state.leaf_index != leaf.0 {
            let what = format!("leaf {leaf} was asked for");
            let fault = EvidenceError::OtherRecord { leaf: LeafIndex(state.leaf_index), what };
            return Err(refuted(CALL, endpoint, fault));
        }
        Ok(state)
    }

    /// Asks which flags an access would get if it were recorded now: one member's word, and no promise.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn check_access(
        &self,
        request: v1::CheckAccessRequest,
    ) -> Result<v1::CheckAccessResponse, Error> {
        const CALL: &str = "CheckAccess";
        let answered = self.call(CALL, Purpose::Read, request, |mut ledger, request| async move {
            ledger.check_access(request).await
        });
        let Answered { answer, member } = answered.await?;
        self.header(CALL, &member.address, answer.header.clone())?;
        Ok(answer)
    }
}

fn wire_name(name: RecordName) -> Name {
    match name {
        RecordName::Leaf(leaf) => Name::LeafIndex(leaf.0),
        RecordName::Digest(digest) => Name::RecordDigest(Bytes::copy_from_slice(&digest.0)),
        RecordName::Submission {
            submitter: BureauNumber(submitter),
            request_id: RequestId(id),
            position,
        } => {
            let request_id = Bytes::copy_from_slice(&id);
            Name::Submission(v1::SubmissionName { submitter, request_id, position })
        }
    }
}

/// Insists that the record is the one that was asked for, as far as the record can tell.
fn insist_on_name(name: RecordName, record: &LedgerRecord) -> Result<(), EvidenceError> {
    let (holds, what) = match name {
        RecordName::Leaf(leaf) => (record.leaf == leaf, format!("leaf {leaf}")),
        RecordName::Digest(digest) => (record.record_digest == digest, format!("digest {digest}")),
        RecordName::Submission { submitter, .. } => {
            (record.stub.submitter == submitter, format!("a submission of bureau {submitter}"))
        }
    };
    if holds { Ok(()) } else { Err(EvidenceError::OtherRecord { leaf: record.leaf, what }) }
}
