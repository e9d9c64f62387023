//! A record as the ledger keeps it, checked.

use muniment_core::leaf::Content;
use muniment_core::{Hash, LeafIndex, Stub, TreeSize, v1};

/// One leaf: stub, content and, where it was proven, the checkpoint that covers it.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerRecord {
    /// The leaf: the record's one name.
    pub leaf: LeafIndex,
    /// What is hashed into the tree: kind, submitter, times, verdict, rules version.
    pub stub: Stub,
    /// The exact bytes with their blind, or the digest alone where the body is withheld or pruned.
    pub content: Content,
    /// The record, read from those bytes; none when withheld or written by the ledger itself.
    pub record: Option<v1::Record>,
    /// Its digest.
    pub record_digest: Hash,
    /// Size of the verified checkpoint under which the leaf was proven; none = not proven: no checkpoint covers it yet, or
    /// it was listed or watched.
    pub included_in: Option<TreeSize>,
}

impl LedgerRecord {
    /// Whether the body is withheld from this caller, or pruned.
    #[must_use]
    pub const fn is_withheld(&self) -> bool {
        matches!(self.content, Content::Withheld { .. })
    }
}
