//! Objections, disputes in three tiers, cases, legal holds, disclosures.

use muniment_core::v1::record::Body;
use muniment_core::{LeafIndex, v1};

use super::catalogue::speaks_for;
use super::refuse;
use crate::applied::Rejection;
use crate::judge::{Candidate, Effects};
use crate::world::World;
use crate::world::entities::{Dispute, Matter, Objection};
use crate::world::object::{Case, Hold};

/// Remembers an objection, a fact, so that it can be answered.
pub(super) fn objection_raised(candidate: &Candidate<'_>, body: &v1::ObjectionRaised) -> Effects {
    let objection =
        Objection { submitter: candidate.submitter, provider: body.provider.clone(), answered: None };
    Effects::of(&candidate.leaf, objection)
}

/// Judges the decisions of oversight.
pub(super) fn judge(world: &World, candidate: &Candidate<'_>) -> Result<Effects, Rejection> {
    match candidate.body {
        Body::ObjectionAnswered(body) => answered(world, candidate, body),
        Body::DisputeOpened(body) => opened(world, candidate, body),
        Body::DisputeEscalated(body) => escalated(world, body),
        Body::DisputeDecided(body) => decided(world, body),
        Body::CaseOpened(body) => {
            check_leaves(candidate, &body.leaves)?;
            Ok(Effects::of(&candidate.leaf, Case(matter(candidate))))
        }
        Body::CaseClosed(body) => {
            let leaf = index(body.case.as_ref());
            let known = world.get::<Case>(&leaf).map(|Case(matter)| matter);
            Ok(Effects::of(&leaf, Case(end(candidate, known, "case_closed.case")?)))
        }
        Body::LegalHoldSet(body) => {
            check_leaves(candidate, &body.leaves)?;
            Ok(Effects::of(&candidate.leaf, Hold(matter(candidate))))
        }
        Body::LegalHoldLifted(body) => {
            let leaf = index(body.hold.as_ref());
            let known = world.get::<Hold>(&leaf).map(|Hold(matter)| matter);
            Ok(Effects::of(&leaf, Hold(end(candidate, known, "legal_hold_lifted.hold")?)))
        }
        Body::Disclosed(body) => {
            check_leaves(candidate, &[index(body.target.as_ref()).0])?;
            Ok(Effects::none())
        }
        _ => Err(refuse("body", "is no decision that rules version 1 knows")),
    }
}

fn answered(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::ObjectionAnswered,
) -> Result<Effects, Rejection> {
    let field = "objection_answered.objection";
    let leaf = index(body.objection.as_ref());
    let objection = world.get::<Objection>(&leaf).ok_or_else(|| refuse(field, "is no objection"))?;
    if objection.answered.is_some() {
        return Err(refuse(field, "is answered already"));
    }
    speaks_for(world, candidate, &objection.provider, field)?;
    Ok(Effects::of(&leaf, Objection { answered: Some(candidate.leaf), ..objection.clone() }))
}

fn opened(world: &World, candidate: &Candidate<'_>, body: &v1::DisputeOpened) -> Result<Effects, Rejection> {
    let field = "dispute_opened.objection";
    let leaf = index(body.objection.as_ref());
    let objection = world.get::<Objection>(&leaf).ok_or_else(|| refuse(field, "is no objection"))?;
    if objection.answered.is_none() {
        return Err(refuse(field, "is not answered yet: there is nothing to dispute"));
    }
    let dispute = Dispute { submitter: candidate.submitter, objection: leaf, tier: 1, decided: false };
    Ok(Effects::of(&candidate.leaf, dispute))
}

fn escalated(world: &World, body: &v1::DisputeEscalated) -> Result<Effects, Rejection> {
    let leaf = index(body.dispute.as_ref());
    let dispute = dispute(world, leaf, "dispute_escalated.dispute")?;
    if !dispute.decided || body.tier != dispute.tier + 1 {
        let detail = "must be one above the tier that has decided";
        return Err(refuse("dispute_escalated.tier", detail));
    }
    Ok(Effects::of(&leaf, Dispute { tier: body.tier, decided: false, ..dispute.clone() }))
}

fn decided(world: &World, body: &v1::DisputeDecided) -> Result<Effects, Rejection> {
    let leaf = index(body.dispute.as_ref());
    let dispute = dispute(world, leaf, "dispute_decided.dispute")?;
    if dispute.decided || body.tier != dispute.tier {
        return Err(refuse(
            "dispute_decided.tier",
            "must be the tier that has the dispute and has not decided",
        ));
    }
    Ok(Effects::of(&leaf, Dispute { decided: true, ..dispute.clone() }))
}

fn dispute<'a>(world: &'a World, leaf: LeafIndex, field: &str) -> Result<&'a Dispute, Rejection> {
    world.get::<Dispute>(&leaf).ok_or_else(|| refuse(field, "is no dispute"))
}

const fn matter(candidate: &Candidate<'_>) -> Matter {
    Matter { submitter: candidate.submitter, ended: None }
}

/// Ends a case or hold, once, by the bureau that opened it.
fn end(candidate: &Candidate<'_>, known: Option<&Matter>, field: &str) -> Result<Matter, Rejection> {
    let known = known.ok_or_else(|| refuse(field, "was never opened"))?;
    if known.submitter != candidate.submitter {
        return Err(refuse(field, "was opened by another bureau, which alone may end it"));
    }
    if known.ended.is_some() {
        return Err(refuse(field, "has ended already"));
    }
    Ok(Matter { ended: Some(candidate.leaf), ..known.clone() })
}

/// Leaves that a decision concerns must be there.
fn check_leaves(candidate: &Candidate<'_>, leaves: &[u64]) -> Result<(), Rejection> {
    if leaves.iter().any(|leaf| *leaf >= candidate.leaf.0) {
        let field = format!("{}.leaves", candidate.kind.row().name);
        return Err(refuse(&field, "names a leaf that is not there yet"));
    }
    Ok(())
}

fn index(leaf: Option<&v1::Leaf>) -> LeafIndex {
    leaf.map_or(LeafIndex(u64::MAX), |leaf| LeafIndex(leaf.index))
}
