//! Putting evidence files of another node in place of this node's.
//!
//! They are fetched into `ledger.incoming`, verified as a whole, and only then swapped in by two renames, each made
//! durable before the next: a crash anywhere leaves the old files or the new ones, and [`recover`] tidies up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use muniment_core::{Hash, TreeSize};

use crate::data_dir::DataDir;
use crate::disk::{Disk, FileHandle};
use crate::error::{At, StorageError};
use crate::fsck::{LeafCheck, Report, check_current};
use crate::identity::Identity;
use crate::ledger::current::CURRENT_FILE;
use crate::ledger::derived_point::DERIVED_FILE;
use crate::ledger::{LedgerFile, check_dump, directories, list};
use crate::manifest::{FileSource, Manifest, ManifestFile, ranges};
use crate::replace::{exists, read_file};

/// Where files are fetched to.
const INCOMING: &str = "ledger.incoming";
/// Where the old files wait to be removed.
const OUTGOING: &str = "ledger.outgoing";
/// The evidence files in use.
const LEDGER: &str = "ledger";

/// A peer's files on their way into `ledger.incoming`.
#[derive(Debug)]
pub struct Incoming {
    disk: Arc<dyn Disk>,
    identity: Identity,
    dir: PathBuf,
    manifest: Manifest,
}

/// One file on its way.
#[derive(Debug)]
pub struct IncomingFile {
    handle: FileHandle,
    path: PathBuf,
    expected: ManifestFile,
    offset: u64,
    hasher: blake3::Hasher,
}

/// A peer's files, every byte of them checked, still beside this node's own.
#[derive(Debug)]
pub struct Fetched {
    incoming: Incoming,
    world: Vec<u8>,
}

impl Incoming {
    /// Begins to take in the files of a peer's sync point; what an earlier attempt left is removed.
    ///
    /// `expected` is the tree size and the root that members signed: the peer is not believed.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if the manifest is of another ledger, size or root, or has no world dump of its own
    /// entry; [`StorageError::Full`] if the disk has no room for it; else what the disk answers.
    pub fn begin(
        data_dir: &DataDir,
        manifest: Manifest,
        expected: (TreeSize, Hash),
    ) -> Result<Self, StorageError> {
        let (disk, identity) = (data_dir.disk(), data_dir.identity().clone());
        if manifest.current.ledger_id != identity.ledger_id || (manifest.size(), manifest.root()) != expected
        {
            let (size, root) = expected;
            let what = format!("the peer's files are of another ledger, size or root than {size}, {root}");
            return Err(StorageError::refused(what));
        }
        let point = &manifest.current.point;
        if point.dump.is_none_or(|dump| Some(dump.position) != point.position) {
            // Behind the dump this node's own log would be needed, and it has none of these entries.
            return Err(StorageError::refused(
                "the peer's files have no world dump of the entry that they end at",
            ));
        }
        let dir = data_dir.path().join(INCOMING);
        remove_dir(&*disk, &dir)?;
        // The lengths are the peer's word: it must not fill the disk with them.
        let bytes = manifest.files().iter().fold(0_u64, |bytes, file| bytes.saturating_add(file.bytes));
        data_dir.insist_on_room(bytes)?;
        for name in directories() {
            let path = dir.join(name);
            disk.create_dir_all(&path).at("create", &path)?;
        }
        Ok(Self { disk, identity, dir, manifest })
    }

    /// Begins one of the manifest's files.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn file(&self, expected: ManifestFile) -> Result<IncomingFile, StorageError> {
        IncomingFile::begin(&*self.disk, &self.dir, expected)
    }

    /// Checks every byte of what was taken in as `fsck` does.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] names the first file that is not what it should be; else what the disk answers.
    pub fn finish(self, leaf_check: LeafCheck<'_>) -> Result<Fetched, StorageError> {
        let mut report = Report::default();
        let (disk, current) = (&*self.disk, &self.manifest.current);
        check_current(disk, &self.dir, &self.identity, current, leaf_check, &mut report)?;
        if let Some(finding) = report.findings.first() {
            let path = self.dir.join(&finding.file);
            return Err(StorageError::corrupt(&path, finding.offset, finding.what.as_str()));
        }
        let about = current.point.dump.as_ref().expect("`begin` insists on a world dump");
        let (cursors, world) = check_dump(disk, &self.dir, self.identity.ledger_id, about)?;
        if cursors != current.cursors {
            let path = about.path(&self.dir);
            return Err(StorageError::corrupt(&path, 0, "the world dump has other ends than the sync point"));
        }
        Ok(Fetched { incoming: self, world })
    }
}

impl IncomingFile {
    /// Begins a file below `dir`.
    pub(crate) fn begin(disk: &dyn Disk, dir: &Path, expected: ManifestFile) -> Result<Self, StorageError> {
        let path = dir.join(&expected.name);
        let parent = path.parent().unwrap_or(dir);
        disk.create_dir_all(parent).at("create", parent)?;
        let handle = disk.create(&path).at("create", &path)?;
        Ok(Self { handle, path, expected, offset: 0, hasher: blake3::Hasher::new() })
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if there are more than the manifest says; else what the disk answers.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        if self.offset.saturating_add(bytes.len() as u64) > self.expected.bytes {
            return Err(StorageError::corrupt(
                &self.path,
                self.offset,
                "it is longer than the manifest says",
            ));
        }
        self.hasher.update(bytes);
        self.handle.write_at(bytes, self.offset).at("write", &self.path)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Verifies the file's length and digest, and makes its bytes durable.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if they are not those of the manifest; else what the disk answers.
    pub fn finish(self) -> Result<(), StorageError> {
        let Self { handle, path, expected, offset, hasher } = self;
        let digest: [u8; 32] = hasher.finalize().into();
        let whole = offset == expected.bytes && expected.digest.is_none_or(|expected| expected == digest);
        if !whole {
            return Err(StorageError::corrupt(&path, 0, "the fetched bytes are not those of the manifest"));
        }
        handle.sync_data().at("flush", &path)
    }
}

impl Fetched {
    /// The ledger's own bytes of the world dump: what the state is after installing.
    #[must_use]
    pub fn world(&self) -> &[u8] {
        &self.world
    }

    /// What was fetched.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.incoming.manifest
    }

    /// Puts the files in the place of this node's. Checkpoints stay this node's own. Writer, views and jobs of the old
    /// files must be gone; open the ledger again afterwards.
    ///
    /// Durable on return; a crash before leaves the old files.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn install(self, data_dir: &DataDir) -> Result<(), StorageError> {
        let Incoming { disk, dir, manifest, .. } = self.incoming;
        keep_checkpoints(&*disk, &data_dir.ledger_dir(), &dir)?;
        sync_dirs(&*disk, &dir)?;
        // Members signed for it, and its log goes on from here: it is this node's derived point, too.
        manifest.current.store_as(&*disk, &dir.join(DERIVED_FILE))?;
        // Written last: a directory with `CURRENT` is whole.
        manifest.current.store(&*disk, &dir)?;
        swap(&*disk, data_dir.path())
    }
}

/// Takes in the files of a peer's sync point, checks every byte of them as `fsck` does, and puts them in the place of
/// this node's: [`Incoming`] and [`Fetched`] in one go, for a source that answers at once.
///
/// # Errors
/// Theirs, and what the source answers. The old files are then untouched.
pub fn install(
    data_dir: &DataDir,
    manifest: &Manifest,
    expected: (TreeSize, Hash),
    source: &dyn FileSource,
    leaf_check: LeafCheck<'_>,
) -> Result<(), StorageError> {
    let incoming = Incoming::begin(data_dir, manifest.clone(), expected)?;
    for about in manifest.files() {
        let mut file = incoming.file(about.clone())?;
        for (offset, length) in ranges(about.bytes) {
            file.write(&source.read(&about.name, offset, length)?)?;
        }
        file.finish()?;
    }
    incoming.finish(leaf_check)?.install(data_dir)
}

/// Copies this node's checkpoint notes beside the fetched files.
fn keep_checkpoints(disk: &dyn Disk, ledger: &Path, incoming: &Path) -> Result<(), StorageError> {
    for file in list(disk, ledger)?.into_keys().filter(|file| matches!(file, LedgerFile::Checkpoints(_))) {
        let (bytes, path) = (read_file(disk, &file.path(ledger))?, file.path(incoming));
        let copy = disk.create(&path).at("create", &path)?;
        copy.write_at(&bytes, 0).at("write", &path)?;
        copy.sync_data().at("flush", &path)?;
    }
    Ok(())
}

/// Makes every name below a directory durable.
pub(crate) fn sync_dirs(disk: &dyn Disk, dir: &Path) -> Result<(), StorageError> {
    for entry in disk.list(dir).at("list", dir)?.into_iter().filter(|entry| entry.is_dir) {
        sync_dirs(disk, &dir.join(entry.name))?;
    }
    disk.sync_dir(dir).at("flush the names of", dir)
}

/// Two renames, each durable before the next.
fn swap(disk: &dyn Disk, data_dir: &Path) -> Result<(), StorageError> {
    let (ledger, incoming, outgoing) =
        (data_dir.join(LEDGER), data_dir.join(INCOMING), data_dir.join(OUTGOING));
    let sync = || disk.sync_dir(data_dir).at("flush the names of", data_dir);
    // The name `ledger.incoming` itself must be durable before `ledger` goes.
    sync()?;
    if is_dir(disk, &ledger)? {
        disk.rename(&ledger, &outgoing).at("move aside", &ledger)?;
        sync()?;
    }
    disk.rename(&incoming, &ledger).at("put in place", &ledger)?;
    sync()?;
    remove_dir(disk, &outgoing)
}

/// Finishes or undoes a swap that a crash interrupted.
pub(crate) fn recover(disk: &dyn Disk, data_dir: &Path) -> Result<(), StorageError> {
    let (ledger, incoming, outgoing) =
        (data_dir.join(LEDGER), data_dir.join(INCOMING), data_dir.join(OUTGOING));
    if !is_dir(disk, &ledger)? && exists(disk, &incoming.join(CURRENT_FILE))? {
        // `CURRENT` is written last: the incoming files are whole and verified.
        disk.rename(&incoming, &ledger).at("put in place", &ledger)?;
        disk.sync_dir(data_dir).at("flush the names of", data_dir)?;
    } else if !is_dir(disk, &ledger)? && is_dir(disk, &outgoing)? {
        disk.rename(&outgoing, &ledger).at("put back", &ledger)?;
        disk.sync_dir(data_dir).at("flush the names of", data_dir)?;
    }
    remove_dir(disk, &incoming)?;
    remove_dir(disk, &outgoing)
}

pub(crate) fn is_dir(disk: &dyn Disk, path: &Path) -> Result<bool, StorageError> {
    match disk.list(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StorageError::io("list", path, error)),
    }
}

pub(crate) fn remove_dir(disk: &dyn Disk, path: &Path) -> Result<(), StorageError> {
    match disk.remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.at("remove", path),
    }
}
