//! The digests that bind a record to its leaf. H is the suite's plain hash; 00 ends each label.

use crate::{Blind, Hash, Suite};

/// `record_digest = H("muniment/v1/record" 00 blind[16] record_bytes)`.
#[must_use]
pub fn record_digest(suite: Suite, blind: &Blind, record: &[u8]) -> Hash {
    suite.hash(&[b"muniment/v1/record\0", &blind.0, record])
}

/// `terms_digest = H("muniment/v1/terms" 00 term_keys)`. `term_keys` must be strictly ascending.
#[must_use]
pub fn terms_digest(suite: Suite, term_keys: &[Hash]) -> Hash {
    debug_assert!(term_keys.is_sorted_by(|a, b| a < b), "term keys ascend, each once");
    let mut input = Vec::with_capacity(18 + 32 * term_keys.len());
    input.extend_from_slice(b"muniment/v1/terms\0");
    for key in term_keys {
        input.extend_from_slice(&key.0);
    }
    suite.hash(&[&input])
}

/// `content = H("muniment/v1/content" 00 record_digest terms_digest)`: stub bytes 32-63.
#[must_use]
pub fn content_digest(suite: Suite, record_digest: &Hash, terms_digest: &Hash) -> Hash {
    suite.hash(&[b"muniment/v1/content\0", &record_digest.0, &terms_digest.0])
}
