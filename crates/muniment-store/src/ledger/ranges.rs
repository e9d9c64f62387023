//! Rows that lie side by side, read together: a read of the disk costs more than what it brings.

use std::ops::Range;

use muniment_core::{LeafIndex, Stub, Tree};

use super::address::{ADDRESS_LENGTH, Address};
use super::extents::row_place;
use super::file::{LedgerFile, ROWS_PER_FILE};
use super::kept::LeafPlace;
use super::view::View;
use crate::error::StorageError;

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
            let expected = self.suite.leaves(Tree::Ledger, &stubs);
            match range.zip(expected.iter().zip(hashes)).find(|(_, (expected, hash))| expected.0 != *hash) {
                Some((leaf, _)) => Err(self.unlike_its_hash(LeafIndex(leaf))),
                None => Ok(stubs),
            }
        };
        self.shared.files.noting(read())
    }

    /// Where leaves' records and admissions are, and the records' digests; each row's checksum is verified.
    ///
    /// # Errors
    /// [`StorageError::Refused`] beyond [`View::size`]; [`StorageError::Corrupt`] if a row fails its checksum; else what
    /// the disk answers.
    pub fn places(&self, leaves: Range<LeafIndex>) -> Result<Vec<LeafPlace>, StorageError> {
        let rows = self.shared.files.noting(self.addresses(leaves.start.0..leaves.end.0))?;
        Ok(rows.iter().map(LeafPlace::of).collect())
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
}
