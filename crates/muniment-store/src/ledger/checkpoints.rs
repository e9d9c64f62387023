//! Checkpoint notes, made and received: append-only, different on each node.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use muniment_core::TreeSize;

use super::cursor::{Cursor, Place, Sequence};
use super::extents::Extents;
use super::file::LedgerFile;
use super::files::lock;
use super::view::Shared;
use crate::error::{At, StorageError};
use crate::frame::{FRAME_HEADER, FrameHeader, FrameKind, frame_crc};
use crate::segment::{FrameScanner, SEGMENT_HEADER, SegmentHeader};

/// Keeps checkpoint notes by size. Cheap to clone; several tasks may append. A note is durable at the next sync point:
/// what is lost before can be asked for again.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    shared: Arc<Shared>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    cursor: Cursor,
    /// Where the newest note of each size lies.
    notes: BTreeMap<TreeSize, Place>,
}

impl Checkpoints {
    /// Reads what there is: up to the sync point every frame must hold; behind it a torn tail is cut.
    pub(super) fn open(
        shared: Arc<Shared>,
        segments: u32,
        synced: &BTreeMap<LedgerFile, u64>,
    ) -> Result<Self, StorageError> {
        let mut state = State::default();
        for segment in 0..segments {
            let file = LedgerFile::Checkpoints(segment);
            let synced = synced.get(&file).copied().unwrap_or(0);
            state.read_segment(&shared, segment, synced, segment + 1 == segments)?;
        }
        Ok(Self { shared, state: Arc::new(Mutex::new(state)) })
    }

    /// Keeps a note of a tree of `size`; it becomes the newest of its size.
    ///
    /// # Errors
    /// What the disk answers, for ever.
    pub fn append(&self, size: TreeSize, note: &[u8]) -> Result<(), StorageError> {
        let files = &self.shared.files;
        files.health.check()?;
        let length = u32::try_from(8 + note.len());
        let length = length.map_err(|_| StorageError::refused("a checkpoint note of 4 GiB"))?;
        let mut state = lock(&self.state);
        let mut extents = Extents::default();
        let mut cursor = state.cursor;
        let place =
            cursor.push(Sequence::Checkpoints, &mut extents, FrameKind::Checkpoint, length, |payload| {
                payload.extend_from_slice(&size.0.to_be_bytes());
                payload.extend_from_slice(note);
            });
        for extent in &extents.list {
            let written = files.append(extent.file, extent.offset, &extent.bytes);
            written.map_err(|error| files.health.fail(error))?;
        }
        state.cursor = cursor;
        state.notes.insert(size, place);
        let end = u64::from(place.offset) + FRAME_HEADER as u64 + u64::from(place.length);
        self.shared.set_checkpoint_length(place.segment, end);
        Ok(())
    }

    /// The newest note of the largest size.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if its frame fails its checksum; else what the disk answers.
    pub fn latest(&self) -> Result<Option<(TreeSize, Vec<u8>)>, StorageError> {
        let found = lock(&self.state).notes.last_key_value().map(|(size, place)| (*size, *place));
        self.read(found)
    }

    /// The newest note of the smallest size that is at least `size`.
    ///
    /// # Errors
    /// As [`Checkpoints::latest`].
    pub fn at_or_above(&self, size: TreeSize) -> Result<Option<(TreeSize, Vec<u8>)>, StorageError> {
        let found = lock(&self.state).notes.range(size..).next().map(|(size, place)| (*size, *place));
        self.read(found)
    }

    /// Sizes of which there is a note, ascending.
    #[must_use]
    pub fn sizes(&self) -> Vec<TreeSize> {
        lock(&self.state).notes.keys().copied().collect()
    }

    fn read(&self, found: Option<(TreeSize, Place)>) -> Result<Option<(TreeSize, Vec<u8>)>, StorageError> {
        let Some((size, place)) = found else {
            return Ok(None);
        };
        let (file, offset) = (LedgerFile::Checkpoints(place.segment), u64::from(place.offset));
        let damaged = || {
            let path = self.shared.files.path(file);
            StorageError::corrupt(&path, offset, "the checkpoint's frame fails its checksum")
        };
        let mut frame = vec![0; FRAME_HEADER + place.length as usize];
        self.shared.files.read(file, offset, &mut frame)?;
        let header = FrameHeader::read(frame[..FRAME_HEADER].try_into().map_err(|_| damaged())?);
        if frame_crc(place.seed, &frame) != header.crc {
            return Err(damaged());
        }
        Ok(Some((size, frame.split_off(FRAME_HEADER + 8))))
    }
}

impl State {
    fn read_segment(
        &mut self,
        shared: &Shared,
        segment: u32,
        synced: u64,
        is_last: bool,
    ) -> Result<(), StorageError> {
        let file = LedgerFile::Checkpoints(segment);
        let (handle, path) = (shared.files.open(file)?, shared.files.path(file));
        let end = handle.len().at("measure", &path)?;
        let header = Sequence::Checkpoints.header(segment, self.cursor.sequence);
        let SegmentHeader { kind, class, generation, first_sequence } = header;
        self.cursor = Cursor { segment, sequence: first_sequence, ..Cursor::default() };
        match SegmentHeader::check(&handle, &path, kind, class, generation, Some(first_sequence)) {
            Ok(_) => {}
            // Begun, never synced: begun again by the next note.
            Err(StorageError::Corrupt { .. }) if synced == 0 && is_last => return Ok(()),
            Err(error) => return Err(error),
        }
        let start = SEGMENT_HEADER as u64;
        let mut scanner = FrameScanner::new(&handle, &path, header.chain(), start, end);
        while let Some(frame) = scanner.next()? {
            let Some((size, _)) = frame.payload.split_first_chunk() else { break };
            let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
            let place = Place {
                segment,
                offset: narrow(frame.offset),
                length: narrow(frame.payload.len() as u64),
                seed: frame.seed,
            };
            self.notes.insert(TreeSize(u64::from_be_bytes(*size)), place);
        }
        let (chain, offset) = (scanner.chain(), scanner.offset());
        if offset < synced || (!is_last && offset < end) {
            let what = format!("checkpoint frame {} fails its checksum", chain.sequence);
            return Err(StorageError::corrupt(&path, offset, what));
        }
        handle.set_len(offset).at("cut the torn tail of", &path)?;
        shared.set_checkpoint_length(segment, offset);
        self.cursor.offset = u32::try_from(offset).unwrap_or(u32::MAX);
        self.cursor.previous = chain.previous;
        self.cursor.sequence = chain.sequence;
        if offset >= crate::segment::SEGMENT_BYTES {
            self.cursor = Cursor { segment: segment + 1, sequence: chain.sequence, ..Cursor::default() };
        }
        Ok(())
    }
}
