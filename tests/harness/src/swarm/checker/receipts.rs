//! I6: what clients were given as evidence, against the final tree.

use std::collections::BTreeMap;

use muniment_core::checkpoint::CheckpointBody;
use muniment_core::tree::{MemoryTree, TreeAt};
use muniment_core::trust::TrustFile;
use muniment_core::verify::verify;
use muniment_core::{LeafIndex, Tree};

use super::Findings;
use crate::swarm::final_state::{FinalLeaf, FinalState};
use crate::swarm::history::{Event, History, SubmissionId, Told};
use crate::swarm::violation::Invariant;

pub(super) fn check(findings: &mut Findings, history: &History, end: &FinalState) {
    let tree = end.tree();
    checkpoints_hold(findings, history, end, &tree);
    let trust = TrustFile::of_founding(&end.founding);
    for (_, event) in &history.events {
        match event {
            Event::Receipt { via, leaf, text } => {
                if let Err(error) = receipt_holds(end, &tree, &trust, *leaf, text) {
                    let expected = format!("node {via}'s receipt of leaf {leaf} holds in the final tree");
                    findings.report(Invariant::I6, expected, error);
                }
            }
            Event::NoReceipt { via, leaf, error } => {
                let expected = format!("node {via} hands out a receipt of leaf {leaf}");
                findings.report(Invariant::I6, expected, error.clone());
            }
            _ => {}
        }
    }
}

/// A receipt verifies with the trust file alone, and says what the final ledger says.
fn receipt_holds(
    end: &FinalState,
    tree: &MemoryTree,
    trust: &TrustFile,
    index: LeafIndex,
    text: &[u8],
) -> Result<(), String> {
    let verification = verify(text, trust);
    let failure = verification.failure.map(|failure| format!("{:?}: {}", failure.step, failure.reason));
    let proven = verification.proven.ok_or_else(|| failure.unwrap_or_default())?;
    if proven.index != index {
        return Err(format!("it is leaf {}'s", proven.index));
    }
    let leaf = leaf_of(end, index)?;
    let suite = end.founding.suite;
    if proven.stub.encode() != leaf.stub || proven.record_digest != leaf.record_digest(suite) {
        return Err("it proves another leaf than the ledger holds".to_owned());
    }
    let body = &proven.checkpoint;
    let root = TreeAt { suite, tree: Tree::Ledger, size: body.size }.root(tree);
    match root {
        Ok(root) if root == body.root && body.size <= tree.size() => Ok(()),
        _ => Err(format!("its root {} at size {} is not the final tree's", body.root, body.size)),
    }
}

/// For each checkpoint that a client was given: q bureaus signed it, it covers what was acknowledged, and each leaf's path
/// in the final tree leads to it.
fn checkpoints_hold(findings: &mut Findings, history: &History, end: &FinalState, tree: &MemoryTree) {
    let members = end.founding.members();
    let mut leaves_of: BTreeMap<SubmissionId, Vec<LeafIndex>> = BTreeMap::new();
    for (_, event) in &history.events {
        if let Event::Acknowledged { submission, told, .. } = event {
            let leaves = told.iter().filter_map(|told| match told {
                Told::Appended { leaf, .. } => Some(*leaf),
                Told::Duplicate { .. } | Told::Rejected(_) => None,
            });
            leaves_of.entry(*submission).or_default().extend(leaves);
        }
    }
    for (_, event) in &history.events {
        let Event::Cosigned { submission, checkpoint, .. } = event else { continue };
        if let Err(error) = checkpoint.verify(&members) {
            let expected = format!("q bureaus signed the checkpoint given for submission {}", submission.0);
            findings.report(Invariant::I6, expected, error.to_string());
        }
        for leaf in leaves_of.get(submission).into_iter().flatten() {
            if let Err(error) = is_covered(end, tree, &checkpoint.body, *leaf) {
                let size = checkpoint.body.size;
                let expected = format!("leaf {leaf} verifies under the checkpoint of size {size}");
                findings.report(Invariant::I6, expected, error);
            }
        }
    }
}

fn is_covered(
    end: &FinalState,
    tree: &MemoryTree,
    body: &CheckpointBody,
    index: LeafIndex,
) -> Result<(), String> {
    let at = TreeAt { suite: body.suite, tree: Tree::Ledger, size: body.size };
    let leaf = leaf_of(end, index)?;
    let path = at.inclusion_path(tree, index).map_err(|error| error.to_string())?;
    let hash = body.suite.leaf(Tree::Ledger, &leaf.stub);
    at.verify_inclusion(index, hash, &path, body.root).map_err(|error| error.to_string())
}

fn leaf_of(end: &FinalState, index: LeafIndex) -> Result<&FinalLeaf, String> {
    let position = usize::try_from(index.0).ok();
    position.and_then(|position| end.longest().get(position)).ok_or_else(|| "no such leaf".to_owned())
}
