//! The mapping language: how a foreign row becomes a record, as data.
//!
//! `[record]` fills the envelope, `[body]` the body of the kind named. A field has one source or a list of them, of which
//! the first that applies is taken: `{ field = "name" }`, `{ template = "xroad:{class}/{code}[/{subsystem}]" }`,
//! `{ constant = "text" }`, `{ cite = "name" }` (a leaf that the caller gives); with `when = { field, equals }`,
//! `optional = true`, `values = { theirs = "ours" }`, `unit` and `precision`. Null and empty text count as absent.
//! Stream and sequence are never mapped: they are the file's name and the row's position, so that a repeated import
//! doubles nothing and a row that could not be read leaves a gap that the ledger flags (S01).

mod error;
mod reader;
mod source;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use muniment_core::v1::Record;
use muniment_core::{Kind, LeafIndex};

pub use error::{MappingError, MappingFault};
use source::{Fault, Origin, Rule};

use crate::cell::Cells;
use crate::target::empty_body;

/// Bytes of a row unless the mapping says otherwise.
pub(crate) const ROW_BYTES_MAX: usize = 64 * 1024;

/// How rows stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object a line.
    JsonLines,
    /// RFC 4180 with a header.
    Csv,
}

/// A mapping file, read and checked.
#[derive(Clone, Debug)]
pub struct Mapping {
    name: String,
    pub(crate) format: Format,
    kind: Kind,
    historic: bool,
    pub(crate) row_bytes_max: usize,
    rules: Vec<Rule>,
}

impl Mapping {
    /// Reads a mapping file's text; `file` names it in errors.
    ///
    /// # Errors
    /// [`MappingError::Faulty`] with the line for anything that is not exactly understood.
    pub fn parse(file: &str, text: &str) -> Result<Self, MappingError> {
        reader::read(file, text)
    }

    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`MappingError::Unreadable`] when there is no such text file, else as [`Mapping::parse`].
    pub fn read(path: &Path) -> Result<Self, MappingError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&file, &text),
            Err(source) => Err(MappingError::Unreadable { file, source }),
        }
    }

    /// The mapping's own name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Kind of the records that it makes.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Names of the leaves that it cites, ascending.
    #[must_use]
    pub fn citations(&self) -> BTreeSet<&str> {
        let sources = self.rules.iter().flat_map(|rule| &rule.sources);
        sources
            .filter_map(|source| match &source.origin {
                Origin::Citation(name) => Some(name.as_str()),
                Origin::Constant(_) | Origin::Field(_) | Origin::Template(_) => None,
            })
            .collect()
    }

    /// Makes the record of a row, without what only the caller knows (ledger, submitter, stream).
    pub(crate) fn record(
        &self,
        cells: &Cells,
        citations: &BTreeMap<String, LeafIndex>,
    ) -> Result<Record, Fault> {
        let mut record = Record {
            schema_version: 1,
            historic: self.historic,
            body: empty_body(self.kind),
            ..Record::default()
        };
        for rule in &self.rules {
            rule.apply(cells, citations, &mut record)?;
        }
        Ok(record)
    }
}
