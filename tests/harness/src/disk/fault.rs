//! Faults: what a simulated disk does wrong, and when.

use std::io;

/// What an operation that is counted does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Creates, renames or removes a name.
    Name,
    /// Writes, allocates or cuts.
    Write,
    /// Syncs a file.
    SyncData,
    /// Syncs a directory.
    SyncDir,
}

/// A fault to come.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Operation number `at` (from 1) does not end, and none after it: the machine has stopped.
    Crash {
        /// Which operation.
        at: u64,
    },
    /// The operation of this kind that is at or after number `at` fails; what it was to sync is lost, as after a failed
    /// `fdatasync`.
    Fail {
        /// From which operation on.
        at: u64,
        /// Its kind.
        operation: Operation,
        /// The system's answer.
        error: io::ErrorKind,
    },
}

/// A lie that the disk tells throughout, to see a test fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lie {
    /// None.
    #[default]
    None,
    /// `sync_data` does nothing.
    SkipSyncData,
    /// `sync_dir` does nothing.
    SkipSyncDir,
}
