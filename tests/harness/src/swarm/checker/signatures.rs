//! I4, I5, I6: what members signed.

use std::collections::BTreeMap;

use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::cosignature;
use muniment_core::members::MemberList;
use muniment_core::tree::{MemoryTree, TreeAt};
use muniment_core::{LeafIndex, Suite, Tree, TreeSize};

use super::Findings;
use crate::swarm::final_state::{FinalLeaf, FinalState};
use crate::swarm::history::{Event, History, Told};
use crate::swarm::violation::Invariant;

pub(super) fn check(findings: &mut Findings, history: &History, end: &FinalState) {
    let members = end.founding.members();
    let tree = end.tree();
    let mut bodies: BTreeMap<TreeSize, Vec<CheckpointBody>> = BTreeMap::new();
    let kept = end.members.values().flat_map(|member| &member.checkpoints);
    let given = history.events.iter().filter_map(|(_, event)| match event {
        Event::Cosigned { checkpoint, .. } => Some(checkpoint),
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
    bodies_are_consistent(findings, &bodies, &tree, end.founding.suite);
    receipts_hold(findings, history, end, &members, &tree);
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

/// For each checkpoint that a client was given: q bureaus signed it, it covers what was acknowledged, and each leaf's path
/// in the final tree leads to it.
fn receipts_hold(
    findings: &mut Findings,
    history: &History,
    end: &FinalState,
    members: &MemberList,
    tree: &MemoryTree,
) {
    for (_, event) in &history.events {
        let Event::Cosigned { submission, checkpoint, .. } = event else { continue };
        if let Err(error) = checkpoint.verify(members) {
            let expected = format!("q bureaus signed the checkpoint given for submission {}", submission.0);
            findings.report(Invariant::I6, expected, error.to_string());
        }
        let told = history.events.iter().filter_map(|(_, event)| match event {
            Event::Acknowledged { submission: of, told, .. } if of == submission => Some(told),
            _ => None,
        });
        let leaves = told.flatten().filter_map(|told| match told {
            Told::Appended { leaf, .. } => Some(*leaf),
            Told::Duplicate { .. } | Told::Rejected(_) => None,
        });
        for leaf in leaves {
            if let Err(error) = receipt_holds(end, tree, &checkpoint.body, leaf) {
                let size = checkpoint.body.size;
                let expected = format!("leaf {leaf} verifies under the checkpoint of size {size}");
                findings.report(Invariant::I6, expected, error);
            }
        }
    }
}

fn receipt_holds(
    end: &FinalState,
    tree: &MemoryTree,
    body: &CheckpointBody,
    index: LeafIndex,
) -> Result<(), String> {
    let at = TreeAt { suite: body.suite, tree: Tree::Ledger, size: body.size };
    let position = usize::try_from(index.0).ok();
    let leaf: &FinalLeaf = position.and_then(|position| end.longest().get(position)).ok_or("no such leaf")?;
    let path = at.inclusion_path(tree, index).map_err(|error| error.to_string())?;
    let hash = body.suite.leaf(Tree::Ledger, &leaf.stub);
    at.verify_inclusion(index, hash, &path, body.root).map_err(|error| error.to_string())
}
