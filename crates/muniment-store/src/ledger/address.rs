//! Where a leaf's record and admission lie, and the record's digest: derived, 64 bytes per leaf (`docs/data-format.md`,
//! "Addresses"). The digests of an admission's records lie side by side here: a receipt's path is made of them.

use muniment_core::{Hash, LeafIndex, RetentionClass};

use super::cursor::Place;
use super::file::LedgerFile;
use crate::frame::FRAME_HEADER;

/// Bytes of a row.
pub(crate) const ADDRESS_LENGTH: usize = 64;
/// Where the checksum begins.
const CHECKSUM: usize = ADDRESS_LENGTH - 4;

/// Stands for no admission.
const NONE: u32 = u32::MAX;

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) class: RetentionClass,
    /// The record's frame: with its seed, so that every read is checked.
    pub(crate) record: Place,
    /// Segment and offset of the admission's frame.
    pub(crate) admission: Option<(u32, u32)>,
    /// Position of the record in its admission, from 0.
    pub(crate) position: u16,
    /// H("muniment/v1/record" 00 blind record).
    pub(crate) record_digest: Hash,
}

impl Address {
    /// The file that the record's frame lies in.
    pub(super) const fn records_file(&self) -> LedgerFile {
        LedgerFile::Records(self.class, self.record.segment)
    }

    /// Bytes of the record's frame.
    pub(super) const fn frame_length(&self) -> usize {
        FRAME_HEADER + self.record.length as usize
    }

    pub(crate) fn encode(&self, leaf: LeafIndex) -> [u8; ADDRESS_LENGTH] {
        let (segment, offset) = self.admission.unwrap_or((NONE, 0));
        let Place { segment: record_segment, offset: record_offset, length, seed } = self.record;
        let mut bytes = [0; ADDRESS_LENGTH];
        let words = [record_segment, record_offset, length, seed, segment, offset];
        for (at, word) in words.into_iter().enumerate() {
            bytes[4 * at..4 * at + 4].copy_from_slice(&word.to_be_bytes());
        }
        bytes[24..26].copy_from_slice(&self.position.to_be_bytes());
        bytes[26] = self.class.number();
        bytes[28..CHECKSUM].copy_from_slice(&self.record_digest.0);
        let crc = checksum(leaf, &bytes);
        bytes[CHECKSUM..].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Reads a row; `None` if its checksum or a field is wrong.
    pub(crate) fn decode(leaf: LeafIndex, bytes: &[u8; ADDRESS_LENGTH]) -> Option<Self> {
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if word(CHECKSUM) != checksum(leaf, bytes) || bytes[27] != 0 {
            return None;
        }
        Some(Self {
            class: RetentionClass::from_number(bytes[26])?,
            record: Place { segment: word(0), offset: word(4), length: word(8), seed: word(12) },
            admission: (word(16) != NONE).then(|| (word(16), word(20))),
            position: u16::from_be_bytes([bytes[24], bytes[25]]),
            record_digest: Hash(std::array::from_fn(|at| bytes[28 + at])),
        })
    }
}

/// Over the leaf index and the row before its checksum: a row in another's place fails.
fn checksum(leaf: LeafIndex, bytes: &[u8; ADDRESS_LENGTH]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&leaf.0.to_be_bytes()), &bytes[..CHECKSUM])
}
