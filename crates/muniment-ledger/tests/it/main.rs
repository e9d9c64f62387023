//! The state machine from outside: bytes in, leaves and outcomes out.

#![expect(clippy::unwrap_used, reason = "tests: the fixture unwraps as its tests do")]

mod decisions;
mod deduplication;
mod determinism;
mod entries;
mod facts;
mod fixture;
mod governance;
mod oversight;
mod restore;
