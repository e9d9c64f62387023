//! Segment sequences of the ledger, read in order and past damage.

use std::path::Path;

use super::report::Report;
use crate::disk::Disk;
use crate::error::StorageError;
use crate::frame::{Chain, FRAME_HEADER, FrameHeader, FrameKind, frame_crc};
use crate::ledger::cursor::{Cursor, Place, Sequence};
use crate::replace::{exists, read_file};
use crate::segment::{SEGMENT_BYTES, SEGMENT_HEADER};

/// A frame, or where one should be.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) sequence: u64,
    pub(super) place: Place,
    /// Kind and payload; `None` if the frame is damaged, which has been reported.
    pub(super) content: Option<(FrameKind, Vec<u8>)>,
}

/// Walks a segment sequence. Damage is reported once, where it is; the walk goes on behind it if it can.
pub(super) struct Frames<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    sequence: Sequence,
    /// Synced bytes of each segment, in order.
    lengths: Vec<u64>,
    /// Segment being read, or to be read next.
    segment: u32,
    /// Its synced bytes.
    bytes: Vec<u8>,
    at: usize,
    chain: Chain,
    /// Whether the segment was begun.
    open: bool,
    /// What else the CRC chain may go on from: the checksum that a damaged frame should have had.
    other_previous: Option<u32>,
    /// Whether frames were lost at the end of the segment before: their number is not known.
    lost: bool,
}

impl<'a> Frames<'a> {
    pub(super) const fn new(
        disk: &'a dyn Disk,
        dir: &'a Path,
        sequence: Sequence,
        lengths: Vec<u64>,
    ) -> Self {
        let chain = Chain { generation: 0, sequence: 0, previous: 0 };
        Self {
            disk,
            dir,
            sequence,
            lengths,
            segment: 0,
            bytes: Vec::new(),
            at: 0,
            chain,
            open: false,
            other_previous: None,
            lost: false,
        }
    }

    /// Of one segment alone, the last of `lengths`: its own header says which frame it begins with.
    pub(super) fn of_segment(
        disk: &'a dyn Disk,
        dir: &'a Path,
        sequence: Sequence,
        lengths: Vec<u64>,
        segment: u32,
    ) -> Self {
        Self { segment, lost: true, ..Self::new(disk, dir, sequence, lengths) }
    }

    /// Name of the segment of a place.
    pub(super) fn name(&self, segment: u32) -> String {
        self.sequence.file(segment).relative()
    }

    /// The next frame; `None` at the end.
    pub(super) fn next(&mut self, report: &mut Report) -> Result<Option<Item>, StorageError> {
        loop {
            if !self.open && !self.begin(report)? {
                return Ok(None);
            }
            if self.at < self.bytes.len() {
                return Ok(Some(self.frame(report)));
            }
            self.open = false;
            self.segment += 1;
        }
    }

    /// Where the sequence ends, once [`Frames::next`] has answered `None` and nothing was damaged: what the writer's
    /// cursor must say.
    pub(super) fn end(&self) -> Cursor {
        let sequence = self.chain.sequence;
        let Some(last) = self.segment.checked_sub(1) else {
            return Cursor { sequence, ..Cursor::default() };
        };
        if self.bytes.len() as u64 >= SEGMENT_BYTES {
            return Cursor { segment: self.segment, sequence, ..Cursor::default() };
        }
        let offset = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        Cursor { segment: last, offset, previous: self.chain.previous, sequence }
    }

    /// Reads the next segment and checks its header.
    fn begin(&mut self, report: &mut Report) -> Result<bool, StorageError> {
        let Some(length) = self.lengths.get(self.segment as usize).copied() else {
            return Ok(false);
        };
        let file = self.sequence.file(self.segment);
        let path = file.path(self.dir);
        self.bytes = if exists(self.disk, &path)? { read_file(self.disk, &path)? } else { Vec::new() };
        self.bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        if std::mem::take(&mut self.lost) {
            self.chain.sequence = self.named_first_sequence().unwrap_or(self.chain.sequence);
        }
        let header = self.sequence.header(self.segment, self.chain.sequence);
        self.chain = header.chain();
        self.other_previous = None;
        if self.bytes.get(..SEGMENT_HEADER) != Some(header.encode().as_slice()) {
            let what = "the segment's header is not the one that belongs here";
            report.find(file.relative(), 0, SEGMENT_HEADER as u64, what);
        }
        self.at = SEGMENT_HEADER.min(self.bytes.len());
        self.open = true;
        Ok(true)
    }

    /// The first sequence that the segment's own header names, if that header holds.
    fn named_first_sequence(&self) -> Option<u64> {
        let bytes = self.bytes.get(..SEGMENT_HEADER)?;
        let named = u64::from_be_bytes(*bytes[20..].first_chunk()?);
        (self.sequence.header(self.segment, named).encode() == bytes).then_some(named)
    }

    fn frame(&mut self, report: &mut Report) -> Item {
        let (sequence, offset) = (self.chain.sequence, self.at);
        if let Some((end, chain, item)) = self.whole(offset, sequence, self.chain.previous) {
            self.step(end, chain);
            return item;
        }
        // The frame before may have been damaged in its checksum alone.
        if let Some(previous) = self.other_previous.take()
            && let Some((end, chain, item)) = self.whole(offset, sequence, previous)
        {
            self.step(end, chain);
            return item;
        }
        self.damaged(report)
    }

    fn step(&mut self, end: usize, chain: Chain) {
        (self.at, self.chain, self.other_previous) = (end, chain, None);
    }

    /// Reports the frame at hand and finds the one behind it.
    fn damaged(&mut self, report: &mut Report) -> Item {
        let (sequence, offset) = (self.chain.sequence, self.at);
        let seed = self.chain.seed();
        let candidates = self.previous_candidates(offset, seed);
        let behind = (offset + FRAME_HEADER..self.bytes.len()).find_map(|at| {
            let found = |previous: &u32| self.whole(at, sequence + 1, *previous).map(|_| (at, *previous));
            candidates.iter().find_map(found)
        });
        self.lost = behind.is_none();
        let end = behind.map_or(self.bytes.len(), |(at, _)| at);
        let length = (end - offset) as u64;
        let name = self.name(self.segment);
        report.find(name, offset as u64, length, format!("frame {sequence} fails its checksum"));
        self.chain.sequence += 1;
        self.chain.previous = behind.map_or(0, |(_, previous)| previous);
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let place = Place {
            segment: self.segment,
            offset: narrow(offset),
            length: narrow((end - offset).saturating_sub(FRAME_HEADER)),
            seed,
        };
        self.at = end;
        Item { sequence, place, content: None }
    }

    /// What the frame behind a damaged one may be chained to: the checksum as it stands, or as it should stand.
    fn previous_candidates(&self, offset: usize, seed: u32) -> Vec<u32> {
        let Some(header) = self.header(offset) else {
            return Vec::new();
        };
        let mut candidates = vec![header.crc];
        let end = offset.saturating_add(usize::try_from(header.frame_length()).unwrap_or(usize::MAX));
        if let Some(frame) = self.bytes.get(offset..end) {
            candidates.push(frame_crc(seed, frame));
        }
        candidates
    }

    fn header(&self, at: usize) -> Option<FrameHeader> {
        self.bytes.get(at..)?.first_chunk().map(FrameHeader::read)
    }

    /// The frame at `at` if it is whole: its end, the chain behind it, itself.
    fn whole(&self, at: usize, sequence: u64, previous: u32) -> Option<(usize, Chain, Item)> {
        let header = self.header(at).filter(|header| header.sequence == sequence)?;
        let end = at.checked_add(usize::try_from(header.frame_length()).ok()?)?;
        let frame = self.bytes.get(at..end)?;
        let chain = Chain { sequence, previous, ..self.chain };
        let seed = chain.seed();
        if frame_crc(seed, frame) != header.crc {
            return None;
        }
        let place =
            Place { segment: self.segment, offset: u32::try_from(at).ok()?, length: header.length, seed };
        let content = FrameKind::from_number(header.kind).map(|kind| (kind, frame[FRAME_HEADER..].to_vec()));
        let behind = Chain { sequence: sequence + 1, previous: header.crc, ..self.chain };
        Some((end, behind, Item { sequence, place, content }))
    }
}
