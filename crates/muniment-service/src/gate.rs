//! The gate before every method of the public port: who may call it, how long it may take, and what is counted.
//!
//! What gRPC's machinery refuses by itself (a message that is too large, bytes that are no message) leaves through here,
//! too, and gets the error that the documentation promises.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Extensions, HeaderMap};
use muniment_core::Reason;
use muniment_core::limits::BATCH_BYTES_MAX;
use muniment_peer::tls::Role;
use muniment_proto::error_report::ErrorReport;
use muniment_proto::metadata;
use tonic::{Code, Status};

use crate::caller::Caller;
use crate::deadline::Deadline;
use crate::metrics::Metrics;
use crate::options::ServiceLimits;
use crate::permissions::{self, Access};
use crate::refused::Refused;

/// Bytes of one message that are read at most: the largest batch, with what stands around its records and an admission.
pub(crate) const MESSAGE_BYTES_MAX: usize = BATCH_BYTES_MAX + 256 * 1024;

/// Whoever the connection's certificate speaks for.
pub(crate) trait Identified: Clone + Send + Sync + 'static {
    /// The caller; none without a certificate.
    fn caller(&self) -> Option<Caller>;
}

/// What the gate found out about a call of a method that is for [`Access::Clients`] or [`Access::Admins`].
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) deadline: Deadline,
}

/// The gate.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) limits: ServiceLimits,
    pub(crate) metrics: Metrics,
    /// How a caller is found among a request's extensions.
    pub(crate) identify: fn(&Extensions) -> Option<Caller>,
}

impl Gate {
    /// A gate for connections that identify themselves by `I`.
    pub(crate) fn of<I: Identified>(limits: ServiceLimits, metrics: Metrics) -> Arc<Self> {
        let identify = |extensions: &Extensions| extensions.get::<I>().and_then(Identified::caller);
        Arc::new(Self { limits, metrics, identify })
    }

    fn let_in(&self, request: &mut Request) -> Result<(), Status> {
        let path = request.uri().path();
        let Some(access) = permissions::access_of(path) else {
            return Err(Status::unimplemented("there is no such method"));
        };
        let caller = (self.identify)(request.extensions());
        if !access.allows(caller.as_ref().map(|caller| caller.role)) {
            return Err(turned_away(access, caller.as_ref()).into());
        }
        let Some(caller) = caller else { return Ok(()) };
        let deadline = Deadline::of(request.headers(), self.limits.call).map_err(|_| {
            let detail = "leaves no time, or is none: nothing was done";
            let report = ErrorReport::new(Reason::InvalidRequest, format!("the call's deadline {detail}"));
            report.violating("grpc-timeout", detail).into_status()
        })?;
        request.extensions_mut().insert(Call { caller, deadline });
        Ok(())
    }
}

fn turned_away(access: Access, caller: Option<&Caller>) -> Refused {
    match caller {
        None => Refused::new(
            Reason::Unauthenticated,
            "this method needs a client certificate that a bureau's CA issued for its trust domain",
        ),
        Some(Caller { role: Role::Node, .. }) => {
            Refused::new(Reason::NotPermitted, "a node's certificate is for the peer port only")
        }
        Some(_) if access == Access::Admins => {
            Refused::new(Reason::NotPermitted, "this method needs an administrator's certificate")
        }
        Some(_) => Refused::new(Reason::NotPermitted, "this caller's role does not allow this method"),
    }
}

/// Passes a request through the gate.
pub(crate) async fn pass(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let method = permissions::methods().find(|method| *method == request.uri().path());
    let began = Instant::now();
    let response = match gate.let_in(&mut request) {
        Ok(()) => explained(next.run(request).await),
        Err(status) => status.into_http(),
    };
    gate.metrics.handled(method, code_of(response.headers()), began.elapsed());
    response
}

/// The code that the head of an answer names; an answer with a body ends with its code, which is not waited for.
fn code_of(headers: &HeaderMap) -> Code {
    headers.get(Status::GRPC_STATUS).map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

/// An answer of gRPC's own machinery with the details that ours have.
fn explained(response: Response) -> Response {
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    match explain(&status) {
        Some(report) => report.into_status().into_http(),
        None => response,
    }
}

/// What a status without details means, where that is known.
pub(crate) fn explain(status: &Status) -> Option<ErrorReport> {
    if !status.details().is_empty() {
        return None;
    }
    match status.code() {
        // tonic's answer to a message over the limit; anything of ours with this code has details.
        Code::OutOfRange => {
            let message =
                format!("the message is over {MESSAGE_BYTES_MAX} bytes: use smaller batches, or a stream");
            let report = ErrorReport::new(Reason::RecordTooLarge, message);
            Some(report.with(metadata::LIMIT, MESSAGE_BYTES_MAX).violating("request", "is too large"))
        }
        Code::Internal => {
            let report = ErrorReport::new(Reason::InvalidRequest, "the bytes are no message of this method");
            Some(report.violating("request", "can't be decoded"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machinery_refuses_is_explained_and_what_we_refuse_is_left_as_it_is() {
        let reason = |status: Status| explain(&status).map(|report| report.reason);
        assert_eq!(reason(Status::out_of_range("too large")), Some(Reason::RecordTooLarge));
        assert_eq!(reason(Status::internal("failed to decode")), Some(Reason::InvalidRequest));
        assert_eq!(reason(Status::unimplemented("no")), None);
        assert_eq!(reason(Refused::internal("a fault").into()), None);
    }
}
