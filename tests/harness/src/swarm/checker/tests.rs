//! The checker is proven before it is believed: a sound history passes, and each way to spoil it is caught.

mod fixture;

use std::time::Duration;

use muniment_core::checkpoint::CheckpointBody;
use muniment_core::{Blind, BureauNumber, Flag, Hash, LeafIndex, NodeId, TreeSize, Verdict};

use self::fixture::{Run, acknowledged, leaf};
use super::check;
use crate::swarm::final_state::LogEntry;
use crate::swarm::history::{Event, SubmissionId, Submitted, Told};
use crate::swarm::violation::Invariant;

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
fn a_leaf_whose_submission_was_never_sent_is_i2() {
    expect_broken(&[Invariant::I2], |run| {
        let sent = Event::Sent { submission: SubmissionId(1), via: NodeId(1) };
        run.history.events.retain(|(_, event)| *event != sent);
    });
}

#[test]
fn a_leaf_that_names_another_bureau_than_its_submitter_is_i2() {
    expect_broken(&[Invariant::I2], |run| run.history.submissions[1].bureau = BureauNumber(2));
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
fn a_body_signed_by_one_member_alone_is_held_against_the_others_and_the_tree() {
    expect_broken(&[Invariant::I4, Invariant::I5], |run| {
        let other = CheckpointBody { root: run.body(2).root, ..run.body(3) };
        let mut checkpoint = run.sign(other);
        checkpoint.lines.truncate(1);
        run.note(Event::Signed { by: NodeId(1), checkpoint });
    });
}

#[test]
fn a_member_that_signs_a_smaller_size_than_before_is_i4() {
    let sign = |sizes: [u64; 2]| {
        move |run: &mut Run| {
            for size in sizes {
                let checkpoint = run.checkpoint(size);
                run.note(Event::Signed { by: NodeId(1), checkpoint });
            }
        }
    };
    expect_broken(&[Invariant::I4], sign([3, 2]));
    expect_broken(&[], sign([2, 3]));
}

#[test]
fn a_receipt_with_one_byte_changed_is_i6() {
    expect_broken(&[Invariant::I6], |run| {
        let mut text = run.receipt(1, 3).encode();
        let middle = text.len() / 2;
        text[middle] ^= 1;
        run.note(Event::Receipt { via: NodeId(1), leaf: LeafIndex(1), text });
    });
}

#[test]
fn a_receipt_of_another_leaf_than_was_asked_for_is_i6() {
    expect_broken(&[Invariant::I6], |run| {
        let text = run.receipt(1, 3).encode();
        run.note(Event::Receipt { via: NodeId(1), leaf: LeafIndex(2), text });
    });
}

#[test]
fn a_receipt_under_a_tree_that_is_not_the_final_one_is_i6() {
    expect_broken(&[Invariant::I6], |run| {
        // It verifies with the trust file, and q bureaus signed: only the final ledger shows that it is of another tree.
        let mut other = Run::sound();
        other.end.members.values_mut().for_each(|member| member.leaves[0] = leaf(8));
        let text = other.receipt(1, 3).encode();
        run.note(Event::Receipt { via: NodeId(1), leaf: LeafIndex(1), text });
    });
}

#[test]
fn a_receipt_that_is_not_handed_out_is_i6() {
    expect_broken(&[Invariant::I6], |run| {
        let error = "its own proof does not hold".to_owned();
        run.note(Event::NoReceipt { via: NodeId(1), leaf: LeafIndex(1), error });
    });
}

#[test]
fn a_read_that_shows_less_than_was_acknowledged_before_it_began_is_i7() {
    expect_broken(&[Invariant::I7], |run| run.read(2));
}

#[test]
fn a_read_that_shows_less_than_one_that_ended_before_it_began_is_i7_and_an_overlapping_one_is_not() {
    // Without acknowledgements and checkpoints, so that reads are held against reads alone.
    let forget = |run: &mut Run| {
        run.history.events.retain(|(_, event)| {
            !matches!(event, Event::Acknowledged { .. } | Event::Cosigned { .. } | Event::ReadAnswered { .. })
        });
    };
    expect_broken(&[Invariant::I7], |run| {
        forget(run);
        run.read(3);
        run.read(2);
    });
    expect_broken(&[], |run| {
        forget(run);
        let early = run.begin_read();
        run.read(3);
        run.answer_read(early, 2);
    });
}

#[test]
fn a_read_that_shows_a_leaf_which_nobody_had_sent_yet_is_i7() {
    expect_broken(&[Invariant::I7], |run| {
        let sent = Event::Sent { submission: SubmissionId(2), via: NodeId(1) };
        let told = |event: &Event| matches!(event, Event::Acknowledged { submission: SubmissionId(2), .. });
        run.history.events.retain(|(_, event)| *event != sent && !told(event));
        run.note(sent);
    });
}

#[test]
fn a_read_that_shows_another_tree_or_more_than_the_final_one_is_i7() {
    expect_broken(&[Invariant::I7], |run| {
        let (read, root) = (run.begin_read(), Hash([1; 32]));
        run.note(Event::ReadAnswered { read, size: TreeSize(3), root });
    });
    expect_broken(&[Invariant::I7], |run| {
        let (read, root) = (run.begin_read(), run.body(3).root);
        run.note(Event::ReadAnswered { read, size: TreeSize(4), root });
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
fn a_candidate_that_has_forgotten_its_vote_is_i9() {
    let campaign = |terms: [u64; 2], restarts: bool| {
        move |run: &mut Run| {
            run.note(Event::Campaigned { by: NodeId(1), raft_term: terms[0] });
            if restarts {
                run.note(Event::Started { node: NodeId(1) });
            }
            run.note(Event::Campaigned { by: NodeId(1), raft_term: terms[1] });
        }
    };
    expect_broken(&[Invariant::I9], campaign([4, 4], true));
    expect_broken(&[Invariant::I9], campaign([4, 3], false));
    expect_broken(&[], campaign([4, 4], false));
    expect_broken(&[], campaign([4, 5], true));
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
fn other_bytes_are_told_before_a_file_that_is_only_longer() {
    let mut run = Run::sound();
    let evidence = &mut run.member(2).evidence;
    evidence.insert("addresses/0000".to_owned(), vec![1]);
    evidence.get_mut("stubs/0000").unwrap()[5] ^= 1;
    let violations = check(7, &run.history, &run.end);
    assert!(
        violations.iter().any(|violation| violation.seen == "stubs/0000 differs at byte 5"),
        "{violations:?}"
    );
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
