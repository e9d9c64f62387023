//! What the other members acknowledged, voted and signed to this node. A member whose disk was rolled back or wiped has
//! forgotten what it promised; its peers have not, and tell it before it takes part again (`confirmation.rs`, ADR 11).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use muniment_core::checkpoint::CheckpointBody;
use muniment_core::cosignature;
use muniment_core::note::VerifierKey;
use muniment_core::reader::Reader;
use muniment_core::{NodeId, TreeSize};

use crate::codec::{
    CodecError, put_count, put_log_id, put_optional_log_id, read_bool, read_count, read_log_id,
    read_optional_log_id,
};
use crate::peer_messages::{SignedBody, put_signed_body, read_signed_body};
use crate::type_config::RaftLogId;

/// Most members of which promises are kept.
const MEMBERS_MAX: u32 = 1_024;

/// An acknowledgement to a leader: while its Raft term lasts the member's log holds all up to here, and its vote is of that
/// term. A later leader may have cut the log back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Acknowledged {
    pub(crate) leader_term: u64,
    pub(crate) log_id: RaftLogId,
}

/// What one member promised, as far as this node was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Promise {
    /// The newest Raft term in which it asked for votes or gave one; 0 = none.
    pub(crate) vote_term: u64,
    /// The newest acknowledgement.
    pub(crate) acknowledged: Option<Acknowledged>,
    /// The largest body that it signed, with its line.
    pub(crate) signed: Option<(TreeSize, SignedBody)>,
}

/// What a member that was just started is told of itself, and of the log that it may have helped to commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recollection {
    pub(crate) promise: Promise,
    /// Last entry of the log of the node that tells.
    pub(crate) last: Option<RaftLogId>,
    /// Last entry that it knows to be committed.
    pub(crate) committed: Option<RaftLogId>,
}

/// Where a member stands by its own disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) vote_term: u64,
    pub(crate) last: Option<RaftLogId>,
    /// The largest size that it ever signed; 0 = none.
    pub(crate) signed: TreeSize,
}

/// What is known of all others. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Promises {
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    of: BTreeMap<NodeId, Promise>,
    /// Something is not kept yet.
    is_new: bool,
}

impl Promises {
    /// Starts from what was kept before; bytes that can't be read say nothing.
    pub(crate) fn restore(kept: Option<&[u8]>) -> Self {
        let of = kept.and_then(|bytes| read_all(bytes).ok()).unwrap_or_default();
        Self { known: Arc::new(Mutex::new(Known { of, is_new: false })) }
    }

    /// `peer` asked for votes in this term, or gave its vote: durable on its disk before.
    pub(crate) fn note_vote(&self, peer: NodeId, term: u64) {
        self.update(peer, |promise| {
            let is_newer = term > promise.vote_term;
            promise.vote_term = promise.vote_term.max(term);
            is_newer
        });
    }

    /// `peer` acknowledged to this node, the leader of `leader_term`, all entries up to `log_id`.
    pub(crate) fn note_acknowledged(&self, peer: NodeId, leader_term: u64, log_id: RaftLogId) {
        self.update(peer, |promise| {
            let acknowledged = Some(Acknowledged { leader_term, log_id });
            let is_newer = acknowledged > promise.acknowledged;
            promise.acknowledged = promise.acknowledged.max(acknowledged);
            is_newer
        });
    }

    /// `peer`'s line over a body of `size` leaves was verified.
    pub(crate) fn note_signed(&self, peer: NodeId, size: TreeSize, signed: SignedBody) {
        self.update(peer, |promise| {
            let is_newer = promise.signed.as_ref().is_none_or(|(known, _)| *known < size);
            if is_newer {
                promise.signed = Some((size, signed));
            }
            is_newer
        });
    }

    /// The largest size that `peer` is known to have signed; 0 = none.
    pub(crate) fn signed_size(&self, peer: NodeId) -> TreeSize {
        self.lock().of.get(&peer).and_then(|promise| Some(promise.signed.as_ref()?.0)).unwrap_or(TreeSize(0))
    }

    /// All that `peer` is known to have promised.
    pub(crate) fn of(&self, peer: NodeId) -> Promise {
        self.lock().of.get(&peer).cloned().unwrap_or_default()
    }

    /// What is to be kept, once after each change.
    pub(crate) fn take_new(&self) -> Option<Vec<u8>> {
        let mut known = self.lock();
        if !std::mem::take(&mut known.is_new) {
            return None;
        }
        let mut bytes = Vec::new();
        put_count(&mut bytes, known.of.len());
        for (peer, promise) in &known.of {
            bytes.extend_from_slice(&peer.0.to_be_bytes());
            promise.put(&mut bytes);
        }
        Some(bytes)
    }

    fn update(&self, peer: NodeId, change: impl FnOnce(&mut Promise) -> bool) {
        let mut known = self.lock();
        let changed = change(known.of.entry(peer).or_default());
        known.is_new |= changed;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_all(bytes: &[u8]) -> Result<BTreeMap<NodeId, Promise>, CodecError> {
    let mut reader = Reader::new(bytes);
    let count = read_count(&mut reader, "members with promises", MEMBERS_MAX)?;
    let mut of = BTreeMap::new();
    for _ in 0..count {
        of.insert(NodeId(reader.u64()?), Promise::read(&mut reader)?);
    }
    reader.end()?;
    Ok(of)
}

impl Promise {
    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.vote_term.to_be_bytes());
        bytes.push(u8::from(self.acknowledged.is_some()));
        if let Some(acknowledged) = &self.acknowledged {
            bytes.extend_from_slice(&acknowledged.leader_term.to_be_bytes());
            put_log_id(bytes, &acknowledged.log_id);
        }
        bytes.push(u8::from(self.signed.is_some()));
        if let Some((size, signed)) = &self.signed {
            bytes.extend_from_slice(&size.0.to_be_bytes());
            put_signed_body(bytes, signed);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let vote_term = reader.u64()?;
        let acknowledged = if read_bool(reader, "acknowledgement mark")? {
            Some(Acknowledged { leader_term: reader.u64()?, log_id: read_log_id(reader)? })
        } else {
            None
        };
        let signed = if read_bool(reader, "signature mark")? {
            Some((TreeSize(reader.u64()?), read_signed_body(reader)?))
        } else {
            None
        };
        Ok(Self { vote_term, acknowledged, signed })
    }

    /// The size that the holder of `key` signed: the one promise that can be proven, and so must be.
    fn proven_size(&self, key: &VerifierKey) -> Option<TreeSize> {
        let (_, signed) = self.signed.as_ref()?;
        let body = CheckpointBody::parse(&signed.body).ok()?;
        let is_mine = |line| cosignature::verify(&body, line, key).is_ok();
        signed.lines.iter().any(is_mine).then_some(body.size)
    }
}

impl Recollection {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = Vec::new();
        self.promise.put(&mut bytes);
        put_optional_log_id(&mut bytes, self.last.as_ref());
        put_optional_log_id(&mut bytes, self.committed.as_ref());
        bytes.into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let promise = Promise::read(&mut reader)?;
        let last = read_optional_log_id(&mut reader)?;
        let committed = read_optional_log_id(&mut reader)?;
        reader.end()?;
        Ok(Self { promise, last, committed })
    }
}

impl Standing {
    /// What `promise` says of this node and its disk no longer holds, both numbers named; `key` is this node's cosigning
    /// key. None if the disk holds it all.
    pub(crate) fn misses(&self, promise: &Promise, key: &VerifierKey) -> Option<String> {
        let told = promise.acknowledged.map_or(0, |acknowledged| acknowledged.leader_term);
        let voted = promise.vote_term.max(told);
        if self.vote_term < voted {
            return Some(format!(
                "it voted in Raft term {voted}, its disk knows of no term after {}",
                self.vote_term
            ));
        }
        if let Some(Acknowledged { leader_term, log_id }) = promise.acknowledged
            // A leader of a later term may have cut the log back: then that leader knows what it holds.
            && leader_term == self.vote_term
            && self.last < Some(log_id)
        {
            let ends =
                self.last.map_or("is empty".to_owned(), |last| format!("ends at log index {}", last.index));
            return Some(format!(
                "it acknowledged log index {} of Raft term {leader_term}, its log {ends}",
                log_id.index
            ));
        }
        let signed = promise.proven_size(key).filter(|size| *size > self.signed)?;
        Some(format!(
            "it signed a tree of {signed} leaves, its disk knows of no signature beyond {}",
            self.signed
        ))
    }
}

#[cfg(test)]
mod tests {
    use muniment_core::cosignature::CosigningKey;
    use muniment_core::{Hash, Suite};

    use super::*;
    use crate::type_config::RaftLogLeader;

    const ORIGIN: &str = "anhui.example/ledger/test";

    fn log_id(term: u64, index: u64) -> RaftLogId {
        RaftLogId { leader_id: RaftLogLeader::new(term), index }
    }

    fn key(seed: u8) -> CosigningKey {
        let name = format!("{ORIGIN}/hefei");
        CosigningKey::from_seed(Suite::Blake3, &name, &[seed; 32]).expect("a key name")
    }

    fn signed(size: u64, seed: u8) -> SignedBody {
        let hash = Hash([7; 32]);
        let body = CheckpointBody {
            origin: ORIGIN.to_owned(),
            size: TreeSize(size),
            root: hash,
            suite: Suite::Blake3,
            index_root: hash,
            members_epoch: 0,
            members_digest: hash,
        };
        SignedBody { body: body.to_text(), lines: vec![key(seed).sign(&body, 5)] }
    }

    fn promise(vote_term: u64, acknowledged: Option<(u64, RaftLogId)>, size: u64) -> Promise {
        let acknowledged = acknowledged.map(|(leader_term, log_id)| Acknowledged { leader_term, log_id });
        Promise { vote_term, acknowledged, signed: Some((TreeSize(size), signed(size, 1))) }
    }

    #[test]
    fn a_disk_that_holds_less_than_was_promised_is_told_from_one_that_holds_it() {
        let disk = Standing { vote_term: 4, last: Some(log_id(4, 20)), signed: TreeSize(60) };
        let cases = [
            (Promise::default(), None),
            (promise(4, Some((4, log_id(4, 20))), 60), None),
            (promise(5, None, 60), Some("voted in Raft term 5, its disk knows of no term after 4")),
            (promise(0, Some((5, log_id(2, 3))), 60), Some("Raft term 5, its disk knows of no term after 4")),
            (
                promise(4, Some((4, log_id(4, 21))), 60),
                Some("log index 21 of Raft term 4, its log ends at log index 20"),
            ),
            (promise(4, None, 61), Some("a tree of 61 leaves, its disk knows of no signature beyond 60")),
            // The leader of term 4 cut off what the one of term 3 had been told of: nothing is forgotten.
            (promise(4, Some((3, log_id(3, 25))), 60), None),
        ];
        for (promise, expected) in cases {
            let found = disk.misses(&promise, key(1).verifier_key());
            match expected {
                None => assert_eq!(found, None, "{promise:?}"),
                Some(part) => assert!(found.as_ref().is_some_and(|text| text.contains(part)), "{found:?}"),
            }
        }
        let empty = Standing { vote_term: 0, last: None, signed: TreeSize(0) };
        assert!(empty.misses(&promise(1, None, 0), key(1).verifier_key()).is_some());
        assert_eq!(empty.misses(&Promise::default(), key(1).verifier_key()), None);
    }

    #[test]
    fn a_signature_of_another_key_proves_nothing_about_this_node() {
        let disk = Standing { vote_term: 4, last: None, signed: TreeSize(60) };
        let forged = Promise { signed: Some((TreeSize(90), signed(90, 2))), ..Promise::default() };
        assert_eq!(disk.misses(&forged, key(1).verifier_key()), None);
        assert!(disk.misses(&forged, key(2).verifier_key()).is_some());
    }

    #[test]
    fn promises_only_grow_and_survive_their_bytes() {
        let promises = Promises::default();
        assert_eq!(promises.take_new(), None);
        let peer = NodeId(2);
        promises.note_vote(peer, 3);
        promises.note_vote(peer, 2);
        promises.note_acknowledged(peer, 3, log_id(2, 9));
        promises.note_acknowledged(peer, 2, log_id(2, 30));
        promises.note_acknowledged(peer, 3, log_id(2, 8));
        promises.note_signed(peer, TreeSize(60), signed(60, 1));
        promises.note_signed(peer, TreeSize(50), signed(50, 1));
        let expected = promise(3, Some((3, log_id(2, 9))), 60);
        assert_eq!(promises.of(peer), expected);
        let kept = promises.take_new().expect("there is something new");
        assert_eq!(promises.take_new(), None, "it is handed out once");
        assert_eq!(Promises::restore(Some(&kept)).of(peer), expected);
        let cut = Promises::restore(Some(&kept[..kept.len() - 1]));
        assert_eq!(cut.of(peer), Promise::default(), "what can't be read says nothing");
        let told = Recollection { promise: expected, last: Some(log_id(3, 11)), committed: None };
        assert_eq!(Recollection::decode(&told.encode()), Ok(told.clone()));
        assert!(Recollection::decode(&told.encode()[1..]).is_err());
    }
}
