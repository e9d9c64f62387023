//! `kill -9` of every member in turn under load: what was acknowledged is there, once, proven, and the same on all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use futures::{StreamExt as _, TryStreamExt as _};
use muniment_client::{Client, LedgerRecord, ListOptions};
use muniment_core::checkpoint::CheckpointBody;
use muniment_core::tree::MemoryTree;
use muniment_core::verify::{Outcome, verify};
use muniment_core::{Hash, LeafIndex, Tree, TreeSize};
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::RecordName;

use crate::ledger::{Ledger, fsck, until};
use crate::load::{Acknowledged, Load};

const KILLS: usize = 20;
/// Callers of each bureau.
const CALLERS: u64 = 2;
/// Acknowledgements of each bureau that can write, before a kill and again before the killed member is started.
const BETWEEN: u64 = 6;
/// Look-ups at a time.
const LOOK_UPS: usize = 16;
/// The files that are the same on every member (`docs/data-format.md`).
const FAMILIES: [&str; 4] = ["records", "admissions", "stubs", "tree"];

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_of_every_member_in_turn_lose_no_acknowledgement_and_leave_equal_files() {
    let mut ledger = Ledger::begin_alone(&[]).await;
    let load = Load::begin(&ledger, CALLERS);
    let mut leaders_killed = 0;
    for kill in 0..KILLS {
        let killed = kill % 3;
        load.wait(&[0, 1, 2], BETWEEN).await;
        leaders_killed += usize::from(ledger.leader().await == killed);
        ledger.kill(killed);
        let others: Vec<usize> = (0..3).filter(|member| *member != killed).collect();
        load.wait(&others, BETWEEN).await;
        ledger.start(killed);
        // Its own bureau's services write at it, and nowhere else.
        load.wait(&[killed], 1).await;
    }
    assert!((1..KILLS).contains(&leaders_killed), "{leaders_killed} of {KILLS} kills hit the leader");
    let (receipts, unanswered) = load.receipts_and_unanswered();
    assert!(receipts > 100 && unanswered > 0, "{receipts} receipts, {unanswered} calls broken: a void run");
    let acknowledged = load.end().await;

    let checkpoint = settled(&ledger).await;
    let client = ledger.client(0);
    let tree: Vec<LedgerRecord> =
        client.list(ListOptions::default()).try_collect().await.expect("every record fits its stub");
    check_tree(&tree, &checkpoint);
    check_leaves(&tree, &acknowledged);
    check_look_ups(&ledger, &acknowledged, &checkpoint).await;
    ledger.stop(&[0, 1, 2]).await;
    check_files(&ledger, checkpoint.size);
}

/// The checkpoint of the whole tree, which every member shows and nobody adds to.
async fn settled(ledger: &Ledger) -> CheckpointBody {
    let client = ledger.client(0);
    until(async || {
        let sizes: Vec<u64> =
            ledger.statuses().await.into_iter().flatten().map(|node| node.tree_size).collect();
        let mut shown = Vec::new();
        for member in client.compare_checkpoints().await {
            shown.push(member.checkpoint.ok()?.body);
        }
        let whole = TreeSize(*sizes.first()?);
        let agree = sizes.len() == 3 && sizes.iter().all(|size| *size == whole.0);
        (agree && shown.iter().all(|body| body.size == whole)).then(|| shown.swap_remove(0))
    })
    .await
}

/// The root, computed here from the stubs that were listed, is the one that was cosigned.
fn check_tree(tree: &[LedgerRecord], checkpoint: &CheckpointBody) {
    let hashes = tree.iter().map(|record| record.stub.leaf_hash(checkpoint.suite));
    let computed = MemoryTree::over(checkpoint.suite, Tree::Ledger, hashes);
    assert_eq!((computed.size(), computed.root()), (checkpoint.size, checkpoint.root));
}

/// Each record that was sent is one leaf: the one that was acknowledged. Nothing else is there but the fixture's own.
fn check_leaves(tree: &[LedgerRecord], acknowledged: &[Acknowledged]) {
    let mut leaves: BTreeMap<Hash, Vec<LeafIndex>> = BTreeMap::new();
    for record in tree {
        leaves.entry(record.record_digest).or_default().push(record.leaf);
    }
    for one in acknowledged {
        let found = leaves.remove(&one.prepared.digest).unwrap_or_default();
        assert_eq!(found, [one.leaf], "bureau {}", one.submitter);
    }
    let strangers: Vec<_> = leaves.into_values().collect();
    assert_eq!(strangers, [vec![LeafIndex(0)]], "leaves that nobody was told of");
}

/// Every request id leads to its leaf, and every leaf's receipt holds offline, in the whole tree.
async fn check_look_ups(ledger: &Ledger, acknowledged: &[Acknowledged], checkpoint: &CheckpointBody) {
    let (client, trust) = (ledger.client(1), ledger.trust());
    let distinct: BTreeSet<_> = acknowledged.iter().map(|one| one.prepared.request_id.0).collect();
    assert_eq!(distinct.len(), acknowledged.len());
    let looked_up = futures::stream::iter(acknowledged).map(async |one| {
        assert_eq!(found_at(&client, one).await, one.leaf);
        let receipt = client.receipt(one.leaf).await.expect("it has a receipt");
        let verified = verify(&receipt.text, &trust);
        assert_eq!(verified.outcome, Outcome::Verified, "{:?}", verified.failure);
        let proven = verified.proven.expect("it holds");
        assert_eq!((proven.index, proven.record_digest), (one.leaf, one.prepared.digest));
        assert_eq!(proven.checkpoint, *checkpoint, "leaf {}", one.leaf);
    });
    assert_eq!(looked_up.buffer_unordered(LOOK_UPS).count().await, acknowledged.len());
}

async fn found_at(client: &Client, one: &Acknowledged) -> LeafIndex {
    let (submitter, request_id) = (one.submitter, one.prepared.request_id);
    let name = RecordName::Submission { submitter, request_id, position: 0 };
    client.get(name, Freshness::Linearizable).await.expect("it was acknowledged").leaf
}

/// The members' evidence files are sound, reach as far as the checkpoint, and are the same byte for byte.
fn check_files(ledger: &Ledger, size: TreeSize) {
    let [first, others @ ..] = [0, 1, 2].map(|member| {
        let data = ledger.data_dir(member);
        assert_eq!(fsck(&data), size.0, "leaves of member {member}");
        evidence(&data.join("ledger"))
    });
    assert!(first.values().any(|bytes| bytes.len() > 1_000), "there is something to compare");
    for (member, other) in others.iter().enumerate() {
        assert_eq!(first.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        for (name, bytes) in &first {
            assert!(other[name] == *bytes, "{} of members 0 and {}", name.display(), member + 1);
        }
    }
}

/// Every file of the families, by its path in the ledger's directory.
fn evidence(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> = FAMILIES.iter().map(|family| dir.join(family)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("below it").to_owned();
                found.insert(name, fs::read(&path).expect("read"));
            }
        }
    }
    found
}
