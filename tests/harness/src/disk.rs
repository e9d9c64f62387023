//! A disk in memory that forgets what was not synced.
//!
//! Bytes, lengths and names have a durable state and one that the process sees. A crash keeps any part of the
//! difference: each unsynced write sector by sector, each unsynced name or length as a whole, in any order. Faults and
//! what a crash keeps are a function of the seed.

mod content;
mod fault;
mod file;
mod names;

pub use fault::{Fault, Lie, Operation};

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muniment_store::disk::{DirEntry, Disk, DiskLock, FileHandle};

use crate::random::Random;
use content::Content;
use file::SimFile;
use names::{Names, Node};

/// A simulated disk; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    files: BTreeMap<u64, Content>,
    next_file: u64,
    names: Names,
    locks: BTreeSet<PathBuf>,
    /// Grows with each restart: handles of an earlier life answer errors.
    life: u64,
    operations: u64,
    crashed: bool,
    faults: Vec<Fault>,
    lie: Lie,
    /// Below here a crash keeps nothing of what was not synced.
    forgetful: Option<PathBuf>,
    capacity: u64,
    /// Bytes of all files, as the process sees them.
    used: u64,
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    life: u64,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.lock_state();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl SimDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            next_file: 0,
            names: Names::default(),
            locks: BTreeSet::new(),
            life: 0,
            operations: 0,
            crashed: false,
            faults: Vec::new(),
            lie: Lie::None,
            forgetful: None,
            capacity: u64::MAX,
            used: 0,
        })))
    }

    /// Adds a fault to come.
    pub fn inject(&self, fault: Fault) {
        self.lock_state().faults.push(fault);
    }

    /// Makes the disk lie from now on.
    pub fn lie(&self, lie: Lie) {
        self.lock_state().lie = lie;
    }

    /// From now on crashes keep nothing of what was not synced in files below `dir`: the mildest that a disk may do, and
    /// the only thing that a lie about a sync can be hidden behind, since a later write may say what was synced before.
    pub fn forget_unsynced_below(&self, dir: &Path) {
        self.lock_state().forgetful = Some(dir.to_owned());
    }

    /// Bounds the bytes of all files.
    pub fn set_capacity(&self, bytes: u64) {
        self.lock_state().capacity = bytes;
    }

    /// Operations counted so far, in all lives: names, writes and syncs; reads don't count.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock_state().operations
    }

    /// Whether a crash has come.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.lock_state().crashed
    }

    /// Stops the machine between two operations.
    pub fn crash(&self) {
        self.lock_state().crashed = true;
    }

    /// Starts again after a crash: `seed` decides what of the unsynced is left. Faults to come are forgotten.
    pub fn restart(&self, seed: u64) {
        let mut state = self.lock_state();
        let mut random = Random::new(seed);
        // Some crashes keep nearly all, some nearly nothing: both ends find other bugs than the middle.
        let kept_percent = [0, 15, 50, 85, 100][usize::try_from(random.below(5)).expect("below 5")];
        let forgetful = state.forgetful.as_ref().map(|dir| state.names.files_below(dir)).unwrap_or_default();
        for (id, content) in &mut state.files {
            content.crash(&mut random, if forgetful.contains(id) { 0 } else { kept_percent });
        }
        state.names.crash(&mut random, kept_percent);
        let named = state.names.files();
        state.files.retain(|id, _| named.contains(id));
        state.used = state.files.values().map(|content| content.visible().len() as u64).sum();
        state.locks.clear();
        state.faults.clear();
        state.crashed = false;
        state.life += 1;
    }

    /// Damages one byte silently, on the medium and in the cache.
    ///
    /// # Errors
    /// `NotFound` if there is no such file, `InvalidInput` if it has no such byte.
    pub fn flip(&self, path: &Path, offset: usize, mask: u8) -> io::Result<()> {
        let mut state = self.lock_state();
        let id = state.names.file(path)?;
        let content = state.files.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
        if content.flip(offset, mask) { Ok(()) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// A file's bytes as a process sees them.
    ///
    /// # Errors
    /// `NotFound` if there is no such file.
    pub fn contents(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.lock_state();
        let id = state.names.file(path)?;
        Ok(state.files.get(&id).map(|content| content.visible().to_vec()).unwrap_or_default())
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, id: u64, life: u64) -> FileHandle {
        Arc::new(SimFile { disk: self.clone(), id, life })
    }
}

/// What becomes of an operation.
enum Fate {
    Done,
    /// It takes effect in the cache; then the machine stops.
    Crashes,
    Fails(io::ErrorKind),
}

impl State {
    fn insist_on_life(&self) -> io::Result<()> {
        if self.crashed { Err(stopped()) } else { Ok(()) }
    }

    /// Counts an operation and decides its fate.
    fn fate(&mut self, operation: Operation) -> io::Result<Fate> {
        self.insist_on_life()?;
        self.operations += 1;
        let number = self.operations;
        if self.faults.iter().any(|fault| matches!(fault, Fault::Crash { at } if *at <= number)) {
            self.crashed = true;
            return Ok(Fate::Crashes);
        }
        let due = self.faults.iter().position(
            |fault| matches!(fault, Fault::Fail { at, operation: kind, .. } if *at <= number && *kind == operation),
        );
        match due.map(|position| self.faults.remove(position)) {
            Some(Fault::Fail { error, .. }) => Ok(Fate::Fails(error)),
            _ => Ok(Fate::Done),
        }
    }

    /// Counts an operation on names; it is pending even if the machine stops in it.
    fn name<T>(&mut self, change: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        match self.fate(Operation::Name)? {
            Fate::Done => change(self),
            Fate::Fails(error) => Err(error.into()),
            Fate::Crashes => change(self).and_then(|_| Err(stopped())),
        }
    }

    fn content(&mut self, id: u64) -> io::Result<&mut Content> {
        self.files.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Counts an operation that changes a file's bytes or length.
    fn write(&mut self, id: u64, change: impl FnOnce(&mut Content)) -> io::Result<()> {
        let fate = self.fate(Operation::Write)?;
        if let Fate::Fails(error) = fate {
            return Err(error.into());
        }
        let content = self.content(id)?;
        let before = content.visible().len() as u64;
        change(content);
        let after = content.visible().len() as u64;
        self.used = self.used + after - before;
        if matches!(fate, Fate::Crashes) { Err(stopped()) } else { Ok(()) }
    }

    fn insist_on_room(&mut self, id: u64, end: u64) -> io::Result<()> {
        let grown = end.saturating_sub(self.content(id)?.visible().len() as u64);
        if grown > 0 && self.used.saturating_add(grown) > self.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

fn stopped() -> io::Error {
    io::Error::other("the simulated machine has stopped")
}

impl Disk for SimDisk {
    fn open(&self, path: &Path) -> io::Result<FileHandle> {
        let state = self.lock_state();
        state.insist_on_life()?;
        Ok(self.handle(state.names.file(path)?, state.life))
    }

    fn create(&self, path: &Path) -> io::Result<FileHandle> {
        let mut state = self.lock_state();
        let life = state.life;
        let id = state.name(|state| {
            if let Ok(id) = state.names.file(path) {
                let content = state.content(id)?;
                let emptied = content.visible().len() as u64;
                content.set_len(0);
                state.used -= emptied;
                return Ok(id);
            }
            let id = state.next_file;
            state.names.insert(path, Node::File(id))?;
            state.next_file += 1;
            state.files.insert(id, Content::default());
            Ok(id)
        })?;
        Ok(self.handle(id, life))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.lock_state().name(|state| state.names.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.lock_state().name(|state| {
            let id = state.names.file(path)?;
            state.names.remove(path);
            state.used -= state.content(id)?.visible().len() as u64;
            Ok(())
        })
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.lock_state().name(|state| {
            state.names.insist_on_dir(path)?;
            state.names.remove(path);
            Ok(())
        })
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.insist_on_life()?;
        let missing: Vec<PathBuf> = state.names.missing_dirs(path);
        for dir in missing {
            state.name(|state| state.names.insert(&dir, Node::Dir))?;
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let state = self.lock_state();
        state.insist_on_life()?;
        state.names.list(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        match state.fate(Operation::SyncDir)? {
            Fate::Done if state.lie == Lie::SkipSyncDir => Ok(()),
            Fate::Done => state.names.sync_dir(path),
            Fate::Fails(error) => Err(error.into()),
            Fate::Crashes => Err(stopped()),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let mut state = self.lock_state();
        state.insist_on_life()?;
        // The lock itself is the system's: its file is of no account here.
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let life = state.life;
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned(), life }))
    }

    fn available_bytes(&self, _path: &Path) -> io::Result<u64> {
        let state = self.lock_state();
        state.insist_on_life()?;
        Ok(state.capacity.saturating_sub(state.used))
    }
}
