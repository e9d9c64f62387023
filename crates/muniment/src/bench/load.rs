//! The loads: closed loops, each worker with one call outstanding.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::StreamExt as _;
use muniment_client::{Client, StreamOptions};
use muniment_proto::submission::Level;
use serde::Serialize;
use tokio::task::JoinSet;

use super::disk::ms;
use super::processes_cost as cost;
use super::records::Records;
use crate::processes::Processes;

/// Connections that the workers share at most, over all members.
const CONNECTIONS_MAX: usize = 8;

/// What a worker sends.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// One record a call.
    Single(Level),
    /// This many records a call, acknowledged.
    Batch(usize),
    /// One stream, its records acknowledged one by one.
    Stream,
}

/// A load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) name: &'static str,
    workers: usize,
    shape: Shape,
    /// Every second worker calls a follower; else all call the leader.
    on_followers: bool,
}

/// Every load, in the order of the report.
pub(super) const LOADS: &[Load] = &[
    Load { name: "single-1", workers: 1, shape: Shape::Single(Level::Committed), on_followers: false },
    Load { name: "cosigned-1", workers: 1, shape: Shape::Single(Level::Cosigned), on_followers: false },
    Load { name: "single-64", workers: 64, shape: Shape::Single(Level::Committed), on_followers: true },
    Load { name: "cosigned-64", workers: 64, shape: Shape::Single(Level::Cosigned), on_followers: true },
    Load { name: "single-256", workers: 256, shape: Shape::Single(Level::Committed), on_followers: true },
    Load { name: "batch-256x8", workers: 8, shape: Shape::Batch(256), on_followers: false },
    Load { name: "stream-1", workers: 1, shape: Shape::Stream, on_followers: false },
    Load { name: "stream-4", workers: 4, shape: Shape::Stream, on_followers: false },
];

/// What a load came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) workers: usize,
    pub(super) calls: usize,
    pub(super) records_per_s: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
    /// CPU time of one node for one record, microseconds: the mean of all nodes.
    pub(super) node_cpu_us: f64,
    /// CPU time of the load itself for one record, microseconds.
    pub(super) load_cpu_us: f64,
    /// Bytes that one node wrote for one byte of records: the mean of all nodes.
    pub(super) written_ratio: f64,
}

/// What one worker counted in the window.
#[derive(Default)]
struct Counted {
    times: Vec<Duration>,
    records: u64,
}

/// When a load is measured.
#[derive(Clone, Copy)]
struct Window {
    from: Instant,
    until: Instant,
}

/// Runs a load.
///
/// # Errors
/// The first call that fails after all its retries.
pub(super) async fn run(
    load: &Load,
    processes: &Processes,
    leader: usize,
    record_bytes: usize,
    (warm_up, window): (Duration, Duration),
) -> anyhow::Result<Row> {
    let callers = callers(load, processes, leader, record_bytes)?;
    let from = Instant::now() + warm_up;
    let span = Window { from, until: from + window };
    let mut workers = JoinSet::new();
    for worker in 0..load.workers {
        let (client, records) = &callers[worker % callers.len()];
        workers.spawn(work(load.shape, client.clone(), Arc::clone(records), span));
    }
    tokio::time::sleep_until(span.from.into()).await;
    let before = (cost::used(processes)?, cost::own_cpu()?);
    tokio::time::sleep_until(span.until.into()).await;
    let after = (cost::used(processes)?, cost::own_cpu()?);
    let mut all = Counted::default();
    while let Some(done) = workers.join_next().await {
        let counted = done.context("a worker")?.with_context(|| format!("load {}", load.name))?;
        all.times.extend(counted.times);
        all.records += counted.records;
    }
    all.times.sort_unstable();
    let nodes = as_f64(u64::try_from(processes.len()).unwrap_or(u64::MAX));
    let records = as_f64(all.records.max(1));
    let written = as_f64(after.0.written.saturating_sub(before.0.written));
    Ok(Row {
        name: load.name,
        workers: load.workers,
        calls: all.times.len(),
        records_per_s: (as_f64(all.records) / window.as_secs_f64()).round(),
        p50_ms: ms(quantile(&all.times, 50)),
        p99_ms: ms(quantile(&all.times, 99)),
        max_ms: ms(quantile(&all.times, 100)),
        node_cpu_us: tenths(after.0.cpu.saturating_sub(before.0.cpu).as_secs_f64() * 1e6 / records / nodes),
        load_cpu_us: tenths(after.1.saturating_sub(before.1).as_secs_f64() * 1e6 / records),
        written_ratio: tenths(written / nodes / records / as_f64(u64::try_from(record_bytes)?)),
    })
}

/// Clients with records for their bureaus: connections that the workers take in turn.
fn callers(
    load: &Load,
    processes: &Processes,
    leader: usize,
    record_bytes: usize,
) -> anyhow::Result<Vec<(Client, Arc<Records>)>> {
    let followers: Vec<usize> = (0..processes.len()).filter(|member| *member != leader).collect();
    let mut run = [0; 8];
    getrandom::fill(&mut run).context("draw a number")?;
    let connection = |connection: usize| {
        let at_follower = load.on_followers && connection % 2 == 1 && !followers.is_empty();
        // A node signs for its own bureau's clients only, so each bureau's clients call its own node.
        let member = if at_follower { followers[connection / 2 % followers.len()] } else { leader };
        let client = processes.client(member, &[member])?;
        let region = &processes.founding.founders[member].region;
        let run = u64::from_be_bytes(run).wrapping_add(u64::try_from(connection)?);
        let records = Records::new(&client, region, record_bytes, run)?;
        Ok((client, Arc::new(records)))
    };
    (0..load.workers.min(CONNECTIONS_MAX)).map(connection).collect()
}

async fn work(shape: Shape, client: Client, records: Arc<Records>, span: Window) -> anyhow::Result<Counted> {
    let mut counted = Counted::default();
    while Instant::now() < span.until {
        let (begun, sent) = match shape {
            Shape::Single(level) => {
                let prepared = client.prepare(records.next())?;
                let begun = Instant::now();
                client.submit(&prepared, level).await?;
                (begun, 1)
            }
            Shape::Batch(size) => {
                let batch = client.prepare_batch((0..size).map(|_| records.next()))?;
                let begun = Instant::now();
                let results = client.submit_batch(&batch, Level::Committed).await?;
                for result in results {
                    result?;
                }
                (begun, u64::try_from(size)?)
            }
            Shape::Stream => return stream(client, records, span).await,
        };
        let ended = Instant::now();
        if ended >= span.from && ended < span.until {
            counted.times.push(ended - begun);
            counted.records += sent;
        }
    }
    Ok(counted)
}

/// One stream of records in order. Its times run from a record's way into the stream to its answer, waiting included.
async fn stream(client: Client, records: Arc<Records>, span: Window) -> anyhow::Result<Counted> {
    let (sent, taken) = std::sync::mpsc::channel();
    let mut name = [0; 8];
    getrandom::fill(&mut name).context("draw a name")?;
    let name = format!("outbox/{:016x}", u64::from_be_bytes(name));
    let preparing = client.clone();
    let submissions = futures::stream::iter(1_u64..)
        .map(move |sequence| preparing.prepare(records.next_of(&name, sequence)))
        .take_while(move |_| std::future::ready(Instant::now() < span.until))
        .take_while(|prepared| std::future::ready(prepared.is_ok()))
        .filter_map(|prepared| std::future::ready(prepared.ok()))
        .inspect(move |_| {
            // Fails when the answers are over and nobody counts any more.
            sent.send(Instant::now()).unwrap_or_default();
        });
    let mut answers = std::pin::pin!(client.submit_stream(submissions, StreamOptions::default()));
    let mut counted = Counted::default();
    while let Some(answered) = answers.next().await {
        answered?.result?;
        let ended = Instant::now();
        let begun = taken.try_recv().context("an answer to nothing")?;
        if ended >= span.from && ended < span.until {
            counted.times.push(ended - begun);
            counted.records += 1;
        }
    }
    Ok(counted)
}

/// The time that so many per cent of the sorted `times` do not exceed; zero without any.
pub(super) fn quantile(times: &[Duration], percent: usize) -> Duration {
    let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(rank).copied().unwrap_or_default()
}

/// A count as a number with a fraction; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^53")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Rounded to a tenth.
pub(super) fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        for (percent, expected) in [(0, 1), (50, 100), (99, 198), (100, 200)] {
            assert_eq!(quantile(&times, percent), Duration::from_millis(expected), "{percent} %");
        }
        assert_eq!(quantile(&times[..1], 99), Duration::from_millis(1));
        assert_eq!(quantile(&[], 50), Duration::ZERO);
    }
}
