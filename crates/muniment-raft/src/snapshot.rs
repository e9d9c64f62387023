//! What openraft calls a snapshot: a node's newest derived point.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use muniment_core::{Hash, TreeSize};
use muniment_store::disk::Disk;
use muniment_store::install::Fetched;
use muniment_store::ledger::{SyncPoint, View};
use openraft::impls::EmptyNode;

use crate::codec::{self, CodecError};
use crate::type_config::{RaftLogId, RaftLogLeader, RaftStoredMembership};

/// What a snapshot covers.
pub(crate) type RaftSnapshotMeta = openraft::storage::SnapshotMeta<RaftLogLeader, u64, EmptyNode>;
/// A snapshot in openraft's sense.
pub(crate) type RaftSnapshot = openraft::storage::Snapshot<RaftLogLeader, u64, EmptyNode, SnapshotData>;

/// The files of a derived point.
#[derive(Clone, Debug)]
pub struct SnapshotData(pub(crate) SnapshotFiles);

#[derive(Clone, Debug)]
pub(crate) enum SnapshotFiles {
    /// Where they lie: another node's, or this one's own. Installing them reads and checks every byte first.
    Lying {
        disk: Arc<dyn Disk>,
        ledger_dir: PathBuf,
        /// Leaves and root: what is installed must be just that.
        expected: (TreeSize, Hash),
    },
    /// Fetched from members and checked; installed once.
    Fetched(Arc<Mutex<Option<Fetched>>>),
}

impl SnapshotData {
    pub(crate) fn fetched(fetched: Fetched) -> Self {
        Self(SnapshotFiles::Fetched(Arc::new(Mutex::new(Some(fetched)))))
    }
}

/// Which sync points openraft gets to see as snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SnapshotPoints {
    /// Derived points whose leaf is in the ledger.
    Derived,
    /// Every one: a storage without a Raft around it has nobody to sign.
    Every,
}

/// What Raft wants back with a sync point: its log id in full, and the membership as of then.
pub(crate) fn encode_raft_state(log_id: &RaftLogId, membership: &RaftStoredMembership) -> Vec<u8> {
    let mut bytes = codec::encode_log_id(log_id);
    bytes.extend_from_slice(&codec::encode_stored_membership(membership));
    bytes
}

/// Reads what [`encode_raft_state`] wrote.
pub(crate) fn decode_raft_state(
    bytes: &[u8],
) -> Result<(Option<RaftLogId>, RaftStoredMembership), CodecError> {
    let Some((log_id, membership)) = bytes.split_at_checked(codec::LOG_ID_LENGTH) else {
        return Ok((None, RaftStoredMembership::default()));
    };
    Ok((Some(codec::decode_log_id(log_id)?), codec::decode_stored_membership(membership)?))
}

/// The snapshot as openraft sees it: the newest derived point, which others may take over and behind which the log may
/// go. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CurrentSnapshot {
    points: SnapshotPoints,
    disk: Arc<dyn Disk>,
    ledger_dir: PathBuf,
    newest: Arc<Mutex<Option<RaftSnapshot>>>,
}

impl CurrentSnapshot {
    /// None yet, of the files in `ledger_dir`.
    pub(crate) fn new(points: SnapshotPoints, disk: Arc<dyn Disk>, ledger_dir: PathBuf) -> Self {
        Self { points, disk, ledger_dir, newest: Arc::default() }
    }

    /// Takes what the files hold after they were opened.
    pub(crate) fn open(&self, files: &View) -> Result<(), CodecError> {
        match self.points {
            SnapshotPoints::Derived => files.derived_point().map_or(Ok(()), |point| self.set(&point)),
            SnapshotPoints::Every => self.set(&files.sync_point()),
        }
    }

    /// Takes a new sync point, if every one counts.
    pub(crate) fn note_sync_point(&self, point: &SyncPoint) -> Result<(), CodecError> {
        match self.points {
            SnapshotPoints::Derived => Ok(()),
            SnapshotPoints::Every => self.set(point),
        }
    }

    /// Takes over a point that is durable.
    pub(crate) fn set(&self, point: &SyncPoint) -> Result<(), CodecError> {
        let (last_log_id, last_membership) = decode_raft_state(&point.membership)?;
        let newest = RaftSnapshot {
            meta: RaftSnapshotMeta { last_log_id, last_membership },
            snapshot: SnapshotData(SnapshotFiles::Lying {
                disk: Arc::clone(&self.disk),
                ledger_dir: self.ledger_dir.clone(),
                expected: (point.size, point.root),
            }),
        };
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(newest);
        Ok(())
    }

    /// The newest sync point; `None` while nothing was applied.
    pub(crate) fn snapshot(&self) -> Option<RaftSnapshot> {
        self.even_empty().filter(|snapshot| snapshot.meta.last_log_id.is_some())
    }

    /// The newest sync point, be it that of an empty ledger.
    pub(crate) fn even_empty(&self) -> Option<RaftSnapshot> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
