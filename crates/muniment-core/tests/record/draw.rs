//! Valid records of every kind for proptest, which makes up and shrinks the bytes that they are drawn from.

use muniment_core::v1::Record;
pub(crate) use muniment_intake::specimen::{Draw, example, submitted_kinds};
use proptest::prelude::*;

/// Any valid record.
pub(crate) fn valid_record() -> impl Strategy<Value = Record> {
    let kinds = submitted_kinds();
    (0..kinds.len(), prop::collection::vec(any::<u8>(), 0..400))
        .prop_map(move |(kind, bytes)| Draw::new(bytes).record(kinds[kind]))
}
