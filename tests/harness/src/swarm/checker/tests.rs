//! The checker is proven before it is believed: a sound history passes, and each way to spoil it is caught.

use std::time::Duration;

use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::tree::TreeAt;
use muniment_core::{
    Blind, BureauNumber, Flag, LeafIndex, NodeId, RequestId, RetentionClass, RulesVersion, Stub, Suite, Tree,
    TreeSize, UnixMillis, Verdict, digest,
};

use super::check;
use crate::swarm::bureaus::Bureaus;
use crate::swarm::final_state::{FinalLeaf, FinalState, LogEntry, MemberState};
use crate::swarm::history::{Event, History, SubmissionId, Submitted, Told};
use crate::swarm::violation::Invariant;

const SUITE: Suite = Suite::Blake3;
const ACCEPTED_AT: UnixMillis = UnixMillis(1_790_000_000_000);

/// A run in which three submissions of one record each became leaves 0 to 2, and a checkpoint covers them.
struct Run {
    bureaus: Bureaus,
    history: History,
    end: FinalState,
}

impl Run {
    fn sound() -> Self {
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
        for (node, leads) in [(1, true), (2, false)] {
            run.note(Event::Role { node: NodeId(node), raft_term: 1, leads, committed: Some(3) });
        }
        for event in [Event::Healed, Event::Converged, Event::WriteAfterHealing, Event::CosignedAfterHealing]
        {
            run.note(event);
        }
        run
    }

    fn note(&mut self, event: Event) {
        self.history.note(Duration::from_secs(2), event);
    }

    fn member(&mut self, node: u64) -> &mut MemberState {
        self.end.members.get_mut(&NodeId(node)).unwrap()
    }

    /// The body of the final tree at `size`.
    fn body(&self, size: u64) -> CheckpointBody {
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

    /// Signed by bureaus 1 and 2, which are q of three.
    fn sign(&self, body: CheckpointBody) -> Checkpoint {
        let signers = [NodeId(1), NodeId(2)];
        let lines = signers.map(|node| self.bureaus.keys(node).cosigning.sign(&body, 1_790_000_000)).to_vec();
        Checkpoint { body, lines }
    }

    fn checkpoint(&self, size: u64) -> Checkpoint {
        self.sign(self.body(size))
    }

    /// The invariants found broken, each once.
    fn broken(&self) -> Vec<Invariant> {
        let mut broken: Vec<_> =
            check(7, &self.history, &self.end).into_iter().map(|violation| violation.invariant).collect();
        broken.sort_unstable();
        broken.dedup();
        broken
    }
}

fn acknowledged(submission: SubmissionId, told: Vec<Told>, size: TreeSize) -> Event {
    Event::Acknowledged { submission, via: NodeId(1), told, accepted_at: ACCEPTED_AT, size }
}

fn leaf(number: u8) -> FinalLeaf {
    let (blind, record) = (Blind([number; 16]), vec![number; 40]);
    let record_digest = digest::record_digest(SUITE, &blind, &record);
    let stub = Stub {
        kind: 48,
        rules: RulesVersion(1),
        class: RetentionClass::ThreeYears,
        historic: false,
        sealed: false,
        submitter: BureauNumber(1),
        accepted_at: ACCEPTED_AT,
        verdict: Verdict::NONE,
        occurred_at: ACCEPTED_AT,
        content: digest::content_digest(SUITE, &record_digest, &digest::terms_digest(SUITE, &[])),
    };
    FinalLeaf { stub: stub.encode(), blind, record }
}

/// Spoils a sound run and expects exactly these invariants to be found broken.
fn expect_broken(expected: &[Invariant], spoil: impl FnOnce(&mut Run)) {
    let mut run = Run::sound();
    spoil(&mut run);
    assert_eq!(run.broken(), expected, "{:#?}", check(7, &run.history, &run.end));
}

#[test]
fn a_sound_run_passes() {
    assert_eq!(check(7, &Run::sound().history, &Run::sound().end), []);
}

#[test]
fn a_lost_acknowledged_record_is_i1() {
    expect_broken(&[Invariant::I1], |run| {
        let lost = run.history.submissions[0].clone();
        let lost = Submitted { records: vec![(Blind([9; 16]), vec![9])], ..lost };
        let submission = run.history.submission(lost);
        let told = Told::Appended { leaf: LeafIndex(3), verdict: Verdict::NONE };
        run.note(acknowledged(submission, vec![told], TreeSize(4)));
    });
}

#[test]
fn an_acknowledged_verdict_that_the_leaf_does_not_hold_is_i1() {
    expect_broken(&[Invariant::I1], |run| {
        let told = Told::Appended { leaf: LeafIndex(1), verdict: Verdict::NONE.with(Flag::A01) };
        run.note(acknowledged(SubmissionId(1), vec![told], TreeSize(3)));
    });
}

#[test]
fn a_record_that_nobody_submitted_is_i2() {
    expect_broken(&[Invariant::I1, Invariant::I2], |run| {
        run.history.submissions[1].records[0].0 = Blind([9; 16]);
    });
}

#[test]
fn a_forged_submission_that_became_a_leaf_is_i2() {
    expect_broken(&[Invariant::I2], |run| run.history.submissions[1].honest = false);
}

#[test]
fn one_index_told_to_two_records_is_i3() {
    expect_broken(&[Invariant::I1, Invariant::I3], |run| {
        let told = Told::Appended { leaf: LeafIndex(0), verdict: Verdict::NONE };
        run.note(acknowledged(SubmissionId(1), vec![told], TreeSize(3)));
    });
}

#[test]
fn two_bodies_signed_for_one_size_are_i4_and_the_wrong_one_is_i5() {
    expect_broken(&[Invariant::I4, Invariant::I5], |run| {
        let other = CheckpointBody { root: run.body(2).root, ..run.body(3) };
        let other = run.sign(other);
        run.member(2).checkpoints.push(other);
    });
}

#[test]
fn a_kept_line_that_is_no_signature_of_its_member_is_i4() {
    expect_broken(&[Invariant::I4], |run| {
        let mut checkpoint = run.checkpoint(2);
        checkpoint.lines[0].signature[20] ^= 1;
        run.member(3).checkpoints.push(checkpoint);
    });
}

#[test]
fn a_signed_size_that_the_final_tree_never_reached_is_i5() {
    expect_broken(&[Invariant::I5], |run| {
        let beyond = CheckpointBody { size: TreeSize(9), ..run.body(3) };
        let beyond = run.sign(beyond);
        run.member(2).checkpoints.push(beyond);
    });
}

#[test]
fn a_checkpoint_given_to_a_client_without_a_quorum_is_i6() {
    expect_broken(&[Invariant::I6], |run| {
        let mut checkpoint = run.checkpoint(3);
        checkpoint.lines.truncate(1);
        run.note(Event::Cosigned { submission: SubmissionId(0), via: NodeId(1), checkpoint });
    });
}

#[test]
fn a_checkpoint_that_does_not_cover_the_acknowledged_leaf_is_i6() {
    expect_broken(&[Invariant::I6], |run| {
        let checkpoint = run.checkpoint(2);
        run.note(Event::Cosigned { submission: SubmissionId(2), via: NodeId(1), checkpoint });
    });
}

#[test]
fn a_record_appended_twice_is_i8() {
    expect_broken(&[Invariant::I8], |run| {
        for member in run.end.members.values_mut() {
            member.leaves.push(leaf(0));
        }
    });
}

#[test]
fn two_leaders_in_one_term_are_i9() {
    expect_broken(&[Invariant::I9], |run| {
        run.note(Event::Role { node: NodeId(2), raft_term: 1, leads: true, committed: Some(3) });
    });
}

#[test]
fn a_term_that_falls_over_a_restart_is_i9_and_a_commit_index_that_falls_is_not() {
    let restart = |raft_term: u64| {
        move |run: &mut Run| {
            run.note(Event::Started { node: NodeId(1) });
            run.note(Event::Role { node: NodeId(1), raft_term, leads: false, committed: None });
        }
    };
    expect_broken(&[Invariant::I9], restart(0));
    expect_broken(&[], restart(1));
    expect_broken(&[Invariant::I9], |run| {
        run.note(Event::Role { node: NodeId(1), raft_term: 1, leads: true, committed: Some(2) });
    });
}

#[test]
fn logs_that_differ_below_a_common_entry_are_i9() {
    expect_broken(&[Invariant::I9], |run| {
        run.member(2).log.insert(2, LogEntry { raft_term: 1, bytes: vec![8] });
    });
    expect_broken(&[], |run| {
        run.member(2).log.insert(3, LogEntry { raft_term: 2, bytes: vec![8] });
    });
}

#[test]
fn evidence_files_that_differ_are_i10() {
    expect_broken(&[Invariant::I10], |run| {
        run.member(2).evidence.insert("stubs/0000".to_owned(), vec![1]);
    });
    expect_broken(&[Invariant::I10], |run| {
        run.end.derived_anew = Some([("stubs/0000".to_owned(), vec![1])].into());
    });
    expect_broken(&[Invariant::I10], |run| run.end.derived_anew = None);
}

#[test]
fn a_cluster_that_does_not_come_back_is_i12() {
    expect_broken(&[Invariant::I12], |run| {
        run.history.events.retain(|(_, event)| *event != Event::CosignedAfterHealing);
    });
    expect_broken(&[Invariant::I12], |run| {
        for (at, event) in &mut run.history.events {
            if *event == Event::Converged {
                *at = Duration::from_secs(13);
            }
        }
    });
    expect_broken(&[Invariant::I12], |run| {
        run.note(Event::Stopped { node: NodeId(2), reason: "damaged".to_owned() });
    });
}

#[test]
fn equal_histories_have_equal_digests_and_others_do_not() {
    let (one, mut other) = (Run::sound(), Run::sound());
    assert_eq!(one.history.digest(), other.history.digest());
    other.note(Event::Fault("cut".to_owned()));
    assert_ne!(one.history.digest(), other.history.digest());
}
