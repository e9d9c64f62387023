//! A disk as one life of a machine reaches it: nothing goes through once the power has failed, and flushes can be left
//! out on purpose.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use muniment_store::disk::{DirEntry, Disk, DiskFile, DiskLock, FileHandle};

use crate::disk::SimDisk;
use crate::swarm::machine::Machine;

/// Which flushes of the Raft log reach the disk. All others do: a lie is about one thing only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flushing {
    /// All.
    #[default]
    Honest,
    /// Not those of entries alone: an acknowledgement says nothing, until something else is flushed.
    NotForEntries,
    /// Not those of votes alone.
    NotForVotes,
}

/// Bytes of a frame before its payload, and where length and kind stand in it (`docs/data-format.md`, "Frame").
const FRAME_HEADER: usize = 17;
const FRAME_KIND: usize = 4;
/// Kind of the frame that opens a group.
const GROUP: u8 = 1;
/// Kind of an entry's frame.
const ENTRY: u8 = 2;
/// Kind of a vote's frame.
const VOTE: u8 = 3;
/// Kind of Raft's committed hint.
const COMMITTED: u8 = 4;

/// What was written to a file since its last flush, as bits.
const HOLDS_ENTRY: u8 = 1;
const HOLDS_VOTE: u8 = 2;
const HOLDS_OTHER: u8 = 4;

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
    /// What was written since the last flush.
    unflushed: AtomicU8,
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
        Arc::new(MachineFile { disk, path, inner, unflushed: AtomicU8::new(0) })
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

impl MachineFile {
    /// Whether the machine leaves this flush out. Segment headers, lengths and intents are flushed honestly, and take
    /// along whatever was written before them.
    fn leaves_flush_out(&self) -> bool {
        let alone = match self.disk.flushing {
            Flushing::Honest => return false,
            Flushing::NotForEntries => HOLDS_ENTRY,
            Flushing::NotForVotes => HOLDS_VOTE,
        };
        let in_raft_log = self.path.parent().is_some_and(|parent| parent.ends_with("raft"));
        in_raft_log && self.unflushed.load(Ordering::Relaxed) == alone
    }

    fn note(&self, holds: u8) {
        self.unflushed.fetch_or(holds, Ordering::Relaxed);
    }
}

impl DiskFile for MachineFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.operate(|_| self.inner.read_at(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.note(contents(bytes));
        self.disk.operate(|_| self.inner.write_at(bytes, offset))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.note(HOLDS_OTHER);
        self.disk.operate(|_| self.inner.allocate(length))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.note(HOLDS_OTHER);
        self.disk.operate(|_| self.inner.set_len(length))
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.operate(|_| self.inner.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.leaves_flush_out() {
            return self.disk.operate(|_| Ok(()));
        }
        self.disk.operate(|_| self.inner.sync_data())?;
        self.unflushed.store(0, Ordering::Relaxed);
        Ok(())
    }
}

/// What a write to the Raft log holds: groups of frames, or anything else.
fn contents(mut bytes: &[u8]) -> u8 {
    let mut holds = 0;
    while let Some(header) = bytes.first_chunk::<FRAME_HEADER>() {
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        holds |= match header[FRAME_KIND] {
            GROUP | COMMITTED => 0,
            ENTRY => HOLDS_ENTRY,
            VOTE => HOLDS_VOTE,
            _ => HOLDS_OTHER,
        };
        let Some(rest) = usize::try_from(length).ok().and_then(|length| bytes.get(FRAME_HEADER + length..))
        else {
            return HOLDS_OTHER;
        };
        bytes = rest;
    }
    if bytes.is_empty() { holds } else { HOLDS_OTHER }
}
