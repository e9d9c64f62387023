//! The catalogue: published, updated version by version, withdrawn.

use muniment_core::v1;

use super::refuse;
use crate::applied::Rejection;
use crate::judge::{Candidate, Effects};
use crate::world::World;
use crate::world::entities::{CatalogueEntry, CatalogueVersion};
use crate::world::object::BureauCode;

/// Versions that an entry may have.
const VERSIONS_MAX: usize = 10_000;

/// A data set enters the catalogue as version 1, in the name of its provider.
pub(super) fn published(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::CataloguePublished,
) -> Result<Effects, Rejection> {
    if world.get::<CatalogueEntry>(&body.data_set).is_some() {
        let detail = "is in the catalogue, or was: update it, or use a new code";
        return Err(refuse("catalogue_published.data_set", detail));
    }
    speaks_for(world, candidate, &body.provider, "catalogue_published.provider")?;
    if body.version != 1 {
        return Err(refuse("catalogue_published.version", "must be 1 for a new entry"));
    }
    let entry = CatalogueEntry {
        submitter: candidate.submitter,
        provider: body.provider.clone(),
        versions: vec![version(candidate, body)],
        items: body.items.iter().map(|item| item.code.clone()).collect(),
        withdrawn: None,
    };
    Ok(Effects::of(&body.data_set, entry))
}

/// The next version of an entry, by the bureau that published it.
pub(super) fn updated(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::CatalogueUpdated,
) -> Result<Effects, Rejection> {
    let field = |name: &str| format!("catalogue_updated.entry.{name}");
    let body = body.entry.as_ref().ok_or_else(|| refuse("catalogue_updated.entry", "is missing"))?;
    let entry = own_entry(world, candidate, &body.data_set, &field("data_set"))?;
    if body.provider != entry.provider {
        return Err(refuse(&field("provider"), "can't change: publish the data set under a new code"));
    }
    if usize::try_from(body.version) != Ok(entry.versions.len() + 1) || entry.versions.len() == VERSIONS_MAX {
        return Err(refuse(&field("version"), "must be one more than the version in force"));
    }
    let mut entry = entry.clone();
    entry.versions.push(version(candidate, body));
    entry.items = body.items.iter().map(|item| item.code.clone()).collect();
    Ok(Effects::of(&body.data_set, entry))
}

/// A data set leaves the catalogue for good.
pub(super) fn withdrawn(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::CatalogueWithdrawn,
) -> Result<Effects, Rejection> {
    let entry = own_entry(world, candidate, &body.data_set, "catalogue_withdrawn.data_set")?;
    Ok(Effects::of(&body.data_set, CatalogueEntry { withdrawn: Some(candidate.leaf), ..entry.clone() }))
}

/// An entry that is in the catalogue.
pub(super) fn entry<'a>(
    world: &'a World,
    data_set: &String,
    field: &str,
) -> Result<&'a CatalogueEntry, Rejection> {
    let entry = world.get::<CatalogueEntry>(data_set).filter(|entry| entry.withdrawn.is_none());
    entry.ok_or_else(|| refuse(field, "is not in the catalogue: publish it first"))
}

/// Refuses to act under the code of another bureau. Identifiers that no bureau has are free: providers need not be
/// registered.
pub(super) fn speaks_for(
    world: &World,
    candidate: &Candidate<'_>,
    identifier: &String,
    field: &str,
) -> Result<(), Rejection> {
    match world.get::<BureauCode>(identifier) {
        Some(BureauCode(bureau)) if *bureau != candidate.submitter => {
            Err(refuse(field, "is another bureau: it must submit this itself"))
        }
        _ => Ok(()),
    }
}

fn own_entry<'a>(
    world: &'a World,
    candidate: &Candidate<'_>,
    data_set: &String,
    field: &str,
) -> Result<&'a CatalogueEntry, Rejection> {
    let entry = entry(world, data_set, field)?;
    if entry.submitter != candidate.submitter {
        return Err(refuse(field, "was published by another bureau, which alone may change it"));
    }
    Ok(entry)
}

fn version(candidate: &Candidate<'_>, body: &v1::CataloguePublished) -> CatalogueVersion {
    CatalogueVersion {
        leaf: candidate.leaf,
        accepted_at: candidate.accepted_at,
        share_class: u32::try_from(body.share_class).unwrap_or(0),
        personal_data: body.personal_data,
    }
}
