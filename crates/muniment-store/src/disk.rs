//! The one door to the disk, so that simulation can tear, lose, delay and damage what goes through it.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// An open file, shared by the writer and its readers.
pub type FileHandle = Arc<dyn DiskFile>;

/// What the store needs of a file system. Paths are absolute or relative to the process.
///
/// Durability is that of POSIX: bytes and length of a file are durable after [`DiskFile::sync_data`], its name in a
/// directory after [`Disk::sync_dir`]; before that a crash keeps any part of them, in any order.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` if there is none; else what the system answers.
    fn open(&self, path: &Path) -> io::Result<FileHandle>;

    /// Makes an empty file, or empties the one that is there.
    ///
    /// # Errors
    /// What the system answers.
    fn create(&self, path: &Path) -> io::Result<FileHandle>;

    /// Renames a file or directory, replacing a file of the new name.
    ///
    /// # Errors
    /// What the system answers.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound` if there is none; else what the system answers.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and all below it.
    ///
    /// # Errors
    /// `NotFound` if there is none; else what the system answers.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Makes a directory and those above it that are missing.
    ///
    /// # Errors
    /// What the system answers.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Lists a directory, ascending by name.
    ///
    /// # Errors
    /// `NotFound` if there is none; else what the system answers.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the system answers; must not be tried again.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes an exclusive lock on a file, which is made if needed; the lock is held until the guard is dropped.
    ///
    /// # Errors
    /// `WouldBlock` if another process or guard holds it; else what the system answers.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// Bytes that this process may still write below `path`.
    ///
    /// # Errors
    /// What the system answers.
    fn available_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// An open file: positional access only, so that readers and the writer share it.
pub trait DiskFile: Debug + Send + Sync {
    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before; else what the system answers.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, growing the file if needed.
    ///
    /// # Errors
    /// What the system answers; a part may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Grows the file to `length` bytes of zeros with blocks behind them; never shrinks it.
    ///
    /// # Errors
    /// What the system answers.
    fn allocate(&self, length: u64) -> io::Result<()>;

    /// Cuts or grows the file.
    ///
    /// # Errors
    /// What the system answers.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// What the system answers.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file holds no byte.
    ///
    /// # Errors
    /// What the system answers.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Makes bytes and length durable (`fdatasync`).
    ///
    /// # Errors
    /// What the system answers; must not be tried again.
    fn sync_data(&self) -> io::Result<()>;
}

/// Holds an exclusive lock until dropped.
pub trait DiskLock: Debug + Send + Sync {}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name, without the directory.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
}
