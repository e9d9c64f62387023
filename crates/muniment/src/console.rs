//! Where words go: results to stdout, everything else to stderr.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Writes a line of the result.
///
/// # Errors
/// When stdout is closed or full.
pub(crate) fn result(line: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Writes a line about what goes on.
///
/// # Errors
/// When stderr is closed or full.
pub(crate) fn note(line: impl Display) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{line}")
}
