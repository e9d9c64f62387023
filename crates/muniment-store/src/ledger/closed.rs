//! The evidence files of a node whose disk is damaged: what can be said of them before they are repaired.

use std::path::Path;
use std::sync::Arc;

use muniment_core::{Tree, TreeSize};

use super::checkpoints::Checkpoints;
use super::current::{CURRENT_FILE, Current};
use super::derived_point::DerivedPoints;
use super::file::LedgerFile;
use super::files::Files;
use super::open::list;
use super::sync_point::SyncPoint;
use super::view::{Shared, View};
use crate::disk::Disk;
use crate::error::StorageError;
use crate::identity::Identity;

/// Evidence files that nothing is read from until they are repaired.
#[derive(Debug)]
pub struct ClosedLedger {
    /// Sees an empty ledger: every read is refused.
    pub view: View,
    /// Checkpoint notes.
    pub checkpoints: Checkpoints,
    /// The sync point, which replay leads to once the files are repaired.
    pub point: SyncPoint,
}

/// Opens what is needed to wait for a repair: the sync point and the checkpoints. No evidence file is read or changed.
///
/// # Errors
/// [`StorageError::Corrupt`] if these are damaged, too: they are this node's own, no peer has them.
pub fn open_closed(
    disk: Arc<dyn Disk>,
    dir: &Path,
    identity: &Identity,
) -> Result<ClosedLedger, StorageError> {
    let Some(current) = Current::load(&*disk, dir)? else {
        return Err(StorageError::corrupt(&dir.join(CURRENT_FILE), 0, "it is missing"));
    };
    if current.ledger_id != identity.ledger_id {
        return Err(StorageError::corrupt(&dir.join(CURRENT_FILE), 10, "it belongs to another ledger"));
    }
    let derived_points = DerivedPoints::load(&*disk, dir)?;
    let segments = list(&*disk, dir)?.into_keys().filter_map(|file| match file {
        LedgerFile::Checkpoints(segment) => Some(segment + 1),
        _ => None,
    });
    let segments = segments.max().unwrap_or(0);
    let suite = identity.suite;
    let empty = SyncPoint {
        position: None,
        membership: Vec::new(),
        size: TreeSize(0),
        root: suite.empty(Tree::Ledger),
        record_bytes: 0,
        dump: None,
    };
    let files = Files::new(disk, dir);
    let shared = Arc::new(Shared::new(files, identity.ledger_id, empty, derived_points));
    let checkpoints = Checkpoints::open(Arc::clone(&shared), segments, &current.lengths)?;
    Ok(ClosedLedger { view: View { shared, suite }, checkpoints, point: current.point })
}
