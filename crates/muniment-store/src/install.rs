//! Putting evidence files of another node in place of this node's.
//!
//! They are fetched into `ledger.incoming`, verified as a whole, and only then swapped in by two renames, each made
//! durable before the next: a crash anywhere leaves the old files or the new ones, and [`recover`] tidies up.

use std::path::Path;

use muniment_core::{Hash, TreeSize};

use crate::data_dir::DataDir;
use crate::disk::Disk;
use crate::error::{At, StorageError};
use crate::fsck::{LeafCheck, Report, check_current};
use crate::ledger::current::CURRENT_FILE;
use crate::ledger::{LedgerFile, directories, list};
use crate::manifest::{FileSource, Manifest, ManifestFile, ranges};
use crate::replace::{exists, read_file};

/// Where files are fetched to.
const INCOMING: &str = "ledger.incoming";
/// Where the old files wait to be removed.
const OUTGOING: &str = "ledger.outgoing";
/// The evidence files in use.
const LEDGER: &str = "ledger";

/// Fetches the files of a peer's sync point, checks every byte of them as `fsck` does, and puts them in the place of
/// this node's. Checkpoints stay this node's own.
///
/// `expected` is the tree size and the root that members signed: the peer is not believed. Writer, views and jobs of the
/// old files must be gone; open the ledger again afterwards.
///
/// Durable on return; a crash before leaves the old files.
///
/// # Errors
/// [`StorageError::Refused`] if the manifest is of another ledger, size or root; [`StorageError::Corrupt`] names the
/// fetched file that is not what it should be; else what source or disk answer. The old files are then untouched.
pub fn install(
    data_dir: &DataDir,
    manifest: &Manifest,
    expected: (TreeSize, Hash),
    source: &dyn FileSource,
    leaf_check: LeafCheck<'_>,
) -> Result<(), StorageError> {
    let (disk, identity) = (data_dir.disk(), data_dir.identity());
    if manifest.current.ledger_id != identity.ledger_id || (manifest.size(), manifest.root()) != expected {
        let (size, root) = expected;
        let what = format!("the peer's files are of another ledger, size or root than {size}, {root}");
        return Err(StorageError::refused(what));
    }
    let incoming = data_dir.path().join(INCOMING);
    remove_dir(&*disk, &incoming)?;
    // The lengths are the peer's word: it must not fill the disk with them.
    let bytes = manifest.files().iter().fold(0_u64, |bytes, file| bytes.saturating_add(file.bytes));
    data_dir.insist_on_room(bytes)?;
    for name in directories() {
        let path = incoming.join(name);
        disk.create_dir_all(&path).at("create", &path)?;
    }
    for file in manifest.files() {
        fetch(&*disk, &incoming, &file, source)?;
    }
    let mut report = Report::default();
    check_current(&*disk, &incoming, identity, &manifest.current, leaf_check, &mut report)?;
    if let Some(finding) = report.findings.first() {
        let path = incoming.join(&finding.file);
        return Err(StorageError::corrupt(&path, finding.offset, finding.what.as_str()));
    }
    keep_checkpoints(&*disk, &data_dir.ledger_dir(), &incoming)?;
    sync_dirs(&*disk, &incoming)?;
    // Written last: a directory with `CURRENT` is whole.
    manifest.current.store(&*disk, &incoming)?;
    swap(&*disk, data_dir.path())
}

/// Fetches one file, verifies its digest, makes its bytes durable.
fn fetch(
    disk: &dyn Disk,
    incoming: &Path,
    file: &ManifestFile,
    source: &dyn FileSource,
) -> Result<(), StorageError> {
    let path = incoming.join(&file.name);
    let dir = path.parent().unwrap_or(incoming);
    disk.create_dir_all(dir).at("create", dir)?;
    let handle = disk.create(&path).at("create", &path)?;
    let mut hasher = blake3::Hasher::new();
    for (offset, length) in ranges(file.bytes) {
        let bytes = source.read(&file.name, offset, length)?;
        if bytes.len() as u64 != length {
            let what = format!("the source answered {} of {length} bytes", bytes.len());
            return Err(StorageError::corrupt(&path, offset, what));
        }
        hasher.update(&bytes);
        handle.write_at(&bytes, offset).at("write", &path)?;
    }
    let digest: [u8; 32] = hasher.finalize().into();
    if file.digest.is_some_and(|expected| expected != digest) {
        return Err(StorageError::corrupt(&path, 0, "the fetched bytes are not those of the manifest"));
    }
    handle.sync_data().at("flush", &path)
}

/// Copies this node's checkpoint notes beside the fetched files.
fn keep_checkpoints(disk: &dyn Disk, ledger: &Path, incoming: &Path) -> Result<(), StorageError> {
    for file in list(disk, ledger)?.into_keys().filter(|file| matches!(file, LedgerFile::Checkpoints(_))) {
        let (bytes, path) = (read_file(disk, &file.path(ledger))?, file.path(incoming));
        let copy = disk.create(&path).at("create", &path)?;
        copy.write_at(&bytes, 0).at("write", &path)?;
        copy.sync_data().at("flush", &path)?;
    }
    Ok(())
}

/// Makes every name below a directory durable.
fn sync_dirs(disk: &dyn Disk, dir: &Path) -> Result<(), StorageError> {
    for entry in disk.list(dir).at("list", dir)?.into_iter().filter(|entry| entry.is_dir) {
        sync_dirs(disk, &dir.join(entry.name))?;
    }
    disk.sync_dir(dir).at("flush the names of", dir)
}

/// Two renames, each durable before the next.
fn swap(disk: &dyn Disk, data_dir: &Path) -> Result<(), StorageError> {
    let (ledger, incoming, outgoing) =
        (data_dir.join(LEDGER), data_dir.join(INCOMING), data_dir.join(OUTGOING));
    let sync = || disk.sync_dir(data_dir).at("flush the names of", data_dir);
    // The name `ledger.incoming` itself must be durable before `ledger` goes.
    sync()?;
    if is_dir(disk, &ledger)? {
        disk.rename(&ledger, &outgoing).at("move aside", &ledger)?;
        sync()?;
    }
    disk.rename(&incoming, &ledger).at("put in place", &ledger)?;
    sync()?;
    remove_dir(disk, &outgoing)
}

/// Finishes or undoes a swap that a crash interrupted.
pub(crate) fn recover(disk: &dyn Disk, data_dir: &Path) -> Result<(), StorageError> {
    let (ledger, incoming, outgoing) =
        (data_dir.join(LEDGER), data_dir.join(INCOMING), data_dir.join(OUTGOING));
    if !is_dir(disk, &ledger)? && exists(disk, &incoming.join(CURRENT_FILE))? {
        // `CURRENT` is written last: the incoming files are whole and verified.
        disk.rename(&incoming, &ledger).at("put in place", &ledger)?;
        disk.sync_dir(data_dir).at("flush the names of", data_dir)?;
    } else if !is_dir(disk, &ledger)? && is_dir(disk, &outgoing)? {
        disk.rename(&outgoing, &ledger).at("put back", &ledger)?;
        disk.sync_dir(data_dir).at("flush the names of", data_dir)?;
    }
    remove_dir(disk, &incoming)?;
    remove_dir(disk, &outgoing)
}

fn is_dir(disk: &dyn Disk, path: &Path) -> Result<bool, StorageError> {
    match disk.list(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StorageError::io("list", path, error)),
    }
}

fn remove_dir(disk: &dyn Disk, path: &Path) -> Result<(), StorageError> {
    match disk.remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.at("remove", path),
    }
}
