//! What a node hands to one that the Raft log no longer serves: its newest derived point, and why to believe it.
//!
//! The point's files are believed for three reasons, each checked before a byte is installed: q members signed the
//! values derived at its size, that statement is a leaf of the ledger, and a checkpoint that q bureaus cosigned covers
//! leaf and point alike. The peer that hands it over is trusted with nothing.

use muniment_core::derived::Derived;
use muniment_core::index::root_of_no_runs;
use muniment_core::leaf::Content;
use muniment_core::reader::{Reader, ShapeError};
use muniment_core::receipt::Receipt;
use muniment_core::tree::TreeAt;
use muniment_core::trust::TrustFile;
use muniment_core::{Hash, Kind, Suite, Tree, verify};
use muniment_ledger::WorldView;
use muniment_store::StorageError;
use muniment_store::ledger::EntryPosition;
use muniment_store::manifest::Manifest;
use thiserror::Error;

use crate::codec::{CodecError, put_block, put_count, read_count};
use crate::snapshot::{RaftSnapshotMeta, decode_raft_state};

/// Hashes of a consistency path, at most: two for each level of a tree of 2^62 leaves.
const PATH_MAX: u32 = 124;

/// A derived point on its way to another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The files, as [`Manifest::encode`] writes them.
    pub(crate) manifest: Vec<u8>,
    /// The receipt of the point's derived leaf.
    pub(crate) receipt: Vec<u8>,
    /// From the point's size to the receipt's checkpoint (RFC 9162 2.1.4).
    pub(crate) consistency: Vec<Hash>,
}

/// An offer that holds.
#[derive(Clone, Debug)]
pub(crate) struct CheckedOffer {
    pub(crate) manifest: Manifest,
    pub(crate) derived: Derived,
    pub(crate) meta: RaftSnapshotMeta,
}

/// Why an offer is not taken.
#[derive(Debug, Error)]
pub(crate) enum OfferError {
    /// Too few or too many bytes.
    #[error("{0}")]
    Shape(#[from] ShapeError),
    /// The layout.
    #[error("{0}")]
    Codec(#[from] CodecError),
    /// The manifest.
    #[error("{0}")]
    Manifest(#[from] StorageError),
    /// It does not prove what it claims.
    #[error("{0}")]
    Unproven(String),
}

impl Offer {
    /// Manifest and receipt as blocks, then the path: count u32, hashes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.manifest.len() + self.receipt.len() + 4096);
        put_block(&mut bytes, &self.manifest);
        put_block(&mut bytes, &self.receipt);
        put_count(&mut bytes, self.consistency.len());
        self.consistency.iter().for_each(|hash| bytes.extend_from_slice(&hash.0));
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, OfferError> {
        let mut reader = Reader::new(bytes);
        let manifest = reader.block()?.to_vec();
        let receipt = reader.block()?.to_vec();
        let mut consistency = Vec::new();
        for _ in 0..read_count(&mut reader, "hashes of a consistency path", PATH_MAX)? {
            consistency.push(Hash(reader.array()?));
        }
        reader.end()?;
        Ok(Self { manifest, receipt, consistency })
    }

    /// Checks all that can be checked before the files are there.
    pub(crate) fn check(&self, trust: &TrustFile) -> Result<CheckedOffer, OfferError> {
        let manifest = Manifest::decode(&self.manifest)?;
        let derived = self.derived(trust)?;
        let suite = trust.suite;
        let position = EntryPosition { log_index: derived.log_index, raft_term: derived.raft_term };
        let (meta_log_id, last_membership) = decode_raft_state(manifest.membership())?;
        let last_log_id = meta_log_id.filter(|log_id| {
            log_id.index == derived.log_index.0 && log_id.leader_id.term == derived.raft_term.0
        });
        let holds = [
            ("its size", derived.size == manifest.size()),
            ("its log position", manifest.position() == Some(position) && last_log_id.is_some()),
            // Runs come with the index; until then there are none at any size.
            ("its index root", derived.index_root == root_of_no_runs(suite)),
        ];
        if let Some((what, _)) = holds.into_iter().find(|(_, holds)| !holds) {
            return Err(OfferError::Unproven(format!("{what} is not the one that members derived")));
        }
        Ok(CheckedOffer { manifest, derived, meta: RaftSnapshotMeta { last_log_id, last_membership } })
    }

    /// The values that the receipt proves, and that the point's root is a prefix of the receipt's tree.
    fn derived(&self, trust: &TrustFile) -> Result<Derived, OfferError> {
        let unproven = |what: String| OfferError::Unproven(what);
        if let Some(failure) = verify::verify(&self.receipt, trust).failure {
            return Err(unproven(format!("receipt of the derived leaf: {}", failure.reason)));
        }
        let receipt = Receipt::decode(&self.receipt).map_err(|error| unproven(error.to_string()))?;
        let kind = receipt.leaf.stub[1];
        let Content::Open { record, .. } = &receipt.leaf.content else {
            return Err(unproven("the derived leaf's record is withheld".to_owned()));
        };
        if Kind::from_number(kind) != Some(Kind::Derived) {
            return Err(unproven(format!("the receipt is of a leaf of kind {kind}, not of derived values")));
        }
        let mut reader = Reader::new(record);
        let derived = Derived::read(&mut reader).map_err(|error| unproven(error.to_string()))?;
        reader.end()?;
        let root = Manifest::decode(&self.manifest)?.root();
        let body = &receipt.checkpoint.body;
        TreeAt { suite: trust.suite, tree: Tree::Ledger, size: body.size }
            .verify_consistency(derived.size, root, &self.consistency, body.root)
            .map_err(|error| unproven(format!("consistency of the point's root: {error}")))?;
        Ok(derived)
    }
}

impl CheckedOffer {
    /// Checks the state that the fetched world dump restores to.
    pub(crate) fn check_world(&self, suite: Suite, world: &WorldView) -> Result<(), OfferError> {
        let voters: std::collections::BTreeSet<u64> =
            self.meta.last_membership.membership().get_joint_config().iter().flatten().copied().collect();
        let members = world.members();
        let holds = [
            ("the world state", world.digest() == self.derived.world_digest),
            ("the member list", members.digest(suite) == self.derived.members_digest),
            ("the rules version", world.head().rules == self.derived.rules),
            ("the set of Raft voters", members.members.iter().map(|member| member.node_id.0).eq(voters)),
        ];
        match holds.into_iter().find(|(_, holds)| !holds) {
            None => Ok(()),
            Some((what, _)) => {
                Err(OfferError::Unproven(format!("{what} is not the one that members derived")))
            }
        }
    }
}
