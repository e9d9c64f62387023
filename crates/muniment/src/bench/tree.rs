//! A ledger of a given size: what it takes in memory, what a proof takes, and how soon a member that starts again answers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use muniment_client::Client;
use muniment_core::LeafIndex;
use muniment_proto::header::Freshness;
use muniment_proto::submission::Level;
use serde::Serialize;
use tokio::task::JoinSet;

use super::disk::ms;
use super::load::{as_f64, quantile, tenths};
use super::processes_cost as cost;
use super::records::Records;
use crate::processes::Processes;

/// Calls that fill the ledger side by side.
const FILLERS: u64 = 8;
/// Records of one of them.
const BATCH: u64 = 256;
/// Receipts asked for, one after the other.
const RECEIPTS: u64 = 2_000;
/// How long a member that starts again may take.
const RESTART_PATIENCE: Duration = Duration::from_secs(120);
/// Between two tries at a member that starts.
const AGAIN: Duration = Duration::from_millis(20);

/// What a ledger of that size takes.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TreeRow {
    pub(super) leaves: u64,
    pub(super) rss_bytes: Vec<u64>,
    /// A receipt as the client sees it: the call, and its verification.
    pub(super) receipt_p50_ms: f64,
    pub(super) receipt_p99_ms: f64,
    /// A receipt at the server, the mean: from the call's head to that of its answer, by its own count.
    pub(super) receipt_server_us: f64,
    /// Half of them took no longer: the upper end of a bucket of the server's own histogram.
    pub(super) receipt_server_p50_us: f64,
    /// From the start of the process to its first linearizable answer.
    pub(super) restart_ms: f64,
    pub(super) restarted_rss_bytes: u64,
}

/// Fills the ledger, and measures.
///
/// # Errors
/// A call that fails, a member that does not come back.
pub(super) async fn measure(
    processes: &mut Processes,
    leader: usize,
    leaves: u64,
    record_bytes: usize,
) -> anyhow::Result<TreeRow> {
    let client = processes.client(leader, &[leader])?;
    let records = Records::new(&client, &processes.founding.founders[leader].region, record_bytes, leaves)?;
    let size = fill(&client, Arc::new(records), leaves).await?;
    let rss_bytes = cost::rss(processes)?;
    let internal = internal_address(processes, leader)?;
    let before = served(&internal)?;
    let times = receipts(&client, size).await?;
    let after = served(&internal)?;
    let follower = (leader + 1) % processes.len();
    let (restart_ms, restarted_rss_bytes) = restart(processes, follower).await?;
    Ok(TreeRow {
        leaves: size,
        rss_bytes,
        receipt_p50_ms: ms(quantile(&times, 50)),
        receipt_p99_ms: ms(quantile(&times, 99)),
        receipt_server_us: tenths(
            (after.seconds - before.seconds) * 1e6 / (after.calls - before.calls).max(1.0),
        ),
        receipt_server_p50_us: tenths(after.half_within(&before) * 1e6),
        restart_ms,
        restarted_rss_bytes,
    })
}

async fn fill(client: &Client, records: Arc<Records>, leaves: u64) -> anyhow::Result<u64> {
    loop {
        let size =
            client.statistics(Freshness::Linearizable).await?.header.map_or(0, |header| header.tree_size);
        if size >= leaves {
            return Ok(size);
        }
        let batches = (leaves - size).div_ceil(BATCH);
        let mut fillers = JoinSet::new();
        for filler in 0..FILLERS.min(batches) {
            let (client, records) = (client.clone(), Arc::clone(&records));
            let share = batches / FILLERS + u64::from(filler < batches % FILLERS);
            fillers.spawn(async move {
                for _ in 0..share {
                    let batch = client.prepare_batch((0..BATCH).map(|_| records.next()))?;
                    for result in client.submit_batch(&batch, Level::Committed).await? {
                        result?;
                    }
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = fillers.join_next().await {
            done.context("fill the ledger")?.context("fill the ledger")?;
        }
    }
}

/// Receipts of leaves all over the tree.
async fn receipts(client: &Client, size: u64) -> anyhow::Result<Vec<Duration>> {
    client.checkpoint(None).await?;
    let mut times = Vec::new();
    for number in 0..RECEIPTS {
        let leaf = LeafIndex(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size.max(1));
        let begun = Instant::now();
        client.receipt(leaf).await.with_context(|| format!("receipt of leaf {}", leaf.0))?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

async fn restart(processes: &mut Processes, member: usize) -> anyhow::Result<(f64, u64)> {
    processes.stop(member)?;
    let begun = Instant::now();
    processes.start(member)?;
    loop {
        let client = processes.client(member, &[member])?;
        if client.statistics(Freshness::Linearizable).await.is_ok() {
            break;
        }
        if begun.elapsed() > RESTART_PATIENCE {
            bail!("the member did not answer within {RESTART_PATIENCE:?} of its start");
        }
        tokio::time::sleep(AGAIN).await;
    }
    let took = begun.elapsed();
    let rss = cost::rss(processes)?;
    Ok((ms(took), rss.get(member).copied().unwrap_or_default()))
}

/// Where a member serves its metrics.
fn internal_address(processes: &Processes, member: usize) -> anyhow::Result<String> {
    let file = processes.bureau_dir(member).join("munimentd.toml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let table: toml::Table = text.parse().with_context(|| format!("read {}", file.display()))?;
    let listen =
        table.get("internal").and_then(|internal| internal.get("listen")).and_then(toml::Value::as_str);
    Ok(listen.with_context(|| format!("{} names no internal.listen", file.display()))?.to_owned())
}

/// What a member counted of `GetReceipt` so far.
struct Served {
    seconds: f64,
    calls: f64,
    /// Seconds, and the calls that took no longer.
    buckets: Vec<(f64, f64)>,
}

impl Served {
    /// The upper end of the bucket that half of the calls since `before` reach.
    fn half_within(&self, before: &Self) -> f64 {
        let half = (self.calls - before.calls) / 2.0;
        let earlier = before.buckets.iter().map(|(_, calls)| *calls).chain(std::iter::repeat(0.0));
        let reached = self.buckets.iter().zip(earlier).find(|((_, calls), earlier)| calls - earlier >= half);
        reached.map_or(f64::INFINITY, |((seconds, _), _)| *seconds)
    }
}

/// Reads a member's metrics.
fn served(address: &str) -> anyhow::Result<Served> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text).context("read the metrics")?;
    let lines = |name: &'static str| {
        let lines =
            text.lines().filter(move |line| line.starts_with(name) && line.contains("\"GetReceipt\""));
        lines.filter_map(|line| Some((line, line.rsplit(' ').next()?.parse::<f64>().ok()?)))
    };
    let value = |name| lines(name).next().map_or(0.0, |(_, value)| value);
    let bucket = |(line, calls): (&str, f64)| {
        let bound = line.split_once("le=\"")?.1.split('"').next()?;
        Some((bound.parse().ok()?, calls))
    };
    Ok(Served {
        seconds: value("grpc_server_handling_seconds_sum"),
        calls: value("grpc_server_handling_seconds_count"),
        buckets: lines("grpc_server_handling_seconds_bucket").filter_map(bucket).collect(),
    })
}

/// Bytes as mebibytes.
pub(super) fn mib(bytes: u64) -> f64 {
    tenths(as_f64(bytes) / 1_048_576.0)
}
