//! I7: acknowledgements and reads are in one order that agrees with real time.
//!
//! The ledger only grows, and an acknowledgement names the size after its entry, so a run is linearizable if each read
//! shows a prefix of the final ledger, at least as long as anything told before the read began, with no leaf that nobody
//! had sent yet. That takes one pass over the history instead of a search.

use std::collections::BTreeMap;

use muniment_core::tree::TreeAt;
use muniment_core::{Tree, TreeSize};

use super::Findings;
use super::origins::{Origin, Origins};
use crate::swarm::final_state::FinalState;
use crate::swarm::history::{Event, History, ReadId};
use crate::swarm::violation::Invariant;

/// The largest size that a client was told, and how.
#[derive(Clone, Debug, Default)]
struct Told {
    size: TreeSize,
    by: String,
}

impl Told {
    fn raise(&mut self, size: TreeSize, by: impl FnOnce() -> String) {
        if size > self.size {
            *self = Self { size, by: by() };
        }
    }
}

pub(super) fn check(findings: &mut Findings, history: &History, end: &FinalState, origins: &Origins) {
    let (tree, begun) = (end.tree(), begun(origins));
    let mut told = Told::default();
    let mut floors: BTreeMap<ReadId, Told> = BTreeMap::new();
    for (position, (_, event)) in history.events.iter().enumerate() {
        match event {
            Event::Acknowledged { submission, size, .. } => {
                told.raise(*size, || format!("the acknowledgement of submission {}", submission.0));
            }
            Event::Cosigned { submission, checkpoint, .. } => {
                told.raise(checkpoint.body.size, || format!("the checkpoint of submission {}", submission.0));
            }
            Event::ReadBegan { read, .. } => drop(floors.insert(*read, told.clone())),
            Event::ReadAnswered { read, size, root } => {
                let floor = floors.remove(read).unwrap_or_default();
                if *size < floor.size {
                    let expected =
                        format!("read {} shows {} leaves, as {} did before", read.0, floor.size, floor.by);
                    findings.report(Invariant::I7, expected, format!("{size}"));
                }
                let root_held =
                    (TreeAt { suite: end.founding.suite, tree: Tree::Ledger, size: *size }).root(&tree);
                if root_held.as_ref().ok() != Some(root) || *size > tree.size() {
                    let expected = format!("read {} shows a prefix of the final ledger", read.0);
                    let seen = format!("root {root} at size {size}, where the ledger has {root_held:?}");
                    findings.report(Invariant::I7, expected, seen);
                }
                if let Some((leaf, _)) = last_begun(&begun, *size).filter(|(_, sent)| *sent > position) {
                    let expected = format!("read {} shows what was sent before its answer", read.0);
                    findings.report(Invariant::I7, expected, format!("leaf {leaf}, which was sent later"));
                }
                told.raise(*size, || format!("read {}", read.0));
            }
            _ => {}
        }
    }
}

/// For each leaf: which of the leaves up to it was sent last, and at which event.
fn begun(origins: &Origins) -> Vec<(usize, usize)> {
    let mut last = (0, 0);
    let sent = origins.of_leaf.iter().enumerate().map(|(leaf, origin)| match origin {
        Origin::Submission(submission, _) => (leaf, origins.first_sent(*submission).unwrap_or_default()),
        Origin::Ledger | Origin::Nobody(_) => (leaf, 0),
    });
    let later = |(leaf, sent): (usize, usize)| {
        if sent > last.1 {
            last = (leaf, sent);
        }
        last
    };
    sent.map(later).collect()
}

fn last_begun(begun: &[(usize, usize)], size: TreeSize) -> Option<(usize, usize)> {
    let shown = usize::try_from(size.0).ok()?;
    begun.get(shown.min(begun.len()).checked_sub(1)?).copied()
}
