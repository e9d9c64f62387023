//! The look-ups may go at any time: nothing that they answer goes with them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use muniment_core::digest::record_digest;
use muniment_core::{Blind, Suite};
use muniment_proto::v1;
use muniment_proto::v1::get_record_request::Name;
use muniment_service::ServiceLimits;

use crate::cluster::Cluster;
use crate::made_up::{access, batch, impossible};

/// Members that write look-ups to the disk for so few leaves that what is asked lies in blocks and beyond the last one.
async fn cluster() -> Cluster {
    Cluster::with(ServiceLimits { lookup_block_leaves: 3, ..ServiceLimits::default() }).await
}

/// Names of records with the leaf that each must give; none = NOT_FOUND.
async fn questions(cluster: &Cluster) -> Vec<(Name, Option<u64>)> {
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let mut questions = vec![(Name::RecordDigest(Bytes::from_static(&[3; 32])), None)];
    let mut leaf = 0;
    for _ in 0..5 {
        let records = [access(&ledger_id, 1), impossible(&ledger_id, 1), access(&ledger_id, 1)];
        let request = batch(&records);
        client.submit_batch(request.clone()).await.expect("it is written");
        for (position, record) in (0..).zip(&request.records) {
            let is_there = position != 1;
            let blind = Blind(record.blind.as_ref().try_into().expect("16 bytes"));
            let digest = record_digest(Suite::Blake3, &blind, &record.record);
            let request_id = request.request_id.clone();
            let submission = v1::SubmissionName { submitter: 1, request_id, position };
            let expected = is_there.then_some(leaf);
            questions.push((Name::RecordDigest(Bytes::copy_from_slice(&digest.0)), expected));
            questions.push((Name::Submission(submission), expected));
            leaf += u64::from(is_there);
        }
    }
    questions
}

/// Insists that a member gives every expected answer.
async fn check(cluster: &Cluster, member: u64, questions: &[(Name, Option<u64>)], when: &str) {
    let bureau = u32::try_from(member).expect("small");
    let mut client = cluster.client(bureau, member).await;
    for (name, expected) in questions {
        let request = v1::GetRecordRequest { name: Some(name.clone()), ..v1::GetRecordRequest::default() };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        let found = loop {
            match client.get_record(request.clone()).await {
                Ok(answer) => break answer.into_inner().record.map(|record| record.leaf_index),
                Err(status) if status.code() == tonic::Code::NotFound => break None,
                // It never says NOT_FOUND before it knows.
                Err(status) => {
                    assert_eq!(status.code(), tonic::Code::Unavailable, "{when}: {status:?}");
                    assert!(tokio::time::Instant::now() < deadline, "{when}: {status:?}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        assert_eq!(found, *expected, "{when}: {name:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_damaged_or_another_ledger_s_they_are_rebuilt_and_give_the_same_answers() {
    let mut cluster = cluster().await;
    let questions = questions(&cluster).await;
    check(&cluster, 2, &questions, "at first").await;
    let dir = cluster.data_dir(2).join("lookup");
    let aside = cluster.data_dir(2).join("lookup.aside");

    cluster.stop_member(2).await;
    assert!(dir.join("db").exists(), "they are on disk");
    cluster.start_member(2).await;
    cluster.running().await;
    check(&cluster, 2, &questions, "after a restart").await;
    assert!(!aside.exists(), "nothing was doubtful");

    cluster.stop_member(2).await;
    std::fs::remove_dir_all(&dir).expect("deleted");
    cluster.start_member(2).await;
    cluster.running().await;
    check(&cluster, 2, &questions, "after they were deleted").await;

    cluster.stop_member(2).await;
    std::fs::write(dir.join("db"), vec![7; 4096]).expect("damaged");
    std::fs::write(dir.join("snap.0000000000000001.generating"), b"half").expect("left by a kill");
    cluster.start_member(2).await;
    cluster.running().await;
    check(&cluster, 2, &questions, "after they were damaged").await;

    cluster.stop_member(2).await;
    std::fs::write(cluster.data_dir(2).join("lookup.suspect"), b"stuck").expect("noted by the watchdog");
    cluster.start_member(2).await;
    cluster.running().await;
    check(&cluster, 2, &questions, "after the watchdog gave them up").await;
    assert!(aside.exists() && !cluster.data_dir(2).join("lookup.suspect").exists());

    // Those of another ledger: more leaves than this one has, under another root.
    cluster.stop_member(2).await;
    let mut other = self::cluster().await;
    let more = self::questions(&other).await;
    check(&other, 1, &more, "the other ledger").await;
    other.stop_member(1).await;
    std::fs::remove_dir_all(&dir).expect("deleted");
    copy(&other.data_dir(1).join("lookup"), &dir);
    cluster.start_member(2).await;
    cluster.running().await;
    check(&cluster, 2, &questions, "after another ledger's were put in their place").await;
    other.stop().await;
    cluster.stop().await;
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("read") {
        let entry = entry.expect("read");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("known").is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("copied");
        }
    }
}

/// The directory that a child process opens, again and again, until it is killed.
const CHILD: &str = "MUNIMENT_TEST_LOOKUP_CHILD";

#[test]
fn opened_by_a_child_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    loop {
        let config = sled::Config::new().path(&dir).flush_every_ms(None);
        let Ok(db) = config.open() else { return };
        db.insert("killed", db.generate_id().unwrap_or(0).to_be_bytes().to_vec()).ok();
        db.flush().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_they_open_they_give_the_same_answers() {
    let mut cluster = cluster().await;
    let questions = questions(&cluster).await;
    check(&cluster, 3, &questions, "at first").await;
    let dir = cluster.data_dir(3).join("lookup");
    for kill in 0..6_u64 {
        cluster.stop_member(3).await;
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "lookups::opened_by_a_child_until_it_is_killed"])
            .env(CHILD, &dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the child starts");
        // Killed at another moment each time: while it opens, writes or flushes.
        tokio::time::sleep(Duration::from_millis(20 + kill * 13)).await;
        child.kill().expect("killed");
        child.wait().expect("gone");
        cluster.start_member(3).await;
        cluster.running().await;
        check(&cluster, 3, &questions, &format!("after kill {kill}")).await;
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_just_acknowledged_is_found_at_once_by_every_member() {
    let cluster = cluster().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let mut readers = Vec::new();
    for member in 1..=3 {
        readers.push(cluster.client(1, member).await);
    }
    for round in 0..60 {
        let request = batch(&[access(&ledger_id, 1)]);
        client.submit_batch(request.clone()).await.expect("it is written");
        let reader = &mut readers[round % 3];
        let submission = v1::SubmissionName { submitter: 1, request_id: request.request_id, position: 0 };
        let name = Some(Name::Submission(submission));
        let answer =
            reader.get_record(v1::GetRecordRequest { name, ..v1::GetRecordRequest::default() }).await;
        let answer = answer.unwrap_or_else(|error| panic!("round {round}: {error:?}")).into_inner();
        assert_eq!(answer.record.map(|record| record.leaf_index), Some(round as u64));
    }
    cluster.stop().await;
}
