//! Scene 4: records of another system, each file a stream of one bureau, the bureaus side by side.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use futures::channel::mpsc;
use futures::executor::block_on;
use futures::{SinkExt as _, StreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};
use muniment_client::{Answered, Client, Prepared, StreamOptions};
use muniment_core::v1::Record;
use muniment_core::{BureauNumber, LeafIndex, UnixMillis, record};
use muniment_intake::{Import, IntakeError, Rows};
use muniment_proto::submission::Level;
use tokio::task::JoinSet;

use super::decisions::{self, CITATION};
use super::scenario::{self, Source, importer, traffic};
use super::stage::Stage;
use crate::console;
use crate::exit::UsageError;

/// Records that are read ahead of what is sent.
const AHEAD: usize = 1_024;

/// Decides, imports, and asks every member for the figures.
///
/// # Errors
/// When a file can't be read at all, the ledger can't be written, a row is bad or lost, or made-up violations are not found.
pub(super) async fn import(stage: &mut Stage) -> anyhow::Result<()> {
    if stage.scenario.imported {
        return Err(UsageError("scene 4 was played in this directory already".to_owned()).into());
    }
    stage.start_all().await?;
    let imported = match stage.scenario.source.clone() {
        Source::Files { inputs, mapping } => import_files(stage, &inputs, mapping.as_deref()).await?,
        Source::Generated { seed, until_ms } => import_traffic(stage, seed, UnixMillis(until_ms)).await?,
    };
    if imported == 0 {
        bail!("nothing was imported: every row was bad, or there was none");
    }
    stage.scenario.imported = true;
    stage.scenario.write(&stage.dir)?;
    let figures = stage.count().await?;
    stage.narrator.say(format_args!("flags besides A01: {}", figures.other_flags()))?;
    stage.narrator.say(&figures)?;
    if !figures.is_clean() {
        bail!("not every row is in the ledger as it should be");
    }
    Ok(())
}

/// Imports files through a mapping, which may cite the grant for RestTest. Answers the number of records submitted.
async fn import_files(
    stage: &mut Stage,
    inputs: &[PathBuf],
    mapping: Option<&std::path::Path>,
) -> anyhow::Result<u64> {
    let mapping = scenario::mapping(mapping)?;
    let grant = decisions::decide(stage).await?;
    let ledger_id = stage.ledger_id();
    stage.narrator.say(format_args!("leaf {grant}: RestTest is granted; {} files follow", inputs.len()))?;
    let mut streams: BTreeMap<BureauNumber, Vec<Rows>> = BTreeMap::new();
    for (position, input) in inputs.iter().enumerate() {
        let submitter = importer(position);
        let citations = BTreeMap::from([(CITATION.to_owned(), grant)]);
        let import = Import { ledger_id, submitter, citations };
        streams.entry(submitter).or_default().push(Rows::open(input, &mapping, import)?);
    }
    let bytes = streams.values().flatten().map(|rows| rows.progress().1).sum();
    let bar = progress_bar(bytes, "{bytes} of {total_bytes}");
    let mut lanes = JoinSet::new();
    for (bureau, files) in streams {
        let (client, bar, strict) = (stage.client(stage.member(bureau)?)?, bar.clone(), stage.strict);
        lanes.spawn(async move {
            let mut submitted = 0;
            for rows in files {
                submitted += import_file(&client, &bar, rows, strict).await?;
            }
            Ok(submitted)
        });
    }
    let imported = join(lanes).await;
    bar.finish_and_clear();
    imported
}

/// Imports one file: rows are read on a thread of their own, and answered here.
async fn import_file(client: &Client, bar: &ProgressBar, rows: Rows, strict: bool) -> anyhow::Result<u64> {
    let (sender, prepared) = mpsc::channel(AHEAD);
    let stream = rows.stream().to_owned();
    let reading = tokio::task::spawn_blocking({
        let (client, bar) = (client.clone(), bar.clone());
        move || read(&client, &bar, rows, strict, sender)
    });
    let refused = submit(client, prepared).await;
    let (numbers, ended) = reading.await.context("the reader of rows ended early")??;
    for (position, error) in refused? {
        let row = usize::try_from(position).ok().and_then(|position| numbers.get(position));
        let row = row.context("an answer to no row")?;
        bar.suspend(|| console::note(format_args!("{stream}: row {row}: {error}")))?;
    }
    // What was read before it is good, and stays.
    ended?;
    Ok(u64::try_from(numbers.len()).unwrap_or(u64::MAX))
}

/// Reads rows and hands on the good ones. Answers their numbers, and what ended the reading early.
fn read(
    client: &Client,
    bar: &ProgressBar,
    mut rows: Rows,
    strict: bool,
    mut sender: mpsc::Sender<Prepared>,
) -> anyhow::Result<(Vec<u64>, anyhow::Result<()>)> {
    let (mut numbers, mut seen) = (Vec::new(), 0);
    while let Some(row) = rows.next() {
        match row {
            Ok(row) => {
                let record = record::decode(&row.bytes, Some(&client.trust().ledger_id));
                let record = record.with_context(|| format!("row {}", row.number))?;
                numbers.push(row.number);
                if block_on(sender.send(client.prepare(record)?)).is_err() {
                    // The stream is over, and says why.
                    break;
                }
            }
            Err(IntakeError::Row(error)) if !strict => bar.suspend(|| console::note(&error))?,
            Err(error) => return Ok((numbers, Err(error.into()))),
        }
        let (now, _) = rows.progress();
        bar.inc(now - seen);
        seen = now;
    }
    Ok((numbers, Ok(())))
}

/// Writes a stream of records; answers those that are refused, by position.
async fn submit(
    client: &Client,
    records: mpsc::Receiver<Prepared>,
) -> anyhow::Result<Vec<(u64, muniment_client::Error)>> {
    let options = StreamOptions { wait_for: Level::Committed, skip_refused: true };
    let mut answers = std::pin::pin!(client.submit_stream(records, options));
    let mut refused = Vec::new();
    while let Some(answered) = answers.next().await {
        let Answered { position, result, .. } = answered?;
        if let Err(error) = result {
            refused.push((position, error));
        }
    }
    Ok(refused)
}

/// Imports made-up traffic: its decisions one after another, then its accesses. Answers the number of accesses.
async fn import_traffic(stage: &mut Stage, seed: u64, until: UnixMillis) -> anyhow::Result<u64> {
    let traffic = traffic(stage.ledger_id(), seed, until);
    let catalogue = traffic.catalogue().map(|submission| submission.record).collect();
    decide_all(stage, catalogue).await.context("publish the data sets")?;
    let applications = traffic.applications().map(|submission| submission.record).collect();
    let applications = decide_all(stage, applications).await.context("apply for data sets")?;
    let grants = traffic.grants(&applications).map(|submission| submission.record).collect();
    let grants = decide_all(stage, grants).await.context("grant data sets")?;
    stage.narrator.say(format_args!("{} data sets are granted; their traffic follows", grants.len()))?;
    let mut by_bureau: BTreeMap<BureauNumber, Vec<Record>> = BTreeMap::new();
    for submission in traffic.accesses(&grants) {
        by_bureau.entry(submission.bureau).or_default().push(submission.record);
    }
    let records = by_bureau.values().map(Vec::len).sum::<usize>();
    let bar = progress_bar(u64::try_from(records).unwrap_or(u64::MAX), "{pos} of {len} records");
    let mut lanes = JoinSet::new();
    for (bureau, records) in by_bureau {
        let (client, bar) = (stage.client(stage.member(bureau)?)?, bar.clone());
        lanes.spawn(async move {
            let (mut sender, prepared) = mpsc::channel(AHEAD);
            let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
            let preparing = client.clone();
            let feeding = tokio::spawn(async move {
                for record in records {
                    if sender.send(preparing.prepare(record)?).await.is_err() {
                        break;
                    }
                    bar.inc(1);
                }
                anyhow::Ok(())
            });
            for (position, error) in submit(&client, prepared).await? {
                console::note(format_args!("made-up traffic: record {position}: {error}"))?;
            }
            feeding.await.context("the maker of traffic ended early")??;
            Ok(count)
        });
    }
    let imported = join(lanes).await;
    bar.finish_and_clear();
    imported
}

/// Submits decisions one after another, each of its bureau; answers their leaves.
async fn decide_all(stage: &Stage, decisions: Vec<Record>) -> anyhow::Result<Vec<LeafIndex>> {
    let mut clients = BTreeMap::new();
    let mut leaves = Vec::with_capacity(decisions.len());
    for decision in decisions {
        let bureau = BureauNumber(decision.submitter);
        let client = match clients.get(&bureau) {
            Some(client) => client,
            None => clients.entry(bureau).or_insert(stage.client(stage.member(bureau)?)?),
        };
        let submitted = client.submit(&client.prepare(decision)?, Level::Committed).await?;
        let place = submitted.place.context("a decision was appended without a place")?;
        if place.verdict.0 != 0 {
            bail!("the decision at leaf {} is flagged {}", place.leaf, place.verdict);
        }
        leaves.push(place.leaf);
    }
    Ok(leaves)
}

/// Waits for all bureaus; the first error ends the import.
async fn join(mut lanes: JoinSet<anyhow::Result<u64>>) -> anyhow::Result<u64> {
    let mut all = 0;
    while let Some(lane) = lanes.join_next().await {
        all += lane.context("a bureau's import ended early")??;
    }
    Ok(all)
}

/// A bar on stderr, drawn only on a terminal.
fn progress_bar(length: u64, counts: &str) -> ProgressBar {
    let template = format!("importing {{wide_bar}} {counts}, {{eta}} left");
    let bar = ProgressBar::new(length);
    match ProgressStyle::with_template(&template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
