//! Receipts: assembled from the evidence files, and verified before they are handed out.

use muniment_core::checkpoint::Checkpoint;
use muniment_core::leaf::{Content, LeafProof};
use muniment_core::receipt::Receipt;
use muniment_core::tree::TreeAt;
use muniment_core::trust::TrustFile;
use muniment_core::{Hash, Kind, LeafIndex, Stub, Tree, digest, record, terms};
use muniment_store::StorageError;
use thiserror::Error;

use crate::environment::Environment;
use crate::handle::{Handle, ReadError};
use crate::notary::TreeReader;
use crate::shared::Core;

/// Why there is no receipt.
#[derive(Clone, Debug, Error)]
pub enum ReceiptError {
    /// The leaf is not cosigned yet, or the node does not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The evidence files.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The files hold something else than a leaf of this build.
    #[error("leaf {leaf}: {what}; run fsck on this node")]
    Unreadable {
        /// The leaf.
        leaf: LeafIndex,
        /// What is wrong.
        what: String,
    },
    /// The proof made from this node's files does not hold: it is not handed out.
    #[error("leaf {leaf}: this node's own proof does not hold ({reason}); run fsck on this node")]
    DoesNotVerify {
        /// The leaf.
        leaf: LeafIndex,
        /// The failing step and why.
        reason: String,
    },
}

impl<R: Environment> Handle<R> {
    /// The receipt of a leaf under the newest cosigned checkpoint, waiting for one that covers it.
    ///
    /// # Errors
    /// [`ReceiptError`]; a proof that does not hold is never handed out.
    pub async fn receipt(&self, leaf: LeafIndex) -> Result<Receipt, ReceiptError> {
        let checkpoint = self.wait_cosigned(muniment_core::TreeSize::after(leaf)).await?;
        let receipt = self.core.assemble(leaf, &checkpoint)?;
        let verification = self.core.verifier.verify(&receipt.encode());
        match verification.failure {
            None => Ok(receipt),
            Some(failure) => {
                let reason = format!("{:?}: {}", failure.step, failure.reason);
                self.core.lifecycle.alarm(format!("leaf {leaf}: own proof does not hold: {reason}"));
                Err(ReceiptError::DoesNotVerify { leaf, reason })
            }
        }
    }

    /// What a verifier of this ledger's receipts needs, as the founding file has it.
    #[must_use]
    pub fn trust_file(&self) -> TrustFile {
        self.core.trust().clone()
    }
}

impl<R: Environment> Core<R> {
    pub(crate) fn assemble(&self, leaf: LeafIndex, checkpoint: &Checkpoint) -> Result<Receipt, ReceiptError> {
        let files = self.published.view().files.clone();
        let unreadable = |what: String| ReceiptError::Unreadable { leaf, what };
        let suite = self.context.suite;
        let stub_bytes = files.stub(leaf)?;
        let stub = Stub::decode(&stub_bytes).map_err(|error| unreadable(error.to_string()))?;
        let (blind, bytes) = files.record(leaf)?;
        let term_keys = self.term_keys(&stub, &bytes).map_err(unreadable)?;
        let path = TreeAt { suite, tree: Tree::Ledger, size: checkpoint.body.size }
            .inclusion_path(&TreeReader(&files), leaf)
            .map_err(|error| unreadable(error.to_string()))?;
        let proof = LeafProof {
            index: leaf,
            stub: stub_bytes,
            content: Content::Open { blind, record: bytes },
            terms_digest: digest::terms_digest(suite, &term_keys),
            path,
        };
        let admission = self.admission_paths.proof(suite, &files, leaf)?;
        Ok(Receipt {
            suite,
            leaf: proof,
            admission,
            members: self.context.members.encode(),
            handovers: Vec::new(),
            checkpoint: checkpoint.clone(),
        })
    }

    /// The keys of a leaf's terms, flags included, as apply made them.
    fn term_keys(&self, stub: &Stub, bytes: &[u8]) -> Result<Vec<Hash>, String> {
        let suite = self.context.suite;
        let kind = Kind::from_number(stub.kind).ok_or_else(|| format!("kind {} is unknown", stub.kind))?;
        if !kind.is_submitted() {
            return Ok(terms::term_keys(suite, &[terms::Term::kind(kind)], stub.verdict));
        }
        let record = record::decode(bytes, Some(&self.ledger_id)).map_err(|error| error.to_string())?;
        Ok(terms::term_keys(suite, &terms::terms_of(&record, kind), stub.verdict))
    }
}
