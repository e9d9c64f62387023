//! The evidence files made anew: a ledger that never was a node, fed with a log's batches.
//!
//! Reads the log's entries by the documented bytes, not by the product's own decoder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use muniment_core::{BureauNumber, LogIndex, NodeId, RaftTerm};
use muniment_ledger::{Applied, EntryPosition, Ledger, verify_batch};
use muniment_store::disk::Disk;
use muniment_store::ledger::{self, AppendBatch, AppendLeaf, LedgerFile, Writer};
use muniment_store::{Identity, StorageError};

use crate::disk::SimDisk;
use crate::swarm::final_state::LogEntry;
use muniment_core::founding::Founding;

/// Bytes of an entry before its content byte: format u8, Raft term u64, index u64
/// (`docs/data-format.md`, "Raft log").
const ENTRY_PREFIX: usize = 17;
/// Content byte of an entry that is a batch.
const HAS_BATCH: u8 = 1;

/// The batch of an entry; none for blank and membership entries.
#[must_use]
pub fn batch_of(entry: &[u8]) -> Option<&[u8]> {
    match entry.get(ENTRY_PREFIX..)?.split_first()? {
        (&HAS_BATCH, batch) => Some(batch),
        _ => None,
    }
}

/// The common evidence files that follow from `log` up to and with index `last`.
///
/// # Errors
/// What could not be applied or written, in words.
pub fn rederive(
    founding: &Founding,
    log: &BTreeMap<u64, LogEntry>,
    last: u64,
) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let (disk, dir) = (SimDisk::new(), Path::new("/anew/ledger"));
    let identity = Identity {
        ledger_id: founding.ledger_id(),
        origin: founding.origin.clone(),
        suite: founding.suite,
        bureau: BureauNumber(1),
        node_id: NodeId(1),
        incarnation: 0,
    };
    let text = |error: StorageError| error.to_string();
    disk.create_dir_all(Path::new("/anew")).map_err(|error| error.to_string())?;
    let mut writer = ledger::open(Arc::new(disk.clone()), dir, &identity).map_err(text)?.writer;
    let mut ledger = Ledger::found(founding);
    for (index, entry) in log.range(..=last) {
        let Some(batch) = batch_of(&entry.bytes) else { continue };
        let verified = verify_batch(&ledger.context(), Arc::from(batch));
        let at = EntryPosition { log_index: LogIndex(*index), raft_term: RaftTerm(entry.raft_term) };
        let applied = ledger.apply(at, &verified).map_err(|halt| halt.to_string())?;
        append(&mut writer, &applied).map_err(text)?;
    }
    writer.publish();
    common_files(&disk, dir).map_err(|error| error.to_string())
}

fn append(writer: &mut Writer, applied: &Applied) -> Result<(), StorageError> {
    let admissions: Vec<&[u8]> = applied.admissions.iter().map(Vec::as_slice).collect();
    let leaves: Vec<AppendLeaf<'_>> = applied
        .leaves
        .iter()
        .map(|leaf| AppendLeaf {
            stub: leaf.stub.encode(),
            class: leaf.stub.class,
            blind: leaf.blind,
            record: &leaf.record,
            record_digest: leaf.record_digest,
            admission: Some(leaf.admission),
            position: leaf.position,
        })
        .collect();
    writer.append(&AppendBatch { admissions: &admissions, leaves: &leaves }).map(drop)
}

/// The files below a ledger directory that all members hold alike, by relative path.
///
/// # Errors
/// What the disk answers.
pub fn common_files(disk: &SimDisk, ledger_dir: &Path) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut directories = vec![String::new()];
    while let Some(directory) = directories.pop() {
        for entry in disk.list(&ledger_dir.join(&directory))? {
            let relative =
                if directory.is_empty() { entry.name } else { format!("{directory}/{}", entry.name) };
            if entry.is_dir {
                directories.push(relative);
            } else if LedgerFile::parse(&relative).is_some_and(LedgerFile::is_common) {
                files.insert(relative.clone(), disk.contents(&ledger_dir.join(&relative))?);
            }
        }
    }
    Ok(files)
}
