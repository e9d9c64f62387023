//! Signatures that held once need not be verified again.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Verification, verify_remembering};
use crate::Hash;
use crate::checkpoint::{Checkpoint, CosignedAt};
use crate::trust::TrustFile;

/// Admissions remembered; the oldest go first.
const ADMISSIONS_MAX: usize = 4_096;

/// Verifies one receipt after the other against one trust file, as [`verify`](super::verify) does. Receipts share
/// checkpoints and admissions: of bytes whose signatures held before, the signatures are not verified again.
#[derive(Debug)]
pub struct ReceiptVerifier {
    trust: TrustFile,
    held: Held,
}

impl ReceiptVerifier {
    /// A verifier that remembers nothing yet.
    #[must_use]
    pub fn new(trust: TrustFile) -> Self {
        Self { trust, held: Held::default() }
    }

    /// What it verifies against.
    #[must_use]
    pub const fn trust(&self) -> &TrustFile {
        &self.trust
    }

    /// Verifies a receipt or a conflict file.
    #[must_use]
    pub fn verify(&self, bytes: &[u8]) -> Verification {
        verify_remembering(bytes, &self.trust, &self.held)
    }
}

/// What held under one trust file. A checkpoint names its members by digest, and an admission its key: nothing else
/// decides about their signatures.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    /// The newest checkpoint, with what its lines came to.
    checkpoint: Option<(Checkpoint, CosignedAt)>,
    /// Digests of admissions, signatures included.
    admissions: HashSet<Hash>,
    in_order: VecDeque<Hash>,
}

impl Held {
    /// What a checkpoint's lines came to, if it is remembered.
    pub(super) fn checkpoint(&self, checkpoint: &Checkpoint) -> Option<CosignedAt> {
        let remembered = self.lock();
        let known = remembered.checkpoint.as_ref().filter(|(known, _)| known == checkpoint);
        known.map(|(_, cosigned)| cosigned.clone())
    }

    pub(super) fn remember_checkpoint(&self, checkpoint: &Checkpoint, cosigned: &CosignedAt) {
        self.lock().checkpoint = Some((checkpoint.clone(), cosigned.clone()));
    }

    /// Whether the signature of an admission with this digest is remembered to hold.
    pub(super) fn has_admission(&self, digest: &Hash) -> bool {
        self.lock().admissions.contains(digest)
    }

    pub(super) fn remember_admission(&self, digest: Hash) {
        let mut remembered = self.lock();
        if !remembered.admissions.insert(digest) {
            return;
        }
        remembered.in_order.push_back(digest);
        if remembered.in_order.len() > ADMISSIONS_MAX
            && let Some(oldest) = remembered.in_order.pop_front()
        {
            remembered.admissions.remove(&oldest);
        }
    }

    /// Held for a look or an insertion.
    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
