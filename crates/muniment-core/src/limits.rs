//! Bounds of rules version 1. A later rules version may change them; a node's configuration never does.

/// Bytes of one record.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one batch (one Raft entry).
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Records of one batch.
pub const BATCH_RECORDS_MAX: usize = 2_048;
/// Bytes of one identifier.
pub const IDENTIFIER_BYTES_MAX: usize = 256;
/// Bytes of one free-text field.
pub const TEXT_BYTES_MAX: usize = 2_048;
/// Values of a repeated field, unless its field says otherwise.
pub const REPEATED_MAX: usize = 64;
/// Subject tags of one record.
pub const SUBJECT_TAGS_MAX: usize = 8;
/// Index terms of one record besides flags.
pub const TERMS_MAX: usize = 16;
/// How far a `request_id`'s time may be from `accepted_at`, in milliseconds.
pub const REQUEST_ID_WINDOW_MS: u64 = 2 * 60 * 1000;
/// How much later than `occurred_at` a record may arrive without T01, in milliseconds.
pub const LATE_REPORT_MS: u64 = 24 * 60 * 60 * 1000;
/// How far in the future `occurred_at` may lie without T02, in milliseconds.
pub const FUTURE_MS: u64 = 5 * 60 * 1000;
