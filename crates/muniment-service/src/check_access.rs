//! `CheckAccess`: the rules before the fact.

use muniment_core::record::{self, SCHEMA_VERSION};
use muniment_core::v1 as records;
use muniment_core::v1::record::Body;
use muniment_proto::field_error::FieldError;
use muniment_proto::v1;
use muniment_proto::v1::check_access_request::Access;

use crate::gate::Call;
use crate::refused::Answer;
use crate::service::Service;

/// Stands for an exchange id that the caller does not know yet.
const UNKNOWN_EXCHANGE: &str = "-";
/// Stands for an actor that the caller does not name.
const UNKNOWN_ACTOR: &str = "system:unnamed";

/// The flags that an access would get if the caller's bureau recorded it now.
pub(crate) async fn check_access(
    service: &Service,
    call: &Call,
    request: v1::CheckAccessRequest,
) -> Answer<v1::CheckAccessResponse> {
    let view = service.view(request.stale_ok.into(), call.deadline).await?;
    // The ledger's time stands still while nothing is recorded.
    let now = view.world.head().accepted_at.max(Service::now());
    let mut body = match request.access.ok_or_else(|| FieldError::missing("access"))? {
        Access::AccessExecuted(body) => Body::AccessExecuted(body),
        Access::DataDelivered(body) => Body::DataDelivered(body),
        Access::LicenceUsed(body) => Body::LicenceUsed(body),
    };
    match &mut body {
        Body::AccessExecuted(records::AccessExecuted { exchange, .. })
        | Body::DataDelivered(records::DataDelivered { exchange, .. })
            if exchange.is_empty() =>
        {
            UNKNOWN_EXCHANGE.clone_into(exchange);
        }
        _ => {}
    }
    let unnamed = || records::Actor { system: UNKNOWN_ACTOR.to_owned(), ..records::Actor::default() };
    let occurred_at = request.occurred_at.unwrap_or(records::Time { unix_ms: now.0, precision: 0 });
    let judged_at_ms = occurred_at.unix_ms;
    let record = records::Record {
        schema_version: SCHEMA_VERSION,
        ledger_id: service.ledger_id.0.to_vec(),
        submitter: call.caller.bureau.0,
        actor: Some(request.actor.unwrap_or_else(unnamed)),
        occurred_at: Some(occurred_at),
        body: Some(body.clone()),
        ..records::Record::default()
    };
    record::check(&record, None).map_err(FieldError::from)?;
    let verdict = muniment_ledger::check_access(&view.world, &record, &body, call.caller.bureau, now)?;
    Ok(v1::CheckAccessResponse {
        header: Some(service.header_at(view.size)),
        verdict: Some(verdict.into()),
        rules: u32::from(view.world.head().rules.0),
        judged_at_ms,
    })
}
