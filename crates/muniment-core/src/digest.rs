//! The digests that bind a record to its leaf. H is the suite's plain hash; 00 ends each label.

use crate::{Blind, Hash, HashInputs, Suite};

const RECORD: &[u8] = b"muniment/v1/record\0";
const TERMS: &[u8] = b"muniment/v1/terms\0";
const CONTENT: &[u8] = b"muniment/v1/content\0";

/// `record_digest = H("muniment/v1/record" 00 blind[16] record_bytes)`.
#[must_use]
pub fn record_digest(suite: Suite, blind: &Blind, record: &[u8]) -> Hash {
    suite.hash(&[RECORD, &blind.0, record])
}

/// Adds the input of [`record_digest`].
pub fn push_record(inputs: &mut HashInputs, blind: &Blind, record: &[u8]) {
    inputs.push([RECORD, &blind.0, record]);
}

/// `terms_digest = H("muniment/v1/terms" 00 term_keys)`. `term_keys` must be strictly ascending.
#[must_use]
pub fn terms_digest(suite: Suite, term_keys: &[Hash]) -> Hash {
    debug_assert!(term_keys.is_sorted_by(|a, b| a < b), "term keys ascend, each once");
    let mut input = Vec::with_capacity(TERMS.len() + 32 * term_keys.len());
    input.extend_from_slice(TERMS);
    for key in term_keys {
        input.extend_from_slice(&key.0);
    }
    suite.hash(&[&input])
}

/// Adds the input of [`terms_digest`].
pub fn push_terms(inputs: &mut HashInputs, term_keys: &[Hash]) {
    debug_assert!(term_keys.is_sorted_by(|a, b| a < b), "term keys ascend, each once");
    inputs.push([TERMS].into_iter().chain(term_keys.iter().map(AsRef::as_ref)));
}

/// `content = H("muniment/v1/content" 00 record_digest terms_digest)`: stub bytes 32-63.
#[must_use]
pub fn content_digest(suite: Suite, record_digest: &Hash, terms_digest: &Hash) -> Hash {
    suite.hash(&[CONTENT, &record_digest.0, &terms_digest.0])
}

/// Adds the input of [`content_digest`].
pub fn push_content(inputs: &mut HashInputs, record_digest: &Hash, terms_digest: &Hash) {
    inputs.push([CONTENT, &record_digest.0, &terms_digest.0]);
}
