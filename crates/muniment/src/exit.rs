//! How the process ends: one table for scripts.

use std::fmt;
use std::process::ExitCode;

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
    /// Nothing can be said with what was given.
    Undecidable = 5,
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

    /// The code of an error that ended a command.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
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
