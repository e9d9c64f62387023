//! What one batch adds to each file: gathered, then written with one call per file.

use super::file::{LedgerFile, ROWS_PER_FILE};

/// Bytes that belong at one place of one file.
#[derive(Debug)]
pub(crate) struct Extent {
    pub(crate) file: LedgerFile,
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

/// One extent per file.
#[derive(Debug, Default)]
pub(crate) struct Extents {
    pub(crate) list: Vec<Extent>,
    /// Position of the extent that was added to last: what is gathered file by file finds it again at once.
    last: usize,
}

impl Extents {
    /// The buffer whose end is `offset` of `file`. Additions to one file come in order without a hole.
    pub(crate) fn at(&mut self, file: LedgerFile, offset: u64) -> &mut Vec<u8> {
        if self.list.get(self.last).is_none_or(|extent| extent.file != file) {
            // A batch touches few files: one per tree level and some ten more.
            let known = self.list.iter().position(|extent| extent.file == file);
            self.last = known.unwrap_or_else(|| {
                self.list.push(Extent { file, offset, bytes: Vec::new() });
                self.list.len() - 1
            });
        }
        let extent = &mut self.list[self.last];
        assert_eq!(extent.offset + extent.bytes.len() as u64, offset, "additions to {file} leave no hole");
        &mut extent.bytes
    }

    /// Adds a row of a file of fixed rows.
    pub(crate) fn push_row(&mut self, file: impl FnOnce(u32) -> LedgerFile, row: u64, bytes: &[u8]) {
        let (number, offset) = row_place(row, bytes.len() as u64);
        self.at(file(number), offset).extend_from_slice(bytes);
    }

    /// Adds rows of one width, `first` and those behind it.
    pub(crate) fn push_rows<const WIDTH: usize>(
        &mut self,
        file: impl Fn(u32) -> LedgerFile,
        first: u64,
        rows: impl IntoIterator<Item = [u8; WIDTH]>,
    ) {
        for (row, bytes) in (first..).zip(rows) {
            self.push_row(&file, row, &bytes);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.last = 0;
    }
}

/// Number of the file and offset in it of a row.
pub(crate) fn row_place(row: u64, width: u64) -> (u32, u64) {
    // 2^52 rows: beyond any ledger, and an index that was read from a proof is bounded before.
    let number = u32::try_from(row / ROWS_PER_FILE).unwrap_or(u32::MAX);
    (number, row % ROWS_PER_FILE * width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_on_in_the_next_file_after_2_to_the_20() {
        let mut extents = Extents::default();
        for row in ROWS_PER_FILE - 2..ROWS_PER_FILE + 1 {
            extents.push_row(LedgerFile::Stubs, row, &[1; 64]);
        }
        let places = extents.list.iter().map(|extent| (extent.file, extent.offset, extent.bytes.len()));
        let last_rows = (LedgerFile::Stubs(0), (ROWS_PER_FILE - 2) * 64, 128);
        assert_eq!(places.collect::<Vec<_>>(), [last_rows, (LedgerFile::Stubs(1), 0, 64)]);
    }
}
