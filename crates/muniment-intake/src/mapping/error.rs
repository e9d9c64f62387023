//! What can be wrong with a mapping file.

use std::io;

use thiserror::Error;

/// Why a mapping file can't be used. Nothing was read from any data file.
#[derive(Debug, Error)]
pub enum MappingError {
    /// The file can't be read.
    #[error("mapping file {file}: can't be read: {source}")]
    Unreadable {
        /// Name of the file.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The file says something that means nothing.
    #[error("mapping file {file}, line {line}: {fault}")]
    Faulty {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong there.
        fault: MappingFault,
    },
}

/// What is wrong at a line of a mapping file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MappingFault {
    /// No TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key that means nothing here.
    #[error("unknown key `{key}`; known here: {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The keys that are known at this place.
        known: String,
    },
    /// A key that is needed here.
    #[error("`{key}` is missing")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A value of another type.
    #[error("`{key}` must be {expected}")]
    WrongType {
        /// The key.
        key: String,
        /// What it takes.
        expected: &'static str,
    },
    /// A value that is none of the names allowed.
    #[error("`{key}` can't be `{value}`; one of: {known}")]
    UnknownName {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// The values allowed.
        known: String,
    },
    /// Keys of one source that contradict each other.
    #[error("{0}")]
    Contradiction(String),
    /// A template that can't be read.
    #[error("template: {what} at character {column}")]
    Template {
        /// What is wrong.
        what: &'static str,
        /// Character, from 1.
        column: usize,
    },
}
