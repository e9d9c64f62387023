//! The leader goes while a client watches and while it writes.

use futures::{StreamExt as _, TryStreamExt as _};
use muniment_client::{Client, Options, StreamOptions, WatchOptions, Watched};
use muniment_core::LeafIndex;
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::RecordName;
use muniment_proto::submission::Level;
use tokio::time::timeout;

use crate::ledger::{Ledger, PATIENCE};

const SUBMITTED: u64 = 3_000;
/// After so many answers the leader is killed.
const KILLED_AFTER: usize = 400;

/// The leaves of a watch from a leaf up to and without another.
async fn watched(client: &Client, from: LeafIndex, until: LeafIndex) -> Vec<LeafIndex> {
    let mut leaves = Vec::new();
    let mut watch = std::pin::pin!(client.watch(WatchOptions { from, filter: None }));
    while let Some(watched) = watch.next().await {
        match watched.expect("the watch goes on") {
            Watched::Record(record) => leaves.push(record.leaf),
            Watched::Progress { next_leaf, .. } if next_leaf >= until => break,
            Watched::Progress { .. } => {}
        }
    }
    leaves
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_killed_while_streaming_and_watching_costs_no_record_and_doubles_none() {
    let mut ledger = Ledger::begin().await;
    let leader = ledger.leader().await;
    // The leader is the writer's own node: its calls break, and only it signs for it.
    let client = ledger.client(leader);
    let watcher = ledger.client((leader + 1) % 3);
    let first = LeafIndex(0);
    let prepared: Vec<_> =
        (0..SUBMITTED).map(|sequence| ledger.streamed(&client, "outbox", sequence)).collect();
    let digests: Vec<_> = prepared.iter().map(|prepared| prepared.digest).collect();
    let options = StreamOptions { wait_for: Level::Committed, skip_refused: false };
    let mut answers = std::pin::pin!(client.submit_stream(futures::stream::iter(prepared), options));
    let watching = tokio::spawn(async move {
        let mut seen = Vec::new();
        let mut watch = std::pin::pin!(watcher.watch(WatchOptions { from: first, filter: None }));
        while seen.iter().filter(|(_, is_stream)| *is_stream).count()
            < usize::try_from(SUBMITTED).expect("small")
        {
            match watch.next().await.expect("without end").expect("the watch goes on") {
                Watched::Record(record) => {
                    seen.push((record.leaf, record.stub.submitter.0 > 0 && record.leaf.0 > 0))
                }
                Watched::Progress { .. } => {}
            }
        }
        seen
    });
    let mut answered = Vec::new();
    while let Some(answer) = timeout(PATIENCE, answers.next()).await.expect("it goes on") {
        let answer = answer.expect("the stream goes on");
        let place = answer.result.expect("it is taken").place.expect("it has a leaf");
        answered.push((answer.position, answer.digest, place.leaf));
        if answered.len() == KILLED_AFTER {
            ledger.kill(leader);
            ledger.start(leader);
        }
    }
    let positions: Vec<u64> = answered.iter().map(|(position, ..)| *position).collect();
    assert_eq!(positions, (0..SUBMITTED).collect::<Vec<_>>(), "every record is answered once, in order");
    assert!(answered.is_sorted_by(|a, b| a.2 < b.2), "each has a leaf of its own, in order");
    assert!(answered.iter().map(|(_, digest, _)| digest).eq(&digests));
    let last = answered.last().expect("there are some").2;
    for (_, digest, leaf) in answered.iter().step_by(500) {
        let record = client.get(RecordName::Digest(*digest), Freshness::Linearizable).await.expect("there");
        assert_eq!(record.leaf, *leaf);
    }
    let seen = timeout(PATIENCE, watching).await.expect("it goes on").expect("no panic");
    let seen: Vec<u64> = seen.into_iter().map(|(leaf, _)| leaf.0).collect();
    assert_eq!(seen, (0..seen.len() as u64).collect::<Vec<_>>(), "no gap, no double");
    assert!(seen.len() as u64 > last.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_whose_member_is_killed_goes_on_at_another_at_the_next_leaf() {
    let mut ledger = Ledger::begin().await;
    let leader = ledger.leader().await;
    let other = (leader + 1) % 3;
    // The leader first, then one that stays.
    let endpoints = vec![ledger.endpoint(leader), ledger.endpoint(other)];
    let client = Client::new(&Options { endpoints, ..ledger.options(other) }).expect("the options hold");
    let writer = ledger.client(other);
    let (heard, mut hears) = futures::channel::mpsc::unbounded();
    let watching = tokio::spawn(async move {
        let watch = client.watch(WatchOptions { from: LeafIndex(0), filter: None });
        let records = watch.try_filter_map(|watched| {
            std::future::ready(Ok(match watched {
                Watched::Record(record) => Some(record.leaf),
                Watched::Progress { .. } => None,
            }))
        });
        let mut records = std::pin::pin!(records);
        while let Some(leaf) = records.next().await {
            heard.unbounded_send(leaf.expect("the watch goes on")).expect("the test listens");
        }
    });
    let mut seen = vec![timeout(PATIENCE, hears.next()).await.expect("in time").expect("a leaf")];
    ledger.kill(leader);
    let submitted = ledger.submit(&writer, 70, Level::Cosigned).await;
    let last = submitted.place.expect("it has a leaf").leaf;
    while seen.last() < Some(&last) {
        seen.push(timeout(PATIENCE, hears.next()).await.expect("in time").expect("a leaf"));
    }
    watching.abort();
    assert_eq!(seen, (0..=last.0).map(LeafIndex).collect::<Vec<_>>(), "no gap, no double");
    let again = watched(&writer, LeafIndex(1), LeafIndex(last.0 + 1)).await;
    assert_eq!(again.first(), Some(&LeafIndex(1)), "a watch begins where it is told");
}
