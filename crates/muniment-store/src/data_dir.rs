//! A node's data directory: locked, claimed, with nothing half done in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::disk::{Disk, DiskLock};
use crate::error::{At, StorageError};
use crate::identity::{Identity, IdentityError};
use crate::install;

/// Room that a node keeps free besides its segments allocated ahead, in bytes: enough to apply, sync and close what
/// is under way when new submissions are already refused.
pub const RESERVE_BYTES: u64 = 32 * 1024 * 1024;

/// A locked data directory that belongs to this node.
#[derive(Debug)]
pub struct DataDir {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    identity: Identity,
    _lock: Box<dyn DiskLock>,
}

/// Why a data directory can't be used.
#[derive(Clone, Debug, Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{path} is in use by another process: stop it first", path = path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// It is another node's, or of another format.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The disk, or what it holds.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl DataDir {
    /// Locks `path`, insists that it is `identity`'s (or makes it so if it is new), and finishes or undoes an
    /// installation that a crash interrupted.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(disk: Arc<dyn Disk>, path: &Path, identity: &Identity) -> Result<Self, OpenError> {
        disk.create_dir_all(path).at("create", path)?;
        sync_ancestors(&*disk, path)?;
        let lock_path = path.join("LOCK");
        let lock = match disk.lock(&lock_path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(OpenError::Locked { path: lock_path });
            }
            other => other.at("lock", &lock_path)?,
        };
        identity.claim(&*disk, path)?;
        install::recover(&*disk, path)?;
        Ok(Self { disk, path: path.to_owned(), identity: identity.clone(), _lock: lock })
    }

    /// The disk it lies on.
    #[must_use]
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    /// Whose it is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the Raft log lies.
    #[must_use]
    pub fn raft_dir(&self) -> PathBuf {
        self.path.join("raft")
    }

    /// Where the evidence files lie.
    #[must_use]
    pub fn ledger_dir(&self) -> PathBuf {
        self.path.join("ledger")
    }

    /// Insists on room for `bytes` more beside the reserve. To be asked before Raft sees an entry: an append that
    /// fails later ends the node.
    ///
    /// # Errors
    /// [`StorageError::Full`] with what is there and what is needed.
    pub fn insist_on_room(&self, bytes: u64) -> Result<(), StorageError> {
        insist_on_room(&*self.disk, &self.path, bytes)
    }
}

/// Makes the name of `path` durable, and those of all directories above: any of them may have been made just now, and
/// with it all of the node would go.
fn sync_ancestors(disk: &dyn Disk, path: &Path) -> Result<(), StorageError> {
    let above = path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty());
    for dir in above {
        match disk.sync_dir(dir) {
            // A directory that this process may not read is none that it made, nor are those above.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
            other => other.at("flush the names of", dir)?,
        }
    }
    Ok(())
}

/// [`DataDir::insist_on_room`] without the directory's lock.
///
/// # Errors
/// [`StorageError::Full`] with what is there and what is needed.
pub fn insist_on_room(disk: &dyn Disk, path: &Path, bytes: u64) -> Result<(), StorageError> {
    let available = disk.available_bytes(path).at("measure the room of", path)?;
    let needed = RESERVE_BYTES.saturating_add(bytes);
    if available < needed {
        return Err(StorageError::Full {
            action: "take in more below",
            path: path.to_owned(),
            available,
            needed,
        });
    }
    Ok(())
}
