//! `tests/vectors/record.json`: records, their terms and digests, and refused encodings, for every implementation in
//! any language. The file is data, never made anew: what it holds must stay true.

use std::collections::BTreeSet;

use muniment_core::digest::{content_digest, record_digest, terms_digest};
use muniment_core::identifier::Identifier;
use muniment_core::{Blind, Suite, Verdict, record, terms};
use serde_json::Value;

use crate::draw::submitted_kinds;

const FILE: &str = include_str!("../../../../tests/vectors/record.json");

fn vectors() -> Value {
    serde_json::from_str(FILE).expect("the vectors are JSON")
}

fn rows<'a>(vectors: &'a Value, table: &str) -> &'a Vec<Value> {
    vectors[table].as_array().unwrap_or_else(|| panic!("{table} is a list"))
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("{field} is text in {row}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hexadecimal"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_records_of_the_vectors_have_their_terms_and_digests_in_every_suite() {
    let vectors = vectors();
    let mut kinds = BTreeSet::new();
    for row in rows(&vectors, "records") {
        let record_bytes = bytes(text(row, "record"));
        let name = text(row, "kind");
        let record = record::decode(&record_bytes, None).unwrap_or_else(|error| panic!("{name}: {error}"));
        let kind = record::kind(&record).expect("decoded records have a body");
        kinds.insert(kind);
        assert_eq!(kind.row().name, name);
        let terms = terms::terms_of(&record, kind);
        let shown: Vec<String> =
            terms.iter().map(|term| format!("{} {}", term.field.number(), hex(term.value()))).collect();
        assert_eq!(Value::from(shown), row["terms"], "{name}");
        let verdict = Verdict(u64::from_str_radix(text(row, "verdict"), 16).expect("a verdict"));
        let blind = Blind(bytes(text(row, "blind")).try_into().expect("16 bytes"));
        for suite in Suite::ALL {
            let expected = &row["suites"][suite.name()];
            let record_digest = record_digest(suite, &blind, &record_bytes);
            let keys = terms::term_keys(suite, &terms, verdict);
            let terms_digest = terms_digest(suite, &keys);
            let content = content_digest(suite, &record_digest, &terms_digest);
            assert_eq!(record_digest.to_string(), text(expected, "record_digest"), "{name}, {suite}");
            assert_eq!(terms_digest.to_string(), text(expected, "terms_digest"), "{name}, {suite}");
            assert_eq!(content.to_string(), text(expected, "content"), "{name}, {suite}");
        }
    }
    assert_eq!(kinds, submitted_kinds().into_iter().collect(), "every kind has a vector");
}

#[test]
fn the_refused_records_of_the_vectors_are_refused_for_their_reason() {
    let vectors = vectors();
    for row in rows(&vectors, "refused") {
        let what = text(row, "what");
        let error = record::decode(&bytes(text(row, "record")), None).expect_err(what);
        assert_eq!(error.reason.name(), text(row, "reason"), "{what}: {error}");
        assert_eq!(error.field, text(row, "field"), "{what}: {error}");
    }
}

#[test]
fn the_identifiers_of_the_vectors_are_valid_or_not_as_they_say() {
    let vectors = vectors();
    for row in rows(&vectors, "identifiers") {
        let (identifier, valid) = (text(row, "identifier"), row["valid"] == true);
        assert_eq!(Identifier::parse(identifier).is_ok(), valid, "{identifier}");
    }
}
