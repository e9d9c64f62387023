//! I3 and I10: the files at the end.

use std::collections::BTreeMap;

use super::Findings;
use crate::swarm::final_state::FinalState;
use crate::swarm::violation::Invariant;

type Files = BTreeMap<String, Vec<u8>>;

/// How a difference is told that is no mere lack.
pub(in crate::swarm) const OTHER_BYTES: &str = "differs at byte";

pub(super) fn check(findings: &mut Findings, end: &FinalState) {
    let Some((first, reference)) = end.members.first_key_value() else { return };
    for (node, member) in end.members.iter().skip(1) {
        let expected = format!("nodes {first} and {node} hold the same evidence files");
        if let Some(difference) = difference(&reference.evidence, &member.evidence) {
            findings.report(Invariant::I10, expected, difference);
        }
        let differs = reference.leaves.iter().zip(&member.leaves).position(|(one, other)| one != other);
        if let Some(index) = differs {
            let expected = format!("nodes {first} and {node} hold one leaf at index {index}");
            findings.report(Invariant::I3, expected, "two");
        }
    }
    let expected = "the evidence files follow from the log alone";
    match &end.derived_anew {
        Some(anew) => {
            if let Some(difference) = difference(anew, &reference.evidence) {
                findings.report(
                    Invariant::I10,
                    expected,
                    format!("made anew and on node {first}: {difference}"),
                );
            }
        }
        None => findings.report(Invariant::I10, expected, "the log could not be applied anew"),
    }
}

/// The first difference of two sets of files: other bytes in one place before one that is only longer or missing, since
/// a member that stopped early is short of all, and has nothing wrong for that alone.
fn difference(one: &Files, other: &Files) -> Option<String> {
    other_bytes(one, other).or_else(|| other_extent(one, other))
}

fn other_bytes(one: &Files, other: &Files) -> Option<String> {
    one.iter().find_map(|(name, left)| {
        let right = other.get(name)?;
        let offset = left.iter().zip(right).position(|(a, b)| a != b)?;
        Some(format!("{name} {OTHER_BYTES} {offset}"))
    })
}

fn other_extent(one: &Files, other: &Files) -> Option<String> {
    one.keys().chain(other.keys()).find_map(|name| match (one.get(name), other.get(name)) {
        (Some(left), Some(right)) if left.len() == right.len() => None,
        (Some(left), Some(right)) => Some(format!("{name} has {} and {} bytes", left.len(), right.len())),
        (Some(_), None) => Some(format!("{name} is missing in the second")),
        (None, _) => Some(format!("{name} is missing in the first")),
    })
}
