//! Which step and which outcome an error means. Exhaustive: a new error must be placed here.

use std::fmt;

use super::{Failure, Outcome, Step};
use crate::canonical::CanonicalError;
use crate::checkpoint::CheckpointError;
use crate::handover::HandoverError;
use crate::leaf::LeafError;
use crate::members::MembersError;
use crate::receipt::{ExtraError, ReceiptError};
use crate::stub::StubError;
use crate::tree::ProofError;

impl Failure {
    pub(super) fn new(step: Step, outcome: Outcome, reason: impl fmt::Display) -> Self {
        Self { step, outcome, reason: reason.to_string() }
    }

    /// The same failure, inside another step.
    pub(super) fn in_step(self, step: Step) -> Self {
        Self { step, ..self }
    }

    pub(super) fn of_receipt(error: &ReceiptError) -> Self {
        let outcome = match error {
            ReceiptError::TooLarge(_)
            | ReceiptError::Json
            | ReceiptError::Line(_)
            | ReceiptError::LineOrder
            | ReceiptError::Extra(ExtraError::Message(CanonicalError::Malformed(_)) | ExtraError::Field(_)) => {
                Outcome::Malformed
            }
            ReceiptError::Extra(ExtraError::Message(CanonicalError::NotCanonical { .. })) => {
                Outcome::Tampered
            }
            ReceiptError::Checkpoint(error) | ReceiptError::Extra(ExtraError::Checkpoint(error)) => {
                of_checkpoint(error)
            }
        };
        Self::new(Step::Format, outcome, error)
    }

    pub(super) fn of_leaf(error: &LeafError) -> Self {
        let (step, outcome) = match error {
            // Versions start at 1: no format to come can have written a 0.
            LeafError::Stub(StubError::UnknownVersion(0) | StubError::ReservedBits(_)) => {
                (Step::Stub, Outcome::Tampered)
            }
            LeafError::Stub(StubError::UnknownVersion(_)) => (Step::Stub, Outcome::Undecidable),
            LeafError::UnknownKind(_) => (Step::Record, Outcome::Undecidable),
            LeafError::Record(_) | LeafError::LedgerRecord(_) | LeafError::Mismatch(_) => {
                (Step::Record, Outcome::Tampered)
            }
            LeafError::Terms => (Step::Terms, Outcome::Tampered),
            LeafError::Content => (Step::Content, Outcome::Tampered),
        };
        Self::new(step, outcome, error)
    }

    pub(super) fn of_proof(step: Step, error: &ProofError) -> Self {
        Self::new(step, of_proof(error), error)
    }

    pub(super) fn of_checkpoint(step: Step, error: &CheckpointError) -> Self {
        Self::new(step, of_checkpoint(error), error)
    }

    pub(super) fn of_handover(error: &HandoverError) -> Self {
        let outcome = match error {
            HandoverError::Members(MembersError::Line(_) | MembersError::TooLarge(_)) => Outcome::Malformed,
            HandoverError::Members(_)
            | HandoverError::Succession { .. }
            | HandoverError::Size
            | HandoverError::Lines => Outcome::Tampered,
            HandoverError::Checkpoint(error) => of_checkpoint(error),
            HandoverError::Inclusion(error) => of_proof(error),
        };
        Self::new(Step::Handover, outcome, error)
    }
}

const fn of_proof(error: &ProofError) -> Outcome {
    match error {
        ProofError::Size(_) => Outcome::Malformed,
        ProofError::Index { .. }
        | ProofError::From { .. }
        | ProofError::Length { .. }
        | ProofError::NotAscending
        | ProofError::Root => Outcome::Tampered,
    }
}

const fn of_checkpoint(error: &CheckpointError) -> Outcome {
    match error {
        CheckpointError::Note(_)
        | CheckpointError::Line(_)
        | CheckpointError::Origin(_)
        | CheckpointError::Size(_) => Outcome::Malformed,
        CheckpointError::UnknownLine { .. }
        | CheckpointError::OtherOrigin { .. }
        | CheckpointError::OtherMembers { .. }
        | CheckpointError::Cosignature(_)
        | CheckpointError::ForeignType(_)
        | CheckpointError::TooFew { .. } => Outcome::Tampered,
    }
}
