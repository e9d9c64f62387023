//! What the members' disks hold when a run is over, read without the nodes.

use std::collections::BTreeMap;

use muniment_core::checkpoint::Checkpoint;
use muniment_core::founding::Founding;
use muniment_core::tree::MemoryTree;
use muniment_core::{Blind, Hash, NodeId, Stub, Suite, Tree, digest};

/// One leaf as a member's files hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalLeaf {
    /// Its stub.
    pub stub: [u8; Stub::LENGTH],
    /// Its blind.
    pub blind: Blind,
    /// Its record.
    pub record: Vec<u8>,
}

/// One entry of a member's Raft log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its Raft term.
    pub raft_term: u64,
    /// Its bytes as stored.
    pub bytes: Vec<u8>,
}

/// What one member's disk holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberState {
    /// Its leaves, in order.
    pub leaves: Vec<FinalLeaf>,
    /// Its evidence files that every member must hold alike, by path below `ledger/`.
    pub evidence: BTreeMap<String, Vec<u8>>,
    /// Its checkpoint notes.
    pub checkpoints: Vec<Checkpoint>,
    /// Its Raft log by index.
    pub log: BTreeMap<u64, LogEntry>,
}

/// What all disks hold at the end of a run.
#[derive(Clone, Debug)]
pub struct FinalState {
    /// The ledger.
    pub founding: Founding,
    /// The members' disks.
    pub members: BTreeMap<NodeId, MemberState>,
    /// The evidence files made anew from the log alone, by path; none if the log could not be applied anew.
    pub derived_anew: Option<BTreeMap<String, Vec<u8>>>,
}

impl FinalLeaf {
    /// The digest that binds record and blind.
    #[must_use]
    pub fn record_digest(&self, suite: Suite) -> Hash {
        digest::record_digest(suite, &self.blind, &self.record)
    }
}

impl FinalState {
    /// The longest ledger among the members.
    #[must_use]
    pub fn longest(&self) -> &[FinalLeaf] {
        let longest = self.members.values().max_by_key(|member| member.leaves.len());
        longest.map_or(&[], |member| member.leaves.as_slice())
    }

    /// Digest of the members' evidence files and logs.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let mut parts = Vec::new();
        for (node, member) in &self.members {
            parts.push(format!("{node} {:?}", member.evidence.keys()).into_bytes());
            parts.extend(member.evidence.values().cloned());
            parts.extend(member.log.values().map(|entry| entry.bytes.clone()));
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        self.founding.suite.hash(&parts)
    }

    /// The tree over the longest ledger.
    #[must_use]
    pub fn tree(&self) -> MemoryTree {
        let suite = self.founding.suite;
        let hashes = self.longest().iter().map(|leaf| suite.leaf(Tree::Ledger, &leaf.stub));
        MemoryTree::over(suite, Tree::Ledger, hashes)
    }
}
