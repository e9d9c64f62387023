//! Payloads of the Raft log's frames (`docs/data-format.md`, "Raft log").

use muniment_core::reader::{Reader, ShapeError};
use muniment_core::{Hash, LogIndex, RaftTerm, TreeSize};

use crate::frame::{Chain, FrameKind};

/// One thing to write. The log keeps frames in the order they are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A Raft entry; its index follows the last one held.
    Entry {
        /// Its index.
        index: LogIndex,
        /// Its term.
        raft_term: RaftTerm,
        /// Its bytes; the store doesn't look into them.
        bytes: &'a [u8],
    },
    /// The vote; the newest counts.
    Vote(&'a [u8]),
    /// Raft's committed hint; the newest counts.
    Committed(&'a [u8]),
    /// What this node is about to sign.
    Intent(Intent),
    /// Entries after `last_kept` are void; all of them if `None`.
    TruncateAfter {
        /// The last entry that stays.
        last_kept: Option<LogIndex>,
    },
    /// Entries up to `upto` are no longer needed.
    Purge {
        /// The last entry that goes.
        upto: LogIndex,
        /// Its log id, as Raft wants it back.
        log_id: &'a [u8],
    },
}

/// A signing intent: durable before the signature is made, so that a node never signs two bodies for one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The checkpoint's size.
    pub size: TreeSize,
    /// The cosignature's time, seconds since 1970.
    pub time_s: u64,
    /// Digest of the checkpoint's body.
    pub body_digest: Hash,
}

/// How far the log was purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purged {
    /// The last entry that went.
    pub upto: LogIndex,
    /// Its log id.
    pub log_id: Vec<u8>,
}

/// Bytes of an entry's payload before its own bytes: index u64, term u64.
pub(super) const ENTRY_PREFIX: usize = 16;

/// Bytes of a group frame's payload: durable sequence u64, previous CRC u32, bytes of the group u32.
pub(super) const GROUP_PAYLOAD: usize = 8 + 4 + 4;

/// What opens a group: the proof of what was durable before it, and its own place in the chain, so that it can be
/// recognised behind damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Frames below this sequence were durable when the group was written.
    pub(super) durable: u64,
    /// CRC of the frame before.
    pub(super) previous: u32,
    /// Bytes of the group, this frame included.
    pub(super) bytes: u32,
}

impl Group {
    pub(super) fn push(self, chain: &mut Chain, buffer: &mut Vec<u8>) {
        chain.push(buffer, FrameKind::Group, 16, |payload| {
            payload.extend_from_slice(&self.durable.to_be_bytes());
            payload.extend_from_slice(&self.previous.to_be_bytes());
            payload.extend_from_slice(&self.bytes.to_be_bytes());
        });
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self, ShapeError> {
        let mut reader = Reader::new(payload);
        let group = Self { durable: reader.u64()?, previous: reader.u32()?, bytes: reader.u32()? };
        reader.end()?;
        Ok(group)
    }
}

impl<'a> Frame<'a> {
    pub(super) const fn kind(&self) -> FrameKind {
        match self {
            Self::Entry { .. } => FrameKind::Entry,
            Self::Vote(_) => FrameKind::Vote,
            Self::Committed(_) => FrameKind::Committed,
            Self::Intent(_) => FrameKind::Intent,
            Self::TruncateAfter { .. } => FrameKind::Truncate,
            Self::Purge { .. } => FrameKind::Purge,
        }
    }

    /// Bytes of the payload.
    pub(super) const fn payload_length(&self) -> usize {
        match self {
            Self::Entry { bytes, .. } => ENTRY_PREFIX + bytes.len(),
            Self::Vote(bytes) | Self::Committed(bytes) => bytes.len(),
            Self::Intent(_) => 8 + 8 + 32,
            Self::TruncateAfter { .. } => 1 + 8,
            Self::Purge { log_id, .. } => 8 + log_id.len(),
        }
    }

    /// Appends the payload.
    pub(super) fn write(&self, payload: &mut Vec<u8>) {
        match self {
            Self::Entry { index, raft_term, bytes } => {
                payload.extend_from_slice(&index.0.to_be_bytes());
                payload.extend_from_slice(&raft_term.0.to_be_bytes());
                payload.extend_from_slice(bytes);
            }
            Self::Vote(bytes) | Self::Committed(bytes) => payload.extend_from_slice(bytes),
            Self::Intent(intent) => {
                payload.extend_from_slice(&intent.size.0.to_be_bytes());
                payload.extend_from_slice(&intent.time_s.to_be_bytes());
                payload.extend_from_slice(&intent.body_digest.0);
            }
            Self::TruncateAfter { last_kept } => {
                payload.push(u8::from(last_kept.is_some()));
                payload.extend_from_slice(&last_kept.map_or(0, LogIndex::get).to_be_bytes());
            }
            Self::Purge { upto, log_id } => {
                payload.extend_from_slice(&upto.0.to_be_bytes());
                payload.extend_from_slice(log_id);
            }
        }
    }

    /// Reads a payload; `None` for a kind that is no content of the Raft log.
    pub(super) fn read(kind: FrameKind, payload: &'a [u8]) -> Result<Option<Self>, ShapeError> {
        let mut reader = Reader::new(payload);
        Ok(Some(match kind {
            FrameKind::Entry => Self::Entry {
                index: LogIndex(reader.u64()?),
                raft_term: RaftTerm(reader.u64()?),
                bytes: reader.take(reader.left())?,
            },
            FrameKind::Vote => Self::Vote(payload),
            FrameKind::Committed => Self::Committed(payload),
            FrameKind::Intent => {
                let intent = Intent {
                    size: TreeSize(reader.u64()?),
                    time_s: reader.u64()?,
                    body_digest: Hash(reader.array()?),
                };
                reader.end()?;
                Self::Intent(intent)
            }
            FrameKind::Truncate => {
                let (kept, index) = (reader.u8()? != 0, LogIndex(reader.u64()?));
                reader.end()?;
                Self::TruncateAfter { last_kept: kept.then_some(index) }
            }
            FrameKind::Purge => {
                Self::Purge { upto: LogIndex(reader.u64()?), log_id: reader.take(reader.left())? }
            }
            _ => return Ok(None),
        }))
    }
}
