//! CSV (RFC 4180, any line end): the header's names, then one row at a time, bounded in size.

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader};

use crate::cell::{Cell, Cells};
use crate::error::RowFault;

/// Columns of one file.
const COLUMNS_MAX: usize = 1_024;

/// Reads rows of a CSV file, the header included.
pub(crate) struct Table {
    reader: Reader,
    output: Vec<u8>,
    ends: Vec<usize>,
}

/// One row's outcome: the fields, or why there are none.
pub(crate) type Fields = Result<Vec<String>, RowFault>;

impl Table {
    /// A table whose rows have at most `bytes_max` bytes once unquoted.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { reader: Reader::new(), output: vec![0; bytes_max], ends: vec![0; COLUMNS_MAX] }
    }

    /// The next row's fields; `None` after the last. A row over the bounds is skipped to its end and answered as a fault.
    ///
    /// # Errors
    /// Whatever the input answers.
    pub(crate) fn next_fields<R: BufRead>(&mut self, input: &mut R) -> io::Result<Option<Fields>> {
        let (mut bytes, mut columns, mut too_large) = (0, 0, false);
        loop {
            let chunk = match input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let (result, read, wrote, ended) =
                self.reader.read_record(chunk, &mut self.output[bytes..], &mut self.ends[columns..]);
            input.consume(read);
            bytes += wrote;
            columns += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    too_large = true;
                    (bytes, columns) = (0, 0);
                }
                ReadRecordResult::Record if too_large => {
                    return Ok(Some(Err(RowFault::TooLarge { bytes_max: self.output.len() })));
                }
                ReadRecordResult::Record => return Ok(Some(self.fields(columns))),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// The fields in the buffers.
    fn fields(&self, columns: usize) -> Fields {
        let mut start = 0;
        let mut fields = Vec::with_capacity(columns);
        for end in &self.ends[..columns] {
            let text = str::from_utf8(&self.output[start..*end]).map_err(|_| RowFault::NotUtf8)?;
            fields.push(text.to_owned());
            start = *end;
        }
        Ok(fields)
    }
}

/// Puts the header's names to a row's fields.
///
/// # Errors
/// [`RowFault::ColumnCount`] when they are not as many.
pub(crate) fn name_fields(header: &[String], fields: Vec<String>) -> Result<Cells, RowFault> {
    if fields.len() != header.len() {
        return Err(RowFault::ColumnCount { expected: header.len(), found: fields.len() });
    }
    Ok(header.iter().cloned().zip(fields.into_iter().map(Cell::Text)).collect())
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn check(capacity: usize, text: &str, expected: &[Result<&[&str], RowFault>]) {
        let mut input = BufReader::with_capacity(capacity, text.as_bytes());
        let mut table = Table::new(16);
        for row in expected {
            let found = table.next_fields(&mut input).unwrap().unwrap();
            let row = row.clone().map(|fields| fields.iter().map(|field| (*field).to_owned()).collect());
            assert_eq!(found, row, "capacity {capacity}");
        }
        assert_eq!(table.next_fields(&mut input).unwrap(), None, "capacity {capacity}");
    }

    #[test]
    fn a_row_over_the_bound_costs_no_other_row() {
        for capacity in [1, 2, 3, 7, 64] {
            check(
                capacity,
                "a,b\n\"1,\n\"\"2\"\"\",x\r\n12345678901,2345678\nlast,one",
                &[
                    Ok(&["a", "b"]),
                    Ok(&["1,\n\"2\"", "x"]),
                    Err(RowFault::TooLarge { bytes_max: 16 }),
                    Ok(&["last", "one"]),
                ],
            );
        }
    }
}
