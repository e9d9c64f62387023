//! What can go wrong while a file is read: one row, or the file itself.

use std::io;

use thiserror::Error;

/// Why a row, or the rest of a file, became no record. Nothing is written by reading.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// One row is bad; the rows after it follow.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The file can't be read on; no row follows.
    #[error(transparent)]
    File(#[from] FileError),
}

/// One row that became no record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}: row {row}{}: {fault}", .field.as_ref().map(|field| format!(", field `{field}`")).unwrap_or_default())]
pub struct RowError {
    /// Name of the file.
    pub file: String,
    /// Number of the row, from 1; a CSV file's header and blank lines are no rows.
    pub row: u64,
    /// The row's field, or the record's when the record is refused. `None` when the whole row can't be read.
    pub field: Option<String>,
    /// What is wrong.
    pub fault: RowFault,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RowFault {
    /// More bytes than a row may have.
    #[error("longer than {bytes_max} bytes; split the row or raise `row_bytes_max` in the mapping")]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// Bytes that are no text.
    #[error("not UTF-8")]
    NotUtf8,
    /// A line that is no JSON object.
    #[error("no JSON object: {what} at column {column}")]
    NotAnObject {
        /// The parser's finding; shows no value.
        what: &'static str,
        /// Column, from 1; 0 where there is none.
        column: usize,
    },
    /// A CSV row with more or fewer columns than the header.
    #[error("{found} columns where the header has {expected}")]
    ColumnCount {
        /// Columns of the header.
        expected: usize,
        /// Columns of the row.
        found: usize,
    },
    /// A field that the mapping needs.
    #[error("missing; the mapping needs it (say `optional = true` there if it may be left out)")]
    Missing,
    /// A value of another type.
    #[error("not {expected}")]
    WrongType {
        /// What the record takes.
        expected: &'static str,
    },
    /// A number that the record can't hold.
    #[error("out of range; {expected}")]
    OutOfRange {
        /// What the record takes.
        expected: &'static str,
    },
    /// A value that the mapping's table does not list.
    #[error("a value that the table `values` in the mapping does not list")]
    NotListed,
    /// A mapped record that the ledger's own checks refuse.
    #[error("the ledger would refuse it: {0}")]
    Refused(String),
}

/// Why a file can't be read, or not any further. Rows before it were handed out.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file can't be opened.
    #[error("{file}: can't be opened: {source}")]
    Open {
        /// Name of the file.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A read failed.
    #[error("{file}: can't be read on after row {after_row}: {source}")]
    Read {
        /// Name of the file.
        file: String,
        /// Last row that was handed out; 0 for none.
        after_row: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// A gzip file that ends before its trailer.
    #[error(
        "{file}: gzip data ends after row {after_row} without its trailer; fetch the file again and import it under the same name: rows already in the ledger are not doubled"
    )]
    TruncatedGzip {
        /// Name of the file.
        file: String,
        /// Last row that was handed out; 0 for none.
        after_row: u64,
    },
    /// A gzip file with damaged content or checksum.
    #[error("{file}: gzip data is damaged after row {after_row}: {source}; fetch the file again")]
    DamagedGzip {
        /// Name of the file.
        file: String,
        /// Last row that was handed out; 0 for none.
        after_row: u64,
        /// The decoder's reason.
        source: io::Error,
    },
    /// A CSV file without a header, or with a header that can't be used.
    #[error("{file}: header: {what}")]
    Header {
        /// Name of the file.
        file: String,
        /// What is wrong with it.
        what: RowFault,
    },
    /// A file name that can't name a stream.
    #[error(
        "{file}: a stream's name is 1 to {bytes_max} bytes of text without control characters; rename the file"
    )]
    StreamName {
        /// Name of the file, as far as it is text.
        file: String,
        /// The bound.
        bytes_max: usize,
    },
    /// The mapping cites an authorisation that the caller did not name.
    #[error("{file}: the mapping cites `{name}`, but no leaf was given for it")]
    Citation {
        /// Name of the file.
        file: String,
        /// Name of the citation.
        name: String,
    },
}
