//! Putting evidence files of another node in place of this node's.
//!
//! They are fetched into `ledger.incoming`, verified as a whole, and only then swapped in by two renames, each made
//! durable before the next: a crash anywhere leaves the old files or the new ones, and [`recover`] tidies up. What was
//! fetched before a crash is not fetched again: it is read and hashed again, and fetching goes on behind it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muniment_core::{Hash, TreeSize};

use crate::data_dir::DataDir;
use crate::disk::{Disk, FileHandle};
use crate::error::{At, StorageError};
use crate::fsck::{LeafCheck, Report, check_current};
use crate::identity::Identity;
use crate::ledger::current::{CURRENT_FILE, Current};
use crate::ledger::derived_point::DERIVED_FILE;
use crate::ledger::{LedgerFile, check_dump, directories, list};
use crate::manifest::{FileSource, Manifest, ManifestFile, RANGE_BYTES, ranges};
use crate::replace::{exists, read_file, replace_file};

/// Where files are fetched to.
const INCOMING: &str = "ledger.incoming";
/// What is fetched, beside the files: they count until this node has come so far by itself.
const MANIFEST_FILE: &str = "MANIFEST";
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
    /// Begins to take in the files of a peer's sync point. What an earlier attempt left is kept as far as the manifest
    /// names it, be it that of a later point: files only grow.
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
        let named = manifest.files().into_iter().map(|file| (file.name, file.bytes)).collect();
        let kept = keep_named(&*disk, &dir, "", &named)?;
        // The lengths are the peer's word: it must not fill the disk with them.
        let bytes = named.values().fold(0_u64, |bytes, file| bytes.saturating_add(*file));
        data_dir.insist_on_room(bytes.saturating_sub(kept))?;
        for name in directories() {
            let path = dir.join(name);
            disk.create_dir_all(&path).at("create", &path)?;
        }
        replace_file(&*disk, &dir.join(MANIFEST_FILE), &manifest.encode())?;
        Ok(Self { disk, identity, dir, manifest })
    }

    /// Begins one of the manifest's files, or goes on with it: [`IncomingFile::offset`] says where.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn file(&self, expected: ManifestFile) -> Result<IncomingFile, StorageError> {
        IncomingFile::resume(&*self.disk, &self.dir, expected)
    }

    /// Checks every byte of what was taken in as `fsck` does.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] names the first file that is not what it should be: then all is fetched again, since who
    /// gave it gave a digest that fits. Else what the disk answers.
    pub fn finish(self, leaf_check: LeafCheck<'_>) -> Result<Fetched, StorageError> {
        match self.check(leaf_check) {
            Ok(world) => Ok(Fetched { incoming: self, world }),
            Err(error) => {
                if let StorageError::Corrupt { .. } = error {
                    remove_dir(&*self.disk, &self.dir)?;
                }
                Err(error)
            }
        }
    }

    /// [`Incoming::finish`]; answers the ledger's own bytes of the world dump.
    fn check(&self, leaf_check: LeafCheck<'_>) -> Result<Vec<u8>, StorageError> {
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
        Ok(world)
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

    /// Goes on with a file below `dir`: what is there, in whole ranges, is hashed again. Begins it if nothing is there, or
    /// all of it and not what it should be.
    pub(crate) fn resume(disk: &dyn Disk, dir: &Path, expected: ManifestFile) -> Result<Self, StorageError> {
        let path = dir.join(&expected.name);
        if !exists(disk, &path)? {
            return Self::begin(disk, dir, expected);
        }
        let handle = disk.open(&path).at("open", &path)?;
        let there = handle.len().at("measure", &path)?;
        let offset = if there >= expected.bytes { expected.bytes } else { there - there % RANGE_BYTES };
        handle.set_len(offset).at("cut", &path)?;
        let mut hasher = blake3::Hasher::new();
        for (at, length) in ranges(offset) {
            let mut buffer = vec![0; usize::try_from(length).expect("a range has at most 1 MiB")];
            handle.read_at(&mut buffer, at).at("read", &path)?;
            hasher.update(&buffer);
        }
        let file = Self { handle, path, expected, offset, hasher };
        if file.offset == file.expected.bytes && !file.is_whole() {
            return Self::begin(disk, dir, file.expected);
        }
        Ok(file)
    }

    /// Bytes of the file that are here: where the next go.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether all bytes are here, and those of the manifest as far as it says.
    fn is_whole(&self) -> bool {
        let digest = self.hasher.finalize();
        self.offset == self.expected.bytes
            && self.expected.digest.is_none_or(|expected| expected == *digest.as_bytes())
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
    /// [`StorageError::Corrupt`] if they are not those of the manifest: [`IncomingFile::resume`] then begins it anew.
    /// Else what the disk answers.
    pub fn finish(self) -> Result<(), StorageError> {
        let path = &self.path;
        if !self.is_whole() {
            return Err(StorageError::corrupt(path, 0, "the fetched bytes are not those of the manifest"));
        }
        self.handle.sync_data().at("flush", path)
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

    /// Lets go of what does not hold for other reasons than its bytes: all of it is fetched again.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn discard(self) -> Result<(), StorageError> {
        remove_dir(&*self.incoming.disk, &self.incoming.dir)
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
        let path = dir.join(MANIFEST_FILE);
        disk.remove_file(&path).at("remove", &path)?;
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
        let here = file.offset();
        for (offset, length) in ranges(about.bytes).filter(|(offset, _)| *offset >= here) {
            file.write(&source.read(&about.name, offset, length)?)?;
        }
        file.finish()?;
    }
    incoming.finish(leaf_check)?.install(data_dir)
}

/// Removes the files below `dir` that are not named, or longer than named; answers the bytes of the others.
fn keep_named(
    disk: &dyn Disk,
    dir: &Path,
    below: &str,
    named: &BTreeMap<String, u64>,
) -> Result<u64, StorageError> {
    let path = dir.join(below);
    let entries = match disk.list(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        other => other.at("list", &path)?,
    };
    let mut kept = 0;
    for entry in entries {
        let name = if below.is_empty() { entry.name } else { format!("{below}/{}", entry.name) };
        if entry.is_dir {
            kept += keep_named(disk, dir, &name, named)?;
            continue;
        }
        let path = dir.join(&name);
        let length = disk.open(&path).and_then(|file| file.len()).at("measure", &path)?;
        if named.get(&name).is_some_and(|bytes| length <= *bytes) {
            kept += length;
        } else {
            disk.remove_file(&path).at("remove", &path)?;
        }
    }
    Ok(kept)
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

/// Whether `incoming` holds files on their way of a point that `ledger` has not reached.
fn is_wanted(disk: &dyn Disk, incoming: &Path, ledger: &Path) -> Result<bool, StorageError> {
    let path = incoming.join(MANIFEST_FILE);
    if !exists(disk, &path)? || exists(disk, &incoming.join(CURRENT_FILE))? {
        return Ok(false);
    }
    let Ok(manifest) = Manifest::decode(&read_file(disk, &path)?) else { return Ok(false) };
    let current = Current::load(disk, ledger)?;
    Ok(current.is_none_or(|current| current.point.size < manifest.size()))
}

/// Finishes or undoes a swap that a crash interrupted. What is still being fetched stays.
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
    if !is_wanted(disk, &incoming, &ledger)? {
        remove_dir(disk, &incoming)?;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileDisk;

    /// Two whole ranges and a bit, and what a manifest says of them.
    fn file() -> (Vec<u8>, ManifestFile) {
        let length = usize::try_from(2 * RANGE_BYTES).expect("2 MiB") + 77;
        let bytes: Vec<u8> = (0_u8..=250).cycle().take(length).collect();
        let digest = *blake3::hash(&bytes).as_bytes();
        let about = ManifestFile {
            name: "records/6m/00000000".to_owned(),
            bytes: bytes.len() as u64,
            digest: Some(digest),
        };
        (bytes, about)
    }

    fn part(bytes: &[u8], at: u64, length: u64) -> &[u8] {
        &bytes[usize::try_from(at).expect("small")..usize::try_from(at + length).expect("small")]
    }

    #[test]
    fn a_file_goes_on_behind_its_whole_ranges_and_ends_only_as_what_it_should_be() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let (bytes, about) = file();
        let open = || IncomingFile::resume(&FileDisk, root.path(), about.clone()).expect("the disk is well");
        let mut first = open();
        assert_eq!(first.offset(), 0);
        first.write(part(&bytes, 0, RANGE_BYTES)).expect("it fits");
        // A crash keeps a part of the next range.
        first.write(part(&bytes, RANGE_BYTES, 9)).expect("it fits");
        let mut second = open();
        assert_eq!(second.offset(), RANGE_BYTES);
        second.write(part(&bytes, RANGE_BYTES, about.bytes - RANGE_BYTES)).expect("it fits");
        second.finish().expect("it is whole");
        let whole = open();
        assert_eq!(whole.offset(), about.bytes, "nothing is missing");
        whole.finish().expect("it is whole");
        assert_eq!(std::fs::read(root.path().join(&about.name)).expect("it is there"), bytes);
    }

    #[test]
    fn what_a_crash_left_wrong_is_never_taken_for_the_file() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let (bytes, about) = file();
        let open = || IncomingFile::resume(&FileDisk, root.path(), about.clone()).expect("the disk is well");
        let mut bent = bytes.clone();
        bent[5] ^= 1;
        open().write(part(&bent, 0, RANGE_BYTES)).expect("it fits");
        let mut on = open();
        on.write(part(&bytes, RANGE_BYTES, about.bytes - RANGE_BYTES)).expect("it fits");
        let error = on.finish().expect_err("its first range is not the manifest's");
        assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
        assert_eq!(open().offset(), 0, "nothing of it counts");
        open().write(&bent).expect("it fits");
        assert_eq!(open().offset(), 0, "as long as it should be, and not what it should be");
    }
}
