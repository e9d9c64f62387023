//! How long a node with a million records takes from its start to its first confirmed read.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream;
use harness::cluster::{Cluster, ClusterOptions};
use harness::ledger::submission;
use muniment_core::{NodeId, Suite};
use muniment_raft::{Environment as _, SystemEnvironment, Wait};
use muniment_store::FileDisk;

use crate::Outcome;

/// Submissions, of [`RECORDS`] records each.
const SUBMISSIONS: u64 = 1_000;
const RECORDS: u64 = 1_000;
/// Submissions under way at one time.
const CONCURRENT: usize = 16;

/// Fills a ledger of one node through its front door, stops the node and starts it again.
pub(crate) fn measure(suite: Suite, dir: &Path) -> Outcome<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(fill_and_restart(suite, dir))
}

async fn fill_and_restart(suite: Suite, dir: &Path) -> Outcome<()> {
    let mut cluster = Cluster::new(SystemEnvironment, ClusterOptions::new(suite, 1));
    let node = cluster.start(NodeId(1), Arc::new(FileDisk), dir.to_owned()).await?;
    node.initialize().await?;
    node.wait_running().await?;
    let ledger_id = cluster.founding().ledger_id();
    let start = Instant::now();
    let submissions = stream::iter(0..SUBMISSIONS).map(|serial| {
        let now = SystemEnvironment.now();
        node.submit_local(submission(&ledger_id, 1, serial, RECORDS, now, Wait::Committed))
    });
    let mut submissions = submissions.buffer_unordered(CONCURRENT);
    while let Some(outcome) = submissions.next().await {
        outcome?;
    }
    drop(submissions);
    println!(
        "{suite}: a node of its own takes {:.1} s for {} records",
        start.elapsed().as_secs_f64(),
        SUBMISSIONS * RECORDS
    );
    let node = cluster.remove(NodeId(1)).ok_or("the node runs")?;
    node.shutdown().await;
    drop(node);
    let start = Instant::now();
    let node = cluster.start(NodeId(1), Arc::new(FileDisk), dir.to_owned()).await?;
    let started = start.elapsed().as_secs_f64();
    node.wait_running().await?;
    let size = node.read_index().await?.size;
    println!(
        "{suite}: a node of {size} leaves starts in {started:.2} s, reads after {:.2} s",
        start.elapsed().as_secs_f64()
    );
    cluster.remove(NodeId(1)).ok_or("the node runs")?.shutdown().await;
    Ok(())
}
