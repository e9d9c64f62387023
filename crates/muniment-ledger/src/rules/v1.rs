//! Rules version 1: flags A01, A02, A03, A05, A07, S03, T01, T02, and the decisions that are impossible.
//!
//! I01, S01 and S02 follow from deduplication, X01 from a rule that fails. Bits of other flags mean *not judged*.

mod authorisation;
mod catalogue;
mod governance;
mod licence;
mod oversight;
mod participants;
mod time;
mod usage;

use muniment_core::v1::record::Body;
use muniment_core::{Flag, Nature, Reason, RulesVersion, Verdict};

use crate::applied::Rejection;
use crate::judge::{Accepted, Candidate, Effects, Judgement, Rules};
use crate::world::{World, WorldView};

/// Rules version 1.
#[derive(Clone, Copy, Debug)]
pub struct V1;

impl Rules for V1 {
    fn version(&self) -> RulesVersion {
        RulesVersion(1)
    }

    fn judge(&self, world: &World, candidate: &Candidate<'_>) -> Judgement {
        let times = time::judge(candidate)?;
        let mut accepted = match candidate.kind.row().nature {
            Nature::Fact => fact(world, candidate),
            Nature::Decision => decision(world, candidate).map(Accepted::unflagged)?,
            Nature::Governance => governance::judge(world, candidate).map(Accepted::unflagged)?,
            // The codec knows no such bodies.
            Nature::Ledger => return Err(refuse("body", "is written by the ledger alone")),
        };
        accepted.verdict.0 |= times.0;
        Ok(accepted)
    }
}

impl V1 {
    /// The flags of a fact that follow from its times and from the authorisation that it cites: the same code as in
    /// [`Rules::judge`], on a view.
    pub(crate) fn check_use(world: &WorldView, candidate: &Candidate<'_>) -> Result<Verdict, Rejection> {
        let times = time::judge(candidate)?;
        Ok(Verdict(times.0 | usage::judge(world, candidate).0))
    }
}

impl Accepted {
    fn unflagged(effects: Effects) -> Self {
        Self { effects, ..Self::default() }
    }
}

/// Facts are never refused for being wrong (G10).
fn fact(world: &World, candidate: &Candidate<'_>) -> Accepted {
    let mut accepted = Accepted { verdict: usage::judge(world, candidate), effects: Effects::none() };
    if let Body::ObjectionRaised(objection) = candidate.body {
        accepted.effects = oversight::objection_raised(candidate, objection);
    }
    if let Some(side) = candidate.side {
        match world.exchanges().content(&side.name) {
            None => accepted.effects.side = Some(side),
            Some(content) if content == side.content => {}
            Some(_) => accepted.verdict.raise(Flag::S03),
        }
    }
    accepted
}

fn decision(world: &World, candidate: &Candidate<'_>) -> Result<Effects, Rejection> {
    match candidate.body {
        Body::CertificateBound(body) => participants::certificate_bound(world, candidate, body),
        Body::CertificateRevoked(body) => participants::certificate_revoked(world, candidate, body),
        Body::CataloguePublished(body) => catalogue::published(world, candidate, body),
        Body::CatalogueUpdated(body) => catalogue::updated(world, candidate, body),
        Body::CatalogueWithdrawn(body) => catalogue::withdrawn(world, candidate, body),
        Body::SharingApplied(body) => authorisation::applied(world, candidate, body),
        Body::ApplicationWithdrawn(body) => authorisation::application_withdrawn(world, candidate, body),
        Body::AuthorisationGranted(body) => authorisation::granted(world, candidate, body),
        Body::AuthorisationDenied(body) => authorisation::denied(world, candidate, body),
        Body::AuthorisationAmended(body) => authorisation::amended(world, candidate, body),
        Body::AuthorisationSuspended(body) => authorisation::suspended(world, candidate, body),
        Body::AuthorisationResumed(body) => authorisation::resumed(world, candidate, body),
        Body::AuthorisationRevoked(body) => authorisation::revoked(world, candidate, body),
        Body::OnwardTransferConsented(body) => {
            authorisation::own(world, candidate, body.authorisation.as_ref()).map(|_| Effects::none())
        }
        Body::DataRecalled(body) => {
            authorisation::own(world, candidate, body.authorisation.as_ref()).map(|_| Effects::none())
        }
        Body::LicenceIssued(body) => licence::issued(world, candidate, body),
        Body::LicenceChanged(body) => licence::changed(world, candidate, body),
        Body::LicenceSuspended(body) => licence::suspended(world, candidate, body),
        Body::LicenceRevoked(body) => licence::revoked(world, candidate, body),
        _ => oversight::judge(world, candidate),
    }
}

/// An impossible decision.
fn refuse(field: &str, detail: &str) -> Rejection {
    Rejection::new(Reason::DecisionRefused, field, detail)
}
