//! Open handles of the evidence files, and which of them still have to be synced.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::damage::Damage;
use super::file::LedgerFile;
use crate::disk::{Disk, FileHandle};
use crate::error::{At, Health, StorageError};

/// Handles kept open; when there are more, all are let go and opened again as needed.
const HANDLES_MAX: usize = 512;

/// The files of one ledger directory, shared by writer, views and jobs.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) health: Health,
    /// What is not read until it is repaired.
    pub(crate) damage: Damage,
    handles: Mutex<HashMap<LedgerFile, FileHandle>>,
    dirty: Mutex<Dirty>,
    /// Held while dirty files are being synced: who comes second must not believe them clean yet.
    syncing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Dirty {
    files: BTreeSet<LedgerFile>,
    dirs: BTreeSet<PathBuf>,
}

impl Files {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path) -> Self {
        Self {
            disk,
            dir: dir.to_owned(),
            health: Health::default(),
            damage: Damage::default(),
            handles: Mutex::default(),
            dirty: Mutex::default(),
            syncing: Mutex::default(),
        }
    }

    pub(crate) fn path(&self, file: LedgerFile) -> PathBuf {
        file.path(&self.dir)
    }

    /// Opens an existing file.
    pub(crate) fn open(&self, file: LedgerFile) -> Result<FileHandle, StorageError> {
        if let Some(handle) = lock(&self.handles).get(&file) {
            return Ok(Arc::clone(handle));
        }
        let path = self.path(file);
        let handle = self.disk.open(&path).at("open", &path)?;
        self.remember(file, &handle);
        Ok(handle)
    }

    fn create(&self, file: LedgerFile) -> Result<FileHandle, StorageError> {
        let path = self.path(file);
        let dir = path.parent().unwrap_or(&self.dir).to_owned();
        if let LedgerFile::Tree(_, 0) = file {
            self.disk.create_dir_all(&dir).at("create", &dir)?;
            lock(&self.dirty).dirs.insert(self.dir.join("tree"));
        }
        let handle = self.disk.create(&path).at("create", &path)?;
        lock(&self.dirty).dirs.insert(dir);
        self.remember(file, &handle);
        Ok(handle)
    }

    /// Writes at the end of a file; one that starts at 0 is made.
    pub(crate) fn append(&self, file: LedgerFile, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let handle = if offset == 0 { self.create(file)? } else { self.open(file)? };
        // Dirty first: a job that syncs in between syncs too much rather than too little.
        lock(&self.dirty).files.insert(file);
        handle.write_at(bytes, offset).at("write", &self.path(file))
    }

    pub(crate) fn read(&self, file: LedgerFile, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        if self.damage.is_known() {
            self.damage.insist_on_sound(&self.dir, &file.relative(), offset, buffer.len() as u64)?;
        }
        let handle = self.open(file)?;
        match handle.read_at(buffer, offset) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(StorageError::corrupt(&self.path(file), offset, "the file ends before this row or frame"))
            }
            other => other.at("read", &self.path(file)),
        }
    }

    /// Syncs every dirty file and directory. On return all that was written before the call is durable; a crash
    /// before leaves any part of it, which the next open cuts back to `CURRENT`.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        let _guard = lock(&self.syncing);
        self.health.check()?;
        let dirty = std::mem::take(&mut *lock(&self.dirty));
        let result = self.sync_all(&dirty);
        result.map_err(|error| self.health.fail(error))
    }

    fn sync_all(&self, dirty: &Dirty) -> Result<(), StorageError> {
        for file in &dirty.files {
            self.open(*file)?.sync_data().at("flush", &self.path(*file))?;
        }
        for dir in &dirty.dirs {
            self.disk.sync_dir(dir).at("flush the names of", dir)?;
        }
        Ok(())
    }

    fn remember(&self, file: LedgerFile, handle: &FileHandle) {
        let mut handles = lock(&self.handles);
        if handles.len() >= HANDLES_MAX {
            handles.clear();
        }
        handles.insert(file, Arc::clone(handle));
    }
}

/// Locks; what the locks here guard is whole between any two statements, so that a panic elsewhere can't hurt it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
