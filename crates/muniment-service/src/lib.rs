//! The public edge of a node: gRPC for services and operators, probes and metrics for the machine that runs it.
//!
//! Owns: who may call what, admission of records at the door, rate limits, deadlines, answers and their headers, receipts
//! and proofs on demand, scans and watches, the look-ups by digest and request id.
//!
//! Promises: default deny, by one table; every call ends in an answer, a definite failure, or *outcome unknown*; no error
//! after a commit loses a leaf; nothing is served that does not lead to its leaf's hash; nothing is buffered without bound;
//! NOT_FOUND is said only of what the node has looked for in all that the read must see.
//!
//! Must never: write to the store, decide what apply decides, or put record content into a log, a metric or a span.

mod admit;
mod authorisation;
mod caller;
mod check_access;
mod cluster_service;
mod deadline;
mod encode_record;
mod gate;
mod get_record;
mod internal;
mod leaf_reader;
mod ledger_service;
mod list_records;
mod lookup;
mod metrics;
mod options;
mod outbox;
mod permissions;
mod proofs;
mod pulse;
mod rate_limit;
mod readiness;
mod refused;
mod server;
mod service;
mod statistics;
mod submit;
mod submit_stream;
mod watch_records;

pub use options::{ServerOptions, ServerTls, ServiceLimits};
pub use server::{RunningServer, Server, StartError};
