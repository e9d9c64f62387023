//! Licences: issued once, changed and ended by the bureau that recorded the issue.

use muniment_core::{UnixMillis, v1};

use super::catalogue::speaks_for;
use super::refuse;
use crate::applied::Rejection;
use crate::judge::{Candidate, Effects};
use crate::world::World;
use crate::world::entities::{Licence, Suspension};
use crate::world::period::Period;

/// Suspensions that a licence may have.
const SUSPENSIONS_MAX: usize = 1_000;

/// A licence is issued under a new number.
pub(super) fn issued(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::LicenceIssued,
) -> Result<Effects, Rejection> {
    speaks_for(world, candidate, &body.issuer, "licence_issued.issuer")?;
    if world.get::<Licence>(&body.licence).is_some() {
        return Err(refuse("licence_issued.licence", "was issued before: change it, or use a new number"));
    }
    let licence = Licence {
        submitter: candidate.submitter,
        issuer: body.issuer.clone(),
        valid: Period::of(body.valid.as_ref()),
        consent_required: body.consent_required,
        suspensions: Vec::new(),
        revoked_from: None,
    };
    Ok(Effects::of(&body.licence, licence))
}

/// Validity and consent rule are replaced.
pub(super) fn changed(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::LicenceChanged,
) -> Result<Effects, Rejection> {
    let licence = own(world, candidate, &body.licence, &body.issuer)?;
    let valid = Period::of(body.valid.as_ref());
    let changed = Licence { valid, consent_required: body.consent_required, ..licence.clone() };
    Ok(Effects::of(&body.licence, changed))
}

/// A licence is suspended for a period.
pub(super) fn suspended(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::LicenceSuspended,
) -> Result<Effects, Rejection> {
    let licence = own(world, candidate, &body.licence, &body.issuer)?;
    if licence.suspensions.len() == SUSPENSIONS_MAX {
        return Err(refuse("licence_suspended.licence", "was suspended too often: revoke it"));
    }
    let mut licence = licence.clone();
    let period = Period::of(body.period.as_ref());
    licence.suspensions.push(Suspension { leaf: candidate.leaf, period });
    Ok(Effects::of(&body.licence, licence))
}

/// A licence ends, once.
pub(super) fn revoked(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::LicenceRevoked,
) -> Result<Effects, Rejection> {
    let licence = own(world, candidate, &body.licence, &body.issuer)?;
    let revoked_from = Some(UnixMillis(body.effective_ms));
    Ok(Effects::of(&body.licence, Licence { revoked_from, ..licence.clone() }))
}

/// A licence that the submitter issued and that is not revoked.
fn own<'a>(
    world: &'a World,
    candidate: &Candidate<'_>,
    licence: &String,
    issuer: &str,
) -> Result<&'a Licence, Rejection> {
    let field = |name: &str| format!("{}.{name}", candidate.kind.row().name);
    let known = world.get::<Licence>(licence).ok_or_else(|| refuse(&field("licence"), "was never issued"))?;
    if known.issuer != issuer {
        return Err(refuse(&field("issuer"), "is not the licence's issuer"));
    }
    if known.submitter != candidate.submitter {
        return Err(refuse(
            &field("licence"),
            "was issued through another bureau, which alone may change it",
        ));
    }
    if known.revoked_from.is_some() {
        return Err(refuse(&field("licence"), "was revoked"));
    }
    Ok(known)
}
