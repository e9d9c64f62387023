//! The check of a data directory: every byte that is evidence is held against another.
//!
//! Records against their stubs, stubs against leaf hashes, hashes against their children, the root against the sync
//! point, addresses against where things lie, admissions against their signature and the records they cover, every
//! frame against its checksum. Reads only; changes nothing.

mod admissions;
mod frames;
mod leaves;
mod report;
mod rows;
mod single;
mod tree;

pub use report::{Counts, Finding, Report};
pub use single::{check_file, newest_files, synced_files};

use std::io;
use std::path::Path;
use std::sync::Arc;

use muniment_core::digest::terms_digest;
use muniment_core::leaf::{Content, LeafProof};
use muniment_core::terms::{Term, term_keys, terms_of};
use muniment_core::{Blind, Kind, LeafIndex, Stub, TreeSize, record};

use crate::data_dir::OpenError;
use crate::disk::Disk;
use crate::error::{At, StorageError};
use crate::identity::{IDENTITY_FILE, Identity, IdentityError};
use crate::ledger::current::{CURRENT_FILE, Current};
use crate::ledger::cursor::Sequence;
use crate::ledger::derived_point::{DERIVED_FILE, DERIVING_FILE};
use crate::ledger::{check_dump, list};
use crate::raft_log;
use frames::Frames;
use leaves::{Leaves, lengths};

/// Says whether a stub, a blind and a record belong together: [`check_leaf`], but for tests with made-up records.
pub type LeafCheck<'a> = &'a dyn Fn(&Identity, &[u8; Stub::LENGTH], &Blind, &[u8]) -> Result<(), String>;

/// Holds a record against its stub: canonical form and bounds, kind, submitter, times, terms, content digest.
///
/// # Errors
/// What does not agree.
pub fn check_leaf(
    identity: &Identity,
    stub_bytes: &[u8; Stub::LENGTH],
    blind: &Blind,
    bytes: &[u8],
) -> Result<(), String> {
    let Identity { suite, ledger_id, .. } = identity;
    let stub = Stub::decode(stub_bytes).map_err(|error| error.to_string())?;
    let kind = Kind::from_number(stub.kind).ok_or_else(|| format!("kind {} is unknown", stub.kind))?;
    let keys = if kind.is_submitted() {
        let record = record::decode(bytes, Some(ledger_id)).map_err(|error| error.to_string())?;
        term_keys(*suite, &terms_of(&record, kind), stub.verdict)
    } else {
        term_keys(*suite, &[Term::kind(kind)], stub.verdict)
    };
    let proof = LeafProof {
        index: LeafIndex(0),
        stub: *stub_bytes,
        content: Content::Open { blind: *blind, record: bytes.to_vec() },
        terms_digest: terms_digest(*suite, &keys),
        path: Vec::new(),
    };
    proof.check(*suite, ledger_id).map(|_| ()).map_err(|error| error.to_string())
}

/// Checks a node's data directory. It must not be in use.
///
/// # Errors
/// [`OpenError`] if the check can't be made: the directory is in use, of another format, or the disk fails. Damage is
/// no error but a [`Finding`].
pub fn fsck(disk: &Arc<dyn Disk>, data_dir: &Path, leaf_check: LeafCheck<'_>) -> Result<Report, OpenError> {
    let lock_path = data_dir.join("LOCK");
    let _lock = match disk.lock(&lock_path) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            return Err(OpenError::Locked { path: lock_path });
        }
        other => other.at("lock", &lock_path)?,
    };
    let mut report = Report::default();
    let identity = match Identity::load(&**disk, data_dir) {
        Ok(Some(identity)) => identity,
        Ok(None) => {
            report.find(IDENTITY_FILE, 0, 0, "it is missing");
            return Ok(report);
        }
        Err(IdentityError::Storage(StorageError::Corrupt { what, offset, .. })) => {
            report.find(IDENTITY_FILE, offset, 0, what);
            return Ok(report);
        }
        Err(error) => return Err(error.into()),
    };
    let ledger = check_ledger(&**disk, &data_dir.join("ledger"), &identity, leaf_check)?;
    report.counts = ledger.counts;
    report.notes = ledger.notes;
    let in_data_dir = |finding: Finding| Finding { file: format!("ledger/{}", finding.file), ..finding };
    report.findings.extend(ledger.findings.into_iter().map(in_data_dir));
    match raft_log::check(disk, &data_dir.join("raft")) {
        Ok(frames) => report.counts.log_frames = frames,
        Err(StorageError::Corrupt { path, offset, what }) => {
            let file = path.strip_prefix(data_dir).unwrap_or(&path).display().to_string();
            report.find(file, offset, 0, what);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(report)
}

/// Checks a ledger directory; findings name files below it.
pub(crate) fn check_ledger(
    disk: &dyn Disk,
    dir: &Path,
    identity: &Identity,
    leaf_check: LeafCheck<'_>,
) -> Result<Report, StorageError> {
    let mut report = Report::default();
    let current = match Current::load(disk, dir) {
        Ok(Some(current)) if current.ledger_id == identity.ledger_id => current,
        Ok(Some(_)) => {
            report.find(CURRENT_FILE, 10, 32, "it belongs to another ledger");
            return Ok(report);
        }
        Ok(None) => {
            report.find(CURRENT_FILE, 0, 0, "it is missing");
            return Ok(report);
        }
        Err(StorageError::Corrupt { offset, what, .. }) => {
            report.find(CURRENT_FILE, offset, 0, what);
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    check_current(disk, dir, identity, &current, leaf_check, &mut report)?;
    for name in [DERIVED_FILE, DERIVING_FILE] {
        check_derived_point(disk, dir, identity, (name, &current), &mut report)?;
    }
    Ok(report)
}

/// Checks a derived point: its file, its world dump, and that the evidence files reach as far as it says.
fn check_derived_point(
    disk: &dyn Disk,
    dir: &Path,
    identity: &Identity,
    (name, current): (&str, &Current),
    report: &mut Report,
) -> Result<(), StorageError> {
    match Current::load_from(disk, &dir.join(name)) {
        Ok(None) => {}
        Ok(Some(point)) if point.ledger_id != identity.ledger_id => {
            report.find(name, 10, 32, "it belongs to another ledger");
        }
        Ok(Some(point)) => {
            let reached = |file| current.lengths.get(file).copied().unwrap_or(0);
            let mut common = point.lengths.iter().filter(|(file, _)| file.is_common());
            if let Some((file, length)) = common.find(|(file, length)| reached(file) < **length) {
                let what = format!("{file} has {} bytes in the sync point, {length} here", reached(file));
                report.find(name, 0, 0, what);
            }
            check_world(disk, dir, identity, &point, report)?;
        }
        Err(StorageError::Corrupt { offset, what, .. }) => report.find(name, offset, 0, what),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Checks the world dump that a point names.
fn check_world(
    disk: &dyn Disk,
    dir: &Path,
    identity: &Identity,
    point: &Current,
    report: &mut Report,
) -> Result<(), StorageError> {
    let Some(about) = &point.point.dump else { return Ok(()) };
    let file = format!("world/{}", about.file_name());
    match check_dump(disk, dir, identity.ledger_id, about) {
        Ok(_) => {}
        Err(StorageError::Corrupt { offset, what, .. }) => report.find(file, offset, about.bytes, what),
        Err(StorageError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            report.find(file, 0, 0, "it is missing");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Checks a ledger directory against a sync point.
pub(crate) fn check_current(
    disk: &dyn Disk,
    dir: &Path,
    identity: &Identity,
    current: &Current,
    leaf_check: LeafCheck<'_>,
    report: &mut Report,
) -> Result<(), StorageError> {
    check_lengths(disk, dir, current, report)?;
    Leaves::new(disk, dir, identity, current, leaf_check).check(report)?;
    let mut notes = Frames::new(disk, dir, Sequence::Checkpoints, lengths(current, Sequence::Checkpoints));
    while notes.next(report)?.is_some() {
        report.counts.checkpoints += 1;
    }
    check_world(disk, dir, identity, current, report)
}

/// Hands every synced checkpoint note with its size to `each`, in the order in which they were kept. Damaged ones are
/// left out.
pub(crate) fn notes_of(
    disk: &dyn Disk,
    dir: &Path,
    current: &Current,
    mut each: impl FnMut(TreeSize, Vec<u8>),
) -> Result<(), StorageError> {
    let mut report = Report::default();
    let mut notes = Frames::new(disk, dir, Sequence::Checkpoints, lengths(current, Sequence::Checkpoints));
    while let Some(item) = notes.next(&mut report)? {
        if let Some((_, payload)) = item.content
            && let Some((size, note)) = payload.split_first_chunk()
        {
            each(TreeSize(u64::from_be_bytes(*size)), note.to_vec());
        }
    }
    Ok(())
}

/// Files must be as long as the sync point says, and as its size needs. Longer is not yet synced: no damage.
fn check_lengths(
    disk: &dyn Disk,
    dir: &Path,
    current: &Current,
    report: &mut Report,
) -> Result<(), StorageError> {
    let found = list(disk, dir)?;
    for (file, synced) in &current.lengths {
        let length = found.get(file).copied().unwrap_or(0);
        if length < *synced {
            report.find(
                file.relative(),
                length,
                0,
                format!("{length} bytes are there, {synced} were synced"),
            );
        }
        if length > *synced {
            report.notes.push(format!("{file}: {} bytes beyond the sync point", length - synced));
        }
    }
    for (file, length) in &found {
        if !current.lengths.contains_key(file) {
            report.notes.push(format!("{file}: {length} bytes, not yet in a sync point"));
        }
    }
    if let Some((bytes, width)) = current.other_rows() {
        let size = current.point.size;
        report.find(CURRENT_FILE, 0, 0, format!("{bytes} bytes of {width} for {size} leaves"));
    }
    Ok(())
}
