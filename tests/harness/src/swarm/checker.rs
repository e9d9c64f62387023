//! Judges a run: what was promised in its history against what the disks hold at its end.
//!
//! The checker has no opinion of its own about order or verdicts; it holds the nodes to what they said, to what the log
//! says, and to each other.

mod evidence;
mod origins;
mod raft;
mod reads;
mod receipts;
mod records;
mod recovery;
mod signatures;

#[cfg(test)]
mod tests;

pub(super) use self::evidence::OTHER_BYTES;
use self::origins::Origins;
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

/// Checks a finished run. An empty answer means that no invariant was broken. Of a run without a readable disk only
/// what its history says about recovery is checked.
#[must_use]
pub fn check(seed: u64, history: &History, end: &FinalState) -> Vec<Violation> {
    let mut findings = Findings { seed, violations: Vec::new() };
    recovery::check(&mut findings, history);
    if end.members.is_empty() {
        return findings.violations;
    }
    let origins = Origins::new(history, end);
    records::check(&mut findings, history, end, &origins);
    signatures::check(&mut findings, history, end);
    receipts::check(&mut findings, history, end);
    reads::check(&mut findings, history, end, &origins);
    raft::check(&mut findings, history, end);
    evidence::check(&mut findings, end);
    findings.violations
}
