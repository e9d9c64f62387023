//! Handovers: how the members of one epoch hand the ledger over to those of the next.

use thiserror::Error;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::leaf::{Content, LeafProof};
use crate::members::{MemberList, MembersError};
use crate::receipt::{ExtraError, array, hashes, open_content, path_bytes};
use crate::tree::ProofError;
use crate::{Hash, LeafIndex, v1};

/// The member record that starts an epoch, and a checkpoint that both epochs' bureaus cosigned
/// (`docs/data-format.md`, "Handover").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// Text of the new epoch's member list.
    pub members: Vec<u8>,
    /// The leaf of the member record, never withheld.
    pub leaf: LeafProof,
    /// The checkpoint at the first size of the new epoch.
    pub checkpoint: Checkpoint,
}

/// Why a handover is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HandoverError {
    /// The new list.
    #[error("handover: {0}")]
    Members(#[from] MembersError),
    /// The list is not the old one's successor.
    #[error("handover: epoch {found} of {origin:?} does not follow epoch {old} of the ledger")]
    Succession {
        /// The new list's epoch.
        found: u64,
        /// Its origin.
        origin: String,
        /// The old list's epoch.
        old: u64,
    },
    /// The checkpoint is not that of the first size of the new epoch.
    #[error(
        "handover: the checkpoint's size is not the first of the new epoch, or the member record is outside it"
    )]
    Size,
    /// The checkpoint's line order.
    #[error("handover: the checkpoint's lines must ascend by key name and id, each of a key of either epoch")]
    Lines,
    /// The checkpoint, under either epoch.
    #[error("handover: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The member record's path.
    #[error("handover: {0}")]
    Inclusion(#[from] ProofError),
}

impl Handover {
    /// Verifies all but the member record's own bytes: that `old` handed over to the list that is answered.
    ///
    /// # Errors
    /// [`HandoverError`].
    pub fn verify(&self, old: &MemberList) -> Result<MemberList, HandoverError> {
        let new = MemberList::decode(&self.members)?;
        let body = &self.checkpoint.body;
        if old.epoch.checked_add(1) != Some(new.epoch) || new.origin != old.origin || new.from <= old.from {
            return Err(HandoverError::Succession { found: new.epoch, origin: new.origin, old: old.epoch });
        }
        // The record's batch ends where the epoch starts, so the record lies in what the old epoch wrote.
        if body.size != new.from || self.leaf.index.0 < old.from.0 {
            return Err(HandoverError::Size);
        }
        let of_either = |line| {
            [old, &new].iter().any(|list| list.by_cosigning_line(line).or(list.by_log_line(line)).is_some())
        };
        if !self.checkpoint.is_ordered() || !self.checkpoint.lines.iter().all(of_either) {
            return Err(HandoverError::Lines);
        }
        self.checkpoint.verify(&new)?;
        self.checkpoint.verify_quorum(old)?;
        self.leaf.verify_inclusion(body)?;
        Ok(new)
    }

    /// The message inside a receipt.
    #[must_use]
    pub fn to_message(&self) -> v1::Handover {
        let record = match &self.leaf.content {
            Content::Open { blind, record } => {
                Some(v1::OpenRecord { blind: blind.0.to_vec(), record: record.clone() })
            }
            Content::Withheld { .. } => None,
        };
        v1::Handover {
            members: self.members.clone(),
            leaf_index: self.leaf.index.0,
            stub: self.leaf.stub.to_vec(),
            record,
            terms_digest: self.leaf.terms_digest.0.to_vec(),
            path: path_bytes(&self.leaf.path),
            checkpoint: self.checkpoint.to_note().into_bytes(),
        }
    }

    /// Reads the message.
    ///
    /// # Errors
    /// [`ExtraError`] names the field.
    pub(crate) fn from_message(message: &v1::Handover) -> Result<Self, ExtraError> {
        let record = message.record.as_ref().ok_or(ExtraError::Field("handover.record"))?;
        Ok(Self {
            members: message.members.clone(),
            leaf: LeafProof {
                index: LeafIndex(message.leaf_index),
                stub: array(&message.stub, "handover.stub")?,
                content: open_content(record, "handover.record")?,
                terms_digest: Hash(array(&message.terms_digest, "handover.terms_digest")?),
                path: hashes(&message.path, "handover.path")?,
            },
            checkpoint: Checkpoint::parse(&message.checkpoint)?,
        })
    }
}
