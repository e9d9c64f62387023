//! Reads of a Raft log, beside its writer.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use muniment_core::{LogIndex, RaftTerm};

use super::frames::{Frame, Intent, Purged};
use super::index::{Index, Segment, Slot};
use crate::error::{At, StorageError};
use crate::frame::{FRAME_HEADER, FrameHeader, FrameKind, frame_crc};

/// Most bytes between two entries that are read along rather than skipped.
const GAP_BYTES_MAX: u64 = 4096;

/// Sees what the writer has written, synced or not. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogReader {
    pub(super) index: Arc<RwLock<Index>>,
}

/// An entry as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its index.
    pub index: LogIndex,
    /// Its term.
    pub raft_term: RaftTerm,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Entries that lie near each other in one segment: one read.
struct Run {
    segment: Segment,
    slots: Vec<Slot>,
}

impl LogReader {
    /// The first entry held.
    #[must_use]
    pub fn first_index(&self) -> Option<LogIndex> {
        let index = self.lock();
        (!index.slots.is_empty()).then_some(LogIndex(index.first))
    }

    /// The last entry held.
    #[must_use]
    pub fn last_index(&self) -> Option<LogIndex> {
        let index = self.lock();
        let count = index.slots.len() as u64;
        (count > 0).then(|| LogIndex(index.first + count - 1))
    }

    /// The first entry of the newest segments that together have at least `bytes`; what lies before may go if nothing
    /// else needs it. `None` while the log is no longer than that. Whole segments only: nothing else frees disk.
    #[must_use]
    pub fn first_index_kept(&self, bytes: u64, segment_bytes: u64) -> Option<LogIndex> {
        let index = self.lock();
        let newest = *index.segments.last_key_value()?.0;
        let kept = u32::try_from(bytes.div_ceil(segment_bytes.max(1))).unwrap_or(u32::MAX);
        let oldest_kept = newest.checked_sub(kept)?;
        let before = index.slots.partition_point(|slot| slot.segment < oldest_kept);
        (before > 0).then_some(LogIndex(index.first + before as u64))
    }

    /// How far the log was purged.
    #[must_use]
    pub fn purged(&self) -> Option<Purged> {
        self.lock().purged.clone()
    }

    /// The newest vote.
    #[must_use]
    pub fn vote(&self) -> Option<Vec<u8>> {
        self.lock().vote.clone()
    }

    /// The newest committed hint.
    #[must_use]
    pub fn committed(&self) -> Option<Vec<u8>> {
        self.lock().committed.clone()
    }

    /// The newest signing intent.
    #[must_use]
    pub fn last_intent(&self) -> Option<Intent> {
        self.lock().intent
    }

    /// The entries of `range` that the log holds, from the first on, until the next would exceed `max_bytes` of entry
    /// bytes; at least one if any is held. Each checksum is verified.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] names file and offset of an entry that is not what was written; else what the disk
    /// answers.
    pub fn read(&self, range: Range<LogIndex>, max_bytes: u64) -> Result<Vec<StoredEntry>, StorageError> {
        let mut entries = Vec::new();
        for run in self.runs(range, max_bytes)? {
            run.read(&mut entries)?;
        }
        Ok(entries)
    }

    /// Collects slots and file handles under the lock; a segment whose handle is held here is not recycled.
    fn runs(&self, range: Range<LogIndex>, max_bytes: u64) -> Result<Vec<Run>, StorageError> {
        let index = self.lock();
        let mut runs: Vec<Run> = Vec::new();
        let mut bytes = 0_u64;
        for number in range.start.0.max(index.first)..range.end.0 {
            let Some(slot) = index.slot(number) else { break };
            bytes += u64::from(slot.length);
            if !runs.is_empty() && bytes > max_bytes {
                break;
            }
            match runs.last_mut() {
                Some(run) if run.takes(slot) => run.slots.push(slot),
                _ => {
                    let segment = index.segments.get(&slot.segment).cloned();
                    let missing = || StorageError::refused(format!("entry {number} lies in no segment"));
                    runs.push(Run { segment: segment.ok_or_else(missing)?, slots: vec![slot] });
                }
            }
        }
        Ok(runs)
    }

    fn lock(&self) -> RwLockReadGuard<'_, Index> {
        // A panic while the lock was held can't leave the index half changed: `apply` does not panic.
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    fn takes(&self, slot: Slot) -> bool {
        let last = self.slots.last().expect("a run starts with a slot");
        slot.segment == last.segment && u64::from(slot.offset) <= last.end() + GAP_BYTES_MAX
    }

    fn read(&self, entries: &mut Vec<StoredEntry>) -> Result<(), StorageError> {
        let (first, last) = match self.slots.as_slice() {
            [first, .., last] => (first, last),
            [only] => (only, only),
            [] => return Ok(()),
        };
        let start = u64::from(first.offset);
        let length = usize::try_from(last.end() - start).expect("a run fits a segment");
        let mut bytes = vec![0; length];
        self.segment.file.read_at(&mut bytes, start).at("read", &self.segment.path)?;
        for slot in &self.slots {
            let from = usize::try_from(u64::from(slot.offset) - start).expect("offsets of a run ascend");
            let to = usize::try_from(slot.end() - start).expect("offsets of a run ascend");
            entries.push(self.entry(slot, &bytes[from..to])?);
        }
        Ok(())
    }

    fn entry(&self, slot: &Slot, frame: &[u8]) -> Result<StoredEntry, StorageError> {
        let damaged = || {
            let what = "an entry fails its checksum after it was written";
            StorageError::corrupt(&self.segment.path, u64::from(slot.offset), what)
        };
        let (header, payload) = frame.split_at(FRAME_HEADER);
        let header = FrameHeader::read(header.try_into().map_err(|_| damaged())?);
        if header.crc != frame_crc(slot.seed, frame) {
            return Err(damaged());
        }
        match Frame::read(FrameKind::Entry, payload) {
            Ok(Some(Frame::Entry { index, raft_term, bytes })) => {
                Ok(StoredEntry { index, raft_term, bytes: bytes.to_vec() })
            }
            _ => Err(damaged()),
        }
    }
}

impl Slot {
    /// Offset after the frame.
    fn end(self) -> u64 {
        u64::from(self.offset) + FRAME_HEADER as u64 + u64::from(self.length)
    }
}
