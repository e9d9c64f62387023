//! The one integration binary: what crosses crates, and the project itself.

mod edges;
