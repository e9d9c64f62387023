//! What the crate promises about evidence, tested at its boundary.

mod checkpoint;
mod fixture;
mod tree;
