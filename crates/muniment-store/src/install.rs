//! Putting evidence files of another node in place of this node's.
//!
//! They are fetched into `ledger.incoming`, verified as a whole, and only then swapped in by two renames, each made
//! durable before the next: a crash anywhere leaves the old files or the new ones, and [`recover`] tidies up.

use std::path::Path;

use crate::disk::Disk;
use crate::error::{At, StorageError};
use crate::ledger::current::CURRENT_FILE;
use crate::replace::exists;

/// Where files are fetched to.
const INCOMING: &str = "ledger.incoming";
/// Where the old files wait to be removed.
const OUTGOING: &str = "ledger.outgoing";
/// The evidence files in use.
const LEDGER: &str = "ledger";

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
