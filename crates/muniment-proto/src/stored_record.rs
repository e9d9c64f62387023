//! A leaf as reads answer it: stub, and body or digests.

use bytes::Bytes;
use muniment_core::leaf::Content;
use muniment_core::{Blind, Hash, LeafIndex, Stub, Verdict};

use crate::field_error::FieldError;
use crate::identifiers::{array, blind, hash};
use crate::v1;

/// A leaf out of an answer: its parts have the right shape, and the convenience fields say what the stub says. Whether
/// the parts belong together, and to the tree, is `muniment_core::leaf`'s to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The leaf.
    pub leaf: LeafIndex,
    /// Its stub.
    pub stub: Stub,
    /// Its record, or the digest of it.
    pub content: Content,
    /// Digest of its terms, where the record is withheld.
    pub terms_digest: Option<Hash>,
}

impl v1::StoredRecord {
    /// A leaf with its stub; content is added by one of the two methods below.
    #[must_use]
    pub fn of_stub(leaf: LeafIndex, stub: &Stub) -> Self {
        Self {
            leaf_index: leaf.0,
            stub: Bytes::copy_from_slice(&stub.encode()),
            kind: i32::from(stub.kind),
            submitter: stub.submitter.0,
            accepted_at_ms: stub.accepted_at.0,
            occurred_at_ms: stub.occurred_at.0,
            verdict: Some(stub.verdict.into()),
            rules: u32::from(stub.rules.0),
            ..Self::default()
        }
    }

    /// With the body, for those who may read it.
    #[must_use]
    pub fn with_body(mut self, blind: &Blind, record: Bytes) -> Self {
        self.content = Some(v1::NewRecord { blind: Bytes::copy_from_slice(&blind.0), record });
        self
    }

    /// Without the body: pruned, or not the caller's to read.
    #[must_use]
    pub fn withheld(mut self, record_digest: &Hash, terms_digest: &Hash) -> Self {
        self.withheld = true;
        self.record_digest = Bytes::copy_from_slice(&record_digest.0);
        self.terms_digest = Bytes::copy_from_slice(&terms_digest.0);
        self
    }
}

impl TryFrom<v1::StoredRecord> for StoredRecord {
    type Error = FieldError;

    fn try_from(record: v1::StoredRecord) -> Result<Self, FieldError> {
        let stub = Stub::decode(&array("stub", &record.stub)?);
        let stub = stub.map_err(|error| FieldError::invalid("stub", error.to_string()))?;
        let verdict = record.verdict.as_ref().ok_or_else(|| FieldError::missing("verdict"))?;
        let agreements = [
            ("kind", record.kind == i32::from(stub.kind)),
            ("submitter", record.submitter == stub.submitter.0),
            ("accepted_at_ms", record.accepted_at_ms == stub.accepted_at.0),
            ("occurred_at_ms", record.occurred_at_ms == stub.occurred_at.0),
            ("verdict", Verdict::try_from(verdict)? == stub.verdict),
            ("rules", record.rules == u32::from(stub.rules.0)),
        ];
        if let Some((field, _)) = agreements.iter().find(|(_, agrees)| !agrees) {
            return Err(FieldError::invalid(*field, "is not what the stub says"));
        }
        let (content, terms_digest) = match (record.content, record.withheld) {
            (Some(content), false) => {
                let blind = blind("content.blind", &content.blind)?;
                (Content::Open { blind, record: content.record.into() }, None)
            }
            (None, true) => {
                let record_digest = hash("record_digest", &record.record_digest)?;
                let terms_digest = hash("terms_digest", &record.terms_digest)?;
                (Content::Withheld { record_digest }, Some(terms_digest))
            }
            _ => return Err(FieldError::invalid("content", "must be there exactly when it is not withheld")),
        };
        Ok(Self { leaf: LeafIndex(record.leaf_index), stub, content, terms_digest })
    }
}

#[cfg(test)]
mod tests {
    use muniment_core::{BureauNumber, Flag, Kind, RetentionClass, RulesVersion, UnixMillis};

    use super::*;

    fn message() -> v1::StoredRecord {
        let stub = Stub {
            kind: Kind::AccessExecuted.number(),
            rules: RulesVersion(1),
            class: RetentionClass::ThreeYears,
            historic: false,
            sealed: false,
            submitter: BureauNumber(2),
            accepted_at: UnixMillis(9),
            verdict: Verdict::NONE.with(Flag::A01),
            occurred_at: UnixMillis(8),
            content: Hash([6; 32]),
        };
        v1::StoredRecord::of_stub(LeafIndex(5), &stub)
    }

    #[test]
    fn open_and_withheld_leaves_survive_the_wire() {
        let open = message().with_body(&Blind([1; 16]), Bytes::from_static(b"record"));
        let read = StoredRecord::try_from(open).expect("own messages are read");
        assert_eq!(read.content, Content::Open { blind: Blind([1; 16]), record: b"record".to_vec() });
        assert_eq!((read.leaf, read.stub.kind, read.terms_digest), (LeafIndex(5), 48, None));
        let withheld = message().withheld(&Hash([1; 32]), &Hash([2; 32]));
        let read = StoredRecord::try_from(withheld).expect("own messages are read");
        assert_eq!(read.content, Content::Withheld { record_digest: Hash([1; 32]) });
        assert_eq!(read.terms_digest, Some(Hash([2; 32])));
    }

    #[test]
    fn a_convenience_field_that_contradicts_the_stub_is_refused_by_name() {
        let open = || message().with_body(&Blind([1; 16]), Bytes::from_static(b"record"));
        type Lie = fn(&mut v1::StoredRecord);
        let lies: [(&str, Lie); 10] = [
            ("stub", |record| record.stub = Bytes::from_static(&[1; 63])),
            ("kind", |record| record.kind += 1),
            ("submitter", |record| record.submitter += 1),
            ("accepted_at_ms", |record| record.accepted_at_ms += 1),
            ("occurred_at_ms", |record| record.occurred_at_ms += 1),
            ("verdict", |record| record.verdict = Some(Verdict::NONE.into())),
            ("rules", |record| record.rules += 1),
            ("content", |record| record.withheld = true),
            ("content", |record| record.content = None),
            ("content.blind", |record| record.content = Some(v1::NewRecord::default())),
        ];
        for (field, lie) in lies {
            let mut record = open();
            lie(&mut record);
            assert_eq!(StoredRecord::try_from(record).expect_err("it lies").field, field);
        }
    }
}
