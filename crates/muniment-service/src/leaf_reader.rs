//! One leaf as its caller may see it.

use muniment_core::digest::{content_digest, record_digest, terms_digest};
use muniment_core::terms::{Term, term_keys, terms_of};
use muniment_core::{Blind, BureauNumber, Hash, Kind, LeafIndex, Reason, Stub, Suite, v1 as records};
use muniment_ledger::may_read;
use muniment_proto::v1;
use muniment_raft::LedgerView;
use prost::Message as _;

use crate::refused::{Answer, Refused};

/// Reads leaves out of one view for one caller.
pub(crate) struct LeafReader<'a> {
    pub(crate) view: &'a LedgerView,
    pub(crate) suite: Suite,
    pub(crate) caller: BureauNumber,
    /// Whether records are sent decoded, too.
    pub(crate) decode: bool,
}

/// A leaf's body, held against its stub.
struct Body {
    blind: Blind,
    bytes: Vec<u8>,
    record: Option<records::Record>,
    record_digest: Hash,
    terms_digest: Hash,
}

impl LeafReader<'_> {
    /// A leaf's stub, held against the tree.
    pub(crate) fn stub(&self, leaf: LeafIndex) -> Answer<Stub> {
        if leaf.0 >= self.view.size.0 {
            let size = self.view.size;
            return Err(Refused::not_found(format!("there is no leaf {leaf} in a ledger of {size}")));
        }
        let bytes = self.view.files.stub(leaf)?;
        Stub::decode(&bytes).map_err(|error| unreadable(leaf, &error.to_string()))
    }

    /// The leaf, with its body if the caller may read it.
    pub(crate) fn stored(&self, leaf: LeafIndex, stub: &Stub) -> Answer<v1::StoredRecord> {
        let body = self.body(leaf, stub)?;
        let stored = v1::StoredRecord::of_stub(leaf, stub);
        if !self.may_read(&body) {
            return Ok(stored.withheld(&body.record_digest, &body.terms_digest));
        }
        let mut stored = stored.with_body(&body.blind, body.bytes.into());
        stored.record = body.record.filter(|_| self.decode);
        Ok(stored)
    }

    /// Whether the caller may read a leaf's body.
    pub(crate) fn may_read_leaf(&self, leaf: LeafIndex, stub: &Stub) -> Answer<bool> {
        Ok(self.may_read(&self.body(leaf, stub)?))
    }

    /// What the ledger writes itself concerns everybody.
    fn may_read(&self, body: &Body) -> bool {
        body.record.as_ref().is_none_or(|record| may_read(record, self.caller, &self.view.world))
    }

    /// Nothing is served that does not lead to the leaf's hash (G5).
    fn body(&self, leaf: LeafIndex, stub: &Stub) -> Answer<Body> {
        let (blind, bytes) = self.view.files.record(leaf)?;
        let kind = Kind::from_number(stub.kind);
        let kind = kind.ok_or_else(|| unreadable(leaf, "its kind is unknown to this build"))?;
        let record = if kind.is_submitted() {
            let decoded = records::Record::decode(bytes.as_slice());
            Some(decoded.map_err(|error| unreadable(leaf, &error.to_string()))?)
        } else {
            None
        };
        let keys = match &record {
            Some(record) => term_keys(self.suite, &terms_of(record, kind), stub.verdict),
            None => term_keys(self.suite, &[Term::kind(kind)], stub.verdict),
        };
        let record_digest = record_digest(self.suite, &blind, &bytes);
        let terms_digest = terms_digest(self.suite, &keys);
        if content_digest(self.suite, &record_digest, &terms_digest) != stub.content {
            return Err(unreadable(leaf, "its record does not lead to its stub"));
        }
        Ok(Body { blind, bytes, record, record_digest, terms_digest })
    }
}

fn unreadable(leaf: LeafIndex, what: &str) -> Refused {
    tracing::error!(leaf = leaf.0, what, "a leaf can't be read");
    Refused::new(Reason::Damaged, format!("leaf {leaf}: {what}; ask another member"))
}
