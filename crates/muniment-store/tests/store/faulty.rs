//! Real files on a disk that can be told to fail.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use muniment_store::FileDisk;
use muniment_store::disk::{DirEntry, Disk, DiskFile, DiskLock, FileHandle};

/// Fails one kind of call while it is told to, and counts those calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultyDisk(Arc<Switches>);

#[derive(Debug, Default)]
struct Switches {
    fail_syncs: AtomicU64,
    syncs: AtomicU64,
    fail_writes: AtomicU64,
    available: AtomicU64,
}

#[derive(Debug)]
struct FaultyFile(FileHandle, Arc<Switches>);

impl FaultyDisk {
    /// Fails the next `count` calls of `sync_data`.
    pub(crate) fn fail_syncs(&self, count: u64) {
        self.0.fail_syncs.store(count, Ordering::SeqCst);
    }

    /// Answers "no space" to the next `count` writes.
    pub(crate) fn fill(&self, count: u64) {
        self.0.fail_writes.store(count, Ordering::SeqCst);
    }

    /// What `available_bytes` answers.
    pub(crate) fn set_available(&self, bytes: u64) {
        self.0.available.store(bytes, Ordering::SeqCst);
    }

    /// Calls of `sync_data` so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.0.syncs.load(Ordering::SeqCst)
    }

    fn wrap(&self, file: FileHandle) -> FileHandle {
        Arc::new(FaultyFile(file, Arc::clone(&self.0)))
    }
}

/// Whether one of `left` failures is taken.
fn takes(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path) -> io::Result<FileHandle> {
        FileDisk.open(path).map(|file| self.wrap(file))
    }

    fn create(&self, path: &Path) -> io::Result<FileHandle> {
        FileDisk.create(path).map(|file| self.wrap(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        FileDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        FileDisk.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        FileDisk.remove_dir_all(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        FileDisk.create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        FileDisk.list(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        FileDisk.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        FileDisk.lock(path)
    }

    fn available_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.0.available.load(Ordering::SeqCst))
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if takes(&self.1.fail_writes) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write_at(bytes, offset)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.0.allocate(length)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.syncs.fetch_add(1, Ordering::SeqCst);
        if takes(&self.1.fail_syncs) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.0.sync_data()
    }
}
