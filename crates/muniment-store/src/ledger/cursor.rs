//! Where the next frame of each segment sequence goes.

use muniment_core::RetentionClass;
use muniment_core::reader::{Reader, ShapeError};

use super::extents::Extents;
use super::file::LedgerFile;
use crate::frame::{Chain, FrameKind};
use crate::segment::{SEGMENT_BYTES, SEGMENT_HEADER, SegmentHeader, SegmentKind};

/// The end of one segment sequence. Ledger segments are never recycled and are closed by the first frame that passes
/// 64 MiB: where each frame lies depends on the frames alone, so that equal ledgers have equal files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Number of the segment.
    pub(crate) segment: u32,
    /// Offset of the next frame; 0 if the segment is not begun.
    pub(crate) offset: u32,
    /// CRC of the last frame; 0 if the segment is not begun.
    pub(crate) previous: u32,
    /// Sequence of the next frame.
    pub(crate) sequence: u64,
}

/// Where a frame was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    pub(crate) seed: u32,
}

/// A segment sequence of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sequence {
    Records(RetentionClass),
    Admissions,
    Checkpoints,
}

impl Sequence {
    pub(crate) const fn file(self, segment: u32) -> LedgerFile {
        match self {
            Self::Records(class) => LedgerFile::Records(class, segment),
            Self::Admissions => LedgerFile::Admissions(segment),
            Self::Checkpoints => LedgerFile::Checkpoints(segment),
        }
    }

    /// The header of a segment that begins with frame `first_sequence`.
    pub(crate) fn header(self, segment: u32, first_sequence: u64) -> SegmentHeader {
        let (kind, class) = match self {
            Self::Records(class) => (SegmentKind::Records, class.number()),
            Self::Admissions => (SegmentKind::Admissions, 0),
            Self::Checkpoints => (SegmentKind::Checkpoints, 0),
        };
        SegmentHeader { kind, class, generation: u64::from(segment), first_sequence }
    }
}

impl Cursor {
    /// Bytes of the encoding.
    const LENGTH: usize = 4 + 4 + 4 + 8;

    /// Adds a frame to what is to be written.
    pub(crate) fn push(
        &mut self,
        sequence: Sequence,
        extents: &mut Extents,
        kind: FrameKind,
        length: u32,
        payload: impl FnOnce(&mut Vec<u8>),
    ) -> Place {
        if self.offset == 0 {
            let header = sequence.header(self.segment, self.sequence);
            self.previous = header.chain().previous;
            extents.at(sequence.file(self.segment), 0).extend_from_slice(&header.encode());
            self.offset = u32::try_from(SEGMENT_HEADER).expect("a header has 32 bytes");
        }
        let (segment, offset) = (self.segment, self.offset);
        let buffer = extents.at(sequence.file(segment), u64::from(offset));
        let mut chain = self.chain();
        let before = buffer.len();
        let seed = chain.push(buffer, kind, length, payload);
        let written = u32::try_from(buffer.len() - before).expect("a frame is far below 4 GiB");
        (self.previous, self.sequence) = (chain.previous, chain.sequence);
        self.offset += written;
        if u64::from(self.offset) >= SEGMENT_BYTES {
            (self.segment, self.offset, self.previous) = (segment + 1, 0, 0);
        }
        Place { segment, offset, length, seed }
    }

    /// The chain before the next frame.
    pub(crate) fn chain(&self) -> Chain {
        Chain { generation: u64::from(self.segment), sequence: self.sequence, previous: self.previous }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.segment.to_be_bytes());
        bytes.extend_from_slice(&self.offset.to_be_bytes());
        bytes.extend_from_slice(&self.previous.to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ShapeError> {
        Ok(Self {
            segment: reader.u32()?,
            offset: reader.u32()?,
            previous: reader.u32()?,
            sequence: reader.u64()?,
        })
    }
}

/// The ends of all sequences that the writer owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursors {
    /// By [`RetentionClass::number`].
    pub(crate) records: [Cursor; 5],
    pub(crate) admissions: Cursor,
}

impl Cursors {
    /// Bytes of the encoding.
    pub(crate) const LENGTH: usize = 6 * Cursor::LENGTH;

    pub(crate) fn records(&mut self, class: RetentionClass) -> &mut Cursor {
        &mut self.records[usize::from(class.number())]
    }

    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        for cursor in &self.records {
            cursor.write(bytes);
        }
        self.admissions.write(bytes);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ShapeError> {
        let mut cursors = Self::default();
        for cursor in &mut cursors.records {
            *cursor = Cursor::read(reader)?;
        }
        cursors.admissions = Cursor::read(reader)?;
        Ok(cursors)
    }
}
