//! What openraft calls a snapshot: this node's sync point, and how a peer's is fetched.

use std::sync::{Arc, Mutex, PoisonError};

use muniment_store::ledger::SyncPoint;
use openraft::impls::EmptyNode;

use crate::codec::{self, CodecError};
use crate::raft_messages::RaftSnapshotMeta;
use crate::type_config::{RaftLeader, RaftLogId, RaftStoredMembership};

/// A snapshot in openraft's sense.
pub(crate) type RaftSnapshot = openraft::storage::Snapshot<RaftLeader, u64, EmptyNode, SnapshotData>;

/// The files of a sync point. They stay where they are; a peer asks for them by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct SnapshotData {
    manifest: Vec<u8>,
}

impl SnapshotData {
    /// Names, lengths and digests of the files; empty for a sync point of this node that nobody has asked for.
    pub(crate) fn manifest(&self) -> &[u8] {
        &self.manifest
    }
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
    const LOG_ID: usize = 24;
    let Some((log_id, membership)) = bytes.split_at_checked(LOG_ID) else {
        return Ok((None, RaftStoredMembership::default()));
    };
    Ok((Some(codec::decode_log_id(log_id)?), codec::decode_stored_membership(membership)?))
}

/// The newest sync point as openraft sees it. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct CurrentSnapshot(Arc<Mutex<Option<RaftSnapshotMeta>>>);

impl CurrentSnapshot {
    /// Takes over a sync point that is durable.
    pub(crate) fn set(&self, point: &SyncPoint) -> Result<(), CodecError> {
        let (last_log_id, last_membership) = decode_raft_state(&point.membership)?;
        let meta = last_log_id.is_some().then_some(RaftSnapshotMeta { last_log_id, last_membership });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = meta;
        Ok(())
    }

    pub(crate) fn meta(&self) -> Option<RaftSnapshotMeta> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn snapshot(&self) -> Option<RaftSnapshot> {
        let meta = self.meta()?;
        Some(RaftSnapshot { meta, snapshot: SnapshotData::default() })
    }
}
