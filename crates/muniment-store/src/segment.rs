//! Segment files: a header and a chain of frames (`docs/data-format.md`, "Segment").

use std::path::Path;

use crate::disk::FileHandle;
use crate::error::{At, StorageError};
use crate::frame::{Chain, FRAME_HEADER, FrameHeader, FrameKind, frame_crc};

/// Version of every file's format. 0: a later build may refuse it.
pub const FORMAT_VERSION: u16 = 0;

/// First bytes of every segment.
const MAGIC: &[u8; 8] = b"MUNISEGM";

/// Bytes of a segment's header: magic 8, format u16, kind u8, class u8, generation u64, first sequence u64, CRC32C u32.
pub(crate) const SEGMENT_HEADER: usize = 8 + 2 + 1 + 1 + 8 + 8 + 4;

/// Bytes after which a ledger segment takes no further frame, and of a Raft log segment unless options say otherwise.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// What a segment's frames are. Append-only: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum SegmentKind {
    /// Raft log.
    RaftLog = 1,
    /// Records of one retention class.
    Records = 2,
    /// Admissions.
    Admissions = 3,
    /// Checkpoints.
    Checkpoints = 4,
}

/// A segment's header. A ledger segment's names neither node nor time: it is the same on every node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) kind: SegmentKind,
    /// Retention class of records; 0 else.
    pub(crate) class: u8,
    /// Raft log: grows with each use of the file. Ledger: number of the segment.
    pub(crate) generation: u64,
    /// Sequence of the first frame.
    pub(crate) first_sequence: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT_VERSION.to_be_bytes());
        bytes[10] = self.kind as u8;
        bytes[11] = self.class;
        bytes[12..20].copy_from_slice(&self.generation.to_be_bytes());
        bytes[20..28].copy_from_slice(&self.first_sequence.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// The chain before the first frame.
    pub(crate) fn chain(&self) -> Chain {
        let crc = crc32c::crc32c(&self.encode()[..28]);
        Chain { generation: self.generation, sequence: self.first_sequence, previous: crc }
    }

    /// Reads the header of a segment and holds it against what its place demands; `first_sequence` is taken from the
    /// file if `None`.
    pub(crate) fn check(
        file: &FileHandle,
        path: &Path,
        kind: SegmentKind,
        class: u8,
        generation: u64,
        first_sequence: Option<u64>,
    ) -> Result<Self, StorageError> {
        let mut bytes = [0; SEGMENT_HEADER];
        if file.len().at("measure", path)? < SEGMENT_HEADER as u64 {
            return Err(StorageError::corrupt(path, 0, "the segment's header is cut off"));
        }
        file.read_at(&mut bytes, 0).at("read", path)?;
        let version = u16::from_be_bytes([bytes[8], bytes[9]]);
        if &bytes[..8] == MAGIC && version != FORMAT_VERSION {
            let what =
                format!("format version {version} is unknown to this build, which knows {FORMAT_VERSION}");
            return Err(StorageError::corrupt(path, 8, what));
        }
        let mut sequence = [0; 8];
        sequence.copy_from_slice(&bytes[20..28]);
        let first_sequence = first_sequence.unwrap_or(u64::from_be_bytes(sequence));
        let expected = Self { kind, class, generation, first_sequence };
        if bytes != expected.encode() {
            return Err(StorageError::corrupt(
                path,
                0,
                "the segment's header is not the one that belongs here",
            ));
        }
        Ok(expected)
    }
}

/// A whole frame read in its place.
#[derive(Debug)]
pub(crate) struct ScannedFrame<'a> {
    pub(crate) kind: FrameKind,
    /// Offset of the frame in the segment.
    pub(crate) offset: u64,
    /// Seed of its CRC.
    pub(crate) seed: u32,
    pub(crate) payload: &'a [u8],
}

/// Reads a segment's frames from front to back through a window.
#[derive(Debug)]
pub(crate) struct FrameScanner<'a> {
    file: &'a FileHandle,
    path: &'a Path,
    chain: Chain,
    /// Offset of the next frame.
    offset: u64,
    /// Frames beyond are not looked at.
    end: u64,
    window: Vec<u8>,
    /// Offset of the window's first byte.
    window_at: u64,
}

/// Bytes read at a time.
const WINDOW: u64 = 1024 * 1024;

impl<'a> FrameScanner<'a> {
    /// Starts after the header, or wherever `chain` and `offset` say, and ends before `end`.
    pub(crate) const fn new(
        file: &'a FileHandle,
        path: &'a Path,
        chain: Chain,
        offset: u64,
        end: u64,
    ) -> Self {
        Self { file, path, chain, offset, end, window: Vec::new(), window_at: offset }
    }

    /// Where the chain stands.
    pub(crate) const fn chain(&self) -> Chain {
        self.chain
    }

    /// Offset after the last whole frame.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame, or `None` where no valid one follows.
    pub(crate) fn next(&mut self) -> Result<Option<ScannedFrame<'_>>, StorageError> {
        let Some(header) = self.view(FRAME_HEADER as u64)? else {
            return Ok(None);
        };
        let header = FrameHeader::read(header.try_into().expect("the view has the length asked for"));
        let (seed, offset, sequence) = (self.chain.seed(), self.offset, self.chain.sequence);
        let kind = FrameKind::from_number(header.kind);
        let Some(kind) = kind.filter(|_| header.sequence == sequence) else {
            return Ok(None);
        };
        let Some(frame) = self.view(header.frame_length())? else {
            return Ok(None);
        };
        if frame_crc(seed, frame) != header.crc {
            return Ok(None);
        }
        self.chain.sequence += 1;
        self.chain.previous = header.crc;
        self.offset += header.frame_length();
        let start = usize::try_from(offset - self.window_at).expect("the frame lies in the window");
        let length = usize::try_from(header.frame_length()).expect("the frame lies in the window");
        let payload = &self.window[start + FRAME_HEADER..start + length];
        Ok(Some(ScannedFrame { kind, offset, seed, payload }))
    }

    /// `length` bytes from the next frame's offset on; `None` if the segment ends before.
    fn view(&mut self, length: u64) -> Result<Option<&[u8]>, StorageError> {
        if length > self.end.saturating_sub(self.offset) {
            return Ok(None);
        }
        let held = self.window_at + self.window.len() as u64;
        if self.offset + length > held {
            let wanted = length.max(WINDOW).min(self.end - self.offset);
            let wanted = usize::try_from(wanted).expect("a frame fits the address space");
            self.window.resize(wanted, 0);
            self.file.read_at(&mut self.window, self.offset).at("read", self.path)?;
            self.window_at = self.offset;
        }
        let start = usize::try_from(self.offset - self.window_at).expect("the window was just placed");
        let length = usize::try_from(length).expect("the window holds it");
        Ok(Some(&self.window[start..start + length]))
    }
}
