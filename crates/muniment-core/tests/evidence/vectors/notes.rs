//! Vectors of signed texts and of Ed25519's edges.

use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::conflict::Conflict;
use muniment_core::cosignature;
use muniment_core::keys::{PublicKey, SigningKey};
use muniment_core::note::VerifierKey;
use muniment_core::verify::verify;
use muniment_core::{Suite, TreeSize};
use serde_json::{Value, json};

use super::hex;
use crate::fixture::TIME_S;
use crate::ledger::Ledger;
use crate::tree::unhex;

fn by_suite(value: impl Fn(Suite) -> Value) -> Value {
    Suite::ALL.into_iter().map(|suite| (suite.name().to_owned(), value(suite))).collect()
}

/// A founding file, its members, a cosigned checkpoint, and texts that are refused.
pub(super) fn checkpoint() -> Value {
    by_suite(|suite| {
        let ledger = Ledger::sample(suite);
        let members = &ledger.epochs[0];
        let checkpoint = ledger.checkpoint(TreeSize(7));
        let at = checkpoint.verify(members).expect("cosigned");
        let body = checkpoint.body.to_text();
        let refused: Value = [
            ("unknown line at the end", format!("{body}note more\n")),
            ("members before index", swap_last_two(&body)),
            ("members line left out", body[..body.find("members").expect("there")].to_owned()),
            ("leading zero in the size", body.replacen("\n7\n", "\n07\n", 1)),
            ("size over 2^62", body.replacen("\n7\n", "\n4611686018427387905\n", 1)),
            ("suite that is not named", body.replacen("\nindex", "\nsuite sha256\nindex", 1)),
            ("empty origin", body[body.find('\n').expect("lines")..].to_owned()),
            ("plus in the origin", format!("a+{body}")),
            ("CRLF", body.replace('\n', "\r\n")),
        ]
        .into_iter()
        .map(|(name, text)| {
            assert!(CheckpointBody::parse(&text).is_err(), "{name}");
            json!({ "name": name, "body": text })
        })
        .collect();
        let times: Value = at.times.iter().map(|(bureau, time_s)| json!([bureau.0, time_s])).collect();
        json!({
            "founding": String::from_utf8(ledger.founding.encode()).expect("text"),
            "ledger_id": ledger.founding.ledger_id().to_string(),
            "members": members.to_string(),
            "members_digest": members.digest(suite).to_string(),
            "note": checkpoint.to_note(),
            "existed_no_later_than_s": at.existed_no_later_than_s,
            "cosigned_s": times,
            "refused_bodies": refused,
        })
    })
}

fn swap_last_two(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let count = lines.len();
    lines.swap(count - 2, count - 1);
    lines.join("\n") + "\n"
}

/// A cosigning key, what it signs, and lines that are refused.
pub(super) fn cosignature() -> Value {
    by_suite(|suite| {
        let ledger = Ledger::sample(suite);
        let bureau = &ledger.bureaus[0];
        let key = bureau.cosigning.verifier_key();
        let body = ledger.checkpoint(TreeSize(7)).body;
        let line = bureau.cosigning.sign(&body, TIME_S);
        assert_eq!(cosignature::verify(&body, &line, key), Ok(TIME_S));
        let changed = |at: usize| {
            let mut line = line.clone();
            line.signature[at] ^= 1;
            line
        };
        let mut short = line.clone();
        short.signature.pop();
        let mut late = line.clone();
        late.signature[0] = 0x80;
        let refused: Value = [
            ("another time", changed(7)),
            ("another R", changed(8)),
            ("another s", changed(40)),
            ("a byte less", short),
            ("a time of 2^63 s or more", late),
        ]
        .into_iter()
        .map(|(name, line)| {
            assert!(cosignature::verify(&body, &line, key).is_err(), "{name}");
            json!({ "name": name, "line": line.to_string() })
        })
        .collect();
        json!({
            "seed": hex(crate::fixture::seed(1, 1)),
            "vkey": key.to_string(),
            "body": body.to_text(),
            "time_s": TIME_S,
            "line": line.to_string(),
            "refused": refused,
        })
    })
}

/// One conflict a ground.
pub(super) fn conflict() -> Value {
    by_suite(|suite| {
        let (trust, conflicts) = crate::conflict::samples(suite);
        let conflicts: Value = conflicts
            .iter()
            .map(|conflict: &Conflict| {
                let text = conflict.encode();
                let verification = verify(&text, &trust);
                let exit_code = verification.outcome.exit_code();
                let step = verification.failure.expect("a conflict").step.name();
                json!({ "text": String::from_utf8(text).expect("text"), "exit_code": exit_code, "step": step })
            })
            .collect();
        json!({ "trust": serde_json::from_str::<Value>(&trust.to_json()).expect("JSON"), "conflicts": conflicts })
    })
}

/// Encodings of points of small order, canonical and not: none is a key.
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

/// Encodings that are no canonical point: y at or above the prime, and y that is on no point.
const NOT_CANONICAL: [&str; 4] = [
    "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "f1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0200000000000000000000000000000000000000000000000000000000000000",
];

/// Made with the secret scalar: R is the identity and s = h * a, so that the group equation holds all the same.
const SMALL_ORDER_R: [(&str, &str); 2] = [
    (
        "R of small order, equation holds",
        "0100000000000000000000000000000000000000000000000000000000000000\
         ce964d5a78636087be72c8182494f6b3b6bd5e31caf6941bc0161bcbcc226900",
    ),
    (
        "R of small order and not canonical, equation holds",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f\
         08085fc480dc6cec60c659575ea2e1d5ca34eade65ccac6d19d88bfb5e683a0e",
    ),
];

/// The group's order, little-endian.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

/// Keys and signatures at Ed25519's edges.
pub(super) fn ed25519() -> Value {
    let key = SigningKey::from_seed(&[0x11; 32]);
    let (public_key, message) = (key.public_key(), b"muniment");
    let good = key.sign(message);
    assert_eq!(public_key.verify(message, &good), Ok(()));
    let mut refused: Vec<(&str, Vec<u8>)> =
        SMALL_ORDER_R.iter().map(|(name, text)| (*name, unhex(text))).collect();
    refused.push(("s + L instead of s", plus_order(&good)));
    refused.push(("s = L", [&good[..32], &unhex(ORDER)].concat()));
    refused.push(("all zero", vec![0; 64]));
    refused.push(("another message's", key.sign(b"massage").to_vec()));
    let refused_signatures: Value = refused
        .into_iter()
        .map(|(name, signature)| {
            let bytes = signature.as_slice().try_into().expect("64 bytes");
            assert!(public_key.verify(message, bytes).is_err(), "{name}");
            json!({ "name": name, "signature": hex(&signature) })
        })
        .collect();
    for text in SMALL_ORDER.iter().chain(&NOT_CANONICAL) {
        let bytes = unhex(text).try_into().expect("32 bytes");
        assert!(PublicKey::from_bytes(&bytes).is_err(), "{text}");
    }
    let weak = |text: &&str| {
        // A verifier key around it is refused as well.
        let vkey = format!("a+00000000+{}", crate::base64::encode(&[&[1], unhex(text).as_slice()].concat()));
        assert!(VerifierKey::parse(&vkey).is_err(), "{vkey}");
        json!(text)
    };
    json!({
        "public_key": hex(public_key.to_bytes()),
        "message": hex(message),
        "signature": hex(good),
        "refused_signatures": refused_signatures,
        "refused_keys_small_order": SMALL_ORDER.iter().map(weak).collect::<Value>(),
        "refused_keys_not_canonical": NOT_CANONICAL.iter().map(weak).collect::<Value>(),
    })
}

/// The signature with the group's order added to s: the same s modulo L.
fn plus_order(signature: &[u8; 64]) -> Vec<u8> {
    let mut carry = 0_u16;
    let mut bytes = signature.to_vec();
    for (byte, order) in bytes[32..].iter_mut().zip(unhex(ORDER)) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = u8::try_from(sum & 0xff).expect("masked");
        carry = sum >> 8;
    }
    assert_eq!(carry, 0, "2 L is below 2^254");
    bytes
}

/// A checkpoint's note, for the other vectors.
pub(super) fn note(checkpoint: &Checkpoint) -> Value {
    json!(checkpoint.to_note())
}
