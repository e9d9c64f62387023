//! The one writer of a Raft log.

use std::sync::{Arc, PoisonError, RwLock};

use tracing::warn;

use super::frames::{Frame, GROUP_PAYLOAD, Group};
use super::index::{Index, Segment, Slot};
use super::segments::Segments;
use crate::error::{At, Health, StorageError};
use crate::frame::{Chain, FRAME_HEADER};
use crate::segment::SEGMENT_HEADER;

/// Bytes of a group's first frame.
const GROUP_FRAME: u64 = (FRAME_HEADER + GROUP_PAYLOAD) as u64;

/// Most bytes of a vote, a committed hint or a log id: they are written again at the start of each segment.
const STATE_BYTES_MAX: usize = 1024;

/// Writes groups of frames and makes them durable. Not `Clone`: one log has one writer.
///
/// Any failure but [`StorageError::Refused`] is for ever: every later call answers the first one.
#[derive(Debug)]
pub struct LogWriter {
    pub(super) index: Arc<RwLock<Index>>,
    pub(super) segments: Segments,
    pub(super) health: Health,
    /// The segment that is written to.
    pub(super) active: Segment,
    /// Bytes of the active segment's file.
    pub(super) end: u64,
    /// Offset of the next frame.
    pub(super) offset: u64,
    pub(super) chain: Chain,
    /// Frames below this sequence are durable.
    pub(super) durable: u64,
    /// Bytes of the group being written; kept for its allocation.
    pub(super) buffer: Vec<u8>,
}

impl LogWriter {
    /// Writes frames as one group: on return they are readable, not yet durable.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if an entry's index doesn't follow or a frame is too large, nothing written; else
    /// what the disk answers, for ever.
    pub fn write_group(&mut self, frames: &[Frame<'_>]) -> Result<(), StorageError> {
        self.health.check()?;
        self.insist_on_order(frames)?;
        let mut rest = frames;
        while !rest.is_empty() {
            let count = self.fitting(rest);
            let result = if count == 0 { self.roll() } else { self.write_chunk(&rest[..count]) };
            result.map_err(|error| self.health.fail(error))?;
            rest = &rest[count..];
        }
        Ok(())
    }

    /// Makes every frame written so far durable: one `fdatasync`, none if nothing was written since the last.
    /// Then segments that a purge left without entries are recycled.
    ///
    /// # Errors
    /// What the disk answers, for ever: a failed flush is never tried again.
    pub fn sync(&mut self) -> Result<(), StorageError> {
        self.health.check()?;
        let result = self.flush().and_then(|()| self.retire_unneeded());
        result.map_err(|error| self.health.fail(error))
    }

    /// What failed first, if anything did.
    #[must_use]
    pub const fn health(&self) -> &Health {
        &self.health
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        if self.durable == self.chain.sequence {
            return Ok(());
        }
        // From here on all frames written are durable; a crash before leaves any part of those since the last flush.
        self.active.file.sync_data().at("flush", &self.active.path)?;
        self.durable = self.chain.sequence;
        Ok(())
    }

    /// Checks what later reads rely on, before anything is written.
    fn insist_on_order(&self, frames: &[Frame<'_>]) -> Result<(), StorageError> {
        let (mut next, first) = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            (index.next(), index.first)
        };
        for frame in frames {
            match frame {
                Frame::Entry { index, .. } => {
                    if next.is_some_and(|next| next != index.0) {
                        let what = format!("entry {index} doesn't follow: the log's next index is {next:?}");
                        return Err(StorageError::refused(what));
                    }
                    next = Some(index.0 + 1);
                }
                Frame::TruncateAfter { last_kept } => {
                    let kept = last_kept.map_or(0, |last| last.0 + 1);
                    next = next.map(|next| next.min(kept.max(first)));
                }
                Frame::Purge { upto, .. } => next = Some(next.unwrap_or(0).max(upto.0 + 1)),
                Frame::Vote(_) | Frame::Committed(_) | Frame::Intent(_) => {}
            }
            self.insist_on_size(frame)?;
        }
        Ok(())
    }

    fn insist_on_size(&self, frame: &Frame<'_>) -> Result<(), StorageError> {
        let state = match frame {
            Frame::Vote(bytes) | Frame::Committed(bytes) | Frame::Purge { log_id: bytes, .. } => bytes.len(),
            Frame::Entry { .. } | Frame::Intent(_) | Frame::TruncateAfter { .. } => 0,
        };
        // Each segment starts with a group that repeats vote, hint, intent and purge.
        let reserve = SEGMENT_HEADER as u64 + 2 * GROUP_FRAME + 4 * 64 + 3 * STATE_BYTES_MAX as u64;
        let room = self.segments.options.segment_bytes.saturating_sub(reserve);
        let needed = frame_bytes(frame);
        if state > STATE_BYTES_MAX || needed > room {
            let kind = frame.kind();
            let what = format!("{kind:?} frame of {needed} bytes: a segment has room for {room}");
            return Err(StorageError::refused(what));
        }
        Ok(())
    }

    /// How many of the frames the active segment has room for.
    fn fitting(&self, frames: &[Frame<'_>]) -> usize {
        let mut left = self.end.saturating_sub(self.offset + GROUP_FRAME);
        frames.iter().take_while(|frame| take_room(&mut left, frame_bytes(frame))).count()
    }

    /// Writes frames that fit into the active segment: one write.
    fn write_chunk(&mut self, frames: &[Frame<'_>]) -> Result<(), StorageError> {
        let bytes = GROUP_FRAME + frames.iter().map(frame_bytes).sum::<u64>();
        let bytes = u32::try_from(bytes).expect("a group fits a segment of at most 4 GiB");
        self.buffer.clear();
        let mut chain = self.chain;
        Group { durable: self.durable, previous: chain.previous, bytes }.push(&mut chain, &mut self.buffer);
        let segment = slot_key(self.active.generation)?;
        let mut slots = Vec::with_capacity(frames.len());
        for frame in frames {
            let offset = self.offset + self.buffer.len() as u64;
            let length = u32::try_from(frame.payload_length()).expect("a frame fits a segment");
            let seed = chain.push(&mut self.buffer, frame.kind(), length, |payload| frame.write(payload));
            let offset = u32::try_from(offset).expect("a segment has at most 4 GiB");
            slots.push(Slot { segment, offset, length, seed });
        }
        self.active.file.write_at(&self.buffer, self.offset).at("write", &self.active.path)?;
        self.offset += self.buffer.len() as u64;
        self.chain = chain;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for (frame, slot) in frames.iter().zip(slots) {
            index.apply(frame, slot);
        }
        Ok(())
    }

    /// Goes on in a new segment, which starts with what there is one of. All before it is durable then, so that damage
    /// in an earlier segment is never taken for a torn tail.
    fn roll(&mut self) -> Result<(), StorageError> {
        self.flush()?;
        let generation = self.active.generation + 1;
        self.active = self.segments.activate(generation, self.chain.sequence)?;
        self.enter_active()?;
        let (purged, vote, committed, intent) = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            (index.purged.clone(), index.vote.clone(), index.committed.clone(), index.intent)
        };
        let mut state = Vec::with_capacity(4);
        if let Some(purged) = &purged {
            state.push(Frame::Purge { upto: purged.upto, log_id: &purged.log_id });
        }
        state.extend(vote.as_deref().map(Frame::Vote));
        state.extend(committed.as_deref().map(Frame::Committed));
        state.extend(intent.map(Frame::Intent));
        self.write_chunk(&state)?;
        match self.segments.prepare_spare() {
            // Not needed yet: the next roll tries again and fails if there still is no room.
            Err(error @ StorageError::Full { .. }) => warn!(%error, "no segment allocated ahead"),
            other => other?,
        }
        Ok(())
    }

    /// Starts at the front of the active segment.
    pub(super) fn enter_active(&mut self) -> Result<(), StorageError> {
        let key = slot_key(self.active.generation)?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.segments.insert(key, self.active.clone());
        drop(index);
        let header = crate::segment::SegmentHeader {
            kind: crate::segment::SegmentKind::RaftLog,
            class: 0,
            generation: self.active.generation,
            first_sequence: self.chain.sequence,
        };
        self.chain = header.chain();
        self.offset = SEGMENT_HEADER as u64;
        self.end = self.active.file.len().at("measure", &self.active.path)?;
        Ok(())
    }

    /// Recycles segments, oldest first, that hold no entry any more. The purge that freed them is durable.
    fn retire_unneeded(&mut self) -> Result<(), StorageError> {
        loop {
            let segment = {
                let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
                let active = slot_key(self.active.generation)?;
                let needed = index.slots.front().map_or(active, |slot| slot.segment);
                match index.segments.first_entry() {
                    Some(oldest) if *oldest.key() < needed => oldest.remove(),
                    _ => return Ok(()),
                }
            };
            self.segments.retire(segment)?;
        }
    }
}

/// Bytes of a whole frame.
fn frame_bytes(frame: &Frame<'_>) -> u64 {
    (FRAME_HEADER + frame.payload_length()) as u64
}

/// Takes `bytes` from `left` if there are as many.
fn take_room(left: &mut u64, bytes: u64) -> bool {
    let enough = bytes <= *left;
    *left = left.saturating_sub(bytes);
    enough
}

/// How slots name a segment.
pub(super) fn slot_key(generation: u64) -> Result<u32, StorageError> {
    u32::try_from(generation).map_err(|_| StorageError::refused("more than 2^32 segments: start a new node"))
}
