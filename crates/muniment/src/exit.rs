//! How the process ends: one table for scripts.

use std::fmt;
use std::io;
use std::process::ExitCode;

use muniment_client::Class;
use muniment_core::verify::Outcome;
use muniment_intake::{FileError, MappingError};

/// Exit codes of every command; append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, and what was checked holds.
    Ok = 0,
    /// Anything without a code of its own.
    Other = 1,
    /// Wrong usage, or a file that is not what it should be.
    Malformed = 2,
    /// A verification failed: the file was tampered with.
    Tampered = 3,
    /// There is no such thing.
    NotFound = 4,
    /// Nothing can be said with what was given, or nobody answered in time.
    Undecidable = 5,
    /// The caller may not.
    NotPermitted = 6,
    /// The ledger's state, or an earlier write, stands against it.
    Conflict = 7,
    /// The user ended it.
    Interrupted = 130,
}

/// What was typed means nothing, or names something that can't be used.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// What was asked for is not there, as far as this caller can see.
#[derive(Debug)]
pub(crate) struct Missing(pub(crate) String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

impl Exit {
    /// The code of a verification.
    pub(crate) const fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Verified => Self::Ok,
            Outcome::Malformed => Self::Malformed,
            Outcome::Tampered => Self::Tampered,
            Outcome::Undecidable => Self::Undecidable,
        }
    }

    /// The code of a failed call.
    pub(crate) const fn of_class(class: Class) -> Self {
        match class {
            Class::Other => Self::Other,
            Class::Malformed => Self::Malformed,
            Class::Tampered => Self::Tampered,
            Class::NotFound => Self::NotFound,
            Class::Unavailable => Self::Undecidable,
            Class::NotPermitted => Self::NotPermitted,
            Class::Conflict => Self::Conflict,
        }
    }

    /// The code of an error that ended a command.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if let Some(error) = error.downcast_ref::<muniment_client::Error>() {
            return Self::of_class(error.class());
        }
        if let Some(error) = error.downcast_ref::<Missing>() {
            let Missing(_) = error;
            return Self::NotFound;
        }
        let is_closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        if error.downcast_ref::<io::Error>().is_some_and(is_closed) {
            // Whoever read the output has had enough of it.
            return Self::Ok;
        }
        let unusable_file = |error: &FileError| {
            matches!(
                error,
                FileError::Open { .. }
                    | FileError::Header { .. }
                    | FileError::StreamName { .. }
                    | FileError::Citation { .. }
            )
        };
        if error.is::<UsageError>()
            || error.is::<muniment_client::OptionsError>()
            || error.is::<MappingError>()
            || error.downcast_ref().is_some_and(unusable_file)
        {
            Self::Malformed
        } else {
            Self::Other
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
