//! What a check found.

use std::fmt;

/// Damage: these bytes are not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path below the checked directory.
    pub file: String,
    /// Offset of the damaged frame or row, in bytes.
    pub offset: u64,
    /// Bytes of that frame or row; 0 if the rest of the file can't be read from here.
    pub length: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.file, self.offset, self.what)
    }
}

/// What there was to check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Leaves.
    pub leaves: u64,
    /// Admissions and derived statements.
    pub admissions: u64,
    /// Tree nodes, leaf hashes among them.
    pub nodes: u64,
    /// Checkpoint notes.
    pub checkpoints: u64,
    /// Frames of the Raft log.
    pub log_frames: u64,
}

/// The outcome of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Damage, in the order it was met.
    pub findings: Vec<Finding>,
    /// What is worth knowing but no damage: bytes and files beyond the sync point.
    pub notes: Vec<String>,
    /// What was checked.
    pub counts: Counts,
}

impl Report {
    /// Whether nothing is damaged.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn find(
        &mut self,
        file: impl Into<String>,
        offset: u64,
        length: u64,
        what: impl Into<String>,
    ) {
        self.findings.push(Finding { file: file.into(), offset, length, what: what.into() });
    }
}
