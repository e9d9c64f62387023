//! A ledger directory as it would be with some of its files replaced: what a repair would lead to, before anything is.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{DirEntry, Disk, DiskLock, FileHandle};

/// Shows replacements in the place of the files that they are for. For reading: whatever would change a file goes to the
/// disk below as it is.
#[derive(Debug)]
pub(crate) struct Overlay {
    pub(crate) disk: Arc<dyn Disk>,
    /// The directory that is looked at.
    pub(crate) dir: PathBuf,
    /// Where the replacements lie, by the same names.
    pub(crate) replacements: PathBuf,
    /// Which files are replaced: paths below the directory.
    pub(crate) replaced: BTreeSet<PathBuf>,
}

impl Overlay {
    fn replacement(&self, path: &Path) -> Option<PathBuf> {
        let name = path.strip_prefix(&self.dir).ok()?;
        self.replaced.contains(name).then(|| self.replacements.join(name))
    }
}

impl Disk for Overlay {
    fn open(&self, path: &Path) -> io::Result<FileHandle> {
        self.disk.open(self.replacement(path).as_deref().unwrap_or(path))
    }

    fn create(&self, path: &Path) -> io::Result<FileHandle> {
        self.disk.create(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir_all(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir_all(path)
    }

    /// Also names replacements of files that are gone.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries: BTreeSet<DirEntry> = self.disk.list(path)?.into_iter().collect();
        for name in &self.replaced {
            if self.dir.join(name).parent() == Some(path)
                && let Some(name) = name.file_name().and_then(|name| name.to_str())
            {
                entries.insert(DirEntry { name: name.to_owned(), is_dir: false });
            }
        }
        Ok(entries.into_iter().collect())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock(path)
    }

    fn available_bytes(&self, path: &Path) -> io::Result<u64> {
        self.disk.available_bytes(path)
    }
}
