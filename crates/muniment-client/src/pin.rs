//! The last verified checkpoint of a ledger, kept where the next process finds it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use muniment_core::LedgerId;
use muniment_core::checkpoint::{Checkpoint, CheckpointBody, CheckpointError};
use thiserror::Error;

/// Checkpoints that are remembered.
const MET_MAX: usize = 64;

/// Why the pinned checkpoint can't be used. It is never replaced by another one unseen.
#[derive(Debug, Error)]
pub enum StateError {
    /// The disk.
    #[error("{verb} {}: {source}", .file.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is no checkpoint that the trust file's bureaus cosigned.
    #[error(
        "{} is no checkpoint of this ledger ({reason}): it may have been tampered with; move it away only if you know why",
        .file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Keeps one ledger's pin: in a file, or in memory.
pub(crate) struct Pins {
    file: Option<PathBuf>,
    /// The newest that this process has verified. Held to look and to replace, never while waiting.
    newest: Mutex<Option<Checkpoint>>,
    /// What was cosigned and consistent with the pin when it was met, newest last: submissions that were sealed together
    /// bring the same checkpoint.
    met: Mutex<VecDeque<CheckpointBody>>,
}

impl Pins {
    pub(crate) fn new(state_dir: Option<&Path>, ledger: &LedgerId) -> Self {
        let file = state_dir.map(|dir| dir.join(format!("{ledger}.checkpoint")));
        Self { file, newest: Mutex::new(None), met: Mutex::default() }
    }

    /// What this process verified last.
    pub(crate) fn newest(&self) -> Option<Checkpoint> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The pinned checkpoint, from the file where there is one; `verify` says whether it holds.
    pub(crate) fn load(
        &self,
        verify: impl Fn(&Checkpoint) -> Result<(), String>,
    ) -> Result<Option<Checkpoint>, StateError> {
        let Some(file) = &self.file else { return Ok(self.newest()) };
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // It may have been removed on purpose; this process has not forgotten.
                return Ok(self.newest());
            }
            Err(source) => return Err(StateError::Io { verb: "read", file: file.clone(), source }),
        };
        let damaged = |reason: String| StateError::Damaged { file: file.clone(), reason };
        let checkpoint =
            Checkpoint::parse(&bytes).map_err(|error: CheckpointError| damaged(error.to_string()))?;
        verify(&checkpoint).map_err(damaged)?;
        Ok(Some(checkpoint))
    }

    /// Puts `new` in the place of `expected`; false if another process was faster, and nothing was changed.
    ///
    /// The new file is whole or not there (write, sync, rename); a crash leaves the old pin.
    pub(crate) fn replace(
        &self,
        expected: Option<&Checkpoint>,
        new: &Checkpoint,
    ) -> Result<bool, StateError> {
        if let Some(file) = &self.file
            && !replace_file(file, expected, new)?
        {
            return Ok(false);
        }
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(new.clone());
        Ok(true)
    }

    /// Whether this very checkpoint was verified and proven before.
    pub(crate) fn has_met(&self, body: &CheckpointBody) -> bool {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).contains(body)
    }

    /// Remembers that it was.
    pub(crate) fn meet(&self, body: &CheckpointBody) {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        if met.len() == MET_MAX {
            met.pop_front();
        }
        met.push_back(body.clone());
    }

    /// Notes what was verified without a change of the pin.
    pub(crate) fn note(&self, pinned: &Checkpoint) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(pinned.clone());
    }
}

fn replace_file(file: &Path, expected: Option<&Checkpoint>, new: &Checkpoint) -> Result<bool, StateError> {
    let failed = |verb, source| StateError::Io { verb, file: file.to_owned(), source };
    let dir = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(|source| failed("make the directory of", source))?;
    let lock = File::create(file.with_extension("lock")).map_err(|source| failed("lock", source))?;
    lock.lock().map_err(|source| failed("lock", source))?;
    let found = match std::fs::read(file) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(failed("read", source)),
    };
    let expected = expected.map(|checkpoint| checkpoint.to_note().into_bytes());
    if found.is_some() && found != expected {
        return Ok(false);
    }
    let mut draft = tempfile::NamedTempFile::new_in(dir).map_err(|source| failed("write", source))?;
    draft.write_all(new.to_note().as_bytes()).map_err(|source| failed("write", source))?;
    draft.as_file().sync_all().map_err(|source| failed("sync", source))?;
    draft.persist(file).map_err(|error| failed("rename to", error.error))?;
    // The rename itself is durable once its directory is.
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|source| failed("sync the directory of", source))?;
    Ok(true)
}
