//! A disk as one life of a machine reaches it: nothing goes through once the power has failed, and flushes can be left
//! out on purpose.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muniment_store::disk::{DirEntry, Disk, DiskFile, DiskLock, FileHandle};

use crate::disk::SimDisk;
use crate::swarm::machine::Machine;

/// Which flushes reach the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flushing {
    /// All.
    #[default]
    Honest,
    /// None of files: what the node acknowledges is not durable.
    Never,
    /// Not those of groups of the Raft log that hold a vote and no entry.
    NotForVotes,
}

/// Bytes of a frame before its payload, and where length and kind stand in it (`docs/data-format.md`, "Frame").
const FRAME_HEADER: usize = 17;
const FRAME_KIND: usize = 4;
/// Kind of an entry's frame.
const ENTRY: u8 = 2;
/// Kind of a vote's frame.
const VOTE: u8 = 3;

/// A disk behind a machine's power switch.
#[derive(Clone, Debug)]
pub(crate) struct MachineDisk {
    pub(crate) machine: Arc<Machine>,
    pub(crate) inner: SimDisk,
    pub(crate) flushing: Flushing,
}

#[derive(Debug)]
struct MachineFile {
    disk: MachineDisk,
    path: PathBuf,
    inner: FileHandle,
    /// Whether what was written since the last flush is votes without entries.
    only_votes: AtomicBool,
}

impl MachineDisk {
    /// Carries out an operation while the power is on. A disk that stops in the middle of one takes the machine along.
    fn operate<T>(&self, operation: impl FnOnce(&SimDisk) -> io::Result<T>) -> io::Result<T> {
        if self.machine.is_off() {
            return Err(io::Error::other("the power has failed"));
        }
        let result = operation(&self.inner);
        if self.inner.has_crashed() {
            self.machine.switch_off();
        }
        result
    }

    fn wrap(&self, path: &Path, inner: FileHandle) -> FileHandle {
        let (disk, path) = (self.clone(), path.to_owned());
        Arc::new(MachineFile { disk, path, inner, only_votes: AtomicBool::new(false) })
    }
}

impl Disk for MachineDisk {
    fn open(&self, path: &Path) -> io::Result<FileHandle> {
        Ok(self.wrap(path, self.operate(|disk| disk.open(path))?))
    }

    fn create(&self, path: &Path) -> io::Result<FileHandle> {
        Ok(self.wrap(path, self.operate(|disk| disk.create(path))?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate(|disk| disk.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.operate(|disk| disk.remove_file(path))
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.operate(|disk| disk.remove_dir_all(path))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.operate(|disk| disk.create_dir_all(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.operate(|disk| disk.list(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.operate(|disk| disk.sync_dir(path))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.operate(|disk| disk.lock(path))
    }

    fn available_bytes(&self, path: &Path) -> io::Result<u64> {
        self.operate(|disk| disk.available_bytes(path))
    }
}

impl DiskFile for MachineFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.operate(|_| self.inner.read_at(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.only_votes.store(is_vote_group(bytes), Ordering::Relaxed);
        self.disk.operate(|_| self.inner.write_at(bytes, offset))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.disk.operate(|_| self.inner.allocate(length))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.operate(|_| self.inner.set_len(length))
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.operate(|_| self.inner.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        let in_raft_log = self.path.parent().is_some_and(|parent| parent.ends_with("raft"));
        let left_out = match self.disk.flushing {
            Flushing::Honest => false,
            Flushing::Never => true,
            Flushing::NotForVotes => in_raft_log && self.only_votes.load(Ordering::Relaxed),
        };
        self.disk.operate(|_| if left_out { Ok(()) } else { self.inner.sync_data() })
    }
}

/// Whether a write to the Raft log is a group of frames with a vote and no entry.
fn is_vote_group(mut bytes: &[u8]) -> bool {
    let mut has_vote = false;
    while let Some(header) = bytes.first_chunk::<FRAME_HEADER>() {
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        match header[FRAME_KIND] {
            ENTRY => return false,
            VOTE => has_vote = true,
            _ => {}
        }
        let Some(rest) = usize::try_from(length).ok().and_then(|length| bytes.get(FRAME_HEADER + length..))
        else {
            return false;
        };
        bytes = rest;
    }
    has_vote
}
