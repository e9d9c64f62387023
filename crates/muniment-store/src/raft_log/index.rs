//! Where each entry lies, and the newest of what there is one of: what writer and readers share.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use muniment_core::LogIndex;

use super::frames::{Frame, Intent, Purged};
use crate::disk::FileHandle;

/// Where one entry's frame lies: 16 bytes an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Ordinal of the segment: its generation, low 32 bits.
    pub(super) segment: u32,
    /// Offset of the frame.
    pub(super) offset: u32,
    /// Bytes of the payload.
    pub(super) length: u32,
    /// Seed of the frame's CRC, so that every read is checked.
    pub(super) seed: u32,
}

/// A segment file in use.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: FileHandle,
    pub(super) generation: u64,
}

/// State of the log as written, synced or not.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Index of the first slot.
    pub(super) first: u64,
    pub(super) slots: VecDeque<Slot>,
    /// Segments in use, by [`Slot::segment`]; the last one is written to.
    pub(super) segments: BTreeMap<u32, Segment>,
    pub(super) vote: Option<Vec<u8>>,
    pub(super) committed: Option<Vec<u8>>,
    pub(super) intent: Option<Intent>,
    pub(super) purged: Option<Purged>,
}

impl Index {
    /// Index that the next entry must have; `None` if any will do.
    pub(super) fn next(&self) -> Option<u64> {
        if self.slots.is_empty() {
            return self.purged.as_ref().map(|purged| purged.upto.0 + 1);
        }
        Some(self.first + self.slots.len() as u64)
    }

    /// Takes in a frame; `slot` says where an entry lies.
    pub(super) fn apply(&mut self, frame: &Frame<'_>, slot: Slot) {
        match frame {
            Frame::Entry { index, .. } => {
                if self.slots.is_empty() {
                    self.first = index.0;
                }
                self.slots.push_back(slot);
            }
            Frame::Vote(bytes) => self.vote = Some(bytes.to_vec()),
            Frame::Committed(bytes) => self.committed = Some(bytes.to_vec()),
            Frame::Intent(intent) => self.intent = Some(*intent),
            Frame::TruncateAfter { last_kept } => self.truncate(*last_kept),
            Frame::Purge { upto, log_id } => self.purge(*upto, log_id),
        }
    }

    /// The slot of an entry.
    pub(super) fn slot(&self, index: u64) -> Option<Slot> {
        let position = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.slots.get(position).copied()
    }

    fn truncate(&mut self, last_kept: Option<LogIndex>) {
        let kept = last_kept.map_or(0, |last| (last.0 + 1).saturating_sub(self.first));
        self.slots.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
    }

    fn purge(&mut self, upto: LogIndex, log_id: &[u8]) {
        let gone = (upto.0 + 1).saturating_sub(self.first);
        let gone = usize::try_from(gone).unwrap_or(usize::MAX).min(self.slots.len());
        self.slots.drain(..gone);
        self.first = self.first.max(upto.0 + 1);
        self.purged = Some(Purged { upto, log_id: log_id.to_vec() });
    }
}
