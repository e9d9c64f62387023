//! Our own bytes for what openraft stores and sends (`docs/data-format.md`, "Raft log").
//!
//! openraft's serde derives promise no stable form, so votes, log ids, memberships and entries have fixed big-endian
//! layouts here. An entry has room for data *and* membership at one log id, which later openraft versions may need.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use muniment_core::reader::{Reader, ShapeError};
use openraft::impls::EmptyNode;
use thiserror::Error;

use crate::type_config::{
    EntryData, RaftEntry, RaftLogId, RaftLogLeader, RaftMembership, RaftPayload, RaftStoredMembership,
    RaftVote,
};

/// Format of an entry, its first byte.
const ENTRY_FORMAT: u8 = 1;
/// Bytes of a log id.
pub(crate) const LOG_ID_LENGTH: usize = 16;
/// Bit of the content byte: a batch follows.
const HAS_DATA: u8 = 1;
/// Bit of the content byte: a membership follows.
const HAS_MEMBERSHIP: u8 = 2;
/// Most voters and learners of one membership, which bounds what a hostile count can make us allocate.
const NODES_MAX: u32 = 1024;

/// Why bytes are not what this crate writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CodecError {
    /// Too few or too many bytes.
    #[error("{0}")]
    Shape(#[from] ShapeError),
    /// A byte that this build does not know.
    #[error("{what} {found} is unknown to this build")]
    Unknown {
        /// What the byte says.
        what: &'static str,
        /// Its value.
        found: u8,
    },
    /// A count over its limit.
    #[error("{what}: {found} is over the limit {limit}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The count.
        found: u32,
        /// The limit.
        limit: u32,
    },
    /// An answer to an append that says nothing of the apply worker.
    #[error("an answer of {0} bytes has no room for the unapplied bytes behind it")]
    NoReport(usize),
    /// A membership that Raft could never have written.
    #[error("membership is inconsistent: a voter without a node, or an empty set of voters")]
    Membership,
}

/// Writes a length-prefixed block.
pub(crate) fn put_block(bytes: &mut Vec<u8>, block: &[u8]) {
    let length = u32::try_from(block.len()).expect("every block of this crate is far below 4 GiB");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(block);
}

/// Writes a count that this process made itself.
pub(crate) fn put_count(bytes: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("every list of this crate is far below 2^32");
    bytes.extend_from_slice(&count.to_be_bytes());
}

/// Reads a count and holds it against a limit.
pub(crate) fn read_count(reader: &mut Reader<'_>, what: &'static str, limit: u32) -> Result<u32, CodecError> {
    let found = reader.u32()?;
    if found > limit {
        return Err(CodecError::TooMany { what, found, limit });
    }
    Ok(found)
}

/// Reads a byte that says yes or no.
pub(crate) fn read_bool(reader: &mut Reader<'_>, what: &'static str) -> Result<bool, CodecError> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        found => Err(CodecError::Unknown { what, found }),
    }
}

/// Raft term u64, index u64.
pub(crate) fn put_log_id(bytes: &mut Vec<u8>, log_id: &RaftLogId) {
    bytes.extend_from_slice(&log_id.leader_id.term.to_be_bytes());
    bytes.extend_from_slice(&log_id.index.to_be_bytes());
}

pub(crate) fn read_log_id(reader: &mut Reader<'_>) -> Result<RaftLogId, CodecError> {
    let leader_id = RaftLogLeader::new(reader.u64()?);
    Ok(RaftLogId { leader_id, index: reader.u64()? })
}

/// One byte, then a log id if it is 1.
pub(crate) fn put_optional_log_id(bytes: &mut Vec<u8>, log_id: Option<&RaftLogId>) {
    bytes.push(u8::from(log_id.is_some()));
    if let Some(log_id) = log_id {
        put_log_id(bytes, log_id);
    }
}

pub(crate) fn read_optional_log_id(reader: &mut Reader<'_>) -> Result<Option<RaftLogId>, CodecError> {
    read_bool(reader, "presence byte")?.then(|| read_log_id(reader)).transpose()
}

/// Raft term u64, node id u64, committed u8.
pub(crate) fn put_vote(bytes: &mut Vec<u8>, vote: &RaftVote) {
    bytes.extend_from_slice(&vote.leader_id.term.to_be_bytes());
    bytes.extend_from_slice(&vote.leader_id.voted_for.to_be_bytes());
    bytes.push(u8::from(vote.committed));
}

pub(crate) fn read_vote(reader: &mut Reader<'_>) -> Result<RaftVote, CodecError> {
    let (term, node_id) = (reader.u64()?, reader.u64()?);
    let committed = read_bool(reader, "vote state")?;
    Ok(if committed { RaftVote::new_committed(term, node_id) } else { RaftVote::new(term, node_id) })
}

/// The bytes of a vote frame.
pub(crate) fn encode_vote(vote: &RaftVote) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(17);
    put_vote(&mut bytes, vote);
    bytes
}

/// Reads a vote frame.
pub(crate) fn decode_vote(bytes: &[u8]) -> Result<RaftVote, CodecError> {
    let mut reader = Reader::new(bytes);
    let vote = read_vote(&mut reader)?;
    reader.end()?;
    Ok(vote)
}

/// The bytes of a committed or purge frame.
pub(crate) fn encode_log_id(log_id: &RaftLogId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LOG_ID_LENGTH);
    put_log_id(&mut bytes, log_id);
    bytes
}

/// Reads a committed or purge frame.
pub(crate) fn decode_log_id(bytes: &[u8]) -> Result<RaftLogId, CodecError> {
    let mut reader = Reader::new(bytes);
    let log_id = read_log_id(&mut reader)?;
    reader.end()?;
    Ok(log_id)
}

/// Sets of voters (count u32, each: count u32, ids u64), then nodes (count u32, each: id u64, data block).
pub(crate) fn put_membership(bytes: &mut Vec<u8>, membership: &RaftMembership) {
    put_count(bytes, membership.get_joint_config().len());
    for voters in membership.get_joint_config() {
        put_count(bytes, voters.len());
        for id in voters {
            bytes.extend_from_slice(&id.to_be_bytes());
        }
    }
    put_count(bytes, membership.nodes().count());
    for (id, EmptyNode {}) in membership.nodes() {
        bytes.extend_from_slice(&id.to_be_bytes());
        put_block(bytes, &[]);
    }
}

pub(crate) fn read_membership(reader: &mut Reader<'_>) -> Result<RaftMembership, CodecError> {
    let mut configs = Vec::new();
    for _ in 0..read_count(reader, "sets of voters", 2)? {
        let mut voters = BTreeSet::new();
        for _ in 0..read_count(reader, "voters", NODES_MAX)? {
            voters.insert(reader.u64()?);
        }
        configs.push(voters);
    }
    let mut nodes = BTreeMap::new();
    for _ in 0..read_count(reader, "nodes", NODES_MAX)? {
        let id = reader.u64()?;
        if !reader.block()?.is_empty() {
            return Err(CodecError::Unknown { what: "node data, first byte of", found: 0 });
        }
        nodes.insert(id, EmptyNode {});
    }
    if configs.is_empty() && nodes.is_empty() {
        return Ok(RaftMembership::default());
    }
    RaftMembership::new(configs, nodes).map_err(|_| CodecError::Membership)
}

/// A membership with the log id that set it.
pub(crate) fn encode_stored_membership(stored: &RaftStoredMembership) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_optional_log_id(&mut bytes, stored.log_id().as_ref());
    put_membership(&mut bytes, stored.membership());
    bytes
}

/// Reads a stored membership; no bytes are the membership of a node that was never initialised.
pub(crate) fn decode_stored_membership(bytes: &[u8]) -> Result<RaftStoredMembership, CodecError> {
    if bytes.is_empty() {
        return Ok(RaftStoredMembership::default());
    }
    let mut reader = Reader::new(bytes);
    let log_id = read_optional_log_id(&mut reader)?;
    let membership = read_membership(&mut reader)?;
    reader.end()?;
    Ok(RaftStoredMembership::new(log_id, membership))
}

/// Format u8, log id, content u8, membership block if its bit is set, then the batch if its bit is set.
pub(crate) fn encode_entry(entry: &RaftEntry) -> Vec<u8> {
    let data_length = if let RaftPayload::Normal(data) = &entry.payload { data.0.len() } else { 0 };
    let mut bytes = Vec::with_capacity(32 + data_length);
    bytes.push(ENTRY_FORMAT);
    put_log_id(&mut bytes, &entry.log_id);
    match &entry.payload {
        RaftPayload::Blank => bytes.push(0),
        RaftPayload::Normal(data) => {
            bytes.push(HAS_DATA);
            bytes.extend_from_slice(&data.0);
        }
        RaftPayload::Membership(membership) => {
            bytes.push(HAS_MEMBERSHIP);
            let mut block = Vec::new();
            put_membership(&mut block, membership);
            put_block(&mut bytes, &block);
        }
    }
    bytes
}

/// Reads an entry that fills `bytes`; the batch stays a slice of them.
pub(crate) fn decode_entry(bytes: &Bytes) -> Result<RaftEntry, CodecError> {
    let mut reader = Reader::new(bytes);
    match reader.u8()? {
        ENTRY_FORMAT => {}
        found => return Err(CodecError::Unknown { what: "entry format", found }),
    }
    let log_id = read_log_id(&mut reader)?;
    let payload = match reader.u8()? {
        0 => RaftPayload::Blank,
        HAS_DATA => {
            let data = bytes.slice(reader.at()..);
            reader.take(data.len())?;
            RaftPayload::Normal(EntryData(data))
        }
        HAS_MEMBERSHIP => {
            let mut block = Reader::new(reader.block()?);
            let membership = read_membership(&mut block)?;
            block.end()?;
            RaftPayload::Membership(membership)
        }
        found => return Err(CodecError::Unknown { what: "entry content", found }),
    };
    reader.end()?;
    Ok(RaftEntry { log_id, payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<RaftEntry> {
        let log_id = RaftLogId { leader_id: RaftLogLeader::new(7), index: 41 };
        let voters = BTreeSet::from([1, 2, 3]);
        let nodes: BTreeMap<u64, EmptyNode> = (1..=4).map(|id| (id, EmptyNode {})).collect();
        let membership = RaftMembership::new(vec![voters], nodes).expect("each voter has a node");
        vec![
            RaftEntry { log_id, payload: RaftPayload::Blank },
            RaftEntry { log_id, payload: RaftPayload::Normal(EntryData(Bytes::from_static(b"batch"))) },
            RaftEntry { log_id, payload: RaftPayload::Membership(membership) },
        ]
    }

    #[test]
    fn every_kind_of_entry_survives_its_bytes() {
        for entry in entries() {
            let bytes = Bytes::from(encode_entry(&entry));
            assert_eq!(decode_entry(&bytes), Ok(entry));
        }
    }

    #[test]
    fn a_cut_entry_is_refused_or_shorter_only_in_its_batch() {
        for entry in entries() {
            let bytes = Bytes::from(encode_entry(&entry));
            for end in 0..bytes.len() {
                let decoded = decode_entry(&bytes.slice(..end));
                let batch_cut = matches!(&decoded, Ok(cut) if matches!(cut.payload, RaftPayload::Normal(_)));
                assert!(decoded.is_err() || batch_cut, "cut at {end}: {decoded:?}");
            }
        }
    }

    #[test]
    fn a_vote_is_seventeen_big_endian_bytes() {
        let vote = RaftVote::new_committed(0x0102, 3);
        let bytes = encode_vote(&vote);
        assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 1]);
        assert_eq!(decode_vote(&bytes), Ok(vote));
        assert!(decode_vote(&[&bytes[..16], &[2]].concat()).is_err(), "a third state");
    }

    #[test]
    fn a_membership_with_a_voter_that_has_no_node_is_refused() {
        let mut bytes = Vec::new();
        put_count(&mut bytes, 1);
        put_count(&mut bytes, 1);
        bytes.extend_from_slice(&9_u64.to_be_bytes());
        put_count(&mut bytes, 0);
        assert_eq!(read_membership(&mut Reader::new(&bytes)), Err(CodecError::Membership));
    }
}
