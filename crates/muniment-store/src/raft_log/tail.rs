//! Torn tail or damage: what may be cut where the chain of frames ends.

use super::frames::{GROUP_PAYLOAD, Group};
use super::index::Segment;
use crate::error::{At, StorageError};
use crate::frame::{Chain, FRAME_HEADER, FrameHeader, FrameKind, frame_crc};

/// Bytes of a group frame.
const GROUP_FRAME: usize = FRAME_HEADER + GROUP_PAYLOAD;

/// Bytes looked at in one read.
const WINDOW: usize = 1024 * 1024;

/// Insists that nothing behind `offset`, where the chain ended before frame `chain.sequence`, proves that this frame
/// was durable: a group of this generation whose first frame says so. Then what is there is a torn tail, or nothing.
pub(super) fn insist_on_torn(segment: &Segment, chain: Chain, offset: u64) -> Result<(), StorageError> {
    let end = segment.file.len().at("measure", &segment.path)?;
    let mut at = offset;
    let mut window = Vec::new();
    while at + GROUP_FRAME as u64 <= end {
        let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(WINDOW);
        window.resize(length, 0);
        segment.file.read_at(&mut window, at).at("read", &segment.path)?;
        let found = window.windows(GROUP_FRAME).find_map(|bytes| durable_before(chain, bytes));
        if let Some(durable) = found {
            let what = format!(
                "frame {} fails its checksum, but frames below {durable} were durable: not a torn tail",
                chain.sequence
            );
            return Err(StorageError::corrupt(&segment.path, offset, what));
        }
        // A group frame may straddle two windows.
        at += (length - (GROUP_FRAME - 1)) as u64;
    }
    Ok(())
}

/// If `bytes` are a group frame of this generation that says that the chain's next frame was durable: how far.
fn durable_before(chain: Chain, bytes: &[u8]) -> Option<u64> {
    // Cheapest first: nearly all bytes behind a tail are zeros or an earlier life's.
    if bytes[3] != 16 || bytes[4] != FrameKind::Group as u8 {
        return None;
    }
    let header = FrameHeader::read(bytes[..FRAME_HEADER].try_into().ok()?);
    let group = Group::read(&bytes[FRAME_HEADER..]).ok()?;
    let follows = header.length == 16 && header.sequence > chain.sequence && group.durable > chain.sequence;
    let place = Chain { previous: group.previous, ..chain };
    (follows && frame_crc(place.seed(), bytes) == header.crc).then_some(group.durable)
}
