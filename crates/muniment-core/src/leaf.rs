//! A leaf with all that binds it: stub, record or its digest, terms digest, inclusion path.

use thiserror::Error;

use crate::checkpoint::CheckpointBody;
use crate::derived::Derived;
use crate::digest::{content_digest, record_digest, terms_digest};
use crate::reader::Reader;
use crate::record::{self, RecordError};
use crate::stub::StubError;
use crate::terms::{Term, term_keys, terms_of};
use crate::tree::{ProofError, TreeAt};
use crate::{Blind, Hash, Kind, LeafIndex, LedgerId, RetentionClass, Stub, Suite, Tree, v1};

/// Bytes of a prune record: class u8, below leaf u64.
const PRUNE_LENGTH: usize = 9;

/// A record, or what is left of it when its body is pruned or not the reader's to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The record.
    Open {
        /// Its blind.
        blind: Blind,
        /// Its canonical bytes.
        record: Vec<u8>,
    },
    /// Its digest alone.
    Withheld {
        /// H("muniment/v1/record" 00 blind record).
        record_digest: Hash,
    },
}

/// A leaf of the ledger's tree and its path to a checkpoint's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafProof {
    /// The leaf.
    pub index: LeafIndex,
    /// Its stub's bytes; a stub may be of a later version than this build reads.
    pub stub: [u8; Stub::LENGTH],
    /// Its record.
    pub content: Content,
    /// H("muniment/v1/terms" 00 term keys).
    pub terms_digest: Hash,
    /// Inclusion path, the sibling first.
    pub path: Vec<Hash>,
}

/// What a leaf was found to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedLeaf {
    /// The stub.
    pub stub: Stub,
    /// The record, where its body is there and a submitter made it.
    pub record: Option<v1::Record>,
}

/// Why a leaf's parts don't belong together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LeafError {
    /// The stub.
    #[error("{0}")]
    Stub(#[from] StubError),
    /// A kind that this build does not know.
    #[error("record kind {0} is unknown to this build: use a newer verifier")]
    UnknownKind(u8),
    /// The record's bytes.
    #[error("record: {0}")]
    Record(#[from] RecordError),
    /// The bytes of a record that the ledger wrote.
    #[error("record of kind {0}: not the fixed layout that the ledger writes, with a zero blind")]
    LedgerRecord(u8),
    /// Stub and record, or two parts of the stub, contradict each other.
    #[error("stub: {0} is not what the record says")]
    Mismatch(&'static str),
    /// The terms.
    #[error("terms digest is not that of the record's terms and the verdict's flags")]
    Terms,
    /// The content digest.
    #[error("stub: content is not the digest of this record and these terms")]
    Content,
}

impl Content {
    /// The record's digest.
    #[must_use]
    pub fn record_digest(&self, suite: Suite) -> Hash {
        match self {
            Self::Open { blind, record } => record_digest(suite, blind, record),
            Self::Withheld { record_digest } => *record_digest,
        }
    }
}

impl LeafProof {
    /// Checks that stub, record and terms belong together: everything of the leaf but its place in the tree.
    ///
    /// # Errors
    /// [`LeafError`].
    pub fn check(&self, suite: Suite, ledger: &LedgerId) -> Result<CheckedLeaf, LeafError> {
        let stub = Stub::decode(&self.stub)?;
        let by_ledger = stub.submitter.0 == 0;
        if by_ledger == (stub.kind < 200) {
            return Err(LeafError::Mismatch("submitter"));
        }
        if by_ledger && stub.occurred_at != stub.accepted_at {
            return Err(LeafError::Mismatch("occurred_at"));
        }
        let record = match &self.content {
            Content::Withheld { .. } => None,
            Content::Open { blind, record } if by_ledger => {
                self.check_ledger_record(suite, &stub, blind, record)?;
                None
            }
            Content::Open { record, .. } => Some(self.check_record(suite, &stub, ledger, record)?),
        };
        let record_digest = self.content.record_digest(suite);
        if content_digest(suite, &record_digest, &self.terms_digest) != stub.content {
            return Err(LeafError::Content);
        }
        Ok(CheckedLeaf { stub, record })
    }

    fn check_record(
        &self,
        suite: Suite,
        stub: &Stub,
        ledger: &LedgerId,
        bytes: &[u8],
    ) -> Result<v1::Record, LeafError> {
        let kind = Kind::from_number(stub.kind).ok_or(LeafError::UnknownKind(stub.kind))?;
        let record = record::decode(bytes, Some(ledger))?;
        let occurred_at = record.occurred_at.as_ref().map_or(0, |time| time.unix_ms);
        let parts = [
            ("kind", record::kind(&record) == Some(kind)),
            ("submitter", record.submitter == stub.submitter.0),
            ("occurred_at", occurred_at == stub.occurred_at.0),
            ("historic", record.historic == stub.historic),
            ("sealed", record::is_sealed(&record) == stub.sealed),
        ];
        if let Some((part, _)) = parts.into_iter().find(|(_, same)| !same) {
            return Err(LeafError::Mismatch(part));
        }
        self.check_terms(suite, &terms_of(&record, kind), stub)?;
        Ok(record)
    }

    fn check_ledger_record(
        &self,
        suite: Suite,
        stub: &Stub,
        blind: &Blind,
        bytes: &[u8],
    ) -> Result<(), LeafError> {
        let kind = Kind::from_number(stub.kind).ok_or(LeafError::UnknownKind(stub.kind))?;
        let mut reader = Reader::new(bytes);
        let fits = match kind {
            Kind::Derived => Derived::read(&mut reader).is_ok() && reader.end().is_ok(),
            Kind::Prune => bytes.len() == PRUNE_LENGTH && RetentionClass::from_number(bytes[0]).is_some(),
            _ => false,
        };
        if !fits || *blind != Blind::ZERO {
            return Err(LeafError::LedgerRecord(stub.kind));
        }
        self.check_terms(suite, &[Term::kind(kind)], stub)
    }

    fn check_terms(&self, suite: Suite, terms: &[Term<'_>], stub: &Stub) -> Result<(), LeafError> {
        if terms_digest(suite, &term_keys(suite, terms, stub.verdict)) != self.terms_digest {
            return Err(LeafError::Terms);
        }
        Ok(())
    }

    /// Verifies that the stub's bytes are this leaf of the checkpoint's tree.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify_inclusion(&self, body: &CheckpointBody) -> Result<(), ProofError> {
        let tree = TreeAt { suite: body.suite, tree: Tree::Ledger, size: body.size };
        tree.verify_inclusion(self.index, body.suite.leaf(Tree::Ledger, &self.stub), &self.path, body.root)
    }
}
