//! The shared vectors in `tests/vectors/`: other implementations read them, this test says that they are still true.
//!
//! `MUNIMENT_BLESS=1 cargo test -p muniment-core --test evidence vectors` writes them anew. Formats are for ever, so a
//! changed vector is a changed format: look twice.

mod notes;
mod receipts;
mod trees;

use std::path::PathBuf;

use muniment_core::Hash;
use serde::Serialize as _;
use serde_json::{Value, json};

/// Bytes of all vectors together, at most: people read them in reviews.
const BYTES_MAX: usize = 200 * 1024;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

/// The files and what they must hold.
fn files() -> Vec<(&'static str, Value)> {
    vec![
        ("admission.json", receipts::admission()),
        ("checkpoint.json", notes::checkpoint()),
        ("conflict.json", notes::conflict()),
        ("consistency.json", trees::consistency()),
        ("cosignature.json", notes::cosignature()),
        ("ed25519.json", notes::ed25519()),
        ("handover.json", receipts::handover()),
        ("inclusion.json", trees::inclusion()),
        ("leaf.json", receipts::leaf()),
        ("multiproof.json", trees::multiproof()),
        ("receipt.json", receipts::receipt()),
        ("term.json", receipts::term()),
        ("tree.json", trees::tree()),
    ]
}

fn text_of(value: &Value) -> String {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter)).expect("JSON");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON is text")
}

fn hex(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn hashes(hashes: &[Hash]) -> Value {
    hashes.iter().map(|hash| json!(hash.to_string())).collect()
}

#[test]
fn the_vectors_say_what_this_build_computes() {
    let bless = std::env::var_os("MUNIMENT_BLESS").is_some();
    let mut bytes_total = 0;
    for (name, value) in files() {
        let (path, expected) = (directory().join(name), text_of(&value));
        bytes_total += expected.len();
        if bless {
            std::fs::create_dir_all(directory()).expect("create tests/vectors");
            std::fs::write(&path, &expected).expect("write the vector");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
        let line = 1 + differs.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
        assert!(found == expected, "{} differs from line {line} on", path.display());
    }
    assert!(bytes_total < BYTES_MAX, "{bytes_total} bytes of vectors");
}
