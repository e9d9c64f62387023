//! A01, A02, A03, A05, A07: whether a use of data was covered by the authorisation that it cites.

use muniment_core::v1::record::Body;
use muniment_core::{Flag, LeafIndex, Verdict, v1};

use crate::judge::Candidate;
use crate::world::entities::{Authorisation, AuthorisationVersion};
use crate::world::look::Look;
use crate::world::period::Period;

/// What a fact did under an authorisation.
struct Use<'a> {
    data_set: &'a str,
    consumer: &'a str,
}

/// Judges a fact against the authorisation that it cites.
pub(super) fn judge(world: &impl Look, candidate: &Candidate<'_>) -> Verdict {
    let cited = |leaf: Option<&v1::Leaf>, used: Option<Use<'_>>| {
        let known = leaf.and_then(|leaf| world.look::<Authorisation>(&LeafIndex(leaf.index)));
        match (leaf, known, used) {
            (None, _, Some(_)) => Verdict::NONE.with(Flag::A01),
            (None, _, None) => Verdict::NONE,
            (Some(_), None, _) => Verdict::NONE.with(Flag::A02),
            (Some(_), Some(known), Some(used)) => covered(known, &candidate.occurred, &used),
            (Some(_), Some(_), None) => Verdict::NONE,
        }
    };
    match candidate.body {
        Body::AccessExecuted(access) => {
            let used = Use { data_set: &access.data_set, consumer: &access.consumer };
            cited(access.authorisation.as_ref(), Some(used))
        }
        Body::DataDelivered(delivery) => {
            let used = Use { data_set: &delivery.data_set, consumer: &delivery.consumer };
            cited(delivery.authorisation.as_ref(), Some(used))
        }
        Body::LicenceUsed(licence) => {
            // It names no data set: what can be judged of the authorisation is whether it was in force.
            let cited = cited(licence.authorisation.as_ref(), None);
            let leaf = licence.authorisation.as_ref();
            let known = leaf.and_then(|leaf| world.look::<Authorisation>(&LeafIndex(leaf.index)));
            match known {
                Some(known) if !in_force(known, &candidate.occurred) => cited.with(Flag::A03),
                Some(_) | None => cited,
            }
        }
        Body::UsageReported(report) => cited(report.authorisation.as_ref(), None),
        Body::DataDestroyed(report) => cited(report.authorisation.as_ref(), None),
        _ => Verdict::NONE,
    }
}

/// The instants of `occurred` at which a version is in effect and valid, suspensions and revocation left aside.
fn instants(authorisation: &Authorisation, position: usize, occurred: &Period) -> Option<Period> {
    let version = authorisation.versions.get(position)?;
    let next = authorisation.versions.get(position + 1);
    let current =
        Period { from: version.effective, until: next.map_or(Period::ALWAYS.until, |next| next.effective) };
    occurred.overlap(&current)?.overlap(&version.valid)
}

/// Whether the authorisation was in force at some instant of `occurred`.
fn in_force(authorisation: &Authorisation, occurred: &Period) -> bool {
    (0..authorisation.versions.len())
        .filter_map(|position| instants(authorisation, position, occurred))
        .any(|instants| in_force_within(authorisation, instants))
}

/// Judges a use at some instant of `occurred`, by the version then in force.
///
/// An imprecise time is judged by overlap: of the versions in force at some of its instants, the one that covers the use
/// best counts.
fn covered(authorisation: &Authorisation, occurred: &Period, used: &Use<'_>) -> Verdict {
    let mut best: Option<Verdict> = None;
    for (position, version) in authorisation.versions.iter().enumerate() {
        let instants = instants(authorisation, position, occurred);
        if instants.is_some_and(|instants| in_force_within(authorisation, instants)) {
            let verdict = against(authorisation, version, used);
            let better = best.is_none_or(|best| verdict.0.count_ones() < best.0.count_ones());
            best = if better { Some(verdict) } else { best };
        }
    }
    best.unwrap_or_else(|| {
        let in_effect =
            authorisation.versions.iter().rev().find(|version| version.effective <= occurred.from);
        let version = in_effect.or(authorisation.versions.first());
        let uncovered = version.map_or(Verdict::NONE, |version| against(authorisation, version, used));
        uncovered.with(Flag::A03)
    })
}

/// Whether the authorisation is neither suspended nor revoked at some instant of a period.
fn in_force_within(authorisation: &Authorisation, instants: Period) -> bool {
    let until = authorisation.revoked_from.map_or(instants.until, |revoked| revoked.min(instants.until));
    let mut from = instants.from;
    // Suspensions ascend and do not overlap: what they leave open is found from front to back.
    for suspension in &authorisation.suspensions {
        if from >= until || from < suspension.period.from {
            break;
        }
        from = from.max(suspension.period.until);
    }
    from < until
}

fn against(authorisation: &Authorisation, version: &AuthorisationVersion, used: &Use<'_>) -> Verdict {
    let mut verdict = Verdict::NONE;
    if version.data_sets.binary_search_by(|data_set| data_set.as_str().cmp(used.data_set)).is_err() {
        verdict.raise(Flag::A05);
    }
    let is_processor = !version.processor.is_empty() && version.processor == used.consumer;
    if authorisation.grantee != used.consumer && !is_processor {
        verdict.raise(Flag::A07);
    }
    verdict
}
