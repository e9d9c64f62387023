//! The canonical form of protobuf messages: the one encoding of a message that Muniment hashes, stores and accepts.
//!
//! Fields in ascending order of their numbers, singular fields once, minimal varints, packed numbers, no explicit
//! defaults, no groups, no unknown fields. prost's encoder writes exactly this form for messages without maps and
//! floats (the schema has none), so bytes are canonical when encoding what they decode to gives them back.

use prost::Message;
use thiserror::Error;

/// Why bytes are not the canonical encoding of a message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CanonicalError {
    /// Not an encoding of the message at all.
    #[error("not a message of this schema: {0}")]
    Malformed(String),
    /// An encoding, but not the canonical one.
    #[error(
        "not in canonical form from byte {at} on: encode with ascending field numbers, each singular field once, \
         minimal varints, packed numbers, no default values and no unknown fields"
    )]
    NotCanonical {
        /// Offset of the first byte that the canonical encoding has differently; the shorter length when one
        /// encoding is the beginning of the other.
        at: usize,
    },
}

/// Decodes a message and insists on its canonical form.
///
/// # Errors
/// [`CanonicalError`].
pub fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, CanonicalError> {
    let message = M::decode(bytes).map_err(|error| CanonicalError::Malformed(error.to_string()))?;
    let canonical = message.encode_to_vec();
    if canonical == bytes {
        return Ok(message);
    }
    let same = canonical.iter().zip(bytes).take_while(|(ours, theirs)| ours == theirs).count();
    Err(CanonicalError::NotCanonical { at: same })
}

/// Encodes a message canonically.
#[must_use]
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    message.encode_to_vec()
}
