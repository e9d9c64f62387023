//! Vectors of leaves, admissions, handovers and receipts.

use muniment_core::admission::Admission;
use muniment_core::leaf::{Content, LeafProof};
use muniment_core::receipt::Receipt;
use muniment_core::terms::{Field, term_key, term_keys, terms_of};
use muniment_core::trust::TrustFile;
use muniment_core::verify::{Outcome, Step, verify};
use muniment_core::{Stub, Suite, TreeSize};
use serde_json::{Value, json};

use super::{hashes, hex, notes};
use crate::ledger::Ledger;
use crate::tampering::{CHANGES, TEXT_CHANGES};

fn by_suite(value: impl Fn(&Ledger) -> Value) -> Value {
    Suite::ALL.into_iter().map(|suite| (suite.name().to_owned(), value(&Ledger::sample(suite)))).collect()
}

/// A leaf's stub and the digests behind it: an access with a flag, and a derived statement.
pub(super) fn leaf() -> Value {
    by_suite(|ledger| {
        let leaf = |index| {
            let LeafProof { stub, content, terms_digest, .. } = ledger.receipt(index, ledger.size()).leaf;
            let record_digest = content.record_digest(ledger.suite).to_string();
            let Content::Open { blind, record } = content else { panic!("the sample withholds nothing") };
            let fields = Stub::decode(&stub).expect("own stub");
            let leaf_hash = fields.leaf_hash(ledger.suite).to_string();
            json!({
                "blind": hex(blind.0),
                "record": hex(record),
                "record_digest": record_digest,
                "terms_digest": terms_digest.to_string(),
                "stub": hex(stub),
                "leaf_hash": leaf_hash,
                "fields": {
                    "kind": fields.kind,
                    "rules": fields.rules.0,
                    "class": fields.class.number(),
                    "submitter": fields.submitter.0,
                    "accepted_at_ms": fields.accepted_at.0,
                    "verdict": fields.verdict.to_string(),
                    "occurred_at_ms": fields.occurred_at.0,
                    "content": fields.content.to_string(),
                },
            })
        };
        json!([leaf(4), leaf(8)])
    })
}

/// Every field with a value, and the terms of one leaf.
pub(super) fn term() -> Value {
    by_suite(|ledger| {
        let fields: Value = Field::ALL
            .iter()
            .map(|field| {
                let value: &[u8] = match field {
                    Field::Authorisation => &[0, 0, 0, 0, 0, 0, 1, 2],
                    Field::Flag | Field::Kind => &[48],
                    Field::Sealed => &[0, 0, 0, 3],
                    Field::SubjectTag | Field::HolderTag | Field::Certificate => &[0xab; 32],
                    _ => b"uscc:91350100M000100Y43",
                };
                let key = term_key(ledger.suite, *field, value).to_string();
                json!({ "field": field.number(), "name": field.name(), "value": hex(value), "key": key })
            })
            .collect();
        let leaf = ledger.receipt(4, ledger.size()).leaf;
        let Content::Open { record, .. } = leaf.content else { panic!("the sample withholds nothing") };
        let verdict = Stub::decode(&leaf.stub).expect("own stub").verdict;
        let decoded = muniment_core::record::decode(&record, None).expect("own record");
        let kind = muniment_core::record::kind(&decoded).expect("a body");
        let keys = term_keys(ledger.suite, &terms_of(&decoded, kind), verdict);
        json!({
            "fields": fields,
            "record": hex(&record),
            "verdict": verdict.0,
            "term_keys": hashes(&keys),
            "terms_digest": leaf.terms_digest.to_string(),
        })
    })
}

/// An admission of four records, with the path of the second.
pub(super) fn admission() -> Value {
    by_suite(|ledger| {
        let receipts: Vec<Receipt> = (3..7).map(|index| ledger.receipt(index, TreeSize(7))).collect();
        let digests: Value =
            receipts.iter().map(|r| json!(r.leaf.content.record_digest(ledger.suite).to_string())).collect();
        let proof = receipts[1].admission.as_ref().expect("submitted");
        let admission = Admission::decode(&proof.admission).expect("own bytes");
        admission.verify_signature(&ledger.founding.origin).expect("own signature");
        let submission = admission.submissions[0];
        json!({
            "origin": ledger.founding.origin,
            "seed": hex(crate::fixture::seed(2, 2)),
            "submissions": [{ "request_id": hex(submission.request_id.0), "count": submission.count }],
            "record_digests": digests,
            "root": admission.root.to_string(),
            "bytes": hex(&proof.admission),
            "position": proof.position,
            "path": hashes(&proof.path),
        })
    })
}

/// One epoch hands over to the next.
pub(super) fn handover() -> Value {
    by_suite(|ledger| {
        let handover = &ledger.handovers[0];
        let new = handover.verify(&ledger.epochs[0]).expect("cosigned by both");
        json!({
            "old_members": ledger.epochs[0].to_string(),
            "new_members": new.to_string(),
            "new_members_digest": new.digest(ledger.suite).to_string(),
            "leaf_index": handover.leaf.index.0,
            "stub": hex(handover.leaf.stub),
            "path": hashes(&handover.leaf.path),
            "checkpoint": notes::note(&handover.checkpoint),
        })
    })
}

/// The receipt that the tampered ones were made from.
const BASE: &str = "record after a handover";

/// Bytes that one tampering may insert: larger ones stay with the tests, so that the vectors can be read in a review.
const fn inserted_max(suite: Suite) -> usize {
    match suite {
        Suite::Blake3 => 3_200,
        Suite::Sha256 => 1_500,
        Suite::Sm3 => 200,
    }
}

/// Receipts that verify, and tampered ones with the failing step.
pub(super) fn receipt() -> Value {
    by_suite(|ledger| {
        let trust = ledger.trust();
        let mut withheld = ledger.receipt(4, TreeSize(7));
        withheld.leaf.content =
            Content::Withheld { record_digest: withheld.leaf.content.record_digest(ledger.suite) };
        let verified: Value = [
            ("record of bureau 2", ledger.receipt(4, TreeSize(7))),
            ("the same, body withheld", withheld),
            ("record of the ledger", ledger.receipt(8, TreeSize(9))),
            (BASE, ledger.receipt(9, TreeSize(10))),
        ]
        .into_iter()
        // sm3 ledgers differ from blake3's in the hash alone: two receipts are enough.
        .filter(|(name, _)| {
            ledger.suite != Suite::Sm3 || name.starts_with("record of bureau") || *name == BASE
        })
        .map(|(name, receipt)| {
            let proven = verify(&receipt.encode(), &trust).proven.expect(name);
            json!({
                "name": name,
                "text": receipt.to_string(),
                "accepted_at_ms": proven.existed.accepted_at.0,
                "existed_no_later_than_s": proven.existed.no_later_than_s,
            })
        })
        .collect();
        let base = ledger.receipt(9, TreeSize(10)).to_string();
        let mut tampered: Vec<Value> = Vec::new();
        for change in CHANGES {
            let mut receipt = ledger.receipt(9, TreeSize(10));
            (change.apply)(ledger, &mut receipt);
            let text = receipt.to_string();
            tampered.push(tampering(&trust, change.name, &base, &text, change.step, change.outcome));
        }
        for change in TEXT_CHANGES {
            let text = (change.apply)(&base);
            tampered.push(tampering(&trust, change.name, &base, &text, Step::Format, change.outcome));
        }
        let small = |case: &Value| {
            case["inserted"].as_str().is_some_and(|text| text.len() <= inserted_max(ledger.suite))
        };
        tampered.retain(small);
        json!({
            "trust": serde_json::from_str::<Value>(&trust.to_json()).expect("JSON"),
            "verified": verified,
            "tampered_of": BASE,
            "tampered": tampered,
        })
    })
}

/// A tampered text as what replaces the bytes [at, at + removed) of the base.
fn tampering(trust: &TrustFile, name: &str, base: &str, text: &str, step: Step, outcome: Outcome) -> Value {
    let failure = verify(text.as_bytes(), trust).failure.expect(name);
    assert_eq!((failure.step, failure.outcome), (step, outcome), "{name}: {}", failure.reason);
    let mut at = base.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
    while !base.is_char_boundary(at) || !text.is_char_boundary(at) {
        at -= 1;
    }
    let common = base[at..].bytes().rev().zip(text[at..].bytes().rev()).take_while(|(a, b)| a == b).count();
    let mut tail = common;
    while !base.is_char_boundary(base.len() - tail) || !text.is_char_boundary(text.len() - tail) {
        tail -= 1;
    }
    let (removed, inserted) = (base.len() - tail - at, &text[at..text.len() - tail]);
    let step = step.name();
    let exit_code = outcome.exit_code();
    json!({ "name": name, "at": at, "removed": removed, "inserted": inserted, "step": step, "exit_code": exit_code })
}
