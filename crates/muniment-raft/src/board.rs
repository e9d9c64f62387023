//! Collects cosignatures: this node's own checkpoints, and who has signed them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::cosignature;
use muniment_core::members::MemberList;
use muniment_core::note::Line;
use muniment_core::{BureauNumber, TreeSize};
use tokio::sync::Notify;

use crate::peer_messages::SignedBody;
use crate::promises::Promises;

/// Sizes kept while they wait for lines or for this node's tree; the smallest go first.
const SIZES_MAX: usize = 256;
/// Messages kept for one size that this node has not reached.
const WAITING_MAX: usize = 32;

/// What readers see of cosigning. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Cosigned {
    shared: Arc<CosignedShared>,
}

#[derive(Default)]
struct CosignedShared {
    state: Mutex<(TreeSize, Option<Arc<Checkpoint>>)>,
    changed: Notify,
}

impl Cosigned {
    /// The newest checkpoint with q lines.
    pub(crate) fn latest(&self) -> Option<Arc<Checkpoint>> {
        self.lock().1.clone()
    }

    /// Size of the newest checkpoint with q lines.
    pub(crate) fn size(&self) -> TreeSize {
        self.latest().map_or(TreeSize(0), |checkpoint| checkpoint.body.size)
    }

    /// The newest size that this node signed.
    pub(crate) fn signed_size(&self) -> TreeSize {
        self.lock().0
    }

    pub(crate) fn set_signed(&self, size: TreeSize) {
        self.lock().0 = size;
    }

    pub(crate) fn set(&self, checkpoint: Arc<Checkpoint>) {
        self.lock().1 = Some(checkpoint);
        self.shared.changed.notify_waiters();
    }

    /// Waits for a checkpoint of at least `size` leaves.
    pub(crate) async fn wait(&self, size: TreeSize) -> Arc<Checkpoint> {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            // Registered before the look, so that a change in between is not missed.
            changed.as_mut().enable();
            if let Some(checkpoint) = self.latest().filter(|checkpoint| checkpoint.body.size >= size) {
                return checkpoint;
            }
            changed.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (TreeSize, Option<Arc<Checkpoint>>)> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A checkpoint that this node formed from its own state, with the lines over that very body.
struct Candidate {
    body: CheckpointBody,
    lines: BTreeMap<BureauNumber, Line>,
}

/// What lines from a peer led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Nothing new, or nothing that holds.
    Nothing,
    /// The size is not known here: once its body is formed, they are looked at again.
    Wanted(TreeSize),
    /// q bureaus have signed: `verify` held.
    Cosigned(Checkpoint),
    /// These bureaus signed another body of a size for which this node has its own.
    Contradicted {
        /// The size.
        size: TreeSize,
        /// Who signed the other body, all of them so far.
        by: Vec<BureauNumber>,
    },
}

/// Candidates and what peers said, owned by the seal worker.
pub(crate) struct Board {
    members: MemberList,
    candidates: BTreeMap<TreeSize, Candidate>,
    /// Sizes that this node's tree has not reached.
    waiting: BTreeMap<TreeSize, Vec<SignedBody>>,
    contradictions: BTreeMap<(TreeSize, String), BTreeSet<BureauNumber>>,
    /// Nothing at or below is collected any more.
    cosigned: TreeSize,
    /// Who has signed what at most, late lines included.
    promises: Promises,
}

impl Board {
    pub(crate) fn new(members: MemberList, cosigned: TreeSize, promises: Promises) -> Self {
        Self {
            members,
            candidates: BTreeMap::new(),
            waiting: BTreeMap::new(),
            contradictions: BTreeMap::new(),
            cosigned,
            promises,
        }
    }

    /// Takes in a body that this node formed itself. Answers what peers said about that size before.
    pub(crate) fn form(&mut self, body: CheckpointBody) -> Vec<SignedBody> {
        let size = body.size;
        if size > self.cosigned {
            self.candidates.entry(size).or_insert(Candidate { body, lines: BTreeMap::new() });
            while self.candidates.len() > SIZES_MAX {
                self.candidates.pop_first();
            }
        }
        self.waiting.remove(&size).unwrap_or_default()
    }

    /// Looks at a signed body from a peer, or from this node.
    pub(crate) fn take(&mut self, signed: &SignedBody) -> Reaction {
        let Ok(body) = CheckpointBody::parse(&signed.body) else { return Reaction::Nothing };
        let size = body.size;
        if body.origin != self.members.origin {
            return Reaction::Nothing;
        }
        self.note_signers(&body, signed);
        if size <= self.cosigned {
            return Reaction::Nothing;
        }
        let Some(candidate) = self.candidates.get_mut(&size) else {
            self.keep_waiting(size, signed);
            return Reaction::Wanted(size);
        };
        let agrees = candidate.body == body;
        let holding: Vec<(BureauNumber, Line)> = signed
            .lines
            .iter()
            .filter_map(|line| {
                let member = self.members.by_cosigning_line(line)?;
                let known = agrees && candidate.lines.contains_key(&member.number);
                let holds = !known && cosignature::verify(&body, line, &member.cosigning_key).is_ok();
                holds.then(|| (member.number, line.clone()))
            })
            .collect();
        if holding.is_empty() {
            return Reaction::Nothing;
        }
        if agrees {
            candidate.lines.extend(holding);
            return self.complete(size);
        }
        let by = self.contradictions.entry((size, signed.body.clone())).or_default();
        by.extend(holding.into_iter().map(|(number, _)| number));
        Reaction::Contradicted { size, by: by.iter().copied().collect() }
    }

    /// Remembers the largest size that each member signed, proven by its line. q lines make a checkpoint, and whoever signed
    /// after that is held to it all the same.
    fn note_signers(&self, body: &CheckpointBody, signed: &SignedBody) {
        for line in &signed.lines {
            let Some(member) = self.members.by_cosigning_line(line) else { continue };
            let is_new = self.promises.signed_size(member.node_id) < body.size;
            if is_new && cosignature::verify(body, line, &member.cosigning_key).is_ok() {
                let alone = SignedBody { body: signed.body.clone(), lines: vec![line.clone()] };
                self.promises.note_signed(member.node_id, body.size, alone);
            }
        }
    }

    /// The lines that this node holds over its own body of `size`.
    pub(crate) fn lines(&self, size: TreeSize) -> Option<SignedBody> {
        let candidate = self.candidates.get(&size)?;
        Some(SignedBody {
            body: candidate.body.to_text(),
            lines: candidate.lines.values().cloned().collect(),
        })
    }

    /// Sizes that peers speak of and `reached` covers, ascending.
    pub(crate) fn wanted_up_to(&self, reached: TreeSize) -> Vec<TreeSize> {
        self.waiting.range(..=reached).map(|(size, _)| *size).collect()
    }

    fn keep_waiting(&mut self, size: TreeSize, signed: &SignedBody) {
        let kept = self.waiting.entry(size).or_default();
        if kept.len() < WAITING_MAX && !kept.contains(signed) {
            kept.push(signed.clone());
        }
        while self.waiting.len() > SIZES_MAX {
            self.waiting.pop_first();
        }
    }

    fn complete(&mut self, size: TreeSize) -> Reaction {
        let candidate = &self.candidates[&size];
        let lines = candidate.lines.values().cloned().collect();
        let mut checkpoint = Checkpoint { body: candidate.body.clone(), lines };
        if checkpoint.verify(&self.members).is_err() {
            return Reaction::Nothing;
        }
        checkpoint.sort_lines();
        self.cosigned = size;
        self.candidates.retain(|at, _| *at > size);
        self.waiting.retain(|at, _| *at > size);
        self.contradictions.retain(|(at, _), _| *at > size);
        Reaction::Cosigned(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use muniment_core::cosignature::CosigningKey;
    use muniment_core::members::Member;
    use muniment_core::{Hash, NodeId, Suite};

    use super::*;

    const ORIGIN: &str = "anhui.example/ledger/test";

    fn key(number: u8) -> CosigningKey {
        let name = format!("{ORIGIN}/bureau-{number}");
        CosigningKey::from_seed(Suite::Blake3, &name, &[number; 32]).expect("a key name")
    }

    fn members() -> MemberList {
        let member = |number: u8| Member {
            number: BureauNumber(u32::from(number)),
            code: format!("bureau-{number}"),
            node_id: NodeId(u64::from(number)),
            cosigning_key: key(number).verifier_key().clone(),
            admission_key: [number; 32],
            log_key: None,
        };
        let (epoch, from) = (0, TreeSize(0));
        MemberList {
            origin: ORIGIN.to_owned(),
            epoch,
            from,
            q: 2,
            f: 0,
            members: (1..=3).map(member).collect(),
        }
    }

    fn body(size: u64) -> CheckpointBody {
        let hash = Hash([7; 32]);
        CheckpointBody {
            origin: ORIGIN.to_owned(),
            size: TreeSize(size),
            root: hash,
            suite: Suite::Blake3,
            index_root: hash,
            members_epoch: 0,
            members_digest: members().digest(Suite::Blake3),
        }
    }

    #[test]
    fn who_signs_when_q_have_signed_is_remembered_all_the_same_and_a_false_line_is_not() {
        let promises = Promises::default();
        let mut board = Board::new(members(), TreeSize(0), promises.clone());
        let body = body(8);
        board.form(body.clone());
        let signed = |line| SignedBody { body: body.to_text(), lines: vec![line] };
        board.take(&signed(key(1).sign(&body, 5)));
        assert!(matches!(board.take(&signed(key(2).sign(&body, 5))), Reaction::Cosigned(_)));
        let mut forged = key(3).sign(&body, 5);
        *forged.signature.last_mut().expect("it has bytes") ^= 1;
        board.take(&signed(forged));
        assert_eq!(promises.signed_size(NodeId(3)), TreeSize(0));
        board.take(&signed(key(3).sign(&body, 5)));
        let known: Vec<TreeSize> = (1..=3).map(|node| promises.signed_size(NodeId(node))).collect();
        assert_eq!(known, [TreeSize(8); 3]);
    }
}
