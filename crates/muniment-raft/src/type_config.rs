//! openraft's type parameters, generic over the runtime so that production and simulation run one node.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use openraft::impls::{BoxedErrorSource, EmptyNode, Entry, EntryPayload, InlineBatch, OneshotResponder};
use openraft::vote::leader_id_std::{CommittedLeaderId, LeaderId};
use openraft::{AsyncRuntime, LogId, Membership, RaftTypeConfig, StoredMembership};

use crate::outcome::EntryOutcome;

/// The type configuration over the runtime `Rt`.
pub struct TypeConfig<Rt>(PhantomData<fn() -> Rt>);

/// Who a node votes for in a term: one leader a term, as Raft 5.2 has it.
pub(crate) type RaftLeader = LeaderId<u64, u64>;
/// Whom a quorum voted for: the term alone, since it has one leader.
pub(crate) type RaftLogLeader = CommittedLeaderId<u64>;
/// Vote of a node.
pub(crate) type RaftVote = openraft::Vote<RaftLeader>;
/// Position of an entry: Raft term and index.
pub(crate) type RaftLogId = LogId<RaftLogLeader>;
/// Voters and learners.
pub(crate) type RaftMembership = Membership<u64, EmptyNode>;
/// Membership with the log id that set it.
pub(crate) type RaftStoredMembership = StoredMembership<RaftLogLeader, u64, EmptyNode>;
/// What an entry carries.
pub(crate) type RaftPayload = EntryPayload<EntryData, u64, EmptyNode>;
/// An entry of the log.
pub(crate) type RaftEntry = Entry<RaftLogLeader, RaftPayload>;

/// Bytes of one batch, as proposed: shared, never copied between queue, log cache and network.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryData(pub(crate) Bytes);

/// What `apply` answers to the proposer; empty for blank and membership entries.
#[derive(Clone, Debug, Default)]
pub struct EntryAnswer(pub(crate) Option<Arc<EntryOutcome>>);

impl fmt::Debug for EntryData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryData({} bytes)", self.0.len())
    }
}

impl fmt::Display for EntryData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl<Rt: AsyncRuntime> RaftTypeConfig for TypeConfig<Rt> {
    type D = EntryData;
    type R = EntryAnswer;
    type NodeId = u64;
    type Node = EmptyNode;
    type Term = u64;
    type LeaderId = RaftLeader;
    type Vote = RaftVote;
    type Payload = RaftPayload;
    type Entry = RaftEntry;
    type AsyncRuntime = Rt;
    type Responder<T>
        = OneshotResponder<Self, T>
    where
        T: openraft::OptionalSend + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: openraft::OptionalSend + 'static;
    type ErrorSource = BoxedErrorSource;
}

// Derived impls would ask the same of `Rt`, which is only a name here.
impl<Rt> Clone for TypeConfig<Rt> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Rt> Copy for TypeConfig<Rt> {}

impl<Rt> Default for TypeConfig<Rt> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<Rt> fmt::Debug for TypeConfig<Rt> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypeConfig")
    }
}

impl<Rt> PartialEq for TypeConfig<Rt> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<Rt> Eq for TypeConfig<Rt> {}

impl<Rt> PartialOrd for TypeConfig<Rt> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<Rt> Ord for TypeConfig<Rt> {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}
