//! The rules, one frozen set a version. A version that judged a leaf stays in the binary for ever: replay gives the old
//! verdicts.

mod v1;

pub use v1::V1;
