//! What is checked, against the trust file: checkpoints, receipts, records, paths.

use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::digest::terms_digest;
use muniment_core::leaf::{Content, LeafError, LeafProof};
use muniment_core::terms::{Term, term_keys, terms_of};
use muniment_core::tree::{ProofError, TreeAt};
use muniment_core::trust::TrustFile;
use muniment_core::verify::{Failure, Outcome, Proven, ReceiptVerifier, Step};
use muniment_core::{Hash, Kind, LeafIndex, Stub, Tree, TreeSize, record};
use muniment_proto::header::Header;
use muniment_proto::stored_record::StoredRecord;

use crate::evidence::{EvidenceError, Summary};
use crate::record::LedgerRecord;

/// Checks what members say.
pub(crate) struct Verifier {
    receipts: ReceiptVerifier,
}

impl Verifier {
    pub(crate) fn new(trust: TrustFile) -> Self {
        Self { receipts: ReceiptVerifier::new(trust) }
    }

    pub(crate) const fn trust(&self) -> &TrustFile {
        self.receipts.trust()
    }

    /// Insists that a member speaks of the trust file's ledger.
    pub(crate) fn header(&self, header: &Header) -> Result<(), EvidenceError> {
        let expected = self.trust().ledger_id;
        if header.ledger_id == expected {
            return Ok(());
        }
        Err(EvidenceError::OtherLedger { expected, found: header.ledger_id })
    }

    /// Verifies that q bureaus of its epoch cosigned a checkpoint of this ledger.
    pub(crate) fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), EvidenceError> {
        let epoch = checkpoint.body.members_epoch;
        let Some(members) = self.trust().epoch(epoch) else {
            let last = self.trust().epochs.last().map_or(0, |list| list.epoch);
            return Err(EvidenceError::UnknownEpoch { epoch, last });
        };
        checkpoint.verify(members)?;
        Ok(())
    }

    /// Verifies a receipt as `muniment verify` does.
    pub(crate) fn receipt(&self, leaf: LeafIndex, bytes: &[u8]) -> Result<Box<Proven>, EvidenceError> {
        let verification = self.receipts.verify(bytes);
        match (verification.proven, verification.failure) {
            (Some(proven), _) if proven.index == leaf => Ok(proven),
            (Some(_), _) => Err(EvidenceError::OtherReceipt { leaf, what: "leaf" }),
            (None, Some(failure)) => Err(EvidenceError::Receipt { leaf, failure }),
            (None, None) => {
                let reason = "it proves nothing".to_owned();
                let failure = Failure { step: Step::Format, outcome: Outcome::Malformed, reason };
                Err(EvidenceError::Receipt { leaf, failure })
            }
        }
    }

    /// Checks that a record's parts belong together: stub, bytes or digests, and terms.
    pub(crate) fn record(&self, stored: StoredRecord) -> Result<LedgerRecord, EvidenceError> {
        let StoredRecord { leaf, stub, content, terms_digest } = stored;
        let fault = |error: LeafError| EvidenceError::Record { leaf, error };
        let terms_digest = match terms_digest {
            Some(digest) => digest,
            None => self.terms(&stub, &content).map_err(fault)?,
        };
        let suite = self.trust().suite;
        let proof = LeafProof { index: leaf, stub: stub.encode(), content, terms_digest, path: Vec::new() };
        let checked = proof.check(suite, &self.trust().ledger_id).map_err(fault)?;
        Ok(LedgerRecord {
            leaf,
            stub,
            record_digest: proof.content.record_digest(suite),
            content: proof.content,
            record: checked.record,
            included_in: None,
        })
    }

    /// The digest of an open record's terms, as every member computes it.
    fn terms(&self, stub: &Stub, content: &Content) -> Result<Hash, LeafError> {
        let Content::Open { record: bytes, .. } = content else { return Err(LeafError::Terms) };
        let kind = Kind::from_number(stub.kind).ok_or(LeafError::UnknownKind(stub.kind))?;
        let suite = self.trust().suite;
        if stub.submitter.0 == 0 {
            return Ok(terms_digest(suite, &term_keys(suite, &[Term::kind(kind)], stub.verdict)));
        }
        let record = record::decode(bytes, Some(&self.trust().ledger_id))?;
        Ok(terms_digest(suite, &term_keys(suite, &terms_of(&record, kind), stub.verdict)))
    }

    /// Verifies that a leaf is in the tree of a verified checkpoint.
    pub(crate) fn inclusion(
        &self,
        leaf: LeafIndex,
        stub: &Stub,
        path: &[Hash],
        checkpoint: &CheckpointBody,
    ) -> Result<(), EvidenceError> {
        let suite = self.trust().suite;
        let tree = TreeAt { suite, tree: Tree::Ledger, size: checkpoint.size };
        let verified = tree.verify_inclusion(leaf, stub.leaf_hash(suite), path, checkpoint.root);
        verified.map_err(|error| EvidenceError::Inclusion { leaf, checkpoint: checkpoint.into(), error })
    }

    /// Verifies that the tree of one checkpoint begins with that of an older one.
    pub(crate) fn consistency(
        &self,
        older: &CheckpointBody,
        newer: &CheckpointBody,
        path: &[Hash],
    ) -> Result<(), ProofError> {
        let tree = TreeAt { suite: self.trust().suite, tree: Tree::Ledger, size: newer.size };
        tree.verify_consistency(older.size, older.root, path, newer.root)
    }
}

/// Two checkpoints of one size that are not the same.
pub(crate) fn forked(pinned: &CheckpointBody, offered: &CheckpointBody, why: String) -> EvidenceError {
    EvidenceError::Forked { pinned: Summary::from(pinned), offered: Summary::from(offered), why }
}

/// A tree that has become smaller.
pub(crate) fn rolled_back(pinned: &CheckpointBody, found: Option<u64>) -> EvidenceError {
    let offered = found
        .map_or_else(|| "a smaller tree".to_owned(), |size| format!("a tree of {} leaves", TreeSize(size)));
    EvidenceError::RolledBack { pinned: Summary::from(pinned), offered }
}
