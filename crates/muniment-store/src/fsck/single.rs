//! The check of one file by what lies beside it: bounded, so that it can run at every start and, file by file, for ever.
//!
//! Tree rows are held against their children, leaf hashes against their stubs, frames and address rows against their
//! checksums. Which of two files that disagree is the damaged one is for the check of all of them to tell.

use std::path::Path;

use muniment_core::{Hash, LeafIndex, Stub, Suite, Tree};

use super::frames::Frames;
use super::leaves::lengths;
use super::report::{Finding, Report};
use super::rows::Rows;
use crate::data_dir::DataDir;
use crate::disk::Disk;
use crate::error::StorageError;
use crate::ledger::address::{ADDRESS_LENGTH, Address};
use crate::ledger::current::Current;
use crate::ledger::cursor::Sequence;
use crate::ledger::{LedgerFile, ROWS_PER_FILE};

/// The files of the newest sync point, ascending; checkpoints among them, stubs not: leaf hashes are held against them.
///
/// # Errors
/// [`StorageError::Corrupt`] if `CURRENT` is damaged; else what the disk answers.
pub fn synced_files(data_dir: &DataDir) -> Result<Vec<LedgerFile>, StorageError> {
    let current = Current::load(&*data_dir.disk(), &data_dir.ledger_dir())?;
    let files = current.into_iter().flat_map(|current| current.lengths.into_keys());
    Ok(files.filter(|file| !matches!(file, LedgerFile::Stubs(_))).collect())
}

/// Of each sequence of files the newest: what a crash or a dying disk hurts first.
///
/// # Errors
/// As [`synced_files`].
pub fn newest_files(data_dir: &DataDir) -> Result<Vec<LedgerFile>, StorageError> {
    let mut newest: Vec<LedgerFile> = Vec::new();
    for file in synced_files(data_dir)? {
        match newest.last_mut() {
            Some(last) if last.is_of_sequence(file) => *last = file,
            _ => newest.push(file),
        }
    }
    Ok(newest)
}

/// Checks one file up to the newest sync point, beside its writer. A file that is not in the sync point has nothing to
/// check yet.
///
/// # Errors
/// What the disk answers. Damage is no error but a [`Finding`].
pub fn check_file(data_dir: &DataDir, file: LedgerFile) -> Result<Vec<Finding>, StorageError> {
    let (disk, dir) = (data_dir.disk(), data_dir.ledger_dir());
    let mut report = Report::default();
    let Some(current) = Current::load(&*disk, &dir)? else { return Ok(Vec::new()) };
    let Some(length) = current.lengths.get(&file).copied() else { return Ok(Vec::new()) };
    let single = Single { disk: &*disk, dir: &dir, suite: data_dir.identity().suite, current: &current };
    single.check(file, length, &mut report)?;
    Ok(report.findings)
}

struct Single<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    suite: Suite,
    current: &'a Current,
}

impl Single<'_> {
    fn check(&self, file: LedgerFile, length: u64, report: &mut Report) -> Result<(), StorageError> {
        match file {
            LedgerFile::Records(class, segment) => self.segment(Sequence::Records(class), segment, report),
            LedgerFile::Admissions(segment) => self.segment(Sequence::Admissions, segment, report),
            LedgerFile::Checkpoints(segment) => self.segment(Sequence::Checkpoints, segment, report),
            LedgerFile::Addresses(number) => self.addresses(number, length, report),
            LedgerFile::Stubs(number) => self.leaf_hashes(number, length / Stub::LENGTH as u64, report),
            LedgerFile::Tree(0, number) => self.leaf_hashes(number, length / 32, report),
            LedgerFile::Tree(level, number) => self.hashes(level, number, length / 32, report),
        }
    }

    /// Rows of a width in the sync point's files, from `first` on. A row that is missing reads as zeros.
    fn rows<const N: usize>(
        &self,
        first: u64,
        count: u64,
        file: impl Fn(u32) -> LedgerFile + 'static,
    ) -> Rows<'_, N> {
        Rows::starting_at(self.disk, self.dir, first, first + count, file)
    }

    fn segment(&self, sequence: Sequence, segment: u32, report: &mut Report) -> Result<(), StorageError> {
        let mut named = lengths(self.current, sequence);
        named.truncate(segment as usize + 1);
        let mut frames = Frames::of_segment(self.disk, self.dir, sequence, named, segment);
        while frames.next(report)?.is_some() {}
        Ok(())
    }

    fn addresses(&self, number: u32, length: u64, report: &mut Report) -> Result<(), StorageError> {
        let (first, count) = (u64::from(number) * ROWS_PER_FILE, length / ADDRESS_LENGTH as u64);
        let mut rows = self.rows::<ADDRESS_LENGTH>(first, count, LedgerFile::Addresses);
        for index in first..first + count {
            if Address::decode(LeafIndex(index), &rows.next()?).is_none() {
                let (file, offset) = rows.place(index);
                report.find(file.relative(), offset, ADDRESS_LENGTH as u64, "the row fails its checksum");
            }
        }
        Ok(())
    }

    fn leaf_hashes(&self, number: u32, count: u64, report: &mut Report) -> Result<(), StorageError> {
        let first = u64::from(number) * ROWS_PER_FILE;
        let mut stubs = self.rows::<{ Stub::LENGTH }>(first, count, LedgerFile::Stubs);
        let mut hashes = self.rows::<32>(first, count, |number| LedgerFile::Tree(0, number));
        for index in first..first + count {
            if self.suite.leaf(Tree::Ledger, &stubs.next()?) != Hash(hashes.next()?) {
                let (file, offset) = hashes.place(index);
                report.find(file.relative(), offset, 32, "the leaf hash is not the one of its stub");
                let (file, offset) = stubs.place(index);
                report.find(
                    file.relative(),
                    offset,
                    Stub::LENGTH as u64,
                    "the stub does not lead to its leaf hash",
                );
            }
        }
        Ok(())
    }

    fn hashes(&self, level: u8, number: u32, count: u64, report: &mut Report) -> Result<(), StorageError> {
        let first = u64::from(number) * ROWS_PER_FILE;
        let mut parents = self.rows::<32>(first, count, move |number| LedgerFile::Tree(level, number));
        let below = level - 1;
        let mut children =
            self.rows::<32>(2 * first, 2 * count, move |number| LedgerFile::Tree(below, number));
        for row in first..first + count {
            let (left, right) = (Hash(children.next()?), Hash(children.next()?));
            if self.suite.node(Tree::Ledger, &left, &right) != Hash(parents.next()?) {
                let (file, offset) = parents.place(row);
                report.find(file.relative(), offset, 32, "the hash is not the one of its two children");
            }
        }
        Ok(())
    }
}

impl LedgerFile {
    /// Whether another file belongs to the same sequence of files.
    fn is_of_sequence(self, other: Self) -> bool {
        match (self, other) {
            (Self::Records(class, _), Self::Records(other, _)) => class == other,
            (Self::Tree(level, _), Self::Tree(other, _)) => level == other,
            (Self::Admissions(_), Self::Admissions(_))
            | (Self::Addresses(_), Self::Addresses(_))
            | (Self::Stubs(_), Self::Stubs(_))
            | (Self::Checkpoints(_), Self::Checkpoints(_)) => true,
            _ => false,
        }
    }
}
