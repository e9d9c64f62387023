//! A thousand services that follow the tree, and a leader that is killed under them.

use futures::StreamExt as _;
use futures::TryStreamExt as _;
use muniment_client::{Client, ListOptions, WatchOptions, Watched};
use muniment_core::{Hash, LeafIndex};
use muniment_proto::submission::Level;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::ledger::{Ledger, PATIENCE, until};

/// Connections to each member; each carries a share of the watchers.
const CLIENTS: u64 = 20;
/// Watchers of one client. All of them fit onto one connection (64 streams), should only one member be left.
const WATCHERS: u64 = 50;
/// Leaves before the watchers come.
const BEFORE: u64 = 100;
/// Leaves while they watch: each submission has so many records.
const SUBMISSIONS: u64 = 40;
const RECORDS: u64 = 10;
/// The leader is killed after so many submissions.
const KILLED_AFTER: u64 = SUBMISSIONS / 2;
/// Leaves in the end; the fixture has made one.
const LEAVES: u64 = 1 + BEFORE + SUBMISSIONS * RECORDS;

/// The digests of every leaf from `from` to the last, each the next one after the one before.
async fn watch(client: Client, from: u64) -> (u64, Vec<Hash>) {
    let mut seen = Vec::new();
    let mut watch = std::pin::pin!(client.watch(WatchOptions { from: LeafIndex(from), filter: None }));
    while from + (seen.len() as u64) < LEAVES {
        match watch.next().await.expect("a watch has no end").expect("the watch goes on") {
            Watched::Record(record) => {
                assert_eq!(record.leaf.0, from + seen.len() as u64, "a gap or a double");
                seen.push(record.record_digest);
            }
            Watched::Progress { .. } => {}
        }
    }
    (from, seen)
}

/// Submits a batch of records of the client's bureau until it is taken.
async fn submit(ledger: &Ledger, client: &Client, serial: u64, records: u64) {
    let records = (0..records).map(|record| ledger.access(client, serial * 1_000 + record));
    let batch = client.prepare_batch(records).expect("valid records");
    let taken = until(async || client.submit_batch(&batch, Level::Committed).await.ok()).await;
    assert!(taken.iter().all(Result::is_ok));
}

/// Watches that run at each member.
async fn watches(ledger: &Ledger, members: &[usize]) -> Vec<u64> {
    let mut counts = Vec::new();
    for member in members {
        let count = ledger.metric(*member, "muniment_watches").await;
        counts.push(format!("{count}").parse().expect("a count"));
    }
    counts
}

/// Waits until all watches run at these members together; how many at each.
async fn all_watch(ledger: &Ledger, members: &[usize]) -> Vec<u64> {
    until(async || {
        let counts = watches(ledger, members).await;
        (counts.iter().sum::<u64>() == CLIENTS * WATCHERS).then_some(counts)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_watchers_see_every_leaf_once_and_in_order_though_the_leader_is_killed() {
    let mut ledger = Ledger::begin_alone(&[]).await;
    let leader = ledger.leader().await;
    let others = [(leader + 1) % 3, (leader + 2) % 3];
    let writer = ledger.client(others[0]);
    submit(&ledger, &writer, 1, BEFORE).await;
    let mut watching = JoinSet::new();
    for number in 0..CLIENTS {
        let mut options = ledger.options(usize::try_from(number % 3).expect("a small number"));
        options.state_dir = None;
        // The machine is busy with all of them: nobody gives up while the test is patient.
        options.deadline = PATIENCE;
        let client = Client::new(&options).expect("the options hold");
        for watcher in 0..WATCHERS {
            watching.spawn(watch(client.clone(), (number * WATCHERS + watcher) % BEFORE));
        }
    }
    let spread = all_watch(&ledger, &[0, 1, 2]).await;
    assert!(spread.iter().all(|count| *count > CLIENTS * WATCHERS / 5), "they are spread: {spread:?}");
    for serial in 0..SUBMISSIONS {
        if serial == KILLED_AFTER {
            ledger.kill(leader);
        }
        submit(&ledger, &writer, 2 + serial, RECORDS).await;
    }
    // Those that had watched at the leader have gone on elsewhere, or have seen it all.
    let mut seen = Vec::new();
    while let Some(watched) = timeout(PATIENCE, watching.join_next()).await.expect("every watcher gets on") {
        seen.push(watched.expect("no watcher failed"));
    }
    ledger.start(leader);
    let tree: Vec<Hash> = ledger
        .client(0)
        .list(ListOptions::default())
        .map_ok(|record| record.record_digest)
        .try_collect()
        .await
        .expect("listed");
    assert_eq!((seen.len() as u64, tree.len() as u64), (CLIENTS * WATCHERS, LEAVES));
    for (from, digests) in seen {
        assert!(digests == tree[usize::try_from(from).expect("small")..], "a watcher from leaf {from}");
    }
}
