//! What evidence can be found to be: an error here means that somebody lied, or that something was damaged.

use std::fmt;

use muniment_core::checkpoint::{CheckpointBody, CheckpointError};
use muniment_core::leaf::LeafError;
use muniment_core::tree::ProofError;
use muniment_core::verify::Failure;
use muniment_core::{Hash, LeafIndex, LedgerId, TreeSize};
use thiserror::Error;

/// A checkpoint in one line: size and root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its size.
    pub size: TreeSize,
    /// Its root.
    pub root: Hash,
}

impl From<&CheckpointBody> for Summary {
    fn from(body: &CheckpointBody) -> Self {
        Self { size: body.size, root: body.root }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "size {} root {}", self.size, self.root)
    }
}

/// Why an answer is not believed. What was pinned stays pinned.
#[derive(Debug, Error)]
pub enum EvidenceError {
    /// A receipt that does not hold, or that this trust file can't decide.
    #[error("receipt of leaf {leaf}: {} at step {}: {}", .failure.outcome.name(), .failure.step.name(), .failure.reason)]
    Receipt {
        /// The leaf that was asked for.
        leaf: LeafIndex,
        /// What failed.
        failure: Failure,
    },
    /// A receipt that holds, of something else than was asked for or submitted.
    #[error("receipt of leaf {leaf} holds, but not for what was asked: its {what} differs")]
    OtherReceipt {
        /// The leaf that was asked for.
        leaf: LeafIndex,
        /// What differs.
        what: &'static str,
    },
    /// A checkpoint that q bureaus did not cosign.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint of an epoch that the trust file does not have.
    #[error(
        "checkpoint is of member epoch {epoch}, the trust file ends at epoch {last}: get a newer trust file"
    )]
    UnknownEpoch {
        /// The checkpoint's epoch.
        epoch: u64,
        /// The trust file's last.
        last: u64,
    },
    /// A record whose parts do not belong together.
    #[error("leaf {leaf}: {error}")]
    Record {
        /// The leaf.
        leaf: LeafIndex,
        /// What is wrong.
        error: LeafError,
    },
    /// A record that is not the one that was asked for.
    #[error("leaf {leaf} was answered, which is not what was asked for: {what}")]
    OtherRecord {
        /// The leaf that was answered.
        leaf: LeafIndex,
        /// What differs.
        what: String,
    },
    /// A leaf that is not in the tree under a verified checkpoint.
    #[error("leaf {leaf} is not shown to be in the tree of {checkpoint}: {error}")]
    Inclusion {
        /// The leaf.
        leaf: LeafIndex,
        /// The checkpoint.
        checkpoint: Summary,
        /// What is wrong.
        error: ProofError,
    },
    /// An answer of another ledger.
    #[error("the member answers for ledger {found}, the trust file is of {expected}")]
    OtherLedger {
        /// The trust file's.
        expected: LedgerId,
        /// The member's.
        found: LedgerId,
    },
    /// Leaves that are missing, come twice, or come in the wrong order.
    #[error(
        "leaf {found} follows where leaf {expected} or a later one must: leaves are missing or come twice"
    )]
    Sequence {
        /// The first leaf that may follow.
        expected: LeafIndex,
        /// What followed.
        found: LeafIndex,
    },
    /// The ledger has forgotten what it had: its tree is smaller than one that was cosigned.
    #[error(
        "the ledger was rolled back: pinned is {pinned}, offered is {offered}; the pin is kept, tell the operators"
    )]
    RolledBack {
        /// What was verified before.
        pinned: Summary,
        /// What the ledger has now.
        offered: String,
    },
    /// Two cosigned checkpoints of which neither begins with the other.
    #[error(
        "the ledger forked: pinned is {pinned}, offered is {offered}: {why}; the pin is kept, tell the operators"
    )]
    Forked {
        /// What was verified before.
        pinned: Summary,
        /// What the ledger shows now.
        offered: Summary,
        /// What does not hold between them.
        why: String,
    },
}

impl EvidenceError {
    /// Whether it says that nothing can be said, rather than that something is wrong.
    #[must_use]
    pub fn is_undecidable(&self) -> bool {
        match self {
            Self::UnknownEpoch { .. } => true,
            Self::Receipt { failure, .. } => failure.outcome == muniment_core::verify::Outcome::Undecidable,
            Self::Record { error, .. } => matches!(
                error,
                LeafError::UnknownKind(_) | LeafError::Stub(muniment_core::StubError::UnknownVersion(_))
            ),
            _ => false,
        }
    }
}
