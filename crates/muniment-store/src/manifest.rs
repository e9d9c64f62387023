//! What another node needs to take over a sync point: its files, with lengths and digests.
//!
//! A manifest is not believed: [`crate::install::install`] holds the files against a root that q members signed.

use std::path::Path;
use std::sync::Arc;

use muniment_core::reader::Reader;
use muniment_core::{Hash, TreeSize};

use crate::disk::Disk;
use crate::error::{At, StorageError};
use crate::ledger::current::{CURRENT_FILE, Current};
use crate::ledger::derived_point::DERIVED_FILE;
use crate::ledger::{EntryPosition, LedgerFile};

/// Bytes asked for at a time, at most.
pub const RANGE_BYTES: u64 = 1024 * 1024;

/// The evidence files of a sync point, and its world dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub(crate) current: Current,
    /// blake3 of each file's bytes up to its length, in the order of the lengths.
    pub(crate) digests: Vec<[u8; 32]>,
}

/// One file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    /// Path below `ledger/`.
    pub name: String,
    /// Bytes; the file itself may be longer by now.
    pub bytes: u64,
    /// blake3 of these bytes; `None` for the world dump, whose digest lies in itself.
    pub digest: Option<[u8; 32]>,
}

/// Where files come from: a peer, or a directory.
pub trait FileSource {
    /// Reads `length` bytes at `offset` of a file that the manifest names.
    ///
    /// # Errors
    /// What went wrong; the whole fetch then fails, and may be tried again with a newer manifest.
    fn read(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, StorageError>;
}

/// The files of a ledger directory on this machine, as peers may read them.
#[derive(Clone, Debug)]
pub struct DirectorySource {
    disk: Arc<dyn Disk>,
    ledger_dir: std::path::PathBuf,
}

impl Manifest {
    /// Describes the newest sync point of a ledger directory; may run beside its writer. Checkpoints are each node's
    /// own and left out.
    ///
    /// # Errors
    /// [`StorageError::Refused`] before the first sync point; else what the disk answers.
    pub fn describe(disk: &dyn Disk, ledger_dir: &Path) -> Result<Self, StorageError> {
        Self::describe_point(disk, ledger_dir, CURRENT_FILE)
    }

    /// As [`Manifest::describe`], of the newest derived point whose leaf is in the ledger.
    ///
    /// # Errors
    /// [`StorageError::Refused`] before there is one; else what the disk answers.
    pub fn describe_derived(disk: &dyn Disk, ledger_dir: &Path) -> Result<Self, StorageError> {
        Self::describe_point(disk, ledger_dir, DERIVED_FILE)
    }

    fn describe_point(disk: &dyn Disk, ledger_dir: &Path, name: &str) -> Result<Self, StorageError> {
        let Some(mut current) = Current::load_from(disk, &ledger_dir.join(name))? else {
            return Err(StorageError::refused(format!("there is no {name} to describe yet")));
        };
        current.lengths.retain(|file, _| file.is_common());
        let mut digests = Vec::with_capacity(current.lengths.len());
        for (file, length) in &current.lengths {
            let path = file.path(ledger_dir);
            let handle = disk.open(&path).at("open", &path)?;
            let mut hasher = blake3::Hasher::new();
            for (offset, count) in ranges(*length) {
                let mut buffer = vec![0; usize::try_from(count).expect("a range has at most 1 MiB")];
                handle.read_at(&mut buffer, offset).at("read", &path)?;
                hasher.update(&buffer);
            }
            digests.push(hasher.finalize().into());
        }
        Ok(Self { current, digests })
    }

    /// Leaves of the sync point.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.current.point.size
    }

    /// Root that it claims.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.current.point.root
    }

    /// The entry that it follows.
    #[must_use]
    pub const fn position(&self) -> Option<EntryPosition> {
        self.current.point.position
    }

    /// As it was given with the sync point.
    #[must_use]
    pub fn membership(&self) -> &[u8] {
        &self.current.point.membership
    }

    /// The files to fetch.
    #[must_use]
    pub fn files(&self) -> Vec<ManifestFile> {
        let evidence = self.current.lengths.iter().zip(&self.digests).map(|((file, bytes), digest)| {
            ManifestFile { name: file.relative(), bytes: *bytes, digest: Some(*digest) }
        });
        let dump = self.current.point.dump.map(|dump| ManifestFile {
            name: format!("world/{}", dump.file_name()),
            bytes: dump.bytes,
            digest: None,
        });
        evidence.chain(dump).collect()
    }

    /// Bytes for a peer: those of `CURRENT` with their length, then the digests.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let current = self.current.encode();
        let length = u32::try_from(current.len()).expect("CURRENT is far below 4 GiB");
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend_from_slice(&current);
        bytes.extend(self.digests.iter().flatten());
        bytes
    }

    /// Reads what a peer sent.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if it is no manifest.
    pub fn decode(bytes: &[u8]) -> Result<Self, StorageError> {
        let refused = |what: String| StorageError::refused(format!("the peer's manifest: {what}"));
        let mut reader = Reader::new(bytes);
        let current = reader.block().map_err(|error| refused(error.to_string()))?;
        let current = Current::decode(Path::new(CURRENT_FILE), current);
        let current = current.map_err(|error| refused(error.to_string()))?;
        if current.lengths.keys().any(|file| !file.is_common()) {
            return Err(refused("it names files that each node has for itself".to_owned()));
        }
        let mut digests = Vec::with_capacity(current.lengths.len());
        for _ in 0..current.lengths.len() {
            digests.push(reader.array().map_err(|error| refused(error.to_string()))?);
        }
        reader.end().map_err(|error| refused(error.to_string()))?;
        Ok(Self { current, digests })
    }
}

impl DirectorySource {
    /// Serves the evidence files below `ledger_dir`.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, ledger_dir: &Path) -> Self {
        Self { disk, ledger_dir: ledger_dir.to_owned() }
    }
}

impl FileSource for DirectorySource {
    /// Only evidence files that are the same on all nodes, and world dumps; at most 1 MiB at a time.
    fn read(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, StorageError> {
        let is_dump = name.strip_prefix("world/").is_some_and(|dump| {
            dump.len() == 33 && dump.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
        });
        let is_common = LedgerFile::parse(name).is_some_and(LedgerFile::is_common);
        if !(is_dump || is_common) || length > RANGE_BYTES {
            return Err(StorageError::refused(format!("{length} bytes of {name:?} are not for peers")));
        }
        let path = self.ledger_dir.join(name);
        let file = self.disk.open(&path).at("open", &path)?;
        let mut buffer = vec![0; usize::try_from(length).expect("at most 1 MiB")];
        file.read_at(&mut buffer, offset).at("read", &path)?;
        Ok(buffer)
    }
}

/// Offset and length of each range of a file of `length` bytes, as peers ask for them: at most 1 MiB.
pub fn ranges(length: u64) -> impl Iterator<Item = (u64, u64)> {
    let starts = (0..length).step_by(usize::try_from(RANGE_BYTES).expect("1 MiB"));
    starts.map(move |offset| (offset, RANGE_BYTES.min(length - offset)))
}
