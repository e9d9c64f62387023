//! Repairing damaged evidence files from a peer (06, "Scrub").
//!
//! All files are checked first: where one byte has rotted, others may have. Of each damaged file a copy is fetched into
//! `ledger.repair`, and all files are checked again as they would be with the copies in place: every leaf against its
//! record, every hash against its children, the root against the sync point's. Only then is a damaged file moved aside
//! and its copy put in its place. The peer is trusted with nothing: a copy that does not lead to this node's own root is
//! a finding like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muniment_core::tree::{ProveError, TreeAt};
use muniment_core::{Hash, Tree, TreeSize};

use crate::data_dir::DataDir;
use crate::disk::Disk;
use crate::error::{At, StorageError};
use crate::fsck::{Finding, LeafCheck, check_ledger, notes_of};
use crate::identity::Identity;
use crate::install::{IncomingFile, is_dir, remove_dir, sync_dirs};
use crate::ledger::current::{CURRENT_FILE, Current};
use crate::ledger::{LedgerFile, row_place};
use crate::manifest::ManifestFile;
use crate::overlay::Overlay;
use crate::replace::{exists, replace_file};

/// Where copies are fetched to.
const REPAIR: &str = "ledger.repair";
/// Where damaged files are kept, for whoever wants to know why.
const DAMAGED: &str = "damaged";
/// What was found, beside the files that it was found in.
const FINDINGS_FILE: &str = "findings.txt";

/// A repair under way; nothing is changed yet.
#[derive(Debug)]
pub struct Repair {
    disk: Arc<dyn Disk>,
    identity: Identity,
    data_dir: PathBuf,
    current: Current,
    /// Files that there is a copy of.
    copied: BTreeSet<LedgerFile>,
    /// What was found in this node's own files, for the record.
    own: Vec<Finding>,
}

/// What a check of all files led to.
#[derive(Debug)]
pub enum Checked {
    /// With the copies in place nothing is damaged.
    Sound(SoundRepair),
    /// These places are damaged, in the node's own files or in copies.
    Damaged(Repair, Vec<Finding>),
}

/// A repair whose outcome was checked as a whole.
#[derive(Debug)]
pub struct SoundRepair(Repair);

impl Repair {
    /// Begins a repair up to the newest sync point. What an earlier attempt fetched is gone on with where it is needed. The
    /// files must not be written to until it is over.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if `CURRENT` is damaged, which no peer has; else what the disk answers.
    pub fn begin(data_dir: &DataDir) -> Result<Self, StorageError> {
        let (disk, ledger_dir) = (data_dir.disk(), data_dir.ledger_dir());
        let Some(current) = Current::load(&*disk, &ledger_dir)? else {
            return Err(StorageError::corrupt(&ledger_dir.join(CURRENT_FILE), 0, "it is missing"));
        };
        Ok(Self {
            disk,
            identity: data_dir.identity().clone(),
            data_dir: data_dir.path().to_owned(),
            current,
            copied: BTreeSet::new(),
            own: Vec::new(),
        })
    }

    /// Checks every byte as it would be with the copies in place.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn check(mut self, leaf_check: LeafCheck<'_>) -> Result<Checked, StorageError> {
        let overlay = self.overlay();
        let report = check_ledger(&overlay, &overlay.dir, &self.identity, leaf_check)?;
        if report.is_sound() {
            return Ok(Checked::Sound(SoundRepair(self)));
        }
        let in_own = |finding: &&Finding| {
            LedgerFile::parse(&finding.file).is_none_or(|file| !self.copied.contains(&file))
        };
        let own: Vec<Finding> = report.findings.iter().filter(in_own).cloned().collect();
        self.own.extend(own);
        Ok(Checked::Damaged(self, report.findings))
    }

    /// The files to fetch so that `findings` are mended, up to the sync point.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] for damage in a file that no peer has: `CURRENT`, a world dump, checkpoints.
    /// [`StorageError::Full`] if there is no room for the copies.
    pub fn needed(&self, findings: &[Finding]) -> Result<Vec<ManifestFile>, StorageError> {
        let mut needed = BTreeMap::new();
        for finding in findings {
            let file = LedgerFile::parse(&finding.file).filter(|file| file.is_common());
            let synced = file.and_then(|file| Some((file, *self.current.lengths.get(&file)?)));
            let Some((file, bytes)) = synced else {
                let path = self.ledger_dir().join(&finding.file);
                let what = format!("{}; no peer has this file", finding.what);
                return Err(StorageError::corrupt(&path, finding.offset, what));
            };
            needed.insert(file, ManifestFile { name: file.relative(), bytes, digest: None });
        }
        let bytes = needed.values().fold(0_u64, |bytes, file| bytes.saturating_add(file.bytes));
        crate::data_dir::insist_on_room(&*self.disk, &self.data_dir, bytes)?;
        Ok(needed.into_values().collect())
    }

    /// Begins a copy, or goes on with one that an earlier attempt left, be it whole; a copy of this attempt was found damaged,
    /// and is begun anew. It counts from now on: a file that is not fetched to its end is damaged.
    ///
    /// # Errors
    /// [`StorageError::Refused`] if it is none of [`Repair::needed`]; else what the disk answers.
    pub fn copy(&mut self, expected: ManifestFile) -> Result<IncomingFile, StorageError> {
        let file = LedgerFile::parse(&expected.name).filter(|file| file.is_common());
        let Some(file) = file.filter(|file| self.current.lengths.get(file) == Some(&expected.bytes)) else {
            return Err(StorageError::refused(format!("{} is none of the files to repair", expected.name)));
        };
        let begin = if self.copied.insert(file) { IncomingFile::resume } else { IncomingFile::begin };
        begin(&*self.disk, &self.copies_dir(), expected)
    }

    fn ledger_dir(&self) -> PathBuf {
        self.data_dir.join("ledger")
    }

    fn copies_dir(&self) -> PathBuf {
        self.data_dir.join(REPAIR)
    }

    fn overlay(&self) -> Overlay {
        Overlay {
            disk: Arc::clone(&self.disk),
            dir: self.ledger_dir(),
            replacements: self.copies_dir(),
            replaced: self.copied.iter().map(|file| PathBuf::from(file.relative())).collect(),
        }
    }
}

impl SoundRepair {
    /// Leaves that were checked, and the root that they lead to.
    #[must_use]
    pub const fn tree_head(&self) -> (TreeSize, Hash) {
        (self.0.current.point.size, self.0.current.point.root)
    }

    /// The newest checkpoint note of this node of at most the checked size, if it has one.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn newest_note(&self) -> Result<Option<(TreeSize, Vec<u8>)>, StorageError> {
        let (size, _) = self.tree_head();
        let mut newest = None;
        notes_of(&*self.0.disk, &self.0.ledger_dir(), &self.0.current, |at, note| {
            if at <= size && newest.as_ref().is_none_or(|(before, _)| *before <= at) {
                newest = Some((at, note));
            }
        })?;
        Ok(newest)
    }

    /// The root over the first `size` leaves, from the checked files.
    ///
    /// # Errors
    /// [`StorageError::Refused`] beyond the checked size; else what the disk answers.
    pub fn root_at(&self, size: TreeSize) -> Result<Hash, StorageError> {
        let (checked, _) = self.tree_head();
        if size > checked {
            return Err(StorageError::refused(format!(
                "root at {size} of {checked} leaves that were checked"
            )));
        }
        let overlay = self.0.overlay();
        let tree = TreeAt { suite: self.0.identity.suite, tree: Tree::Ledger, size };
        let node = |level: u8, index: u64| {
            let (number, offset) = row_place(index, 32);
            let path = LedgerFile::Tree(level, number).path(&overlay.dir);
            let mut hash = [0; 32];
            let file = overlay.open(&path).at("open", &path)?;
            file.read_at(&mut hash, offset).at("read", &path)?;
            Ok(Hash(hash))
        };
        tree.root(&Nodes(node)).map_err(|error| match error {
            ProveError::Read(error) => error,
            other => StorageError::refused(other.to_string()),
        })
    }

    /// Moves the damaged files aside and puts their copies in their place; answers where the damaged ones are kept, or
    /// `None` if nothing had to be replaced. Writer, views and jobs of the files must be gone; open the ledger again
    /// afterwards.
    ///
    /// Durable on return. A crash before leaves a damaged file, its copy, or none where it was: the next start finds
    /// either of the others damaged and repairs it again.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn put_in_place(self) -> Result<Option<PathBuf>, StorageError> {
        let Repair { disk, data_dir, copied, own, .. } = &self.0;
        let (ledger, copies) = (self.0.ledger_dir(), self.0.copies_dir());
        if copied.is_empty() {
            remove_dir(&**disk, &copies)?;
            return Ok(None);
        }
        // The copies' bytes are durable since they were fetched; now their names are.
        sync_dirs(&**disk, &copies)?;
        let kept = free_directory(&**disk, &data_dir.join(DAMAGED))?;
        let found: String = own.iter().map(|finding| format!("{finding}\n")).collect();
        replace_file(&**disk, &kept.join(FINDINGS_FILE), found.as_bytes())?;
        for file in copied {
            let (damaged, aside) = (file.path(&ledger), file.path(&kept));
            let parent = aside.parent().unwrap_or(&kept);
            disk.create_dir_all(parent).at("create", parent)?;
            if exists(&**disk, &damaged)? {
                disk.rename(&damaged, &aside).at("move aside", &damaged)?;
            }
            let parent = damaged.parent().unwrap_or(&ledger);
            disk.create_dir_all(parent).at("create", parent)?;
            disk.rename(&file.path(&copies), &damaged).at("put in place", &damaged)?;
            disk.sync_dir(parent).at("flush the names of", parent)?;
        }
        // From here on the copies are the files, whatever happens.
        sync_dirs(&**disk, &kept)?;
        disk.sync_dir(data_dir).at("flush the names of", data_dir)?;
        remove_dir(&**disk, &copies)?;
        Ok(Some(kept))
    }
}

/// Reads a tree's hashes by a function.
struct Nodes<F>(F);

impl<F: Fn(u8, u64) -> Result<Hash, StorageError>> muniment_core::tree::HashReader for Nodes<F> {
    type Error = StorageError;

    fn node(&self, level: u8, index: u64) -> Result<Hash, StorageError> {
        (self.0)(level, index)
    }
}

/// Makes the first directory of a number that is not taken.
fn free_directory(disk: &dyn Disk, parent: &Path) -> Result<PathBuf, StorageError> {
    let mut number = 1_u32;
    loop {
        let path = parent.join(format!("{number:04}"));
        if !is_dir(disk, &path)? {
            disk.create_dir_all(&path).at("create", &path)?;
            disk.sync_dir(parent).at("flush the names of", parent)?;
            return Ok(path);
        }
        number = number.saturating_add(1);
    }
}
