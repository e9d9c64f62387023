//! Retries, reused ids, streams: one (id, content) becomes at most one leaf, and nothing vanishes.

use muniment_core::v1::{Record, Stream};
use muniment_core::{RequestId, Suite, UnixMillis};

use crate::fixture::*;

fn accesses(scene: &Scene, exchanges: &[&str]) -> Vec<Record> {
    exchanges.iter().map(|exchange| scene.record(BOZHOU, access(exchange, None))).collect()
}

fn told_all(outcomes: &[muniment_ledger::Outcome]) -> Vec<String> {
    outcomes.iter().map(told).collect()
}

/// A record of a stream of Bozhou.
fn streamed(scene: &Scene, id: &str, sequence: u64, exchange: &str) -> Record {
    Record {
        stream: Some(Stream { id: id.to_owned(), sequence }),
        ..scene.record(BOZHOU, access(exchange, None))
    }
}

#[test]
fn a_retry_is_a_duplicate_record_by_record() {
    let mut scene = Scene::new(Suite::Blake3);
    let records = accesses(&scene, &["a", "b", "c"]);
    let id = scene.id();
    assert_eq!(told_all(&scene.submit_as(BOZHOU, id, &records)), ["leaf A01", "leaf A01", "leaf A01"]);
    scene.now += MINUTE;
    let retried = told_all(&scene.submit_as(BOZHOU, id, &records));
    assert_eq!(retried, ["duplicate of 0", "duplicate of 1", "duplicate of 2"]);
}

#[test]
fn an_id_used_again_with_other_content_appends_the_second_submission_whole_and_flagged() {
    let mut scene = Scene::new(Suite::Blake3);
    let first = accesses(&scene, &["a", "b"]);
    let second = accesses(&scene, &["a", "c"]);
    let shorter = accesses(&scene, &["a"]);
    let fourth = accesses(&scene, &["d"]);
    let id = scene.id();
    scene.submit_as(BOZHOU, id, &first);
    assert_eq!(told_all(&scene.submit_as(BOZHOU, id, &second)), ["leaf A01 I01", "leaf A01 I01"]);
    assert_eq!(told_all(&scene.submit_as(BOZHOU, id, &second)), ["duplicate of 2", "duplicate of 3"]);
    assert_eq!(told_all(&scene.submit_as(BOZHOU, id, &first)), ["duplicate of 0", "duplicate of 1"]);
    assert_eq!(told_all(&scene.submit_as(BOZHOU, id, &shorter)), ["leaf A01 I01"]);
    assert_eq!(told_all(&scene.submit_as(BOZHOU, id, &fourth)), ["REQUEST_ID_REUSED request_id"]);
    assert_eq!(scene.ledger.world().head().size.0, 5);
}

#[test]
fn the_same_id_of_another_bureau_is_another_id() {
    let mut scene = Scene::new(Suite::Blake3);
    let id = scene.id();
    let ours = scene.record(BOZHOU, access("a", None));
    let theirs = scene.record(WUHU, access("b", None));
    assert_eq!(told_all(&scene.submit_as(BOZHOU, id, &[ours])), ["leaf A01"]);
    assert_eq!(told_all(&scene.submit_as(WUHU, id, &[theirs])), ["leaf A01"]);
}

#[test]
fn an_id_expires_two_minutes_from_the_ledgers_time_and_not_before() {
    let id_at = |time| RequestId::new(UnixMillis(time), [7; 10]);
    let cases = [
        (START - 2 * MINUTE, "leaf A01"),
        (START - 2 * MINUTE - 1, "EXPIRED request_id"),
        (START + 2 * MINUTE, "leaf A01"),
        (START + 2 * MINUTE + 1, "EXPIRED request_id"),
    ];
    for (time, expected) in cases {
        let mut scene = Scene::new(Suite::Blake3);
        let records = accesses(&scene, &["a"]);
        assert_eq!(told_all(&scene.submit_as(BOZHOU, id_at(time), &records)), [expected], "{time}");
    }
}

#[test]
fn a_retry_after_the_window_is_expired_never_a_second_leaf() {
    let mut scene = Scene::new(Suite::Blake3);
    let records = accesses(&scene, &["a"]);
    let id = scene.id();
    scene.submit_as(BOZHOU, id, &records);
    scene.now += 2 * MINUTE;
    assert_eq!(told_all(&scene.submit_as(BOZHOU, id, &records)), ["duplicate of 0"]);
    for later in [1, 1000, DAY] {
        scene.now += later;
        assert_eq!(told_all(&scene.submit_as(BOZHOU, id, &records)), ["EXPIRED request_id"], "{later}");
    }
    assert_eq!(scene.ledger.world().requests().len(), 0, "the window let go of it");
}

#[test]
fn an_id_that_is_no_uuid_v7_is_refused() {
    let mut scene = Scene::new(Suite::Blake3);
    let mut id = scene.id();
    id.0[6] = 0x40;
    let records = accesses(&scene, &["a"]);
    assert_eq!(told_all(&scene.submit_as(BOZHOU, id, &records)), ["REQUEST_ID_REQUIRED request_id"]);
}

#[test]
fn what_was_refused_stays_refused_under_its_id_and_the_rest_stands() {
    let mut scene = Scene::new(Suite::Blake3);
    let records = [
        scene.record(HEFEI, published(DATA_SET)),
        scene.record(HEFEI, published(DATA_SET)),
        scene.record(HEFEI, grant(&[DATA_SET], 0, 0)),
    ];
    let id = scene.id();
    let first = told_all(&scene.submit_as(HEFEI, id, &records));
    assert_eq!(first, ["leaf", "DECISION_REFUSED catalogue_published.data_set", "leaf"]);
    let retry = told_all(&scene.submit_as(HEFEI, id, &records));
    assert_eq!(retry, ["duplicate of 0", "DECISION_REFUSED request_id", "duplicate of 1"]);
}

#[test]
fn a_submission_of_which_nothing_was_appended_may_be_tried_again() {
    let mut scene = Scene::new(Suite::Blake3);
    let records = [scene.record(HEFEI, grant(&[DATA_SET], 0, 0))];
    let id = scene.id();
    let refused = "DECISION_REFUSED authorisation_granted.grantor";
    assert_eq!(told_all(&scene.submit_as(HEFEI, id, &records)), [refused]);
    scene.append(HEFEI, published(DATA_SET));
    assert_eq!(told_all(&scene.submit_as(HEFEI, id, &records)), ["leaf"]);
}

#[test]
fn a_stream_is_judged_by_its_sequence_alone() {
    let mut scene = Scene::new(Suite::Blake3);
    let steps = [
        (0, "a", "leaf A01"),
        (0, "a", "duplicate of 0"),
        (1, "b", "leaf A01"),
        (1, "c", "leaf A01 S02"),
        (1, "c", "duplicate of 2"),
        (1, "d", "leaf A01 S02"),
        (1, "e", "REQUEST_ID_REUSED stream.sequence"),
        (4, "f", "leaf A01 S01"),
        (3, "g", "leaf A01"),
        (3, "g", "duplicate of 5"),
        (5, "h", "leaf A01"),
        (u64::MAX, "i", "INVALID_RECORD stream.sequence"),
    ];
    // Equal exchanges must be equal bytes, hence the fixed time; ids are new and old, which does not matter.
    let time = scene.record(BOZHOU, access("a", None)).occurred_at;
    for (later, (sequence, exchange, expected)) in (0..).zip(steps) {
        scene.now = START + later * MINUTE;
        let record = Record { occurred_at: time, ..streamed(&scene, "file", sequence, exchange) };
        let id = RequestId::new(UnixMillis(0), [1; 10]);
        let outcomes = told_all(&scene.submit_as(BOZHOU, id, &[record]));
        assert_eq!(outcomes, [expected], "sequence {sequence}, exchange {exchange}");
    }
}

#[test]
fn a_sequence_older_than_the_last_256_is_a_duplicate_without_comparing() {
    let mut scene = Scene::new(Suite::Blake3);
    let rows: Vec<String> = (0..300).map(|row| format!("row {row}")).collect();
    let records: Vec<Record> =
        (0..).zip(&rows).map(|(sequence, row)| streamed(&scene, "file", sequence, row)).collect();
    assert!(scene.submit(BOZHOU, &records).iter().all(|outcome| told(outcome) == "leaf A01"));
    let resumed = scene.submit(BOZHOU, &records);
    assert_eq!(told(&resumed[43]), "duplicate, not compared");
    assert_eq!(told(&resumed[44]), "duplicate of 44");
    let other = streamed(&scene, "file", 43, "other");
    assert_eq!(told_all(&scene.submit(BOZHOU, &[other])), ["duplicate, not compared"]);
    assert_eq!(scene.ledger.world().head().size.0, 300, "a resume never doubles");
}

#[test]
fn streams_of_two_bureaus_and_two_names_are_apart() {
    let mut scene = Scene::new(Suite::Blake3);
    let ours = streamed(&scene, "file", 0, "a");
    let other_name = streamed(&scene, "another file", 0, "b");
    let theirs = Record { submitter: WUHU, ..streamed(&scene, "file", 0, "c") };
    assert_eq!(told_all(&scene.submit(BOZHOU, &[ours, other_name])), ["leaf A01", "leaf A01"]);
    assert_eq!(told_all(&scene.submit(WUHU, &[theirs])), ["leaf A01"]);
}

#[test]
fn records_with_and_without_a_stream_share_a_submission() {
    let mut scene = Scene::new(Suite::Blake3);
    let records = [
        streamed(&scene, "file", 0, "a"),
        scene.record(BOZHOU, access("b", None)),
        streamed(&scene, "file", 1, "c"),
        scene.record(BOZHOU, access("d", None)),
    ];
    let id = scene.id();
    assert!(scene.submit_as(BOZHOU, id, &records).iter().all(|outcome| told(outcome) == "leaf A01"));
    let retried = told_all(&scene.submit_as(BOZHOU, id, &records));
    assert_eq!(retried, ["duplicate of 0", "duplicate of 1", "duplicate of 2", "duplicate of 3"]);
    // The row was imported by itself before: it becomes no leaf here, and the others' leaves are still found.
    let records = [
        scene.record(BOZHOU, access("e", None)),
        records[2].clone(),
        scene.record(BOZHOU, access("f", None)),
    ];
    let id = scene.id();
    assert_eq!(told_all(&scene.submit_as(BOZHOU, id, &records)), ["leaf A01", "duplicate of 2", "leaf A01"]);
    let retried = told_all(&scene.submit_as(BOZHOU, id, &records));
    assert_eq!(retried, ["duplicate of 4", "duplicate of 2", "duplicate of 5"]);
}

#[test]
fn an_id_of_which_only_rows_of_a_stream_were_appended_may_be_tried_again() {
    let mut scene = Scene::new(Suite::Blake3);
    let row = Record {
        stream: Some(Stream { id: "file".to_owned(), sequence: 0 }),
        ..scene.record(HEFEI, access("a", None))
    };
    let records = [row, scene.record(HEFEI, grant(&[DATA_SET], 0, 0))];
    let id = scene.id();
    let refused = "DECISION_REFUSED authorisation_granted.grantor";
    assert_eq!(told_all(&scene.submit_as(HEFEI, id, &records)), ["leaf A01", refused]);
    scene.append(HEFEI, published(DATA_SET));
    assert_eq!(told_all(&scene.submit_as(HEFEI, id, &records)), ["duplicate of 0", "leaf"]);
    assert_eq!(told_all(&scene.submit_as(HEFEI, id, &records)), ["duplicate of 0", "duplicate of 2"]);
}

#[test]
fn one_entry_may_hold_a_submission_twice() {
    let mut scene = Scene::new(Suite::Blake3);
    let records = accesses(&scene, &["a"]);
    let id = scene.id();
    let part = scene.part(&admission_key(BOZHOU), &[(id, &records), (id, &records)]);
    let applied = scene.apply(&[part.clone(), part]);
    let told: Vec<String> = applied
        .parts
        .iter()
        .flat_map(|part| match part {
            muniment_ledger::PartOutcome::Admission(admission) => told_all(&admission.outcomes),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, ["leaf A01", "duplicate of 0", "duplicate of 0", "duplicate of 0"]);
    assert_eq!(applied.admissions.len(), 1, "an admission without a leaf is not kept");
}
