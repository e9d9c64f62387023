//! Judges a run: what was promised in its history against what the disks hold at its end.
//!
//! The checker has no opinion of its own about order or verdicts; it holds the nodes to what they said, to what the log
//! says, and to each other.

mod evidence;
mod raft;
mod records;
mod recovery;
mod signatures;

#[cfg(test)]
mod tests;

use crate::swarm::final_state::FinalState;
use crate::swarm::history::History;
use crate::swarm::violation::{Invariant, Violation};

/// Most violations reported of one invariant: the first ones tell the story.
const REPORTED_MAX: usize = 3;

/// Collects violations of one run.
struct Findings {
    seed: u64,
    violations: Vec<Violation>,
}

impl Findings {
    fn report(&mut self, invariant: Invariant, expected: impl Into<String>, seen: impl Into<String>) {
        let told = self.violations.iter().filter(|violation| violation.invariant == invariant).count();
        if told < REPORTED_MAX {
            let (expected, seen) = (expected.into(), seen.into());
            self.violations.push(Violation { seed: self.seed, invariant, expected, seen });
        }
    }
}

/// Checks a finished run. An empty answer means that no invariant was broken.
#[must_use]
pub fn check(seed: u64, history: &History, end: &FinalState) -> Vec<Violation> {
    let mut findings = Findings { seed, violations: Vec::new() };
    records::check(&mut findings, history, end);
    signatures::check(&mut findings, history, end);
    raft::check(&mut findings, history, end);
    evidence::check(&mut findings, end);
    recovery::check(&mut findings, history);
    findings.violations
}

/// Checks only what a history says about recovery: for a run whose disks could not be read.
#[must_use]
pub fn check_recovery(seed: u64, history: &History) -> Vec<Violation> {
    let mut findings = Findings { seed, violations: Vec::new() };
    recovery::check(&mut findings, history);
    findings.violations
}
