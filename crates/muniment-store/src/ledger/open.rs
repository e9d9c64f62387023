//! Opening the evidence files: cut back to the sync point, ready to replay.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use muniment_core::tree::Frontier;
use muniment_core::{Hash, Tree, TreeSize};

use super::checkpoints::Checkpoints;
use super::current::Current;
use super::cursor::Cursors;
use super::derived_point::DerivedPoints;
use super::extents::Extents;
use super::file::{LedgerFile, directories};
use super::files::Files;
use super::sync_point::{SyncPoint, remove_other_dumps};
use super::view::{Shared, View};
use super::world_dump::{DumpedWorld, check_dump};
use super::writer::{Writer, record_bytes};
use crate::disk::Disk;
use crate::error::{At, StorageError};
use crate::identity::Identity;

/// Opened evidence files.
#[derive(Debug)]
pub struct OpenLedger {
    /// Stands at the world dump's size, or at 0 without one.
    pub writer: Writer,
    /// Sees the sync point.
    pub view: View,
    /// Checkpoint notes.
    pub checkpoints: Checkpoints,
    /// The state to start from: apply the entries behind its position. Without one, apply from the first.
    pub world: Option<DumpedWorld>,
}

/// Opens the evidence files in `dir` (`<data>/ledger`), or starts them. What lies beyond the sync point is cut: the
/// Raft log brings it again.
///
/// # Errors
/// [`StorageError::Corrupt`] if a file is shorter than the sync point says, or the world dump is damaged; else what the
/// disk answers.
pub fn open(disk: Arc<dyn Disk>, dir: &Path, identity: &Identity) -> Result<OpenLedger, StorageError> {
    make_directories(&*disk, dir)?;
    let current = match Current::load(&*disk, dir)? {
        Some(current) => current,
        None => begin(&*disk, dir, identity)?,
    };
    if current.ledger_id != identity.ledger_id {
        let what = format!("it belongs to ledger {}, not {}", current.ledger_id, identity.ledger_id);
        return Err(StorageError::corrupt(&dir.join(super::current::CURRENT_FILE), 10, what));
    }
    insist_on_rows(dir, &current)?;
    // Nothing that is not durable may be built upon: `CURRENT` may be in the page cache alone.
    disk.sync_dir(dir).at("flush the names of", dir)?;
    let checkpoint_segments = cut_back(&*disk, dir, &current)?;
    let (cursors, size, world) = match &current.point.dump {
        None => (Cursors::default(), TreeSize(0), None),
        Some(about) => {
            let (cursors, world) = check_dump(&*disk, dir, identity.ledger_id, about)?;
            (cursors, about.size, Some(DumpedWorld { about: *about, world }))
        }
    };
    let derived_points = DerivedPoints::load(&*disk, dir)?;
    let files = Files::new(disk, dir);
    let shared = Arc::new(Shared::new(files, identity.ledger_id, current.point.clone(), derived_points));
    remove_other_dumps(&shared)?;
    let checkpoints = Checkpoints::open(Arc::clone(&shared), checkpoint_segments, &current.lengths)?;
    let suite = identity.suite;
    let view = View { shared: Arc::clone(&shared), suite };
    let frontier = Frontier::open(suite, Tree::Ledger, size, |level, index| view.node(level, index))?;
    let mut lengths = current.lengths;
    lengths.retain(|file, _| file.is_common());
    let SyncPoint { size: held_size, root: held_root, .. } = current.point;
    let writer = Writer {
        shared,
        suite,
        frontier,
        cursors,
        record_bytes: record_bytes(&lengths),
        held: lengths.iter().map(|(file, length)| (*file, *length)).collect::<HashMap<_, _>>(),
        lengths,
        held_size,
        held_root,
        extents: Extents::default(),
        unsynced: 0,
        scratch: Vec::new(),
    };
    Ok(OpenLedger { writer, view, checkpoints, world })
}

/// A build of another disk format wrote rows of another width: reading on would call all of them damaged.
fn insist_on_rows(dir: &Path, current: &Current) -> Result<(), StorageError> {
    let size = current.point.size.0;
    let Some((bytes, width)) = current.other_rows() else { return Ok(()) };
    let what = format!(
        "it names {bytes} bytes of rows for {size} leaves, this build has {width} for each: use the build that wrote it, or \
         move the directory aside and rebuild it from a peer"
    );
    Err(StorageError::corrupt(&dir.join(super::current::CURRENT_FILE), 0, what))
}

fn make_directories(disk: &dyn Disk, dir: &Path) -> Result<(), StorageError> {
    for name in directories() {
        let path = dir.join(name);
        disk.create_dir_all(&path).at("create", &path)?;
    }
    for path in [dir.join("records"), dir.to_owned()] {
        disk.sync_dir(&path).at("flush the names of", &path)?;
    }
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            disk.sync_dir(parent).at("flush the names of", parent)
        }
        _ => Ok(()),
    }
}

/// The first `CURRENT`, of an empty ledger: from here on its absence is damage.
fn begin(disk: &dyn Disk, dir: &Path, identity: &Identity) -> Result<Current, StorageError> {
    if let Some((file, _)) = list(disk, dir)?.first_key_value() {
        let what = format!("it is missing, but there is {file}");
        return Err(StorageError::corrupt(&dir.join(super::current::CURRENT_FILE), 0, what));
    }
    let root: Hash = identity.suite.empty(Tree::Ledger);
    let point = SyncPoint {
        position: None,
        membership: Vec::new(),
        size: TreeSize(0),
        root,
        record_bytes: 0,
        dump: None,
    };
    let current = Current {
        ledger_id: identity.ledger_id,
        point,
        cursors: Cursors::default(),
        lengths: BTreeMap::new(),
    };
    current.store(disk, dir)?;
    Ok(current)
}

/// Every evidence file in a ledger directory, with its length. Other names are left alone.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> Result<BTreeMap<LedgerFile, u64>, StorageError> {
    let mut found = BTreeMap::new();
    let mut pending: Vec<String> = directories();
    pending.retain(|name| !matches!(name.as_str(), "world" | "records"));
    while let Some(name) = pending.pop() {
        let path = dir.join(&name);
        let entries = match disk.list(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.at("list", &path)?,
        };
        for entry in entries {
            let relative = format!("{name}/{}", entry.name);
            if entry.is_dir {
                pending.push(relative);
            } else if let Some(file) = LedgerFile::parse(&relative) {
                let path = file.path(dir);
                let length = disk.open(&path).and_then(|file| file.len()).at("measure", &path)?;
                found.insert(file, length);
            }
        }
    }
    Ok(found)
}

/// Cuts every file back to the sync point's length; answers the number of checkpoint segments, which are cut by their
/// own frames. A crash in here leaves files that the next open cuts again.
fn cut_back(disk: &dyn Disk, dir: &Path, current: &Current) -> Result<u32, StorageError> {
    let found = list(disk, dir)?;
    for (file, synced) in &current.lengths {
        let length = found.get(file).copied().unwrap_or(0);
        if length < *synced {
            let what = format!("{length} bytes are there, {synced} were synced");
            return Err(StorageError::corrupt(&file.path(dir), length, what));
        }
    }
    let mut checkpoint_segments = 0;
    for (file, length) in found {
        let path = file.path(dir);
        match (file, current.lengths.get(&file)) {
            (LedgerFile::Checkpoints(segment), _) => {
                checkpoint_segments = checkpoint_segments.max(segment + 1);
            }
            (_, None) => disk.remove_file(&path).at("remove", &path)?,
            (_, Some(synced)) if length > *synced => {
                let file = disk.open(&path).at("open", &path)?;
                file.set_len(*synced).at("cut back", &path)?;
            }
            _ => {}
        }
    }
    Ok(checkpoint_segments)
}

#[cfg(test)]
mod tests {
    use muniment_core::{BureauNumber, LedgerId, NodeId, Suite};

    use super::*;
    use crate::FileDisk;

    #[test]
    fn rows_of_another_width_are_told_from_damage() {
        let dir = tempfile::tempdir().expect("a directory");
        let identity = Identity {
            ledger_id: LedgerId([9; 32]),
            origin: "anhui.example/ledger/test".to_owned(),
            suite: Suite::Blake3,
            bureau: BureauNumber(2),
            node_id: NodeId(2),
            incarnation: 77,
        };
        make_directories(&FileDisk, dir.path()).expect("a real disk");
        let mut current = begin(&FileDisk, dir.path(), &identity).expect("it is empty");
        current.point.size = TreeSize(3);
        current.lengths = [(LedgerFile::Stubs(0), 3 * 64), (LedgerFile::Addresses(0), 3 * 32)].into();
        current.store(&FileDisk, dir.path()).expect("a real disk");
        let refused = open(Arc::new(FileDisk), dir.path(), &identity).expect_err("another build's");
        assert!(refused.to_string().contains("96 bytes of rows for 3 leaves"), "{refused}");
    }
}
