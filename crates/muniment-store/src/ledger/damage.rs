//! Places of the evidence files that are known to be damaged: nothing of them is read until they are repaired.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::View;
use super::file::LedgerFile;
use super::files::{Files, lock};
use crate::error::StorageError;
use crate::fsck::Finding;

/// What is known of damage in one ledger directory, since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    /// Whether there is any: reads of sound files look no further.
    known: AtomicBool,
    /// Held for a look.
    findings: Mutex<Vec<Finding>>,
}

impl Damage {
    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::SeqCst)
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        lock(&self.findings).clone()
    }

    pub(crate) fn note(&self, finding: Finding) {
        let mut findings = lock(&self.findings);
        let is_known = |known: &Finding| (&known.file, known.offset) == (&finding.file, finding.offset);
        if !findings.iter().any(is_known) {
            findings.push(finding);
        }
        self.known.store(true, Ordering::SeqCst);
    }

    /// Insists that no byte of a range is known to be damaged.
    pub(crate) fn insist_on_sound(
        &self,
        ledger_dir: &Path,
        name: &str,
        offset: u64,
        length: u64,
    ) -> Result<(), StorageError> {
        if !self.is_known() {
            return Ok(());
        }
        match lock(&self.findings).iter().find(|finding| finding.meets(name, offset, length)) {
            None => Ok(()),
            Some(found) => {
                Err(StorageError::corrupt(&ledger_dir.join(name), found.offset, found.what.as_str()))
            }
        }
    }
}

impl Finding {
    /// Whether it has a byte among `length` at `offset` of a file. Of a finding without length nothing from its offset on
    /// can be read.
    #[must_use]
    pub fn meets(&self, file: &str, offset: u64, length: u64) -> bool {
        let end = offset.saturating_add(length);
        let own_end = if self.length == 0 { u64::MAX } else { self.offset.saturating_add(self.length) };
        self.file == file && self.offset < end && offset < own_end
    }

    /// Whether it is of a file that all nodes hold alike: a peer has it, too.
    #[must_use]
    pub fn is_of_common_file(&self) -> bool {
        LedgerFile::parse(&self.file).is_some_and(LedgerFile::is_common)
    }

    /// What a read of the files in `ledger_dir` met: one byte of it, since how far it reaches is not known yet. `None` if
    /// the failure says nothing about what the files hold.
    #[must_use]
    pub fn of_failure(ledger_dir: &Path, error: &StorageError) -> Option<Self> {
        let (path, offset, what) = match error {
            StorageError::Corrupt { path, offset, what } => (path, *offset, what.clone()),
            StorageError::Io { action: "open" | "read", path, error } if is_of_the_file(error) => {
                (path, 0, error.to_string())
            }
            StorageError::Io { .. } | StorageError::Full { .. } | StorageError::Refused { .. } => {
                return None;
            }
        };
        let file = path.strip_prefix(ledger_dir).ok()?.to_str()?.to_owned();
        Some(Self { file, offset, length: 1, what })
    }
}

/// A file that is gone, or a sector that the disk can't read; not what the process has too little of.
fn is_of_the_file(error: &std::io::Error) -> bool {
    /// `EIO`, which the standard library has no kind for.
    const UNREADABLE: i32 = 5;
    error.kind() == std::io::ErrorKind::NotFound || error.raw_os_error() == Some(UNREADABLE)
}

impl Files {
    /// Remembers what a read says about the files, if it says anything.
    pub(crate) fn noting<T>(&self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        if let Err(error) = &result
            && let Some(finding) = Finding::of_failure(&self.dir, error)
        {
            self.damage.note(finding);
        }
        result
    }
}

impl View {
    /// What is known to be damaged in these files.
    #[must_use]
    pub fn damage(&self) -> Vec<Finding> {
        self.shared.files.damage.findings()
    }

    /// Whether anything is known to be damaged: nothing that was computed from these files may then be signed.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.shared.files.damage.is_known()
    }

    /// Takes over what a check has found: reads of these places answer [`StorageError::Corrupt`] from now on.
    pub fn note_damage(&self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.shared.files.damage.note(finding));
    }

    /// Insists that no byte of a file's range is known to be damaged, before it is handed to a peer.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] names the place.
    pub fn insist_on_sound(&self, name: &str, offset: u64, length: u64) -> Result<(), StorageError> {
        let files = &self.shared.files;
        files.damage.insist_on_sound(&files.dir, name, offset, length)
    }

    /// The failure of hashes of the tree that don't lead to its root; it is noted as damage. Which file holds the wrong
    /// one takes a check to tell.
    #[must_use]
    pub fn tree_is_damaged(&self, what: String) -> StorageError {
        let path = self.shared.files.dir.join("tree");
        let noted: Result<(), _> =
            self.shared.files.noting(Err(StorageError::corrupt(&path, 0, what.as_str())));
        noted.err().unwrap_or_else(|| StorageError::corrupt(&path, 0, what))
    }
}
