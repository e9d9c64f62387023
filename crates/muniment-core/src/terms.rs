//! Index terms: the (field, value) pairs by which a record is found, and by which an answer is complete.
//!
//! Every member computes the same terms from the same record, and the leaf binds their keys (`terms_digest`); so a
//! term that a record carries can never be left out of an answer unseen. Fields are numbered once, append-only.

mod field;
mod table;

pub use field::Field;
use table::Terms;

use crate::limits::{IDENTIFIER_BYTES_MAX, TERMS_MAX};
use crate::record::is_sealed;
use crate::v1::Record;
use crate::{Hash, Kind, Suite, Verdict};

/// Label of a term's key; 00 ends it.
const LABEL: &[u8] = b"muniment/v1/term\0";
/// Label, field number and the longest value.
const INPUT_BYTES_MAX: usize = LABEL.len() + 1 + IDENTIFIER_BYTES_MAX;

/// One index term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term<'a> {
    /// What it says.
    pub field: Field,
    value: Value<'a>,
}

/// A value as it stands in the record, or a number in big-endian bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'a> {
    Bytes(&'a [u8]),
    Byte([u8; 1]),
    Number([u8; 4]),
    Leaf([u8; 8]),
}

impl<'a> Term<'a> {
    /// A term whose value is text or bytes.
    #[must_use]
    pub const fn bytes(field: Field, value: &'a [u8]) -> Self {
        Self { field, value: Value::Bytes(value) }
    }

    /// The authorisation at a leaf.
    #[must_use]
    pub const fn authorisation(leaf: u64) -> Self {
        Self { field: Field::Authorisation, value: Value::Leaf(leaf.to_be_bytes()) }
    }

    /// A flag by its bit.
    #[must_use]
    pub const fn flag(bit: u8) -> Self {
        Self { field: Field::Flag, value: Value::Byte([bit]) }
    }

    /// Sealed, under a supervisor.
    #[must_use]
    pub const fn sealed(supervisor: u32) -> Self {
        Self { field: Field::Sealed, value: Value::Number(supervisor.to_be_bytes()) }
    }

    /// A kind; the only term of records that the ledger writes itself.
    #[must_use]
    pub const fn kind(kind: Kind) -> Self {
        Self { field: Field::Kind, value: Value::Byte([kind.number()]) }
    }

    /// The value's bytes, as they are hashed.
    #[must_use]
    pub const fn value(&self) -> &[u8] {
        match &self.value {
            Value::Bytes(bytes) => bytes,
            Value::Byte(bytes) => bytes,
            Value::Number(bytes) => bytes,
            Value::Leaf(bytes) => bytes,
        }
    }

    /// `H("muniment/v1/term" 00 field value)`.
    #[must_use]
    pub fn key(&self, suite: Suite) -> Hash {
        term_key(suite, self.field, self.value())
    }
}

/// `H("muniment/v1/term" 00 field value)`: how a term stands in the index.
#[must_use]
pub fn term_key(suite: Suite, field: Field, value: &[u8]) -> Hash {
    let length = LABEL.len() + 1 + value.len();
    if length > INPUT_BYTES_MAX {
        return suite.hash(&[LABEL, &[field.number()], value]);
    }
    // One contiguous input is hashed several times faster than three parts.
    let mut input = [0; INPUT_BYTES_MAX];
    input[..LABEL.len()].copy_from_slice(LABEL);
    input[LABEL.len()] = field.number();
    input[LABEL.len() + 1..length].copy_from_slice(value);
    suite.hash(&[&input[..length]])
}

/// The terms of a record besides its flags, in a fixed order; at most [`TERMS_MAX`] for every record
/// that [`crate::record::decode`] lets through, since its bounds see to that. A value may occur twice (a bureau that is
/// its own provider has it in two fields, never twice in one); keys are made unique by [`term_keys`].
///
/// A sealed record carries no subject, holder or licence, but says under which supervisor it is sealed.
#[must_use]
pub fn terms_of(record: &Record, kind: Kind) -> Vec<Term<'_>> {
    let mut terms = Terms { terms: Vec::with_capacity(TERMS_MAX), sealed: is_sealed(record) };
    if let Some(body) = &record.body {
        terms.body(body);
    }
    if let Some(stream) = &record.stream {
        terms.text(Field::Stream, &stream.id);
    }
    if let Some(actor) = &record.actor {
        terms.bytes(Field::Certificate, &actor.certificate);
    }
    if terms.sealed {
        terms.terms.push(Term::sealed(record.supervisor));
    }
    if !kind.is_bulk() {
        terms.terms.push(Term::kind(kind));
    }
    terms.terms
}

/// The keys of terms and of the verdict's flags, strictly ascending: what `terms_digest` takes and the index holds.
#[must_use]
pub fn term_keys(suite: Suite, terms: &[Term<'_>], verdict: Verdict) -> Vec<Hash> {
    let flags = verdict.bits().map(Term::flag);
    let mut keys: Vec<Hash> = terms.iter().copied().chain(flags).map(|term| term.key(suite)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Flag;
    use crate::v1::record::Body;
    use crate::v1::{AccessExecuted, Actor, Disclosed, Leaf, LicenceUsed, Stream, Visibility};

    fn record(body: Body) -> Record {
        Record {
            actor: Some(Actor { certificate: vec![9; 32], ..Actor::default() }),
            stream: Some(Stream { id: "opmon.jsonl".to_owned(), sequence: 4 }),
            body: Some(body),
            ..Record::default()
        }
    }

    fn access() -> Record {
        record(Body::AccessExecuted(AccessExecuted {
            exchange: "e-1".to_owned(),
            authorisation: Some(Leaf { index: 7 }),
            provider: "nhs:p".to_owned(),
            consumer: "nhs:c".to_owned(),
            data_set: "nhs:d".to_owned(),
            subject_tags: vec![vec![1; 32], vec![2; 32]],
            ..AccessExecuted::default()
        }))
    }

    /// The terms of a record as "field value", text as it is and bytes in hexadecimal.
    fn shown(record: &Record) -> Vec<String> {
        let kind = crate::record::kind(record).expect("the record has a body");
        let show = |term: &Term<'_>| match term.value {
            Value::Bytes(bytes) if bytes.len() != 32 => {
                format!("{} {}", term.field.name(), String::from_utf8_lossy(bytes))
            }
            _ => {
                format!(
                    "{} {:02x?}",
                    term.field.name(),
                    term.value().first_chunk::<1>().expect("a value has bytes")
                ) + &format!("*{}", term.value().len())
            }
        };
        terms_of(record, kind).iter().map(show).collect()
    }

    #[test]
    fn the_keys_of_terms_are_those_of_the_format() {
        let key = |term: Term<'_>| term.key(Suite::Sha256).to_string();
        let provider = Term::bytes(Field::Provider, b"uscc:91350100M000100Y43");
        assert_eq!(
            key(Term::authorisation(7)),
            "89e91234381aabfe6c00230861634c331d81c4ccbb2edb1c5a88fc84bc98121d"
        );
        assert_eq!(key(provider), "799761ff135fbb81c607a6f6eaab80760901d3f691b5c6b6b3a1c4b37b8ae706");
        assert_eq!(key(Term::flag(0)), "d210fbdbeb6b187fff2a653d5811743ea6a40cd8ea35a964276e78d44bb730ec");
        assert_eq!(key(Term::sealed(3)), "5c7caa34cb265180016a58107b67c6b5f6c8c5e79403eb822c3b2cf91e693542");
        assert_eq!(
            key(Term::kind(Kind::AuthorisationGranted)),
            "bef73ca714c5e67ddd7428c5e715a3a306ec2655c082a68107c0b83d31fc0994"
        );
    }

    #[test]
    fn a_value_over_the_bound_of_identifiers_is_hashed_all_the_same() {
        for suite in Suite::ALL {
            for length in [255, 256, 257, 4_000] {
                let value = vec![b'v'; length];
                let expected = suite.hash(&[b"muniment/v1/term\0\x04", &value]);
                assert_eq!(term_key(suite, Field::DataSet, &value), expected, "{suite} {length}");
            }
        }
    }

    #[test]
    fn an_access_is_found_by_all_that_it_names_but_not_by_its_kind() {
        assert_eq!(
            shown(&access()),
            [
                "authorisation [00]*8",
                "provider nhs:p",
                "consumer nhs:c",
                "data_set nhs:d",
                "subject_tag [01]*32",
                "subject_tag [02]*32",
                "exchange e-1",
                "stream opmon.jsonl",
                "certificate [09]*32",
            ]
        );
    }

    #[test]
    fn a_sealed_record_hides_subjects_licence_and_holder_and_names_its_supervisor() {
        let used = Body::LicenceUsed(LicenceUsed {
            licence: "lic:1".to_owned(),
            issuer: "nhs:i".to_owned(),
            relying: "nhs:r".to_owned(),
            holder_tag: vec![5; 32],
            ..LicenceUsed::default()
        });
        for visibility in [Visibility::Deferred, Visibility::Hidden] {
            let seal = |mut record: Record| {
                record.set_visibility(visibility);
                record.supervisor = 3;
                shown(&record)
            };
            let hidden = seal(access());
            assert!(!hidden.iter().any(|term| term.starts_with("subject_tag")), "{hidden:?}");
            assert!(hidden.contains(&"sealed [00]*4".to_owned()), "{hidden:?}");
            assert_eq!(
                seal(record(used.clone())),
                [
                    "provider nhs:i",
                    "consumer nhs:r",
                    "stream opmon.jsonl",
                    "certificate [09]*32",
                    "sealed [00]*4",
                    "kind [3c]*1"
                ]
            );
        }
        assert!(shown(&record(used)).contains(&"holder_tag [05]*32".to_owned()));
    }

    #[test]
    fn a_disclosure_brings_back_what_a_sealed_record_hid() {
        let disclosed = record(Body::Disclosed(Disclosed {
            target: Some(Leaf { index: 2 }),
            subject_tags: vec![vec![1; 32]],
            holder_tag: vec![5; 32],
            licence: "lic:1".to_owned(),
        }));
        let terms = shown(&disclosed);
        assert_eq!(terms[..3], ["subject_tag [01]*32", "holder_tag [05]*32", "licence lic:1"]);
    }

    #[test]
    fn keys_ascend_each_once_and_hold_one_per_flag() {
        let terms = [Term::kind(Kind::Anchor), Term::kind(Kind::Anchor)];
        let verdict = Verdict::NONE.with(Flag::A01).with(Flag::X01);
        let keys = term_keys(Suite::Sha256, &terms, verdict);
        assert!(keys.is_sorted_by(|a, b| a < b));
        assert_eq!(keys.len(), 3);
        assert!(keys.contains(&Term::flag(63).key(Suite::Sha256)));
    }
}
