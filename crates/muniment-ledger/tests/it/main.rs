//! The state machine from outside: bytes in, leaves and outcomes out.

mod decisions;
mod deduplication;
mod determinism;
mod entries;
mod facts;
mod fixture;
mod governance;
