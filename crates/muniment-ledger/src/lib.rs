//! What a committed batch *does*: the deterministic state machine of a Muniment ledger.
//!
//! Owns: the verify stage, the world state with its digest and dump, deduplication, the rules and their verdicts, and
//! the leaves that follow.
//!
//! Promises: the same entries in the same order give the same leaves, outcomes, alarms and world state on every node, at
//! every time, whatever views are held; bad input is a typed refusal; a rule that fails flags its record and stops
//! nothing.
//!
//! Must never: do I/O, read a clock, the environment or configuration, make random numbers, run async code, or let the
//! order of a hash map, the number of threads or a float reach a result.

mod applied;
mod apply;
mod check_access;
pub mod judge;
mod ledger;
mod may_read;
pub mod rules;
mod side;
mod verify;
pub mod world;

pub use applied::{
    AdmissionOutcome, Alarm, Applied, DerivedRefusal, EntryPosition, Halt, Leaf, Outcome, PartOutcome,
    RecordBytes, Rejection,
};
pub use check_access::{CheckAccessError, check_access};
pub use ledger::Ledger;
pub use may_read::{may_read, may_read_authorisation};
pub use verify::{DecodedBatch, VerifiedBatch, VerifiedPart, VerifyContext, verify_batch};
pub use world::dump::RestoreError;
pub use world::{World, WorldView};
