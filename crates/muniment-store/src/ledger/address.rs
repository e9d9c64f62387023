//! Where a leaf's record and admission lie: derived, 32 bytes per leaf (`docs/data-format.md`, "Addresses").

use muniment_core::{LeafIndex, RetentionClass};

use super::cursor::Place;

/// Bytes of a row.
pub(crate) const ADDRESS_LENGTH: usize = 32;

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
}

impl Address {
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
        let crc = checksum(leaf, &bytes);
        bytes[28..].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Reads a row; `None` if its checksum or a field is wrong.
    pub(crate) fn decode(leaf: LeafIndex, bytes: &[u8; ADDRESS_LENGTH]) -> Option<Self> {
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if word(28) != checksum(leaf, bytes) || bytes[27] != 0 {
            return None;
        }
        Some(Self {
            class: RetentionClass::from_number(bytes[26])?,
            record: Place { segment: word(0), offset: word(4), length: word(8), seed: word(12) },
            admission: (word(16) != NONE).then(|| (word(16), word(20))),
            position: u16::from_be_bytes([bytes[24], bytes[25]]),
        })
    }
}

/// Over the leaf index and the row before its checksum: a row in another's place fails.
fn checksum(leaf: LeafIndex, bytes: &[u8; ADDRESS_LENGTH]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&leaf.0.to_be_bytes()), &bytes[..28])
}
