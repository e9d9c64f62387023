//! Scene 6: the leader killed under load, five times. Whatever was acknowledged must be found, and be proven.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use muniment_client::{Class, Client, Prepared};
use muniment_core::v1::record::Body;
use muniment_core::v1::{AccessExecuted, Outcome, Record, Side};
use muniment_core::{BureauNumber, LeafIndex, TreeSize};
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::RecordName;
use muniment_proto::submission::Level;
use tokio::task::JoinSet;

use super::stage::{LOOK, PATIENCE, Stage, now};

/// Leaders killed.
const KILLS: usize = 5;
/// Callers of each bureau, each with one call outstanding.
const CALLERS: usize = 2;
/// Between two calls of one caller.
const PAUSE: Duration = Duration::from_millis(10);
/// Acknowledgements before a leader is killed, and after that before it is started again.
const BETWEEN: u64 = 50;
/// Look-ups side by side.
const LOOK_UPS: usize = 8;

/// One acknowledged submission.
#[derive(Clone, Debug)]
struct Acknowledged {
    bureau: BureauNumber,
    prepared: Prepared,
    leaf: LeafIndex,
}

/// What the callers share.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    acknowledged: AtomicU64,
    /// Calls without an answer: sent again, with the same id.
    unanswered: AtomicU64,
}

/// Kills, starts again, and looks up.
///
/// # Errors
/// When nobody leads in time, a killed member does not come back, or something acknowledged is not found or not proven.
pub(super) async fn kill_leaders(stage: &mut Stage) -> anyhow::Result<()> {
    stage.start_all().await?;
    let load = Arc::new(Load::default());
    let mut callers = JoinSet::new();
    for bureau in 0..stage.processes.len() {
        for caller in 0..CALLERS {
            // A node signs for its own bureau's clients only.
            let client = stage.processes.client(bureau, &[bureau])?;
            let template = stage.record(bureau, "system:exchange-gateway", now(), access(bureau, caller)?);
            callers.spawn(call(client, stage.processes.bureau(bureau), template, Arc::clone(&load)));
        }
    }
    let mut killed = Ok(());
    for kill in 1..=KILLS {
        killed = kill_leader(stage, kill, &load).await;
        if killed.is_err() {
            break;
        }
    }
    load.is_over.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    while let Some(caller) = callers.join_next().await {
        acknowledged.extend(caller.context("a caller ended early")??);
    }
    killed?;
    let unanswered = load.unanswered.load(Ordering::SeqCst);
    find(stage, acknowledged, unanswered).await
}

/// Waits for the load, kills the leader, waits for the others, and starts it again.
async fn kill_leader(stage: &mut Stage, kill: usize, load: &Load) -> anyhow::Result<()> {
    wait_load(load, BETWEEN).await.context("wait for load")?;
    let all: Vec<usize> = (0..stage.processes.len()).collect();
    let leader = stage.processes.leader(&all, PATIENCE).await?;
    let others: Vec<usize> = all.iter().copied().filter(|member| *member != leader).collect();
    let before = load.acknowledged.load(Ordering::SeqCst);
    stage.processes.kill(leader)?;
    let killed = Instant::now();
    let next = loop {
        // The hint in an answer may be a moment older than the answer.
        match stage.processes.leader(&others, PATIENCE).await? {
            next if next != leader => break next,
            _ if killed.elapsed() > PATIENCE => bail!("{} is killed and said to lead", stage.name(leader)),
            _ => tokio::time::sleep(LOOK).await,
        }
    };
    let led_after = killed.elapsed();
    wait_load(load, BETWEEN).await.context("wait for load without the leader")?;
    let meanwhile = load.acknowledged.load(Ordering::SeqCst) - before;
    stage.processes.start(leader)?;
    let started = Instant::now();
    stage.wait_answer(leader).await?;
    let line = format!(
        "kill {kill}: {} led after {before} acknowledgements; {} leads {} ms later, {meanwhile} more without {0}, \
         which answers {} ms after its start",
        stage.name(leader),
        stage.name(next),
        led_after.as_millis(),
        started.elapsed().as_millis()
    );
    stage.narrator.say(line)
}

/// Waits for so many further acknowledgements.
async fn wait_load(load: &Load, further: u64) -> anyhow::Result<()> {
    let due = load.acknowledged.load(Ordering::SeqCst) + further;
    let deadline = Instant::now() + PATIENCE;
    while load.acknowledged.load(Ordering::SeqCst) < due {
        if Instant::now() > deadline {
            bail!("no {further} acknowledgements within {PATIENCE:?}");
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Submits one record after another until the load is over; one that is not answered again, as it is.
async fn call(
    client: Client,
    bureau: BureauNumber,
    template: Record,
    load: Arc<Load>,
) -> anyhow::Result<Vec<Acknowledged>> {
    let mut acknowledged = Vec::new();
    for serial in 0_u64.. {
        let prepared = client.prepare(numbered(&template, serial))?;
        loop {
            if load.is_over.load(Ordering::SeqCst) {
                return Ok(acknowledged);
            }
            match client.submit(&prepared, Level::Committed).await {
                Ok(submitted) => {
                    let leaf = submitted.place.context("an acknowledgement without a place")?.leaf;
                    acknowledged.push(Acknowledged { bureau, prepared, leaf });
                    load.acknowledged.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                Err(error) if error.class() == Class::Unavailable => {
                    load.unanswered.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) => return Err(error).context("submit under load"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(acknowledged)
}

/// Looks up each acknowledged submission by its request id, proven under the last checkpoint, and its receipt.
async fn find(stage: &mut Stage, acknowledged: Vec<Acknowledged>, unanswered: u64) -> anyhow::Result<()> {
    let count = acknowledged.len();
    let leaves: BTreeSet<LeafIndex> = acknowledged.iter().map(|one| one.leaf).collect();
    if leaves.len() != count {
        bail!("{count} acknowledgements name {} leaves", leaves.len());
    }
    let last = *leaves.last().context("nothing was acknowledged")?;
    let mut clients = Vec::new();
    for bureau in 0..stage.processes.len() {
        clients.push((stage.processes.bureau(bureau), stage.client(bureau)?));
    }
    let (_, first) = clients.first().context("a ledger without members")?;
    let size =
        first.checkpoint(Some(TreeSize(last.0 + 1))).await.context("get the last checkpoint")?.body.size;
    let found = futures::stream::iter(acknowledged)
        .map(async |one| {
            let client = clients.iter().find(|(bureau, _)| *bureau == one.bureau).map(|(_, client)| client);
            let client = client.context("a client of the submitter")?;
            look_up(client, &one, size).await.with_context(|| format!("acknowledged at leaf {}", one.leaf))
        })
        .buffer_unordered(LOOK_UPS)
        .try_fold(0_usize, |found, ()| std::future::ready(Ok(found + 1)))
        .await?;
    stage.narrator.say(format_args!(
        "{count} acknowledged = {found} found by request id, every receipt verified against the checkpoint of size \
         {size}; {unanswered} calls failed and were sent again"
    ))
}

/// One acknowledged submission: where it was said to be, what was sent, in the tree of the checkpoint.
async fn look_up(client: &Client, one: &Acknowledged, size: TreeSize) -> anyhow::Result<()> {
    client.checkpoint(Some(size)).await?;
    let (submitter, request_id) = (one.bureau, one.prepared.request_id);
    let name = RecordName::Submission { submitter, request_id, position: 0 };
    let record = client.get(name, Freshness::Linearizable).await?;
    if record.leaf != one.leaf || record.record_digest != one.prepared.digest {
        bail!("its request id leads to leaf {}, digest {}", record.leaf, record.record_digest);
    }
    if record.included_in < Some(size) {
        bail!("it is not proven under the checkpoint of size {size}");
    }
    let receipt = client.receipt(one.leaf).await?;
    if receipt.proven.record_digest != one.prepared.digest {
        bail!("its receipt is of digest {}", receipt.proven.record_digest);
    }
    Ok(())
}

/// An access that nobody else reports.
pub(super) fn access(bureau: usize, caller: usize) -> anyhow::Result<Body> {
    let mut run = [0; 8];
    getrandom::fill(&mut run).context("draw a number")?;
    Ok(Body::AccessExecuted(AccessExecuted {
        side: Side::Provider.into(),
        exchange: format!("load-{bureau}-{caller}-{:016x}", u64::from_be_bytes(run)),
        provider: "org:weather-office".to_owned(),
        consumer: "org:flood-control".to_owned(),
        data_set: "dataset:river-levels".to_owned(),
        outcome: Outcome::Succeeded.into(),
        rows: 1,
        ..AccessExecuted::default()
    }))
}

/// The record of that number, of this moment.
fn numbered(template: &Record, serial: u64) -> Record {
    let mut record = template.clone();
    if let Some(Body::AccessExecuted(access)) = &mut record.body {
        access.exchange = format!("{}-{serial}", access.exchange);
    }
    if let Some(time) = &mut record.occurred_at {
        time.unix_ms = now().0;
    }
    record
}
