//! The one writer of the evidence files.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use muniment_core::tree::Frontier;
use muniment_core::{Blind, Hash, LeafIndex, RetentionClass, Stub, Suite, Tree, TreeSize};

use super::address::Address;
use super::cursor::{Cursors, Sequence};
use super::extents::{Extent, Extents};
use super::file::LedgerFile;
use super::sync_point::{BackgroundSync, SyncPointJob, SyncPointMeta};
use super::view::Shared;
use super::world_dump::WorldDump;
use crate::error::{Health, StorageError};
use crate::frame::FrameKind;

/// Bytes written since the last sync after which [`Writer::append`] hands out a [`BackgroundSync`].
const BACKGROUND_SYNC_BYTES: u64 = 8 * 1024 * 1024;

/// What one Raft entry adds.
#[derive(Clone, Copy, Debug)]
pub struct AppendBatch<'a> {
    /// What is kept of its admissions, in order: encoded [`muniment_core::admission::KeptAdmission`].
    pub admissions: &'a [&'a [u8]],
    /// Its leaves, in order.
    pub leaves: &'a [AppendLeaf<'a>],
}

/// One leaf.
#[derive(Clone, Copy, Debug)]
pub struct AppendLeaf<'a> {
    /// The encoded stub.
    pub stub: [u8; Stub::LENGTH],
    /// Retention class, as in the stub.
    pub class: RetentionClass,
    /// The record's blind.
    pub blind: Blind,
    /// The record's bytes.
    pub record: &'a [u8],
    /// H("muniment/v1/record" 00 blind record).
    pub record_digest: Hash,
    /// Which of the batch's admissions it lies in; `None` for what no admission covers.
    pub admission: Option<u32>,
    /// Its position among that admission's records, from 0.
    pub position: u32,
}

/// What an append led to.
#[derive(Debug)]
pub struct Appended {
    /// Leaves after the batch.
    pub size: TreeSize,
    /// To be run off the apply thread, if it is time.
    pub background_sync: Option<BackgroundSync>,
}

/// Appends to the evidence files. Not `Clone`: one ledger has one writer, owned by the state machine.
///
/// After opening it stands at the world dump's size. What it is given below the sync point it compares with the files
/// byte by byte instead of writing it, so that a restart proves that log and files agree.
///
/// Any failure but [`StorageError::Refused`] is for ever: every later call answers the first one.
#[derive(Debug)]
pub struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) suite: Suite,
    pub(super) frontier: Frontier,
    pub(super) cursors: Cursors,
    /// Bytes of each file so far.
    pub(super) lengths: BTreeMap<LedgerFile, u64>,
    /// Bytes of each file at the sync point: below, comparing replaces writing. Emptied when it is passed.
    pub(super) held: HashMap<LedgerFile, u64>,
    /// Leaves and root at the sync point that was opened.
    pub(super) held_size: TreeSize,
    pub(super) held_root: Hash,
    pub(super) extents: Extents,
    /// Bytes written since a background sync was handed out.
    pub(super) unsynced: u64,
    /// Bytes of all record segments.
    pub(super) record_bytes: u64,
    /// For comparing.
    pub(super) scratch: Vec<u8>,
}

impl Writer {
    /// Appends what one entry adds: one write per file that it touches. Not yet visible to views: see
    /// [`Writer::publish`].
    ///
    /// # Errors
    /// [`StorageError::Refused`] if the batch contradicts itself, nothing written. [`StorageError::Corrupt`] if files
    /// hold something else at this place. Else what the disk answers. All but the first are for ever.
    pub fn append(&mut self, batch: &AppendBatch<'_>) -> Result<Appended, StorageError> {
        self.shared.files.health.check()?;
        insist_on_shape(batch)?;
        self.gather(batch);
        let extents = std::mem::take(&mut self.extents);
        let result = extents.list.iter().try_for_each(|extent| self.write(extent));
        self.extents = extents;
        self.extents.clear();
        result.and_then(|()| self.leave_replay()).map_err(|error| self.shared.files.health.fail(error))?;
        Ok(Appended { size: self.size(), background_sync: self.take_background_sync() })
    }

    /// Lets views see all that was appended.
    pub fn publish(&mut self) {
        if self.size() >= self.held_size {
            self.shared.publish(self.size(), self.frontier.root());
        }
    }

    /// Leaves appended or compared so far.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    /// Root at [`Writer::size`] (RFC 9162 2.1.1).
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Whether appends are still compared with what the files hold.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.size() < self.held_size
    }

    /// What failed first, if anything did.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.shared.files.health
    }

    /// Prepares a sync point of the state as it is, to be run off the apply thread; with `dump` also a world dump of
    /// this very state.
    ///
    /// # Errors
    /// [`StorageError::Refused`] during replay: the files' own sync point is newer. The first failure, if there was
    /// one.
    pub fn prepare_sync_point(
        &self,
        meta: SyncPointMeta,
        dump: Option<WorldDump>,
    ) -> Result<SyncPointJob, StorageError> {
        self.shared.files.health.check()?;
        if self.is_replaying() {
            let (size, held) = (self.size(), self.held_size);
            let what = format!("no sync point at size {size}: replay has not reached {held}");
            return Err(StorageError::refused(what));
        }
        Ok(SyncPointJob {
            shared: Arc::clone(&self.shared),
            meta,
            size: self.size(),
            root: self.root(),
            cursors: self.cursors,
            lengths: self.lengths.clone(),
            dump,
            derived: false,
        })
    }

    /// Bytes of all record segments so far: the same on every node.
    #[must_use]
    pub const fn record_bytes(&self) -> u64 {
        self.record_bytes
    }

    /// Lays out the batch's bytes, file by file, and moves the ends on.
    fn gather(&mut self, batch: &AppendBatch<'_>) {
        let Self { extents, cursors, frontier, suite, .. } = self;
        let places: Vec<(u32, u32)> = batch
            .admissions
            .iter()
            .map(|kept| {
                let length = length(kept.len());
                let cursor = &mut cursors.admissions;
                let place =
                    cursor.push(Sequence::Admissions, extents, FrameKind::Admission, length, |payload| {
                        payload.extend_from_slice(kept);
                    });
                (place.segment, place.offset)
            })
            .collect();
        let first = frontier.size().next_leaf().0;
        let addresses: Vec<Address> = batch
            .leaves
            .iter()
            .map(|leaf| {
                let bytes = length(leaf.blind.0.len() + leaf.record.len());
                let sequence = Sequence::Records(leaf.class);
                let cursor = cursors.records(leaf.class);
                let record = cursor.push(sequence, extents, FrameKind::Record, bytes, |payload| {
                    payload.extend_from_slice(&leaf.blind.0);
                    payload.extend_from_slice(leaf.record);
                });
                let admission = leaf.admission.map(|number| places[number as usize]);
                let position = u16::try_from(leaf.position).expect("the shape was checked");
                let record_digest = leaf.record_digest;
                Address { class: leaf.class, record, admission, position, record_digest }
            })
            .collect();
        let rows = (first..).zip(&addresses).map(|(leaf, address)| address.encode(LeafIndex(leaf)));
        extents.push_rows(LedgerFile::Addresses, first, rows);
        let stubs: Vec<[u8; Stub::LENGTH]> = batch.leaves.iter().map(|leaf| leaf.stub).collect();
        extents.push_rows(LedgerFile::Stubs, first, stubs.iter().copied());
        frontier.extend(suite.leaves(Tree::Ledger, &stubs), |level, first, hashes| {
            let rows = hashes.iter().map(|hash| hash.0);
            extents.push_rows(|number| LedgerFile::Tree(level, number), first, rows);
        });
    }

    /// Writes an extent; the part of it that the files already hold is compared.
    fn write(&mut self, extent: &Extent) -> Result<(), StorageError> {
        let Extent { file, offset, bytes } = extent;
        let held = self.held.get(file).copied().unwrap_or(0);
        let known = usize::try_from(held.saturating_sub(*offset)).unwrap_or(usize::MAX).min(bytes.len());
        if known > 0 {
            self.compare(*file, *offset, &bytes[..known])?;
        }
        let end = offset + bytes.len() as u64;
        if known < bytes.len() {
            self.shared.files.append(*file, offset + known as u64, &bytes[known..])?;
            self.unsynced += (bytes.len() - known) as u64;
            if matches!(file, LedgerFile::Records(..)) {
                self.record_bytes += (bytes.len() - known) as u64;
            }
            self.lengths.insert(*file, end);
        }
        Ok(())
    }

    fn compare(&mut self, file: LedgerFile, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.scratch.resize(bytes.len(), 0);
        self.shared.files.read(file, offset, &mut self.scratch)?;
        match self.scratch.iter().zip(bytes).position(|(found, expected)| found != expected) {
            None => Ok(()),
            Some(at) => {
                let what = "it is not what this node's own log says";
                Err(StorageError::corrupt(&self.shared.files.path(file), offset + at as u64, what))
            }
        }
    }

    /// When replay passes the sync point: the root must be the one that was synced.
    fn leave_replay(&mut self) -> Result<(), StorageError> {
        if self.held.is_empty() || self.is_replaying() {
            return Ok(());
        }
        if self.size() == self.held_size && self.root() != self.held_root {
            let path = self.shared.files.dir.join(super::current::CURRENT_FILE);
            let (root, held) = (self.root(), self.held_root);
            let what = format!("it names root {held}, but this node's log leads to {root}");
            return Err(StorageError::corrupt(&path, 0, what));
        }
        if self.size() > self.held_size {
            self.held.clear();
        }
        Ok(())
    }

    fn take_background_sync(&mut self) -> Option<BackgroundSync> {
        if self.unsynced < BACKGROUND_SYNC_BYTES {
            return None;
        }
        self.unsynced = 0;
        Some(BackgroundSync { shared: Arc::clone(&self.shared) })
    }
}

/// Bytes of the record segments among files.
pub(super) fn record_bytes(lengths: &BTreeMap<LedgerFile, u64>) -> u64 {
    lengths.iter().filter(|(file, _)| matches!(file, LedgerFile::Records(..))).map(|(_, bytes)| bytes).sum()
}

/// Checks what gathering relies on.
fn insist_on_shape(batch: &AppendBatch<'_>) -> Result<(), StorageError> {
    for leaf in batch.leaves {
        let known = leaf.admission.is_none_or(|number| (number as usize) < batch.admissions.len());
        if !known || leaf.position > u32::from(u16::MAX) {
            let (admission, position) = (leaf.admission, leaf.position);
            let what =
                format!("a leaf at position {position} of admission {admission:?}: the batch has none");
            return Err(StorageError::refused(what));
        }
        if leaf.stub[3] & 0b111 != leaf.class.number() {
            return Err(StorageError::refused("a leaf's class is not the one in its stub"));
        }
    }
    Ok(())
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("what a batch of 1 MiB holds is far below 4 GiB")
}
