//! What the checker finds wrong with a run.

use std::fmt;

use thiserror::Error;

/// An invariant of design part 07.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// No acknowledged record is lost.
    I1,
    /// No record that nobody submitted.
    I2,
    /// One index, one leaf, dense.
    I3,
    /// No two members sign different bodies for one size.
    I4,
    /// Every two checkpoints are consistent.
    I5,
    /// Every receipt verifies against the final tree.
    I6,
    /// Linearizable: acknowledgements and reads are in one order that agrees with real time.
    I7,
    /// One (`request_id`, content) is appended at most once.
    I8,
    /// Raft's own: one leader a term, monotone term, vote and commit, matching logs.
    I9,
    /// At the end all members' evidence files are byte-identical and equal to an independent re-derivation.
    I10,
    /// After healing the members converge, and a new write is acknowledged and cosigned.
    I12,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One broken invariant; with the seed, a full reproduction.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("seed {seed}: {invariant} broken: expected {expected}; seen: {seen}")]
pub struct Violation {
    /// Seed of the run.
    pub seed: u64,
    /// What is broken.
    pub invariant: Invariant,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub seen: String,
}
