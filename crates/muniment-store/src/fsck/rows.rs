//! Files of fixed rows, read in order.

use std::path::Path;

use crate::disk::{Disk, FileHandle};
use crate::error::{At, StorageError};
use crate::ledger::{LedgerFile, ROWS_PER_FILE, row_place};

/// Rows read at a time.
const ROWS_AHEAD: u64 = 2_048;

/// Reads rows of `N` bytes one after the other, through as many files as they fill.
pub(super) struct Rows<'a, const N: usize> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    file: Box<dyn Fn(u32) -> LedgerFile + 'a>,
    /// Rows that there are.
    count: u64,
    next: u64,
    open: Option<(u32, FileHandle)>,
    buffer: Vec<u8>,
    /// Row of the buffer's first byte.
    buffer_at: u64,
}

impl<'a, const N: usize> Rows<'a, N> {
    pub(super) fn new(
        disk: &'a dyn Disk,
        dir: &'a Path,
        count: u64,
        file: impl Fn(u32) -> LedgerFile + 'a,
    ) -> Self {
        let file = Box::new(file);
        Self { disk, dir, file, count, next: 0, open: None, buffer: Vec::new(), buffer_at: 0 }
    }

    /// Rows from `first` on, of `count` that there are.
    pub(super) fn starting_at(
        disk: &'a dyn Disk,
        dir: &'a Path,
        first: u64,
        count: u64,
        file: impl Fn(u32) -> LedgerFile + 'a,
    ) -> Self {
        Self { next: first, ..Self::new(disk, dir, count, file) }
    }

    /// The next row; all zeros if its file ends before it, which the check of lengths has reported.
    pub(super) fn next(&mut self) -> Result<[u8; N], StorageError> {
        let row = self.next;
        self.next += 1;
        let held = self.buffer_at + (self.buffer.len() / N) as u64;
        if row < self.buffer_at || row >= held {
            self.fill(row)?;
        }
        let start = usize::try_from(row - self.buffer_at).unwrap_or(usize::MAX).saturating_mul(N);
        let bytes = self.buffer.get(start..start.saturating_add(N));
        Ok(bytes.and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N]))
    }

    /// A row out of order.
    pub(super) fn at(&self, row: u64) -> Result<[u8; N], StorageError> {
        let mut one = Rows::<N>::new(self.disk, self.dir, row + 1, &self.file);
        one.next = row;
        one.next()
    }

    /// File and offset of a row.
    pub(super) fn place(&self, row: u64) -> (LedgerFile, u64) {
        let (number, offset) = row_place(row, N as u64);
        ((self.file)(number), offset)
    }

    fn fill(&mut self, row: u64) -> Result<(), StorageError> {
        let (number, offset) = row_place(row, N as u64);
        let path = (self.file)(number).path(self.dir);
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            self.buffer.clear();
            match self.disk.open(&path) {
                Ok(file) => self.open = Some((number, file)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    self.open = None;
                    return Ok(());
                }
                Err(error) => return Err(StorageError::io("open", &path, error)),
            }
        }
        let Some((_, file)) = &self.open else { return Ok(()) };
        let in_file = ROWS_PER_FILE - row % ROWS_PER_FILE;
        let rows = ROWS_AHEAD.min(in_file).min(self.count.saturating_sub(row).max(1));
        let there = file.len().at("measure", &path)?.saturating_sub(offset);
        let bytes = (rows * N as u64).min(there);
        self.buffer.resize(usize::try_from(bytes).unwrap_or(0), 0);
        self.buffer_at = row;
        file.read_at(&mut self.buffer, offset).at("read", &path)
    }
}
