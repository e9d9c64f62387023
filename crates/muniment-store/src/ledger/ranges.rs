//! Rows and records that lie side by side, read together: a read of the disk costs more than what it brings.

use std::ops::Range;

use muniment_core::{Blind, Hash, LeafIndex, Stub, Tree};

use super::address::{ADDRESS_LENGTH, Address};
use super::extents::row_place;
use super::file::{LedgerFile, ROWS_PER_FILE};
use super::view::View;
use crate::error::StorageError;
use crate::frame::{FRAME_HEADER, FrameHeader, FrameKind, frame_crc};

/// Bytes of frames that are read together, at most, unless one frame has more.
const READ_BYTES_MAX: u64 = 1024 * 1024;

impl Address {
    /// The file that the record's frame lies in.
    pub(super) const fn records_file(&self) -> LedgerFile {
        LedgerFile::Records(self.class, self.record.segment)
    }

    /// Bytes of the record's frame.
    pub(super) const fn frame_length(&self) -> usize {
        FRAME_HEADER + self.record.length as usize
    }

    /// Where the record's frame ends.
    fn end(&self) -> u64 {
        u64::from(self.record.offset) + self.frame_length() as u64
    }
}

impl View {
    /// Stubs of leaves, as stored; each held against the leaf's hash.
    ///
    /// # Errors
    /// As [`View::stub`], of the first leaf that has any.
    pub fn stubs(&self, leaves: Range<LeafIndex>) -> Result<Vec<[u8; Stub::LENGTH]>, StorageError> {
        let read = || {
            let range = leaves.start.0..leaves.end.0;
            let stubs = self.rows::<{ Stub::LENGTH }>(range.clone(), LedgerFile::Stubs)?;
            let hashes = self.rows::<32>(range.clone(), |number| LedgerFile::Tree(0, number))?;
            for ((leaf, stub), hash) in range.zip(&stubs).zip(hashes) {
                if self.suite.leaf(Tree::Ledger, stub) != Hash(hash) {
                    return Err(self.unlike_its_hash(LeafIndex(leaf)));
                }
            }
            Ok(stubs)
        };
        self.shared.files.noting(read())
    }

    /// What is said of a stub that does not lead to its leaf's hash.
    pub(super) fn unlike_its_hash(&self, leaf: LeafIndex) -> StorageError {
        let (number, offset) = row_place(leaf.0, Stub::LENGTH as u64);
        let path = self.shared.files.path(LedgerFile::Stubs(number));
        StorageError::corrupt(&path, offset, "the stub does not lead to its leaf hash")
    }

    /// Addresses of leaves.
    pub(super) fn addresses(&self, leaves: Range<u64>) -> Result<Vec<Address>, StorageError> {
        let rows = self.rows::<ADDRESS_LENGTH>(leaves.clone(), LedgerFile::Addresses)?;
        let decode = |(leaf, row): (u64, &[u8; ADDRESS_LENGTH])| {
            Address::decode(LeafIndex(leaf), row).ok_or_else(|| self.broken_address(LeafIndex(leaf)))
        };
        leaves.zip(&rows).map(decode).collect()
    }

    /// What is said of an address that fails its checksum.
    pub(super) fn broken_address(&self, leaf: LeafIndex) -> StorageError {
        let (number, offset) = row_place(leaf.0, ADDRESS_LENGTH as u64);
        let path = self.shared.files.path(LedgerFile::Addresses(number));
        StorageError::corrupt(&path, offset, "the row fails its checksum")
    }

    /// Rows of leaves in files of rows.
    fn rows<const N: usize>(
        &self,
        leaves: Range<u64>,
        file: impl Fn(u32) -> LedgerFile,
    ) -> Result<Vec<[u8; N]>, StorageError> {
        let size = self.size();
        if leaves.end > size.0 {
            let what = format!("leaf {} of a ledger of {size}", leaves.end.saturating_sub(1));
            return Err(StorageError::refused(what));
        }
        let mut rows = Vec::new();
        let mut next = leaves.start;
        while next < leaves.end {
            let end = leaves.end.min((next / ROWS_PER_FILE + 1) * ROWS_PER_FILE);
            let count = usize::try_from(end - next).expect("at most a file's rows");
            let (number, offset) = row_place(next, N as u64);
            let mut bytes = vec![0; count * N];
            self.shared.files.read(file(number), offset, &mut bytes)?;
            rows.extend(bytes.as_chunks::<N>().0);
            next = end;
        }
        Ok(rows)
    }

    /// Hands each record over, frames that lie side by side read together; every frame's checksum is verified.
    pub(super) fn each_record(
        &self,
        addresses: &[Address],
        mut each: impl FnMut(&Address, Blind, &[u8]),
    ) -> Result<(), StorageError> {
        let mut begin = 0;
        while let Some(first) = addresses.get(begin) {
            let mut end = begin + 1;
            while let Some(next) = addresses.get(end)
                && next.records_file() == first.records_file()
                && u64::from(next.record.offset) == addresses[end - 1].end()
                && next.end() - u64::from(first.record.offset) <= READ_BYTES_MAX
            {
                end += 1;
            }
            let offset = u64::from(first.record.offset);
            let length =
                usize::try_from(addresses[end - 1].end() - offset).expect("bounded above, or one frame");
            let mut frames = vec![0; length];
            self.shared.files.read(first.records_file(), offset, &mut frames)?;
            let mut rest = &frames[..];
            for address in &addresses[begin..end] {
                let (frame, after) = rest.split_at(address.frame_length());
                let (blind, record) = self.record_in(address, frame)?;
                each(address, blind, record);
                rest = after;
            }
            begin = end;
        }
        Ok(())
    }

    /// Blind and record bytes in a frame; its checksum is verified.
    pub(super) fn record_in<'f>(
        &self,
        address: &Address,
        frame: &'f [u8],
    ) -> Result<(Blind, &'f [u8]), StorageError> {
        let damaged = || {
            let path = self.shared.files.path(address.records_file());
            let offset = u64::from(address.record.offset);
            StorageError::corrupt(&path, offset, "the record's frame fails its checksum")
        };
        let (header, payload) = frame.split_first_chunk::<FRAME_HEADER>().ok_or_else(damaged)?;
        let header = FrameHeader::read(header);
        let whole = header.length == address.record.length && header.kind == FrameKind::Record as u8;
        if !whole || frame_crc(address.record.seed, frame) != header.crc {
            return Err(damaged());
        }
        let (blind, record) = payload.split_first_chunk().ok_or_else(damaged)?;
        Ok((Blind(*blind), record))
    }
}
