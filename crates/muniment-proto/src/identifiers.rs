//! Identifiers, digests and numbers that have a length or a bound on the wire.

use std::ops::Range;

use bytes::Bytes;
use muniment_core::{Blind, BureauNumber, Hash, LeafIndex, LedgerId, NodeId, Reason, RequestId, TreeSize};

use crate::field_error::FieldError;

/// The request id of a write.
///
/// # Errors
/// REQUEST_ID_REQUIRED if it is empty or no UUIDv7, INVALID_REQUEST if it is of another length.
pub fn request_id(field: &str, bytes: &[u8]) -> Result<RequestId, FieldError> {
    let required = "is no UUIDv7: make one for each submission, and keep it for retries";
    if bytes.is_empty() {
        return Err(FieldError::new(Reason::RequestIdRequired, field, required));
    }
    let id = RequestId(array(field, bytes)?);
    if id.is_uuid_v7() { Ok(id) } else { Err(FieldError::new(Reason::RequestIdRequired, field, required)) }
}

/// A record's blind.
///
/// # Errors
/// INVALID_REQUEST if it is not 16 bytes.
pub fn blind(field: &str, bytes: &[u8]) -> Result<Blind, FieldError> {
    array(field, bytes).map(Blind)
}

/// A digest or a tree's hash.
///
/// # Errors
/// INVALID_REQUEST if it is not 32 bytes.
pub fn hash(field: &str, bytes: &[u8]) -> Result<Hash, FieldError> {
    array(field, bytes).map(Hash)
}

/// A path of hashes.
///
/// # Errors
/// INVALID_REQUEST if one is not 32 bytes, or there are more than `most`.
pub fn path(field: &str, path: &[Bytes], most: usize) -> Result<Vec<Hash>, FieldError> {
    if path.len() > most {
        return Err(FieldError::invalid(
            field,
            format!("has {} hashes, at most {most} are allowed", path.len()),
        ));
    }
    let numbered = path.iter().enumerate();
    numbered.map(|(index, bytes)| hash(&format!("{field}[{index}]"), bytes)).collect()
}

/// A path as messages have it.
#[must_use]
pub fn path_bytes(path: &[Hash]) -> Vec<Bytes> {
    path.iter().map(|hash| Bytes::copy_from_slice(&hash.0)).collect()
}

/// A ledger's id.
///
/// # Errors
/// INVALID_REQUEST if it is not 32 bytes.
pub fn ledger_id(field: &str, bytes: &[u8]) -> Result<LedgerId, FieldError> {
    array(field, bytes).map(LedgerId)
}

/// A node's id.
///
/// # Errors
/// INVALID_REQUEST if it is 0.
pub fn node_id(field: &str, number: u64) -> Result<NodeId, FieldError> {
    if number == 0 { Err(FieldError::missing(field)) } else { Ok(NodeId(number)) }
}

/// The number of a bureau that submits: from 1.
///
/// # Errors
/// INVALID_REQUEST if it is 0.
pub fn submitter(field: &str, number: u32) -> Result<BureauNumber, FieldError> {
    if number == 0 { Err(FieldError::missing(field)) } else { Ok(BureauNumber(number)) }
}

/// The leaves `[from, until)` of a tree of `size` leaves; an `until` of 0, or beyond the tree, is its size.
///
/// # Errors
/// INVALID_REQUEST if `until` is given and not after `from`.
pub fn leaf_range(from: u64, until: u64, size: TreeSize) -> Result<Range<LeafIndex>, FieldError> {
    if until != 0 && until <= from {
        return Err(FieldError::invalid("until_leaf", "must be after from_leaf, or 0 for the tree's size"));
    }
    let until = if until == 0 { size.0 } else { until.min(size.0) };
    Ok(LeafIndex(from.min(until))..LeafIndex(until))
}

/// Exactly so many bytes.
pub(crate) fn array<const N: usize>(field: &str, bytes: &[u8]) -> Result<[u8; N], FieldError> {
    bytes.try_into().map_err(|_| FieldError::length(field, N, bytes.len()))
}

#[cfg(test)]
mod tests {
    use muniment_core::UnixMillis;

    use super::*;

    #[test]
    fn a_request_id_is_a_uuid_v7_and_nothing_else() {
        let id = RequestId::new(UnixMillis(1_700_000_000_000), [7; 10]);
        assert_eq!(request_id("request_id", &id.0), Ok(id));
        let reason = |bytes: &[u8]| request_id("request_id", bytes).map_err(|error| error.reason);
        assert_eq!(reason(&[]), Err(Reason::RequestIdRequired));
        assert_eq!(reason(&[0; 16]), Err(Reason::RequestIdRequired), "version and variant");
        assert_eq!(reason(&id.0[..15]), Err(Reason::InvalidRequest));
    }

    #[test]
    fn fixed_lengths_are_exact_and_errors_name_the_field() {
        for length in [0, 15, 17, 31, 32, 33] {
            let error = blind("record.blind", &vec![0; length]).expect_err("a blind has 16 bytes");
            assert_eq!(error.to_string(), format!("record.blind: has {length} bytes, must have 16"));
        }
        assert_eq!(hash("record_digest", &[5; 32]), Ok(Hash([5; 32])));
        assert_eq!(ledger_id("ledger_id", &[5; 32]), Ok(LedgerId([5; 32])));
        let two = path_bytes(&[Hash([1; 32]), Hash([2; 32])]);
        assert_eq!(path("path", &two, 2), Ok(vec![Hash([1; 32]), Hash([2; 32])]));
        assert!(path("path", &two, 1).is_err(), "one too many");
        let short = path("path", &[Bytes::from_static(&[1; 31])], 62).expect_err("a hash has 32 bytes");
        assert_eq!(short.field, "path[0]");
    }

    #[test]
    fn a_range_of_leaves_stays_inside_the_tree() {
        let range =
            |from, until| leaf_range(from, until, TreeSize(10)).map(|range| (range.start.0, range.end.0));
        assert_eq!(range(0, 0), Ok((0, 10)));
        assert_eq!(range(3, 7), Ok((3, 7)));
        assert_eq!(range(3, 11), Ok((3, 10)));
        assert_eq!(range(12, 0), Ok((10, 10)));
        assert_eq!(range(12, 15), Ok((10, 10)));
        for (from, until) in [(3, 3), (4, 3), (u64::MAX, 1)] {
            assert_eq!(range(from, until).expect_err("runs backwards").field, "until_leaf");
        }
    }
}
