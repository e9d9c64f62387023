//! What the source holds, counted anew: the demo's own memory of what it imported counts for nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muniment_core::v1::record::Body;
use muniment_core::{LeafIndex, LedgerId, UnixMillis};
use muniment_intake::{Import, IntakeError, Mapping, Rows, count_rows};

use super::figures::Expected;
use super::scenario::{Source, importer, mapping, traffic};

/// What the source holds, counted anew.
pub(super) struct Sent {
    /// Rows of the files, or accesses of made-up traffic.
    pub(super) rows: u64,
    /// Rows that are no record.
    pub(super) bad_rows: u64,
    /// What must be in the ledger.
    pub(super) expected: Vec<Expected>,
}

/// Reads the source again.
///
/// # Errors
/// When a file can't be read.
pub(super) fn sent(source: &Source, ledger_id: LedgerId) -> anyhow::Result<Sent> {
    match source {
        Source::Files { inputs, mapping } => sent_files(inputs, mapping.as_deref(), ledger_id),
        Source::Generated { seed, until_ms } => Ok(sent_traffic(*seed, UnixMillis(*until_ms), ledger_id)),
    }
}

/// Leaves for the names that a mapping cites. Which rows are records does not depend on them.
pub(super) fn any_citations(mapping: &Mapping) -> BTreeMap<String, LeafIndex> {
    mapping.citations().into_iter().map(|name| (name.to_owned(), LeafIndex(0))).collect()
}

fn sent_files(inputs: &[PathBuf], mapping_file: Option<&Path>, ledger_id: LedgerId) -> anyhow::Result<Sent> {
    let mapping = mapping(mapping_file)?;
    let mut sent = Sent { rows: 0, bad_rows: 0, expected: Vec::new() };
    for (position, input) in inputs.iter().enumerate() {
        sent.rows += count_rows(input, &mapping)?;
        let submitter = importer(position);
        let citations = any_citations(&mapping);
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
