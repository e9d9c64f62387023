//! Files of the Raft log: names, spares, activation, recycling.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Options;
use super::index::Segment;
use crate::disk::{Disk, FileHandle};
use crate::error::{At, StorageError};
use crate::segment::{SegmentHeader, SegmentKind};

/// The directory of a Raft log.
#[derive(Debug)]
pub(super) struct Segments {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) options: Options,
    /// Files ready to be written to.
    spares: Vec<PathBuf>,
    /// Number of the next spare's name.
    next_spare: u64,
}

/// What a name in the directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A segment in use, by generation.
    Segment(u64),
    /// A spare, by number.
    Spare(u64),
}

impl Name {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let number = |digits: &str| u64::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 16);
        if let Some(digits) = name.strip_suffix(".log") {
            return number(digits).map(Self::Segment);
        }
        name.strip_prefix("spare-").and_then(number).map(Self::Spare)
    }

    pub(super) fn path(self, dir: &Path) -> PathBuf {
        match self {
            Self::Segment(generation) => dir.join(format!("{generation:016x}.log")),
            Self::Spare(number) => dir.join(format!("spare-{number:016x}")),
        }
    }
}

impl Segments {
    /// Takes over the directory's spares.
    pub(super) fn new(disk: Arc<dyn Disk>, dir: &Path, options: Options, spares: &[u64]) -> Self {
        let next_spare = spares.iter().max().map_or(0, |last| last + 1);
        let spares = spares.iter().map(|number| Name::Spare(*number).path(dir)).collect();
        Self { disk, dir: dir.to_owned(), options, spares, next_spare }
    }

    /// Puts a segment of `generation` in place, whose first frame is `first_sequence`.
    ///
    /// Durable when this returns: its header, its length, its name. A crash before leaves a spare, or a segment
    /// without frames.
    pub(super) fn activate(&mut self, generation: u64, first_sequence: u64) -> Result<Segment, StorageError> {
        if self.spares.is_empty() {
            self.prepare_spare()?;
        }
        let spare = self.spares.pop().expect("one was just prepared");
        let file = self.disk.open(&spare).at("open", &spare)?;
        // A spare left by other options, or by a crash while it was made.
        file.allocate(self.options.segment_bytes).at("allocate", &spare)?;
        let header = SegmentHeader { kind: SegmentKind::RaftLog, class: 0, generation, first_sequence };
        file.write_at(&header.encode(), 0).at("write the header of", &spare)?;
        file.sync_data().at("flush the header of", &spare)?;
        let path = Name::Segment(generation).path(&self.dir);
        self.disk.rename(&spare, &path).at("put in place", &path)?;
        self.disk.sync_dir(&self.dir).at("flush the names of", &self.dir)?;
        Ok(Segment { path, file, generation })
    }

    /// Makes a spare if there is none, so that the next roll needs no new space.
    pub(super) fn prepare_spare(&mut self) -> Result<(), StorageError> {
        if !self.spares.is_empty() {
            return Ok(());
        }
        let path = self.next_spare_path();
        let file = self.disk.create(&path).at("create", &path)?;
        file.allocate(self.options.segment_bytes).at("allocate", &path)?;
        file.sync_data().at("flush the length of", &path)?;
        self.spares.push(path);
        Ok(())
    }

    /// Retires a segment that nothing needs any more: keeps its file as a spare if no reader holds it, else removes
    /// it. The directory is synced each time: a crash undoes only the last, so that what is left has no hole.
    pub(super) fn retire(&mut self, segment: Segment) -> Result<(), StorageError> {
        let Segment { path, file, .. } = segment;
        let free = is_last_holder(&file);
        if free && self.spares.len() < self.options.spare_segments {
            let spare = self.next_spare_path();
            self.disk.rename(&path, &spare).at("recycle", &path)?;
            self.spares.push(spare);
        } else {
            self.disk.remove_file(&path).at("remove", &path)?;
        }
        self.disk.sync_dir(&self.dir).at("flush the names of", &self.dir)
    }

    fn next_spare_path(&mut self) -> PathBuf {
        let path = Name::Spare(self.next_spare).path(&self.dir);
        self.next_spare += 1;
        path
    }
}

/// Whether no reader holds the file: new readers can't come, since the index no longer names it.
fn is_last_holder(file: &FileHandle) -> bool {
    Arc::strong_count(file) == 1
}
