//! Real nodes in one process, on real files.

use std::sync::Arc;

use harness::cluster::{Cluster, ClusterOptions};
use harness::ledger::submission;
use muniment_core::verify::{Outcome as Verified, verify};
use muniment_core::{LeafIndex, Suite};
use muniment_ledger::Outcome;
use muniment_raft::{Environment as _, Submission, SystemEnvironment, Wait};
use muniment_store::FileDisk;

async fn start(cluster: &mut Cluster<SystemEnvironment>, root: &std::path::Path) {
    for id in cluster.ids() {
        let dir = root.join(format!("node-{id}"));
        cluster.start(id, Arc::new(FileDisk), dir).await.expect("the node starts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cosigned_survives_a_restart_of_every_node_and_verifies_offline() {
    for suite in [Suite::Blake3, Suite::Sha256] {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut cluster = Cluster::new(SystemEnvironment, ClusterOptions::new(suite, 3));
        start(&mut cluster, root.path()).await;
        cluster.node(1).initialize().await.expect("the ledger begins");
        let ledger_id = cluster.founding().ledger_id();
        let now = SystemEnvironment.now();
        for number in 1..=3 {
            let records = submission(&ledger_id, number, 1, 5, now, Wait::Cosigned);
            let node = cluster.node(u64::from(number));
            let outcome = node.submit_local(records.clone()).await.expect("it is written");
            assert!(matches!(outcome.outcomes[..], [Outcome::Appended { .. }, ..]), "{outcome:?}");
            let again = node.submit_local(records).await.expect("it is known");
            assert!(matches!(again.outcomes[..], [Outcome::Duplicate { .. }, ..]), "{again:?}");
            node.wait_cosigned(outcome.size).await.expect("q bureaus sign");
        }
        let receipt = cluster.node(2).receipt(LeafIndex(7)).await.expect("the proof holds");
        let trust = cluster.node(2).trust_file();
        for id in cluster.ids() {
            cluster.remove(id).expect("it runs").shutdown().await;
        }
        assert_eq!(verify(&receipt.encode(), &trust).outcome, Verified::Verified);
        start(&mut cluster, root.path()).await;
        for node in cluster.running() {
            node.wait_running().await.expect("it recovers");
            let view = node.read_index().await.expect("a majority is there");
            assert_eq!(view.size.0, 15);
            let after = node.receipt(LeafIndex(7)).await.expect("the proof holds");
            assert_eq!(verify(&after.encode(), &trust).outcome, Verified::Verified);
            // The paths lead to the newest checkpoint that this node holds, which need not be the other nodes'.
            assert_eq!((after.leaf.stub, &after.leaf.content), (receipt.leaf.stub, &receipt.leaf.content));
        }
        for id in cluster.ids() {
            cluster.remove(id).expect("it runs").shutdown().await;
        }
    }
}

/// A path through an admission is put together from what is kept of it and what is read again: it must be right at every
/// position, wherever the groups end and whichever records became no leaf.
#[tokio::test(flavor = "multi_thread")]
async fn every_leaf_of_an_admission_of_any_size_has_a_receipt_that_verifies() {
    for suite in [Suite::Blake3, Suite::Sha256] {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut cluster = Cluster::new(SystemEnvironment, ClusterOptions::new(suite, 1));
        start(&mut cluster, root.path()).await;
        let node = cluster.node(1);
        node.initialize().await.expect("the ledger begins");
        let ledger_id = cluster.founding().ledger_id();
        let now = SystemEnvironment.now();
        let single = |serial| submission(&ledger_id, 1, serial, 1, now, Wait::Committed);
        let (mut serial, mut leaves) = (1, Vec::new());
        for count in [1, 31, 32, 33, 64, 100] {
            // Two admissions. The second has the submissions of the first once more, each beside a new one: what is known
            // becomes no leaf again.
            let first: Vec<Submission> = (serial..serial + count).map(single).collect();
            let with_new = |(known, new): (&Submission, u64)| [known.clone(), single(new)];
            let second = first.iter().zip(serial + count..).flat_map(with_new).collect();
            serial += 2 * count;
            for group in [first, second] {
                let outcome = node.submit_local_group(group).await.expect("it is written");
                leaves.extend(outcome.outcomes.iter().filter_map(|outcome| match outcome {
                    Outcome::Appended { leaf, .. } => Some(*leaf),
                    Outcome::Duplicate { .. } | Outcome::Rejected(_) => None,
                }));
            }
        }
        assert_eq!(leaves.len(), 2 * 261, "half of each second admission was known");
        let trust = node.trust_file();
        // Out of order and twice: the first look at an admission reads it whole, the others don't.
        for leaf in leaves.iter().rev().chain(&leaves) {
            let receipt = node.receipt(*leaf).await.expect("the proof holds");
            assert_eq!(receipt.leaf.index, *leaf);
            assert_eq!(verify(&receipt.encode(), &trust).outcome, Verified::Verified, "leaf {leaf}");
        }
        cluster.remove(muniment_core::NodeId(1)).expect("it runs").shutdown().await;
    }
}
