//! What can go wrong with bytes on disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use thiserror::Error;

/// A failure of the disk, of what it holds, or of a caller that asks for what can't be.
///
/// After [`StorageError::Io`], [`StorageError::Full`] or [`StorageError::Corrupt`] from a writer nothing more is
/// written by it: every later call answers the first reason.
#[derive(Clone, Debug, Error)]
pub enum StorageError {
    /// The operating system refused. What was being written may be there in part; nothing of it was acknowledged.
    #[error("cannot {action} {path}: {error}; stop this node and look at the disk", path = path.display())]
    Io {
        /// Verb phrase.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's answer.
        error: Arc<io::Error>,
    },
    /// No room. Nothing was acknowledged.
    #[error("no space left to {action} {path}: {available} bytes available, {needed} needed; free some, then restart",
        path = path.display())]
    Full {
        /// Verb phrase.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Bytes that were available, 0 if the operating system refused a write.
        available: u64,
        /// Bytes that were needed.
        needed: u64,
    },
    /// Bytes on disk are not what was written. Nothing was cut or changed.
    #[error("{path} is damaged at byte {offset}: {what}; move the directory aside and rebuild it from a peer",
        path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Offset of the damaged frame or row, in bytes.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A request that breaks the caller's side of the contract. Nothing was written.
    #[error("refused: {what}")]
    Refused {
        /// What was asked, and why it can't be.
        what: String,
    },
}

impl StorageError {
    /// Wraps an answer of the operating system.
    pub(crate) fn io(action: &'static str, path: &Path, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull {
            return Self::Full { action, path: path.to_owned(), available: 0, needed: 1 };
        }
        Self::Io { action, path: path.to_owned(), error: Arc::new(error) }
    }

    /// Damage at `offset` of `path`.
    pub(crate) fn corrupt(path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), offset, what: what.into() }
    }

    /// A request that can't be.
    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::Refused { what: what.into() }
    }
}

/// Adds the verb phrase and the path to an answer of the operating system.
pub(crate) trait At<T> {
    /// `action` is what was being done to `path`.
    fn at(self, action: &'static str, path: &Path) -> Result<T, StorageError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, StorageError> {
        self.map_err(|error| StorageError::io(action, path, error))
    }
}

/// The first failure of a group of files, kept for ever.
///
/// After a failed `fdatasync` the kernel may have dropped the pages and calls them clean: a second attempt would
/// succeed and prove nothing ("Can applications recover from fsync failures?", ATC '20). So nothing is tried again.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<OnceLock<StorageError>>);

impl Health {
    /// The first failure, if there was one.
    #[must_use]
    pub fn first_failure(&self) -> Option<StorageError> {
        self.0.get().cloned()
    }

    /// Insists that nothing has failed yet.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        self.first_failure().map_or(Ok(()), Err)
    }

    /// Notes a failure, unless there is an earlier one, and answers the first.
    pub(crate) fn fail(&self, error: StorageError) -> StorageError {
        self.0.get_or_init(|| error).clone()
    }
}
