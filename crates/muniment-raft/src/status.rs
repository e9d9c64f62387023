//! What a node says about itself.

use muniment_core::{LogIndex, NodeId, RaftTerm, TreeSize};
use muniment_store::fsck::Finding;

use crate::lifecycle::NodeState;

/// A node's part in Raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Orders entries.
    Leader,
    /// Votes and follows.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Follows without a vote.
    Learner,
    /// Has stopped.
    Shutdown,
}

/// A node at one moment. Positions of different fields are read one after another, not at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The node.
    pub node_id: NodeId,
    /// Whether it runs.
    pub state: NodeState,
    /// Whether members have told what it promised them before this start. It neither votes, acknowledges nor signs before.
    pub confirmed: bool,
    /// Its part in Raft.
    pub role: Role,
    /// Who leads, as far as it knows.
    pub leader: Option<NodeId>,
    /// Raft's term.
    pub raft_term: RaftTerm,
    /// Last entry of its log.
    pub last_log_index: Option<LogIndex>,
    /// Last entry that it knows to be committed.
    pub committed_index: Option<LogIndex>,
    /// Last entry that it has applied, all of it.
    pub applied_index: Option<LogIndex>,
    /// Leaves of its tree.
    pub size: TreeSize,
    /// The newest size that the log marks for signing, as far as applied here.
    pub sealed_size: TreeSize,
    /// The newest size that it signed itself.
    pub signed_size: TreeSize,
    /// The newest size that q bureaus cosigned, as far as it knows.
    pub cosigned_size: TreeSize,
    /// Leaves that a crash now would rebuild from its own log.
    pub sync_point_size: TreeSize,
    /// The last entry that its log no longer holds.
    pub purged_index: Option<LogIndex>,
    /// The size that the newest derived leaf is of; 0 = none.
    pub derived_size: TreeSize,
    /// The size at which this node's files may be taken over by others; `None` before its first derived point.
    pub offered_size: Option<TreeSize>,
    /// What of its evidence files is damaged and not yet repaired: not read, not handed to peers.
    pub damaged: Vec<Finding>,
    /// Whether it signs what it computes. It does not before its newest files are checked, while anything is damaged, or
    /// after its tree was found to differ from others'.
    pub signs: bool,
    /// How far its clock is ahead of the median of a quorum's, in milliseconds; `None` while too few answer.
    pub clock_ahead_ms: Option<i64>,
    /// Whether that is too far for a leader: it then neither campaigns nor leads.
    pub clock_unsynced: bool,
    /// What an operator must look at, oldest first.
    pub alarms: Vec<String>,
}
