//! The deterministic state machine.
pub mod world;
