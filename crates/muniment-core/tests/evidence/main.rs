//! What the crate promises about evidence, tested at its boundary.

mod base64;
mod checkpoint;
mod conflict;
mod fixture;
mod hostile;
mod ledger;
mod receipt;
mod tampering;
mod tree;
mod vectors;
