//! One file as a stream of records.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use muniment_core::v1::{Record, Stream};
use muniment_core::{BureauNumber, LeafIndex, LedgerId, record};

use crate::cell::Cells;
use crate::error::{FileError, IntakeError, RowError, RowFault};
use crate::lines::{Line, next_line};
use crate::mapping::{Format, Mapping};
use crate::table::{Table, name_fields};

/// First bytes of gzip data (RFC 1952 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Bytes of a stream's name.
const STREAM_BYTES_MAX: usize = 128;
/// Bytes read ahead.
const BUFFER_BYTES: usize = 64 * 1024;

/// What an import is told besides the file and the mapping.
#[derive(Clone, Debug)]
pub struct Import {
    /// The ledger that the records are for.
    pub ledger_id: LedgerId,
    /// The bureau that submits them. All rows of one file go through one bureau: their sequence is judged in its order.
    pub submitter: BureauNumber,
    /// Leaves for the names that the mapping cites.
    pub citations: BTreeMap<String, LeafIndex>,
}

/// One row's record, which passed every check that needs no ledger state.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Number of the row, from 1. The record's stream sequence is one less.
    pub number: u64,
    /// The record: stream = the file's name, sequence = the row's position.
    pub record: Record,
    /// Its canonical bytes, to be submitted.
    pub bytes: Vec<u8>,
}

/// The records of one file, in its order, with bounded memory.
///
/// After an [`IntakeError::Row`] the next rows follow; after an [`IntakeError::File`] the iterator ends.
pub struct Rows {
    file: String,
    import: Import,
    mapping: Mapping,
    reader: RowReader,
    bytes_read: Arc<AtomicU64>,
    bytes_total: u64,
    ended: bool,
}

impl Rows {
    /// Opens a file, plain or gzip by its first bytes.
    ///
    /// # Errors
    /// [`FileError::Open`], [`FileError::StreamName`], [`FileError::Citation`], and for CSV whatever its header shows.
    pub fn open(path: &Path, mapping: &Mapping, import: Import) -> Result<Self, FileError> {
        let file = file_name(path)?;
        if let Some(name) = mapping.citations().into_iter().find(|name| !import.citations.contains_key(*name))
        {
            return Err(FileError::Citation { file, name: name.to_owned() });
        }
        let bytes_read = Arc::new(AtomicU64::new(0));
        let (reader, bytes_total) = RowReader::open(path, &file, mapping, &bytes_read)?;
        Ok(Self { file, import, mapping: mapping.clone(), reader, bytes_read, bytes_total, ended: false })
    }

    /// The stream's name: the file's, without its folders.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.file
    }

    /// Bytes of the file read up to now and in all, as they lie on disk: for a progress bar.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.bytes_read.load(Ordering::Relaxed), self.bytes_total)
    }

    fn row(&self, number: u64, cells: &Cells) -> Result<Row, RowError> {
        let bad = |field, fault| RowError { file: self.file.clone(), row: number, field, fault };
        let mapped = self.mapping.record(cells, &self.import.citations);
        let mut record = mapped.map_err(|(field, fault)| bad(field, fault))?;
        record.ledger_id = self.import.ledger_id.0.to_vec();
        record.submitter = self.import.submitter.0;
        record.stream = Some(Stream { id: self.file.clone(), sequence: number - 1 });
        let bytes = record::encode(&record)
            .map_err(|refused| bad(Some(refused.field), RowFault::Refused(refused.detail)))?;
        Ok(Row { number, record, bytes })
    }
}

impl Iterator for Rows {
    type Item = Result<Row, IntakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.reader.next_row() {
            Ok(None) => {
                self.ended = true;
                None
            }
            Ok(Some(Ok(cells))) => Some(self.row(self.reader.row, &cells).map_err(IntakeError::Row)),
            Ok(Some(Err(fault))) => {
                let row = self.reader.row;
                Some(Err(RowError { file: self.file.clone(), row, field: None, fault }.into()))
            }
            Err(source) => {
                self.ended = true;
                Some(Err(read_error(self.file.clone(), self.reader.row, source).into()))
            }
        }
    }
}

/// Counts a file's rows, good and bad, without making any record: what an import is measured against.
///
/// # Errors
/// As [`Rows::open`] and its rows' [`FileError`]s.
pub fn count_rows(path: &Path, mapping: &Mapping) -> Result<u64, FileError> {
    let file = file_name(path)?;
    let (mut reader, _) = RowReader::open(path, &file, mapping, &Arc::default())?;
    loop {
        match reader.next_row() {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(reader.row),
            Err(source) => return Err(read_error(file, reader.row, source)),
        }
    }
}

/// The name that a file gives its stream.
fn file_name(path: &Path) -> Result<String, FileError> {
    let name = path.file_name().and_then(|name| name.to_str());
    match name {
        Some(name) if name.len() <= STREAM_BYTES_MAX && !name.chars().any(char::is_control) => {
            Ok(name.to_owned())
        }
        _ => {
            let file = path.display().to_string();
            Err(FileError::StreamName { file, bytes_max: STREAM_BYTES_MAX })
        }
    }
}

fn read_error(file: String, after_row: u64, source: io::Error) -> FileError {
    // flate2 answers these two; a plain file's read never does.
    match source.kind() {
        io::ErrorKind::UnexpectedEof => FileError::TruncatedGzip { file, after_row },
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            FileError::DamagedGzip { file, after_row, source }
        }
        _ => FileError::Read { file, after_row, source },
    }
}

/// Counts what is read from the disk.
struct Counted {
    file: File,
    bytes_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        // usize is at most 64 bits wide on every target.
        self.bytes_read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Rows as cells, numbered.
struct RowReader {
    input: Box<dyn BufRead + Send>,
    rows: RowFormat,
    bytes_max: usize,
    /// Number of the row read last; 0 before the first.
    row: u64,
}

enum RowFormat {
    JsonLines { line: Vec<u8> },
    Csv { table: Box<Table>, header: Vec<String> },
}

impl RowReader {
    fn open(
        path: &Path,
        file: &str,
        mapping: &Mapping,
        bytes_read: &Arc<AtomicU64>,
    ) -> Result<(Self, u64), FileError> {
        let open_error = |source| FileError::Open { file: file.to_owned(), source };
        let data = File::open(path).map_err(open_error)?;
        let metadata = data.metadata().map_err(open_error)?;
        if metadata.is_dir() {
            return Err(open_error(io::ErrorKind::IsADirectory.into()));
        }
        let counted = Counted { file: data, bytes_read: Arc::clone(bytes_read) };
        let mut plain = BufReader::with_capacity(BUFFER_BYTES, counted);
        let gzip = plain.fill_buf().map_err(open_error)?.starts_with(&GZIP_MAGIC);
        let input: Box<dyn BufRead + Send> = if gzip {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(plain)))
        } else {
            Box::new(plain)
        };
        let rows = RowFormat::JsonLines { line: Vec::new() };
        let mut reader = Self { input, rows, bytes_max: mapping.row_bytes_max, row: 0 };
        if mapping.format == Format::Csv {
            let mut table = Box::new(Table::new(mapping.row_bytes_max));
            let header = header(file, table.next_fields(&mut reader.input))?;
            reader.rows = RowFormat::Csv { table, header };
        }
        Ok((reader, metadata.len()))
    }

    /// The next row, `None` after the last. A fault within a row leaves the reader at the next one.
    fn next_row(&mut self) -> io::Result<Option<Result<Cells, RowFault>>> {
        let row = match &mut self.rows {
            RowFormat::Csv { table, header } => match table.next_fields(&mut self.input)? {
                None => return Ok(None),
                Some(fields) => fields.and_then(|fields| name_fields(header, fields)),
            },
            RowFormat::JsonLines { line } => loop {
                match next_line(&mut self.input, line, self.bytes_max)? {
                    Line::End => return Ok(None),
                    Line::TooLong => break Err(RowFault::TooLarge { bytes_max: self.bytes_max }),
                    Line::Whole if line.trim_ascii().is_empty() => {}
                    Line::Whole => break object(line, self.row == 0),
                }
            },
        };
        self.row += 1;
        Ok(Some(row))
    }
}

/// The names of a CSV file's columns, each once.
fn header(
    file: &str,
    fields: io::Result<Option<Result<Vec<String>, RowFault>>>,
) -> Result<Vec<String>, FileError> {
    let faulty = |what| FileError::Header { file: file.to_owned(), what };
    let header = fields
        .map_err(|source| read_error(file.to_owned(), 0, source))?
        .ok_or_else(|| faulty(RowFault::Missing))?
        .map_err(faulty)?;
    let mut names: Vec<_> = header.iter().collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(faulty(RowFault::WrongType { expected: "a name a column, each once" }));
    }
    Ok(header)
}

/// Reads a line as one JSON object. The first may begin with a byte order mark.
fn object(line: &[u8], is_first: bool) -> Result<Cells, RowFault> {
    let text = str::from_utf8(line).map_err(|_| RowFault::NotUtf8)?;
    let text = if is_first { text.trim_start_matches('\u{feff}') } else { text };
    serde_json::from_str(text).map_err(|error| {
        // Its message may quote the value that it stumbled over.
        let what = match error.classify() {
            serde_json::error::Category::Eof => "the line ends within it",
            serde_json::error::Category::Data => "another JSON value, or a field that stands twice",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "syntax error",
        };
        RowFault::NotAnObject { what, column: error.column() }
    })
}
