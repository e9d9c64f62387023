//! Frames: the unit of every segment file (`docs/data-format.md`, "Frame").

/// Bytes before a frame's payload: payload length u32, kind u8, sequence u64, CRC32C u32.
pub(crate) const FRAME_HEADER: usize = 4 + 1 + 8 + 4;

/// Bytes of the header that the CRC covers.
const CHECKED_HEADER: usize = FRAME_HEADER - 4;

/// What a frame holds. Append-only: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FrameKind {
    /// Opens a group of the Raft log.
    Group = 1,
    /// A Raft entry.
    Entry = 2,
    /// A Raft vote.
    Vote = 3,
    /// Raft's committed hint.
    Committed = 4,
    /// A signing intent.
    Intent = 5,
    /// Entries after an index are void.
    Truncate = 6,
    /// Entries up to an index are no longer needed.
    Purge = 7,
    /// Blind and bytes of a record.
    Record = 16,
    /// A kept admission.
    Admission = 17,
    /// A checkpoint note.
    Checkpoint = 18,
}

impl FrameKind {
    const ALL: [Self; 10] = [
        Self::Group,
        Self::Entry,
        Self::Vote,
        Self::Committed,
        Self::Intent,
        Self::Truncate,
        Self::Purge,
        Self::Record,
        Self::Admission,
        Self::Checkpoint,
    ];

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// A frame's header as it stands on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the payload.
    pub(crate) length: u32,
    /// Number of the kind.
    pub(crate) kind: u8,
    /// Number of the frame in its segment sequence, from 0.
    pub(crate) sequence: u64,
    /// CRC32C, seeded as [`Chain::seed`] says.
    pub(crate) crc: u32,
}

impl FrameHeader {
    pub(crate) fn read(bytes: &[u8; FRAME_HEADER]) -> Self {
        let four = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let mut sequence = [0; 8];
        sequence.copy_from_slice(&bytes[5..13]);
        Self {
            length: u32::from_be_bytes(four(0)),
            kind: bytes[4],
            sequence: u64::from_be_bytes(sequence),
            crc: u32::from_be_bytes(four(13)),
        }
    }

    /// Bytes of header and payload together.
    pub(crate) fn frame_length(&self) -> u64 {
        FRAME_HEADER as u64 + u64::from(self.length)
    }
}

/// Where a segment's chain of frames stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Generation of the segment.
    pub(crate) generation: u64,
    /// Number of the next frame.
    pub(crate) sequence: u64,
    /// CRC of the previous frame, or of the segment's header.
    pub(crate) previous: u32,
}

impl Chain {
    /// What the next frame's CRC starts from: a frame of an earlier life of the segment, or out of its place, fails.
    pub(crate) fn seed(&self) -> u32 {
        crc32c::crc32c_append(self.previous, &self.generation.to_be_bytes())
    }

    /// Appends a frame to `buffer`; `payload` writes its bytes. Answers the seed of its CRC.
    pub(crate) fn push(
        &mut self,
        buffer: &mut Vec<u8>,
        kind: FrameKind,
        payload_length: u32,
        payload: impl FnOnce(&mut Vec<u8>),
    ) -> u32 {
        let start = buffer.len();
        buffer.extend_from_slice(&payload_length.to_be_bytes());
        buffer.push(kind as u8);
        buffer.extend_from_slice(&self.sequence.to_be_bytes());
        buffer.extend_from_slice(&[0; 4]);
        payload(buffer);
        let seed = self.seed();
        let crc = frame_crc(seed, &buffer[start..]);
        buffer[start + CHECKED_HEADER..start + FRAME_HEADER].copy_from_slice(&crc.to_be_bytes());
        self.previous = crc;
        self.sequence += 1;
        seed
    }
}

/// CRC of a whole frame, its CRC field left out.
pub(crate) fn frame_crc(seed: u32, frame: &[u8]) -> u32 {
    let checked = crc32c::crc32c_append(seed, &frame[..CHECKED_HEADER]);
    crc32c::crc32c_append(checked, &frame[FRAME_HEADER..])
}
