//! The import: decisions first, then every stream through its one bureau, the bureaus side by side.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use muniment_core::founding::Founding;
use muniment_core::v1::Record;
use muniment_core::{BureauNumber, LeafIndex, TreeSize, Verdict, record};
use muniment_intake::generator::Traffic;
use muniment_intake::{Import, IntakeError, Mapping, Rows};
use muniment_ledger::Outcome;
use tokio::task::JoinSet;

use super::cluster::{Cluster, now};
use super::decisions::{CITATION, Decisions};
use super::scenario::importer;
use crate::console;

/// Records of one submission.
const CHUNK_RECORDS: usize = 256;
/// Bytes of one submission: half of what a batch may have.
const CHUNK_BYTES: usize = 512 * 1024;

/// What an import left behind, as far as the demo goes on with it. Its figures are not among it: those are the ledger's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Imported {
    /// Size of the tree after the last record.
    pub(crate) size: TreeSize,
    /// A leaf without a flag, and the bureau that submitted it.
    pub(crate) sample: Option<(BureauNumber, LeafIndex)>,
}

/// Imports files through a mapping, which may cite the grant for RestTest.
///
/// # Errors
/// When a file can't be read at all, the ledger can't be written, or `strict` and a row is bad.
pub(crate) async fn import_files(
    cluster: &Arc<Cluster>,
    founding: &Founding,
    inputs: &[PathBuf],
    mapping: &Mapping,
    strict: bool,
) -> anyhow::Result<Imported> {
    let decisions = Decisions { ledger_id: founding.ledger_id(), now: now() };
    cluster.decide(&decisions.catalogue()).await.context("publish RestTest")?;
    let application = cluster.decide(&decisions.application()).await.context("apply for RestTest")?;
    let grant = cluster.decide(&decisions.grant(application)).await.context("grant RestTest")?;
    let mut streams: BTreeMap<BureauNumber, Vec<Rows>> = BTreeMap::new();
    for (position, input) in inputs.iter().enumerate() {
        let submitter = importer(position);
        let citations = BTreeMap::from([(CITATION.to_owned(), grant)]);
        let import = Import { ledger_id: founding.ledger_id(), submitter, citations };
        streams.entry(submitter).or_default().push(Rows::open(input, mapping, import)?);
    }
    let bytes = streams.values().flatten().map(|rows| rows.progress().1).sum();
    let bar = progress_bar(bytes, "{bytes} of {total_bytes}");
    let mut lanes = JoinSet::new();
    for (bureau, files) in streams {
        let (cluster, bar) = (Arc::clone(cluster), bar.clone());
        lanes.spawn(async move {
            let mut lane = Lane::new(cluster, bureau, bar.clone());
            for rows in files {
                import_file(&mut lane, rows, strict).await?;
            }
            lane.finish().await
        });
    }
    let imported = join(lanes).await;
    bar.finish_and_clear();
    imported
}

/// Imports made-up traffic: its decisions one after another, then its accesses.
///
/// # Errors
/// When the ledger can't be written.
pub(crate) async fn import_traffic(cluster: &Arc<Cluster>, traffic: &Traffic) -> anyhow::Result<Imported> {
    let decide_all = async |decisions: Vec<Record>| -> anyhow::Result<Vec<LeafIndex>> {
        let mut leaves = Vec::with_capacity(decisions.len());
        for decision in decisions {
            leaves.push(cluster.decide(&decision).await?);
        }
        Ok(leaves)
    };
    let catalogue = traffic.catalogue().map(|submission| submission.record).collect();
    decide_all(catalogue).await.context("publish the data sets")?;
    let applications = traffic.applications().map(|submission| submission.record).collect();
    let applications = decide_all(applications).await.context("apply for data sets")?;
    let grants = traffic.grants(&applications).map(|submission| submission.record).collect();
    let grants = decide_all(grants).await.context("grant data sets")?;
    let mut by_bureau: BTreeMap<BureauNumber, Vec<Bytes>> = BTreeMap::new();
    for submission in traffic.accesses(&grants) {
        by_bureau.entry(submission.bureau).or_default().push(record::encode(&submission.record)?.into());
    }
    let records = by_bureau.values().map(Vec::len).sum::<usize>();
    let bar = progress_bar(u64::try_from(records).unwrap_or(u64::MAX), "{pos} of {len} records");
    let mut lanes = JoinSet::new();
    for (bureau, records) in by_bureau {
        let mut lane = Lane::new(Arc::clone(cluster), bureau, bar.clone());
        lanes.spawn(async move {
            for (record, number) in records.into_iter().zip(1..) {
                lane.push(record, Origin { stream: "made-up traffic".into(), number }).await?;
                lane.bar.inc(1);
            }
            lane.finish().await
        });
    }
    let imported = join(lanes).await;
    bar.finish_and_clear();
    imported
}

async fn import_file(lane: &mut Lane, mut rows: Rows, strict: bool) -> anyhow::Result<()> {
    let stream: Arc<str> = rows.stream().into();
    let mut read = 0;
    while let Some(row) = rows.next() {
        match row {
            Ok(row) => {
                let origin = Origin { stream: Arc::clone(&stream), number: row.number };
                lane.push(row.bytes.into(), origin).await?;
            }
            Err(IntakeError::Row(error)) if !strict => lane.report(&error)?,
            Err(error) => {
                // What was read before it is good, and stays.
                lane.flush().await?;
                return Err(error.into());
            }
        }
        let (now, _) = rows.progress();
        lane.bar.inc(now - read);
        read = now;
    }
    lane.flush().await
}

/// Where a record came from.
#[derive(Clone, Debug)]
struct Origin {
    stream: Arc<str>,
    number: u64,
}

/// Submits one bureau's records in order, some at a time.
struct Lane {
    cluster: Arc<Cluster>,
    bureau: BureauNumber,
    bar: ProgressBar,
    waiting: Vec<(Bytes, Origin)>,
    waiting_bytes: usize,
    imported: Imported,
}

impl Lane {
    fn new(cluster: Arc<Cluster>, bureau: BureauNumber, bar: ProgressBar) -> Self {
        let imported = Imported::default();
        Self { cluster, bureau, bar, waiting: Vec::new(), waiting_bytes: 0, imported }
    }

    async fn push(&mut self, record: Bytes, origin: Origin) -> anyhow::Result<()> {
        if self.waiting.len() == CHUNK_RECORDS || self.waiting_bytes + record.len() > CHUNK_BYTES {
            self.flush().await?;
        }
        self.waiting_bytes += record.len();
        self.waiting.push((record, origin));
        Ok(())
    }

    /// Submits what waits; the next records of a stream follow only when these are in the ledger.
    async fn flush(&mut self) -> anyhow::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        if waiting.is_empty() {
            return Ok(());
        }
        let (records, origins): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        let submitted = self.cluster.submit(self.bureau, records).await?;
        self.imported.size = submitted.size;
        for (outcome, origin) in submitted.outcomes.iter().zip(origins) {
            match outcome {
                Outcome::Appended { leaf, verdict: Verdict::NONE, .. } => {
                    self.imported.sample.get_or_insert((self.bureau, *leaf));
                }
                Outcome::Appended { .. } | Outcome::Duplicate { .. } => {}
                Outcome::Rejected(rejection) => {
                    self.report(format_args!("{}: row {}: {rejection}", origin.stream, origin.number))?;
                }
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> anyhow::Result<Imported> {
        self.flush().await?;
        Ok(self.imported)
    }

    /// Tells about one row without breaking the progress bar.
    fn report(&self, what: impl std::fmt::Display) -> anyhow::Result<()> {
        Ok(self.bar.suspend(|| console::note(what))?)
    }
}

/// Waits for all lanes; the first error ends the import.
async fn join(mut lanes: JoinSet<anyhow::Result<Imported>>) -> anyhow::Result<Imported> {
    let mut all = Imported::default();
    while let Some(lane) = lanes.join_next().await {
        let lane = lane.context("a bureau's import ended early")??;
        all.size = all.size.max(lane.size);
        all.sample = match (all.sample, lane.sample) {
            (Some(one), Some(other)) => Some(if one.1 < other.1 { one } else { other }),
            (one, other) => one.or(other),
        };
    }
    if all.size == TreeSize(0) {
        bail!("nothing was imported: every row was bad, or there was none");
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
