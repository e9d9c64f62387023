//! Derived points: sync points that members derived values at. The newest that a derived leaf stands for is what other
//! nodes may take over, and what the Raft log may be purged behind (02, "Disk").
//!
//! `DERIVING` is the newest point made; once its leaf is in the ledger it becomes `DERIVED` by a rename. Both have
//! the bytes of a `CURRENT`, and keep their world dump.

use std::path::Path;

use muniment_core::TreeSize;

use super::View;
use super::current::Current;
use super::sync_point::{SyncPoint, remove_other_dumps};
use super::view::Shared;
use crate::disk::Disk;
use crate::error::{At, StorageError};
use crate::ledger::files::lock;

/// The newest point that a derived leaf stands for.
pub(crate) const DERIVED_FILE: &str = "DERIVED";
/// The newest point, whose leaf is awaited.
pub(crate) const DERIVING_FILE: &str = "DERIVING";

/// What a directory holds of derived points.
#[derive(Clone, Debug, Default)]
pub(super) struct DerivedPoints {
    /// `DERIVED`.
    pub(super) confirmed: Option<SyncPoint>,
    /// `DERIVING`.
    pub(super) awaited: Option<SyncPoint>,
}

impl DerivedPoints {
    pub(super) fn load(disk: &dyn Disk, ledger_dir: &Path) -> Result<Self, StorageError> {
        let point = |name| Current::load_from(disk, &ledger_dir.join(name));
        Ok(Self {
            confirmed: point(DERIVED_FILE)?.map(|current| current.point),
            awaited: point(DERIVING_FILE)?.map(|current| current.point),
        })
    }
}

/// Keeps a sync point as the awaited one. Durable on return; a crash before leaves the one before it.
pub(super) fn keep(shared: &Shared, current: &Current) -> Result<(), StorageError> {
    let files = &shared.files;
    current.store_as(&*files.disk, &files.dir.join(DERIVING_FILE))?;
    lock(&shared.derived_points).awaited = Some(current.point.clone());
    Ok(())
}

impl View {
    /// The newest derived point whose leaf is in the ledger.
    #[must_use]
    pub fn derived_point(&self) -> Option<SyncPoint> {
        lock(&self.shared.derived_points).confirmed.clone()
    }

    /// Says that the derived leaf of `size` is in the ledger. Answers the point if this node made one of that size and
    /// had not confirmed it. Durable on return; a crash before leaves it to be confirmed again.
    ///
    /// # Errors
    /// What the disk answers, for ever.
    pub fn confirm_derived_point(&self, size: TreeSize) -> Result<Option<SyncPoint>, StorageError> {
        let shared = &self.shared;
        // Not while a sync point is made, which may be about to replace the awaited one.
        let _guard = lock(&shared.making);
        let awaited = lock(&shared.derived_points).awaited.clone();
        let Some(point) = awaited.filter(|point| point.size == size) else { return Ok(None) };
        shared.files.health.check()?;
        let rename = || {
            let (disk, dir) = (&shared.files.disk, &shared.files.dir);
            let path = dir.join(DERIVED_FILE);
            disk.rename(&dir.join(DERIVING_FILE), &path).at("put in place", &path)?;
            disk.sync_dir(dir).at("flush the names of", dir)
        };
        rename().map_err(|error| shared.files.health.fail(error))?;
        *lock(&shared.derived_points) = DerivedPoints { confirmed: Some(point.clone()), awaited: None };
        remove_other_dumps(shared).map_err(|error| shared.files.health.fail(error))?;
        Ok(Some(point))
    }
}
