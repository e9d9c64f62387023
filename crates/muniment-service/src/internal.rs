//! The port for the machine that runs the node: probes, metrics, health. Plain, and reachable from inside only.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use muniment_peer::tls::ClosedCounts;
use tokio::sync::watch;

use crate::readiness::{Check, holds, liveness, readiness};
use crate::service::Service;

/// Content type of what `/metrics` answers (OpenMetrics 1.0.0).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the internal port looks at.
#[derive(Clone)]
pub(crate) struct Internal {
    pub(crate) service: Arc<Service>,
    pub(crate) draining: watch::Receiver<bool>,
    /// What the public port closed by itself.
    pub(crate) closed: ClosedCounts,
}

/// The routes of the internal port, without health.
pub(crate) fn routes(internal: Internal) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(internal)
}

async fn livez(State(internal): State<Internal>, request: Request) -> Response {
    answer(&[liveness(&internal.service.pulse.beat())], is_verbose(&request))
}

async fn readyz(State(internal): State<Internal>, request: Request) -> Response {
    let draining = *internal.draining.borrow();
    let service = &internal.service;
    answer(&readiness(&service.pulse.beat(), &service.limits, draining), is_verbose(&request))
}

async fn metrics(State(internal): State<Internal>) -> Response {
    let service = &internal.service;
    let status = service.pulse.beat().status;
    match service.metrics.text(&status, service.lookups.size().0, &internal.closed) {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn is_verbose(request: &Request) -> bool {
    request.uri().query().is_some_and(|query| query.split('&').any(|word| word.starts_with("verbose")))
}

/// One line a check if asked for, or if one fails; the shape that operators know from Kubernetes.
fn answer(checks: &[Check], verbose: bool) -> Response {
    let all = holds(checks);
    let code = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if all && !verbose {
        return (code, "ok\n").into_response();
    }
    let lines = checks.iter().map(|check| match &check.fault {
        None => format!("[+]{} ok\n", check.name),
        Some(fault) => format!("[-]{} failed: {fault}\n", check.name),
    });
    let text: String = lines.chain([if all { "passed\n" } else { "failed\n" }.to_owned()]).collect();
    (code, text).into_response()
}
