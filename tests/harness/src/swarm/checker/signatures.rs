//! I4 and I5: what members signed.

use std::collections::BTreeMap;

use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::cosignature;
use muniment_core::members::MemberList;
use muniment_core::tree::{MemoryTree, TreeAt};
use muniment_core::{NodeId, Suite, Tree, TreeSize};

use super::Findings;
use crate::swarm::final_state::FinalState;
use crate::swarm::history::{Event, History};
use crate::swarm::violation::Invariant;

pub(super) fn check(findings: &mut Findings, history: &History, end: &FinalState) {
    let members = end.founding.members();
    let tree = end.tree();
    let mut bodies: BTreeMap<TreeSize, Vec<CheckpointBody>> = BTreeMap::new();
    let kept = end.members.values().flat_map(|member| &member.checkpoints);
    let given = history.events.iter().filter_map(|(_, event)| match event {
        Event::Cosigned { checkpoint, .. } | Event::Signed { checkpoint, .. } => Some(checkpoint),
        _ => None,
    });
    for checkpoint in kept.chain(given) {
        lines_hold(findings, checkpoint, &members);
        let body = &checkpoint.body;
        let signed = bodies.entry(body.size).or_default();
        if signed.contains(body) {
            continue;
        }
        if let Some(first) = signed.first() {
            let seen = format!("root {} and root {}", first.root, body.root);
            findings.report(Invariant::I4, format!("one body signed at size {}", body.size), seen);
        }
        signed.push(body.clone());
    }
    sizes_ascend(findings, history);
    bodies_are_consistent(findings, &bodies, &tree, end.founding.suite);
}

/// Every line of a member's key is that member's signature on this body.
fn lines_hold(findings: &mut Findings, checkpoint: &Checkpoint, members: &MemberList) {
    for line in &checkpoint.lines {
        let verified = match members.by_cosigning_line(line) {
            Some(member) => cosignature::verify(&checkpoint.body, line, &member.cosigning_key).map(drop),
            None => match members.by_log_line(line).and_then(|member| member.log_key.as_ref()) {
                Some(key) => cosignature::verify_log(&checkpoint.body, line, key),
                None => Ok(()),
            },
        };
        if let Err(error) = verified {
            let expected = format!("every kept line at size {} verifies", checkpoint.body.size);
            findings.report(Invariant::I4, expected, error.to_string());
        }
    }
}

/// A member never signs a smaller size than before, restarts included: that is what its intents are for.
fn sizes_ascend(findings: &mut Findings, history: &History) {
    let mut largest: BTreeMap<NodeId, TreeSize> = BTreeMap::new();
    for (_, event) in &history.events {
        let Event::Signed { by, checkpoint } = event else { continue };
        let size = checkpoint.body.size;
        let before = largest.insert(*by, size);
        if let Some(before) = before.filter(|before| *before > size) {
            let seen = format!("size {before}, then {size}");
            findings.report(Invariant::I4, format!("node {by} signs ascending sizes"), seen);
        }
    }
}

/// Every signed root is the root of the final tree at its size: so every two are consistent.
fn bodies_are_consistent(
    findings: &mut Findings,
    bodies: &BTreeMap<TreeSize, Vec<CheckpointBody>>,
    tree: &MemoryTree,
    suite: Suite,
) {
    for body in bodies.values().flatten() {
        let size = body.size;
        let expected = format!("the root signed at size {size} is the final tree's at that size");
        if size > tree.size() {
            findings.report(Invariant::I5, expected, format!("the final tree has {} leaves", tree.size()));
            continue;
        }
        match (TreeAt { suite, tree: Tree::Ledger, size }).root(tree) {
            Ok(root) if root == body.root => {}
            Ok(root) => {
                findings.report(Invariant::I5, expected, format!("{} signed, {root} held", body.root))
            }
            Err(error) => findings.report(Invariant::I5, expected, error.to_string()),
        }
    }
}
