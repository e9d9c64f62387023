//! What openraft calls a snapshot: a node's sync point.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use muniment_core::{Hash, TreeSize};
use muniment_store::disk::Disk;
use muniment_store::ledger::SyncPoint;
use openraft::impls::EmptyNode;

use crate::codec::{self, CodecError};
use crate::type_config::{RaftLogId, RaftLogLeader, RaftStoredMembership};

/// What a snapshot covers.
pub(crate) type RaftSnapshotMeta = openraft::storage::SnapshotMeta<RaftLogLeader, u64, EmptyNode>;
/// A snapshot in openraft's sense.
pub(crate) type RaftSnapshot = openraft::storage::Snapshot<RaftLogLeader, u64, EmptyNode, SnapshotData>;

/// The files of a sync point, where they lie. Installing them reads and checks every byte first.
#[derive(Clone, Debug)]
pub struct SnapshotData {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) ledger_dir: PathBuf,
    /// Leaves and root of the sync point: what is installed must be just that.
    pub(crate) expected: (TreeSize, Hash),
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

/// The newest sync point as openraft sees it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CurrentSnapshot {
    disk: Arc<dyn Disk>,
    ledger_dir: PathBuf,
    newest: Arc<Mutex<Option<RaftSnapshot>>>,
}

impl CurrentSnapshot {
    /// None yet, of the files in `ledger_dir`.
    pub(crate) fn new(disk: Arc<dyn Disk>, ledger_dir: PathBuf) -> Self {
        Self { disk, ledger_dir, newest: Arc::default() }
    }

    /// Takes over a sync point that is durable.
    pub(crate) fn set(&self, point: &SyncPoint) -> Result<(), CodecError> {
        let (last_log_id, last_membership) = decode_raft_state(&point.membership)?;
        let newest = RaftSnapshot {
            meta: RaftSnapshotMeta { last_log_id, last_membership },
            snapshot: SnapshotData {
                disk: Arc::clone(&self.disk),
                ledger_dir: self.ledger_dir.clone(),
                expected: (point.size, point.root),
            },
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
