//! Applications and authorisations: who may grant, and what may follow a grant.

use muniment_core::{LeafIndex, UnixMillis, v1};

use super::catalogue::{entry, speaks_for};
use super::refuse;
use crate::applied::Rejection;
use crate::judge::{Candidate, Effects};
use crate::world::World;
use crate::world::entities::{
    Application, ApplicationState, Authorisation, AuthorisationVersion, Suspension,
};
use crate::world::period::Period;

/// Versions, and suspensions, that an authorisation may have: it stays small enough to change at once.
const CHANGES_MAX: usize = 1_000;

/// A consumer applies for data sets that are in the catalogue.
pub(super) fn applied(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::SharingApplied,
) -> Result<Effects, Rejection> {
    speaks_for(world, candidate, &body.applicant, "sharing_applied.applicant")?;
    for data_set in &body.data_sets {
        entry(world, data_set, "sharing_applied.data_sets")?;
    }
    let application = Application {
        submitter: candidate.submitter,
        applicant: body.applicant.clone(),
        data_sets: body.data_sets.clone(),
        state: ApplicationState::Open,
    };
    Ok(Effects::of(&candidate.leaf, application))
}

/// The applicant withdraws an application that is not decided.
pub(super) fn application_withdrawn(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::ApplicationWithdrawn,
) -> Result<Effects, Rejection> {
    let field = "application_withdrawn.application";
    let (leaf, application) = open_application(world, body.application.as_ref(), field)?;
    if application.submitter != candidate.submitter {
        return Err(refuse(field, "was made by another bureau, which alone may withdraw it"));
    }
    Ok(Effects::of(&leaf, Application { state: ApplicationState::Withdrawn, ..application.clone() }))
}

/// The provider of every data set grants, once an application.
pub(super) fn granted(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::AuthorisationGranted,
) -> Result<Effects, Rejection> {
    let field = |name: &str| format!("authorisation_granted.{name}");
    check_grantor(world, candidate, &body.grantor, &body.data_sets, &field("grantor"))?;
    let authorisation = Authorisation {
        submitter: candidate.submitter,
        grantor: body.grantor.clone(),
        grantee: body.grantee.clone(),
        versions: vec![version(candidate.leaf, UnixMillis(0), body)],
        suspensions: Vec::new(),
        revoked_from: None,
    };
    let mut effects = Effects::of(&candidate.leaf, authorisation);
    if body.application.is_some() {
        let field = field("application");
        let (leaf, application) = open_application(world, body.application.as_ref(), &field)?;
        if application.applicant != body.grantee {
            return Err(refuse(&field, "was made by another applicant than the grantee"));
        }
        effects.put(&leaf, Application { state: ApplicationState::Granted, ..application.clone() });
    }
    Ok(effects)
}

/// The provider of every data set applied for denies.
pub(super) fn denied(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::AuthorisationDenied,
) -> Result<Effects, Rejection> {
    let field = "authorisation_denied.application";
    let (leaf, application) = open_application(world, body.application.as_ref(), field)?;
    let grantor = "authorisation_denied.grantor";
    check_grantor(world, candidate, &body.grantor, &application.data_sets, grantor)?;
    Ok(Effects::of(&leaf, Application { state: ApplicationState::Denied, ..application.clone() }))
}

/// The grantor brings a new version of the terms.
pub(super) fn amended(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::AuthorisationAmended,
) -> Result<Effects, Rejection> {
    let field = |name: &str| format!("authorisation_amended.{name}");
    let (leaf, authorisation) = unrevoked(world, candidate, body.authorisation.as_ref())?;
    let terms = body.terms.as_ref().ok_or_else(|| refuse(&field("terms"), "is missing"))?;
    if terms.grantor != authorisation.grantor || terms.grantee != authorisation.grantee {
        return Err(refuse(&field("terms"), "must keep grantor and grantee: grant a new authorisation"));
    }
    check_grantor(world, candidate, &terms.grantor, &terms.data_sets, &field("terms.data_sets"))?;
    let effective = UnixMillis(body.effective_ms);
    if authorisation.versions.last().is_some_and(|last| effective < last.effective) {
        return Err(refuse(&field("effective_ms"), "lies before the version that it replaces"));
    }
    if authorisation.versions.len() == CHANGES_MAX {
        return Err(refuse(&field("authorisation"), "has too many versions: grant a new authorisation"));
    }
    let mut authorisation = authorisation.clone();
    authorisation.versions.push(version(candidate.leaf, effective, terms));
    Ok(Effects::of(&leaf, authorisation))
}

/// The grantor suspends what is not suspended.
pub(super) fn suspended(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::AuthorisationSuspended,
) -> Result<Effects, Rejection> {
    let field = |name: &str| format!("authorisation_suspended.{name}");
    let (leaf, authorisation) = unrevoked(world, candidate, body.authorisation.as_ref())?;
    let from = UnixMillis(body.effective_ms);
    if let Some(last) = authorisation.suspensions.last() {
        if last.period.until == Period::ALWAYS.until {
            return Err(refuse(&field("authorisation"), "is suspended already"));
        }
        if from < last.period.until {
            return Err(refuse(&field("effective_ms"), "lies before the last suspension ended"));
        }
    }
    if authorisation.suspensions.len() == CHANGES_MAX {
        return Err(refuse(&field("authorisation"), "was suspended too often: revoke it"));
    }
    let mut authorisation = authorisation.clone();
    let period = Period { from, until: Period::ALWAYS.until };
    authorisation.suspensions.push(Suspension { leaf: candidate.leaf, period });
    Ok(Effects::of(&leaf, authorisation))
}

/// The grantor resumes what is suspended.
pub(super) fn resumed(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::AuthorisationResumed,
) -> Result<Effects, Rejection> {
    let field = |name: &str| format!("authorisation_resumed.{name}");
    let (leaf, authorisation) = unrevoked(world, candidate, body.authorisation.as_ref())?;
    let mut authorisation = authorisation.clone();
    let open = authorisation.suspensions.last_mut().filter(|last| last.period.until == Period::ALWAYS.until);
    let Some(suspension) = open else {
        return Err(refuse(&field("authorisation"), "is not suspended"));
    };
    let until = UnixMillis(body.effective_ms);
    if until < suspension.period.from || until == Period::ALWAYS.until {
        return Err(refuse(&field("effective_ms"), "lies before its suspension"));
    }
    suspension.period.until = until;
    Ok(Effects::of(&leaf, authorisation))
}

/// The grantor revokes, once.
pub(super) fn revoked(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::AuthorisationRevoked,
) -> Result<Effects, Rejection> {
    let (leaf, authorisation) = unrevoked(world, candidate, body.authorisation.as_ref())?;
    let revoked_from = Some(UnixMillis(body.effective_ms));
    Ok(Effects::of(&leaf, Authorisation { revoked_from, ..authorisation.clone() }))
}

/// The authorisation at a leaf, if the submitter granted it.
pub(super) fn own<'a>(
    world: &'a World,
    candidate: &Candidate<'_>,
    leaf: Option<&v1::Leaf>,
) -> Result<(LeafIndex, &'a Authorisation), Rejection> {
    let field = format!("{}.authorisation", candidate.kind.row().name);
    let leaf = leaf.map_or(LeafIndex(u64::MAX), |leaf| LeafIndex(leaf.index));
    let authorisation = world
        .get::<Authorisation>(&leaf)
        .ok_or_else(|| refuse(&field, "is no authorisation: name a grant's leaf"))?;
    if authorisation.submitter != candidate.submitter {
        return Err(refuse(&field, "was granted by another bureau, which alone may change it"));
    }
    Ok((leaf, authorisation))
}

fn unrevoked<'a>(
    world: &'a World,
    candidate: &Candidate<'_>,
    leaf: Option<&v1::Leaf>,
) -> Result<(LeafIndex, &'a Authorisation), Rejection> {
    let (leaf, authorisation) = own(world, candidate, leaf)?;
    if authorisation.revoked_from.is_some() {
        let field = format!("{}.authorisation", candidate.kind.row().name);
        return Err(refuse(&field, "was revoked: grant a new authorisation"));
    }
    Ok((leaf, authorisation))
}

/// The grantor is the provider of every data set, and the submitter published them.
fn check_grantor(
    world: &World,
    candidate: &Candidate<'_>,
    grantor: &String,
    data_sets: &[String],
    field: &str,
) -> Result<(), Rejection> {
    for data_set in data_sets {
        let entry = entry(world, data_set, field)?;
        if entry.provider != *grantor {
            return Err(refuse(field, "is not the provider of every data set"));
        }
        if entry.submitter != candidate.submitter {
            return Err(refuse(field, "provides through another bureau, which must submit this itself"));
        }
    }
    Ok(())
}

fn open_application<'a>(
    world: &'a World,
    leaf: Option<&v1::Leaf>,
    field: &str,
) -> Result<(LeafIndex, &'a Application), Rejection> {
    let leaf = leaf.map_or(LeafIndex(u64::MAX), |leaf| LeafIndex(leaf.index));
    let application = world.get::<Application>(&leaf).ok_or_else(|| refuse(field, "is no application"))?;
    match application.state {
        ApplicationState::Open => Ok((leaf, application)),
        ApplicationState::Granted => Err(refuse(field, "is granted already")),
        ApplicationState::Denied => Err(refuse(field, "was denied")),
        ApplicationState::Withdrawn => Err(refuse(field, "was withdrawn")),
    }
}

fn version(leaf: LeafIndex, effective: UnixMillis, body: &v1::AuthorisationGranted) -> AuthorisationVersion {
    AuthorisationVersion {
        leaf,
        effective,
        valid: Period::of(body.valid.as_ref()),
        processor: body.processor.clone(),
        data_sets: body.data_sets.clone(),
        items: body.items.clone(),
        purposes: body.purposes.clone(),
        quota_rows: body.quota_rows,
        onward_allowed: body.onward_allowed,
    }
}
