//! `GetAuthorisation`: an authorisation as the rules see it.

use muniment_core::{LeafIndex, Reason, UnixMillis, v1 as records};
use muniment_ledger::may_read_authorisation;
use muniment_ledger::world::entities::{Authorisation, AuthorisationVersion, Suspension};
use muniment_ledger::world::period::Period;
use muniment_proto::v1;

use crate::gate::Call;
use crate::refused::{Answer, Refused};
use crate::service::Service;

/// The state of the authorisation that was granted at a leaf.
pub(crate) async fn get_authorisation(
    service: &Service,
    call: &Call,
    request: v1::GetAuthorisationRequest,
) -> Answer<v1::GetAuthorisationResponse> {
    let leaf = LeafIndex(request.leaf_index);
    let view = service.view(request.stale_ok.into(), call.deadline).await?;
    let authorisation = view.world.get::<Authorisation>(&leaf);
    let authorisation =
        authorisation.ok_or_else(|| Refused::not_found(format!("leaf {leaf} granted no authorisation")))?;
    if !may_read_authorisation(authorisation, call.caller.bureau, &view.world) {
        let message = "the caller's bureau is none of its parties, nor auditor or supervisor";
        return Err(Refused::new(Reason::NotPermitted, message));
    }
    let state = v1::AuthorisationState {
        leaf_index: leaf.0,
        submitter: authorisation.submitter.0,
        grantor: authorisation.grantor.clone(),
        grantee: authorisation.grantee.clone(),
        versions: authorisation.versions.iter().map(version).collect(),
        suspensions: authorisation.suspensions.iter().map(suspension).collect(),
        revoked_from_ms: authorisation.revoked_from.map(|from| from.0),
    };
    let header = Some(service.header_at(view.size));
    Ok(v1::GetAuthorisationResponse { header, authorisation: Some(state) })
}

fn version(version: &AuthorisationVersion) -> v1::AuthorisationVersion {
    v1::AuthorisationVersion {
        leaf_index: version.leaf.0,
        effective_ms: version.effective.0,
        valid: Some(period(&version.valid)),
        processor: version.processor.clone(),
        data_sets: version.data_sets.clone(),
        items: version.items.clone(),
        purposes: version.purposes.clone(),
        quota_rows: version.quota_rows,
        onward_allowed: version.onward_allowed,
    }
}

fn suspension(suspension: &Suspension) -> v1::Suspension {
    v1::Suspension { leaf_index: suspension.leaf.0, period: Some(period(&suspension.period)) }
}

fn period(period: &Period) -> records::Period {
    let open = period.until == UnixMillis(u64::MAX);
    records::Period { from_ms: period.from.0, to_ms: if open { 0 } else { period.until.0 } }
}
