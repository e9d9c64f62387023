//! Replacing a small file as a whole.

use std::path::Path;

use crate::disk::Disk;
use crate::error::{At, StorageError};

/// Puts `bytes` in the place of `path`. Durable when this returns; a crash before leaves the old file or the new one,
/// and perhaps a `.tmp` beside it, which the next replacement empties.
pub(crate) fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let temporary = path.with_extension("tmp");
    let file = disk.create(&temporary).at("create", &temporary)?;
    file.write_at(bytes, 0).at("write", &temporary)?;
    // The content is durable before the name: a new name never shows an empty file.
    file.sync_data().at("flush", &temporary)?;
    disk.rename(&temporary, path).at("replace", path)?;
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    disk.sync_dir(dir).at("flush the names of", dir)
}

/// Reads a whole file.
pub(crate) fn read_file(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, StorageError> {
    let file = disk.open(path).at("open", path)?;
    let length = file.len().at("measure", path)?;
    let too_long = |_| StorageError::corrupt(path, 0, format!("{length} bytes don't fit memory"));
    let mut bytes = vec![0; usize::try_from(length).map_err(too_long)?];
    file.read_at(&mut bytes, 0).at("read", path)?;
    Ok(bytes)
}

/// Whether there is a file of this name.
pub(crate) fn exists(disk: &dyn Disk, path: &Path) -> Result<bool, StorageError> {
    match disk.open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StorageError::io("open", path, error)),
    }
}
