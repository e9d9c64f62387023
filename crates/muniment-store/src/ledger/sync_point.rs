//! Sync points: the moments that evidence files are cut back to after a crash. Made off the apply thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use muniment_core::{Hash, LogIndex, RaftTerm, TreeSize};

use super::current::Current;
use super::cursor::Cursors;
use super::derived_point;
use super::file::LedgerFile;
use super::files::lock;
use super::view::Shared;
use super::world_dump::{WorldDump, WorldDumpRef, write_dump};
use super::writer::record_bytes;
use crate::error::{At, StorageError};

/// Which Raft entry something follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryPosition {
    /// Its log index.
    pub log_index: LogIndex,
    /// Its term.
    pub raft_term: RaftTerm,
}

/// What Raft has to know about a sync point; the store keeps it with the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncPointMeta {
    /// The last entry applied.
    pub position: EntryPosition,
    /// Membership as of then, and what else Raft wants back; opaque here.
    pub membership: Vec<u8>,
}

/// A durable state of the evidence files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncPoint {
    /// The last entry applied; `None` before the first.
    pub position: Option<EntryPosition>,
    /// As it was given with the sync point.
    pub membership: Vec<u8>,
    /// Leaves.
    pub size: TreeSize,
    /// Root at that size.
    pub root: Hash,
    /// Bytes of the record segments: the same on every node.
    pub record_bytes: u64,
    /// The newest world dump; replay starts behind it.
    pub dump: Option<WorldDumpRef>,
}

/// Makes a sync point of the state in which it was prepared.
#[must_use = "a sync point is made by running the job"]
pub struct SyncPointJob {
    pub(super) shared: Arc<Shared>,
    pub(super) meta: SyncPointMeta,
    pub(super) size: TreeSize,
    pub(super) root: Hash,
    pub(super) cursors: Cursors,
    pub(super) lengths: BTreeMap<LedgerFile, u64>,
    pub(super) dump: Option<WorldDump>,
    pub(super) derived: bool,
}

impl SyncPointJob {
    /// Also keeps the point as the awaited derived point: for the state that a mark in the log asks to derive values
    /// of. It needs a world dump of its own.
    ///
    /// # Panics
    /// If the job was prepared without a dump.
    pub fn as_derived_point(mut self) -> Self {
        assert!(self.dump.is_some(), "a derived point has the world dump of its own state");
        self.derived = true;
        self
    }

    /// Syncs every evidence file, writes the world dump if there is one to write, then puts `CURRENT` in place.
    ///
    /// On return the sync point is durable; a crash before leaves the previous one. A job that comes after a newer one
    /// changes nothing and answers that one.
    ///
    /// # Errors
    /// What the disk answers, for ever: writer and jobs answer the same from then on.
    pub fn run(self) -> Result<SyncPoint, StorageError> {
        let shared = Arc::clone(&self.shared);
        // One sync point at a time, never back to an older one.
        let _guard = lock(&shared.making);
        shared.files.health.check()?;
        let newest = shared.sync_point();
        if newest.position > Some(self.meta.position) {
            return Ok(newest);
        }
        self.make().map_err(|error| shared.files.health.fail(error))
    }

    fn make(mut self) -> Result<SyncPoint, StorageError> {
        let files = &self.shared.files;
        // Lengths first, then sync: what is named is a part of what gets durable.
        self.lengths.extend(self.shared.checkpoint_lengths());
        files.sync()?;
        let ledger_id = self.shared.ledger_id;
        let dump = match self.dump.take() {
            Some(dump) => {
                let at = (self.size, self.meta.position);
                Some(write_dump(&files.disk, &files.dir, ledger_id, at, &self.cursors, dump)?)
            }
            None => self.shared.sync_point().dump,
        };
        let SyncPointMeta { position, membership } = self.meta;
        let (cursors, lengths) = (self.cursors, self.lengths);
        let record_bytes = record_bytes(&lengths);
        let (size, root) = (self.size, self.root);
        let point = SyncPoint { position: Some(position), membership, size, root, record_bytes, dump };
        let current = Current { ledger_id, point, cursors, lengths };
        current.store(&*files.disk, &files.dir)?;
        self.shared.set_sync_point(current.point.clone());
        if self.derived {
            derived_point::keep(&self.shared, &current)?;
        }
        remove_other_dumps(&self.shared)?;
        Ok(current.point)
    }
}

impl std::fmt::Debug for SyncPointJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncPointJob")
            .field("meta", &self.meta)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Removes dumps that no point names any more. Not synced: one that comes back after a crash is removed next time.
pub(super) fn remove_other_dumps(shared: &Shared) -> Result<(), StorageError> {
    let dir = shared.files.dir.join("world");
    let derived = lock(&shared.derived_points).clone();
    let points = [Some(shared.sync_point()), derived.confirmed, derived.awaited];
    let kept: Vec<String> = points
        .iter()
        .flatten()
        .filter_map(|point| point.dump.as_ref())
        .map(WorldDumpRef::file_name)
        .collect();
    for entry in shared.files.disk.list(&dir).at("list", &dir)? {
        if !kept.contains(&entry.name) {
            let path = dir.join(&entry.name);
            shared.files.disk.remove_file(&path).at("remove", &path)?;
        }
    }
    Ok(())
}

/// Syncs what the writer has written so far, so that dirty pages don't pile up until the next sync point.
#[derive(Debug)]
#[must_use = "files are synced by running the job"]
pub struct BackgroundSync {
    pub(super) shared: Arc<Shared>,
}

impl BackgroundSync {
    /// Syncs; changes no sync point.
    ///
    /// # Errors
    /// What the disk answers, for ever.
    pub fn run(self) -> Result<(), StorageError> {
        self.shared.files.sync()
    }
}
