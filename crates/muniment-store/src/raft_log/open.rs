//! Opening a Raft log: what every frame says, in order, up to where the chain ends.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use super::Options;
use super::frames::{Frame, Group};
use super::index::{Index, Segment, Slot};
use super::reader::LogReader;
use super::segments::{Name, Segments};
use super::tail::insist_on_torn;
use super::writer::{LogWriter, slot_key};
use crate::disk::Disk;
use crate::error::{At, Health, StorageError};
use crate::frame::{Chain, FrameKind};
use crate::segment::{FrameScanner, SEGMENT_HEADER, ScannedFrame, SegmentHeader, SegmentKind};

/// What was found at open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Segments in use.
    pub segments: usize,
    /// Frames read.
    pub frames: u64,
    /// The segment that is written to.
    pub tail: PathBuf,
    /// Where its frames end: what lay behind was never durable, and was cut.
    pub tail_offset: u64,
}

/// Opens the Raft log in `dir`, or starts one. Everything found is made durable before this returns, so that a frame
/// that only the page cache held is never reported and then lost.
///
/// # Errors
/// [`StorageError::Corrupt`] for any damage that a torn write does not explain, nothing changed on disk; else what the
/// disk answers.
pub fn open(
    disk: Arc<dyn Disk>,
    dir: &Path,
    options: Options,
) -> Result<(LogWriter, LogReader, Recovered), StorageError> {
    if options.segment_bytes > u64::from(u32::MAX) {
        return Err(StorageError::refused("a Raft log segment has at most 4 GiB"));
    }
    disk.create_dir_all(dir).at("create", dir)?;
    if let Some(parent) = dir.parent() {
        disk.sync_dir(parent).at("flush the names of", parent)?;
    }
    let (generations, spares) = names(&disk, dir)?;
    let mut segments = Segments::new(disk, dir, options, &spares);
    let mut found = Vec::with_capacity(generations.len());
    for generation in generations {
        found.push(open_segment(&segments, generation)?);
    }
    if found.is_empty() {
        let segment = segments.activate(1, 0)?;
        let header = SegmentHeader { kind: SegmentKind::RaftLog, class: 0, generation: 1, first_sequence: 0 };
        found.push((segment, header));
    }
    let replay = Replay::over(&found)?;
    let (active, _) = found.pop().expect("a log has at least one segment");
    replay.secure_tail(&active, options.segment_bytes)?;
    let Replay { index, chain, offset, frames, .. } = replay;
    let recovered =
        Recovered { segments: index.segments.len(), frames, tail: active.path.clone(), tail_offset: offset };
    let end = active.file.len().at("measure", &active.path)?;
    let index = Arc::new(RwLock::new(index));
    let reader = LogReader { index: Arc::clone(&index) };
    drop(found);
    let writer = LogWriter {
        index,
        segments,
        health: Health::default(),
        active,
        end,
        offset,
        chain,
        durable: chain.sequence,
        buffer: Vec::new(),
    };
    Ok((writer, reader, recovered))
}

/// Reads every frame of the Raft log in `dir` and changes nothing; answers how many there are.
pub(crate) fn check(disk: &Arc<dyn Disk>, dir: &Path) -> Result<u64, StorageError> {
    let (generations, spares) = match names(disk, dir) {
        Err(StorageError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    let segments = Segments::new(Arc::clone(disk), dir, Options::default(), &spares);
    let mut found = Vec::with_capacity(generations.len());
    for generation in generations {
        found.push(open_segment(&segments, generation)?);
    }
    Ok(Replay::over(&found)?.frames)
}

/// Generations in use, ascending, and numbers of spares.
fn names(disk: &Arc<dyn Disk>, dir: &Path) -> Result<(Vec<u64>, Vec<u64>), StorageError> {
    let (mut generations, mut spares) = (Vec::new(), Vec::new());
    for entry in disk.list(dir).at("list", dir)? {
        match Name::parse(&entry.name) {
            Some(Name::Segment(generation)) => generations.push(generation),
            Some(Name::Spare(number)) => spares.push(number),
            None => {}
        }
    }
    for pair in generations.windows(2) {
        if pair[0] + 1 != pair[1] {
            let missing = Name::Segment(pair[0] + 1).path(dir);
            return Err(StorageError::corrupt(&missing, 0, "the segment is missing"));
        }
    }
    Ok((generations, spares))
}

fn open_segment(segments: &Segments, generation: u64) -> Result<(Segment, SegmentHeader), StorageError> {
    let path = Name::Segment(generation).path(&segments.dir);
    let file = segments.disk.open(&path).at("open", &path)?;
    let header = SegmentHeader::check(&file, &path, SegmentKind::RaftLog, 0, generation, None)?;
    Ok((Segment { path, file, generation }, header))
}

/// What reading frame after frame builds up.
#[derive(Debug)]
struct Replay {
    index: Index,
    chain: Chain,
    /// Offset after the last frame of the segment read last.
    offset: u64,
    frames: u64,
    /// Frames below were durable, as the last group says.
    durable: u64,
    /// Sequence and offset of each group of the segment read last.
    groups: Vec<(u64, u64)>,
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            index: Index::default(),
            chain: Chain { generation: 0, sequence: 0, previous: 0 },
            offset: 0,
            frames: 0,
            durable: 0,
            groups: Vec::new(),
        }
    }
}

impl Replay {
    /// Reads all segments.
    fn over(found: &[(Segment, SegmentHeader)]) -> Result<Self, StorageError> {
        let mut replay = Self::default();
        for (position, (segment, header)) in found.iter().enumerate() {
            let next = found.get(position + 1).map(|(_, header)| header);
            replay.segment(segment, header, next)?;
        }
        if let Some(first) = found.first() {
            replay.insist_on_whole(first)?;
        }
        Ok(replay)
    }

    /// Reads a segment up to where `next` starts, or to the end of the chain.
    fn segment(
        &mut self,
        segment: &Segment,
        header: &SegmentHeader,
        next: Option<&SegmentHeader>,
    ) -> Result<(), StorageError> {
        let key = slot_key(segment.generation)?;
        self.index.segments.insert(key, segment.clone());
        self.groups.clear();
        let end = segment.file.len().at("measure", &segment.path)?;
        let start = SEGMENT_HEADER as u64;
        let mut scanner = FrameScanner::new(&segment.file, &segment.path, header.chain(), start, end);
        let stop = next.map_or(u64::MAX, |next| next.first_sequence);
        loop {
            let before = scanner.chain();
            if before.sequence == stop {
                break;
            }
            let Some(frame) = scanner.next()? else { break };
            self.frame(segment, key, before, &frame)?;
        }
        (self.chain, self.offset) = (scanner.chain(), scanner.offset());
        if next.is_none() {
            return insist_on_torn(segment, self.chain, self.offset);
        }
        if self.chain.sequence != stop {
            // The next segment was begun only after all of this one was durable.
            let what =
                format!("frame {} fails its checksum, and a later segment follows", self.chain.sequence);
            return Err(StorageError::corrupt(&segment.path, self.offset, what));
        }
        Ok(())
    }

    fn frame(
        &mut self,
        segment: &Segment,
        key: u32,
        before: Chain,
        scanned: &ScannedFrame<'_>,
    ) -> Result<(), StorageError> {
        let wrong = |what: String| StorageError::corrupt(&segment.path, scanned.offset, what);
        self.frames += 1;
        if scanned.kind == FrameKind::Group {
            let group = Group::read(scanned.payload).map_err(|error| wrong(format!("group: {error}")))?;
            if group.previous != before.previous || group.durable > before.sequence {
                return Err(wrong("a group contradicts the frames before it".to_owned()));
            }
            self.durable = group.durable;
            self.groups.push((before.sequence, scanned.offset));
            return Ok(());
        }
        let frame = match Frame::read(scanned.kind, scanned.payload) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Err(wrong(format!("a {:?} frame in a Raft log", scanned.kind))),
            Err(error) => return Err(wrong(format!("{:?} frame: {error}", scanned.kind))),
        };
        if let Frame::Entry { index, .. } = frame {
            let held = self.index.slots.len() as u64;
            if held > 0 && index.0 != self.index.first + held {
                return Err(wrong(format!("entry {index} follows entry {}", self.index.first + held - 1)));
            }
        }
        let slot = Slot {
            segment: key,
            offset: u32::try_from(scanned.offset).map_err(|_| wrong("offset above 4 GiB".to_owned()))?,
            length: u32::try_from(scanned.payload.len())
                .map_err(|_| wrong("length above 4 GiB".to_owned()))?,
            seed: scanned.seed,
        };
        self.index.apply(&frame, slot);
        Ok(())
    }

    /// Insists that no segment is missing in front: what is gone must have been purged.
    fn insist_on_whole(&self, first: &(Segment, SegmentHeader)) -> Result<(), StorageError> {
        let (segment, header) = first;
        let missing = |what: &str| Err(StorageError::corrupt(&segment.path, 0, what));
        match &self.index.purged {
            None if header.first_sequence > 0 => missing("segments before this one are missing"),
            Some(purged) if !self.index.slots.is_empty() && self.index.first > purged.upto.0 + 1 => {
                missing("entries between the purge and this segment are missing")
            }
            _ => Ok(()),
        }
    }

    /// Makes the frames that were found durable and the space behind them zeros.
    ///
    /// A frame may have been read from the page cache alone, and after a failed flush the cache calls it clean: so
    /// what no group vouches for is written again. Zeros behind the tail keep a frame that was cut from coming back.
    /// A crash in here leaves the same frames, or a torn tail again.
    fn secure_tail(&self, active: &Segment, segment_bytes: u64) -> Result<(), StorageError> {
        let unsure = self.groups.partition_point(|(sequence, _)| *sequence <= self.durable);
        let from = match unsure.checked_sub(1) {
            Some(position) => self.groups[position].1,
            None => SEGMENT_HEADER as u64,
        };
        let length = usize::try_from(self.offset - from).expect("a segment has at most 4 GiB");
        let mut bytes = vec![0; length];
        active.file.read_at(&mut bytes, from).at("read", &active.path)?;
        active.file.set_len(self.offset).at("cut the torn tail of", &active.path)?;
        active.file.allocate(segment_bytes.max(self.offset)).at("allocate", &active.path)?;
        active.file.write_at(&bytes, from).at("write", &active.path)?;
        active.file.sync_data().at("flush", &active.path)
    }
}
