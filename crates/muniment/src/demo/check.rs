//! The check: every member's files by themselves, against each other, and against what was sent.
//!
//! Reads the members' directories, never the process that filled them, so that a byte changed in between is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use muniment_core::founding::Founding;
use muniment_core::trust::TrustFile;
use muniment_core::v1::record::Body;
use muniment_core::verify::verify;
use muniment_core::{LeafIndex, LedgerId, UnixMillis};
use muniment_intake::{Import, IntakeError, Rows, count_rows};
use muniment_store::disk::Disk;
use muniment_store::fsck::{check_leaf, fsck};
use muniment_store::{FileDisk, Identity, ledger};

use super::bureaus::{BUREAUS, Bureau};
use super::compare::compare;
use super::figures::{Expected, Figures};
use super::ledger::Accesses;
use super::scenario::{FOUNDING_FILE, Scenario, Source, importer, mapping, traffic};
use crate::console;
use crate::exit::Exit;

/// Checks a demo's directory and prints the figures as the last line of the result.
///
/// # Errors
/// When something can't be read; damage and loss are findings and end with [`Exit::Other`].
pub(crate) fn check(demo_dir: &Path) -> anyhow::Result<Exit> {
    let scenario = Scenario::read(demo_dir)?;
    let path = demo_dir.join(FOUNDING_FILE);
    let founding = Founding::decode(&fs::read(&path).with_context(|| format!("read {}", path.display()))?)?;
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    let damaged = check_files(&disk, demo_dir)?;
    let different = compare_members(demo_dir)?;
    if damaged > 0 || different > 0 {
        console::note(format_args!(
            "{damaged} damaged places, {different} differences: nothing is read from these files"
        ))?;
        return Ok(Exit::Other);
    }
    let members = BUREAUS.iter().map(|bureau| open(&disk, *bureau, demo_dir, &founding));
    let members = members.collect::<anyhow::Result<Vec<_>>>()?;
    check_receipt(&scenario, &founding)?;
    let sent = sent(&scenario.source, founding.ledger_id())?;
    let figures = Figures::count(sent.rows, sent.bad_rows, &sent.expected, &members);
    console::note(format_args!("flags besides A01: {}", figures.other_flags()))?;
    console::result(&figures)?;
    Ok(if figures.is_clean() { Exit::Ok } else { Exit::Other })
}

/// Checks each member's files by themselves; answers the number of damaged places.
fn check_files(disk: &Arc<dyn Disk>, demo_dir: &Path) -> anyhow::Result<usize> {
    let mut damaged = 0;
    for bureau in BUREAUS {
        let data_dir = bureau.data_dir(demo_dir);
        let report =
            fsck(disk, &data_dir, &check_leaf).with_context(|| format!("check {}", data_dir.display()))?;
        for finding in &report.findings {
            let file = data_dir.join(&finding.file);
            console::note(format_args!("{}: offset {}: {}", file.display(), finding.offset, finding.what))?;
        }
        damaged += report.findings.len();
        if report.is_sound() {
            console::note(format_args!(
                "{}: {} leaves, every byte checked",
                bureau.name, report.counts.leaves
            ))?;
        }
    }
    Ok(damaged)
}

/// Compares the members' evidence byte by byte; answers the number of differences.
fn compare_members(demo_dir: &Path) -> anyhow::Result<usize> {
    let dirs: Vec<PathBuf> = BUREAUS.iter().map(|bureau| bureau.data_dir(demo_dir).join("ledger")).collect();
    let comparison = compare(&dirs)?;
    for difference in &comparison.differences {
        console::note(difference)?;
    }
    if comparison.differences.is_empty() {
        let (files, bytes) = (comparison.files, comparison.bytes);
        console::note(format_args!(
            "{files} files of {} members equal, {bytes} bytes compared",
            BUREAUS.len()
        ))?;
    }
    Ok(comparison.differences.len())
}

/// Reads what a member's ledger says, through the same view as a running node.
fn open(
    disk: &Arc<dyn Disk>,
    bureau: Bureau,
    demo_dir: &Path,
    founding: &Founding,
) -> anyhow::Result<Accesses> {
    let data_dir = bureau.data_dir(demo_dir);
    let identity = Identity::load(&**disk, &data_dir)?
        .with_context(|| format!("{} has no identity file", data_dir.display()))?;
    let view = ledger::open(Arc::clone(disk), &data_dir.join("ledger"), &identity)?.view;
    console::note(format_args!("{}: root {} at size {}", bureau.name, view.root(), view.size()))?;
    Accesses::read(&view, &founding.ledger_id())
}

/// Verifies the receipt as anybody would.
fn check_receipt(scenario: &Scenario, founding: &Founding) -> anyhow::Result<()> {
    let path = &scenario.receipt;
    let receipt = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let verification = verify(&receipt, &TrustFile::of_founding(founding));
    if let Some(failure) = verification.failure {
        bail!(
            "{}: {} at step {}: {}",
            path.display(),
            failure.outcome.name(),
            failure.step.name(),
            failure.reason
        );
    }
    console::note(format_args!("{}: verified", path.display()))?;
    Ok(())
}

/// What the source holds, counted anew.
struct Sent {
    rows: u64,
    bad_rows: u64,
    expected: Vec<Expected>,
}

fn sent(source: &Source, ledger_id: LedgerId) -> anyhow::Result<Sent> {
    match source {
        Source::Files { inputs, mapping } => sent_files(inputs, mapping.as_deref(), ledger_id),
        Source::Generated { seed, until_ms } => Ok(sent_traffic(*seed, UnixMillis(*until_ms), ledger_id)),
    }
}

fn sent_files(inputs: &[PathBuf], mapping_file: Option<&Path>, ledger_id: LedgerId) -> anyhow::Result<Sent> {
    let mapping = mapping(mapping_file)?;
    let mut sent = Sent { rows: 0, bad_rows: 0, expected: Vec::new() };
    for (position, input) in inputs.iter().enumerate() {
        sent.rows += count_rows(input, &mapping)?;
        let submitter = importer(position);
        // Which rows are records does not depend on the leaves that they cite.
        let citations: BTreeMap<_, _> =
            mapping.citations().into_iter().map(|name| (name.to_owned(), LeafIndex(0))).collect();
        let rows = Rows::open(input, &mapping, Import { ledger_id, submitter, citations })?;
        let stream = rows.stream().to_owned();
        for row in rows {
            match row {
                Ok(row) => {
                    let place = (submitter, stream.clone(), row.number - 1);
                    sent.expected.push(Expected { place, exchange: None, flag: None });
                }
                Err(IntakeError::Row(_)) => sent.bad_rows += 1,
                Err(IntakeError::File(error)) => return Err(error.into()),
            }
        }
    }
    Ok(sent)
}

fn sent_traffic(seed: u64, until: UnixMillis, ledger_id: LedgerId) -> Sent {
    let traffic = traffic(ledger_id, seed, until);
    let injected: BTreeMap<_, _> = traffic
        .injected()
        .iter()
        .map(|injected| {
            let key = (injected.stream.clone(), injected.sequence, injected.exchange.clone());
            (key, injected.violation.flag())
        })
        .collect();
    let mut expected = Vec::new();
    for submission in traffic.accesses(&[]) {
        let (Some(Body::AccessExecuted(access)), Some(stream)) =
            (submission.record.body, submission.record.stream)
        else {
            continue;
        };
        let key = (stream.id, stream.sequence, access.exchange);
        let flag = injected.get(&key).copied();
        let (stream, sequence, exchange) = key;
        let place = (submission.bureau, stream, sequence);
        expected.push(Expected { place, exchange: Some(exchange), flag: Some(flag) });
    }
    let rows = u64::try_from(expected.len()).unwrap_or(u64::MAX);
    Sent { rows, bad_rows: 0, expected }
}
