//! The rules before the fact: which flags an access would get if it were recorded now.
//!
//! The very code that judges in apply, over a view. Nothing is written and nothing is promised: what an entry changes a
//! moment later is not known here. What follows from the exchange's id (S03), its stream and its request id is not asked.

use muniment_core::v1::record::Body;
use muniment_core::{BureauNumber, Kind, RulesVersion, UnixMillis, Verdict, v1};
use thiserror::Error;

use crate::applied::Rejection;
use crate::judge::Candidate;
use crate::rules::V1;
use crate::world::WorldView;
use crate::world::period::Period;

/// Why there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CheckAccessError {
    /// The rules in force are of a later build.
    #[error("rules version {0} is in force, which this build does not know")]
    UnknownRules(RulesVersion),
    /// The record could not be recorded.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

/// Judges `record` as a fact that `submitter` records at `now`, by the state of `world`. Pure.
///
/// # Errors
/// [`CheckAccessError`].
pub fn check_access(
    world: &WorldView,
    record: &v1::Record,
    body: &Body,
    submitter: BureauNumber,
    now: UnixMillis,
) -> Result<Verdict, CheckAccessError> {
    let rules = world.head().rules;
    if rules != RulesVersion(1) {
        return Err(CheckAccessError::UnknownRules(rules));
    }
    let candidate = Candidate {
        record,
        body,
        kind: Kind::of(body),
        submitter,
        leaf: world.head().size.next_leaf(),
        accepted_at: now,
        occurred: Period::claimed(record.occurred_at.as_ref()),
        side: None,
    };
    Ok(V1::check_use(world, &candidate)?)
}
