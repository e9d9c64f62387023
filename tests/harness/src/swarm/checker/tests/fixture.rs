//! A sound run to be spoilt.

use std::time::Duration;

use muniment_core::admission::{Admission, Submission};
use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::leaf::{Content, LeafProof};
use muniment_core::receipt::{AdmissionProof, Receipt};
use muniment_core::tree::TreeAt;
use muniment_core::{
    Blind, BureauNumber, Hash, Kind, LeafIndex, NodeId, RequestId, RetentionClass, RulesVersion, Stub, Suite,
    Tree, TreeSize, UnixMillis, Verdict, digest, record, terms,
};

use super::super::check;
use crate::ledger;
use crate::swarm::bureaus::Bureaus;
use crate::swarm::final_state::{FinalLeaf, FinalState, LogEntry, MemberState};
use crate::swarm::history::{Event, History, ReadId, SubmissionId, Submitted, Told};
use crate::swarm::violation::Invariant;

const SUITE: Suite = Suite::Blake3;
const ACCEPTED_AT: UnixMillis = UnixMillis(1_790_000_000_000);

/// A run in which three submissions of one record each became leaves 0 to 2, and a checkpoint covers them.
pub(super) struct Run {
    pub(super) bureaus: Bureaus,
    pub(super) history: History,
    pub(super) end: FinalState,
}

impl Run {
    pub(super) fn sound() -> Self {
        let bureaus = Bureaus::new(SUITE, 3);
        let mut history = History::default();
        let leaves: Vec<FinalLeaf> = (0..3).map(leaf).collect();
        for (position, leaf) in leaves.iter().enumerate() {
            let number = u8::try_from(position).unwrap();
            let submission = history.submission(Submitted {
                bureau: BureauNumber(1),
                request_id: RequestId([number; 16]),
                records: vec![(leaf.blind, leaf.record.clone())],
                honest: true,
            });
            history.note(Duration::from_secs(1), Event::Sent { submission, via: NodeId(1) });
            let told = vec![Told::Appended { leaf: LeafIndex(u64::from(number)), verdict: Verdict::NONE }];
            let size = TreeSize(u64::from(number) + 1);
            history.note(Duration::from_secs(1), acknowledged(submission, told, size));
        }
        let member = MemberState {
            evidence: [("stubs/0000".to_owned(), leaves.iter().flat_map(|leaf| leaf.stub).collect())].into(),
            leaves,
            checkpoints: Vec::new(),
            log: (1..=3).map(|index| (index, LogEntry { raft_term: 1, bytes: vec![7] })).collect(),
        };
        let derived_anew = Some(member.evidence.clone());
        let members = bureaus.nodes().map(|node| (node, member.clone())).collect();
        let end = FinalState { founding: bureaus.founding.clone(), members, derived_anew };
        let mut run = Self { bureaus, history, end };
        let checkpoint = run.checkpoint(3);
        run.member(1).checkpoints.push(checkpoint.clone());
        let submission = SubmissionId(2);
        run.note(Event::Cosigned { submission, via: NodeId(1), checkpoint });
        run.read(3);
        let text = run.receipt(1, 3).encode();
        run.note(Event::Receipt { via: NodeId(1), leaf: LeafIndex(1), text });
        for (node, leads) in [(1, true), (2, false)] {
            run.note(Event::Role { node: NodeId(node), raft_term: 1, leads, committed: Some(3) });
        }
        for event in [Event::Healed, Event::Converged, Event::WriteAfterHealing, Event::CosignedAfterHealing]
        {
            run.note(event);
        }
        run
    }

    pub(super) fn note(&mut self, event: Event) {
        self.history.note(Duration::from_secs(2), event);
    }

    pub(super) fn member(&mut self, node: u64) -> &mut MemberState {
        self.end.members.get_mut(&NodeId(node)).unwrap()
    }

    /// The body of the final tree at `size`.
    pub(super) fn body(&self, size: u64) -> CheckpointBody {
        let members = self.bureaus.founding.members();
        let at = TreeAt { suite: SUITE, tree: Tree::Ledger, size: TreeSize(size) };
        CheckpointBody {
            origin: members.origin.clone(),
            size: at.size,
            root: at.root(&self.end.tree()).unwrap(),
            suite: SUITE,
            index_root: SUITE.empty(Tree::Runs),
            members_epoch: 0,
            members_digest: members.digest(SUITE),
        }
    }

    /// A read that begins and is answered now.
    pub(super) fn read(&mut self, size: u64) {
        let read = self.begin_read();
        self.answer_read(read, size);
    }

    pub(super) fn begin_read(&mut self) -> ReadId {
        self.history.read(Duration::from_secs(2), NodeId(2))
    }

    pub(super) fn answer_read(&mut self, read: ReadId, size: u64) {
        let root = self.body(size).root;
        self.note(Event::ReadAnswered { read, size: TreeSize(size), root });
    }

    /// The receipt of a leaf under the checkpoint of a size.
    pub(super) fn receipt(&self, index: u64, size: u64) -> Receipt {
        let (position, checkpoint) = (usize::try_from(index).unwrap(), self.checkpoint(size));
        let FinalLeaf { stub, blind, record } = self.end.longest()[position].clone();
        let digest = digest::record_digest(SUITE, &blind, &record);
        let submissions = vec![Submission { request_id: RequestId([9; 16]), count: 1 }];
        let origin = &self.bureaus.founding.origin;
        let key = &self.bureaus.keys(NodeId(1)).admission;
        let admission = Admission::sign(SUITE, origin, key, submissions, [digest]);
        let at = TreeAt { suite: SUITE, tree: Tree::Ledger, size: TreeSize(size) };
        let index = LeafIndex(index);
        let path = at.inclusion_path(&self.end.tree(), index).unwrap();
        let terms_digest = terms_digest_of(&record);
        Receipt {
            suite: SUITE,
            leaf: LeafProof { index, stub, content: Content::Open { blind, record }, terms_digest, path },
            admission: Some(AdmissionProof { admission: admission.encode(), position: 0, path: Vec::new() }),
            members: self.bureaus.founding.members().encode(),
            handovers: Vec::new(),
            checkpoint,
        }
    }

    /// Signed by bureaus 1 and 2, which are q of three.
    pub(super) fn sign(&self, body: CheckpointBody) -> Checkpoint {
        let signers = [NodeId(1), NodeId(2)];
        let lines = signers.map(|node| self.bureaus.keys(node).cosigning.sign(&body, 1_790_000_000)).to_vec();
        let mut checkpoint = Checkpoint { body, lines };
        checkpoint.sort_lines();
        checkpoint
    }

    pub(super) fn checkpoint(&self, size: u64) -> Checkpoint {
        self.sign(self.body(size))
    }

    /// The invariants found broken, each once.
    pub(super) fn broken(&self) -> Vec<Invariant> {
        let mut broken: Vec<_> =
            check(7, &self.history, &self.end).into_iter().map(|violation| violation.invariant).collect();
        broken.sort_unstable();
        broken.dedup();
        broken
    }
}

pub(super) fn acknowledged(submission: SubmissionId, told: Vec<Told>, size: TreeSize) -> Event {
    Event::Acknowledged { submission, via: NodeId(1), told, accepted_at: ACCEPTED_AT, size }
}

/// A real record as a leaf, so that its receipt is one.
pub(super) fn leaf(number: u8) -> FinalLeaf {
    let ledger_id = Bureaus::new(SUITE, 3).founding.ledger_id();
    let access = ledger::access(&ledger_id, 1, u64::from(number), ACCEPTED_AT);
    let (blind, record) = (Blind([number; 16]), record::encode(&access).unwrap());
    let record_digest = digest::record_digest(SUITE, &blind, &record);
    let stub = Stub {
        kind: Kind::of(access.body.as_ref().unwrap()).number(),
        rules: RulesVersion(1),
        class: RetentionClass::ThreeYears,
        historic: false,
        sealed: false,
        submitter: BureauNumber(1),
        accepted_at: ACCEPTED_AT,
        verdict: Verdict::NONE,
        occurred_at: ACCEPTED_AT,
        content: digest::content_digest(SUITE, &record_digest, &terms_digest_of(&record)),
    };
    FinalLeaf { stub: stub.encode(), blind, record }
}

fn terms_digest_of(record: &[u8]) -> Hash {
    let record = record::decode(record, None).unwrap();
    let kind = Kind::of(record.body.as_ref().unwrap());
    digest::terms_digest(SUITE, &terms::term_keys(SUITE, &terms::terms_of(&record, kind), Verdict::NONE))
}
