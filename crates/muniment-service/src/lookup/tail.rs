//! The rows of the newest leaves, in memory until they are a block.

use std::collections::BTreeSet;
use std::sync::Mutex;

use muniment_core::{Hash, LeafIndex};

use super::lock;
use super::rows::digest_name;

/// Bytes of a record digest that a row has.
pub(super) const DIGEST_NAME: usize = 16;
/// Bytes of a submission's name: submitter u32, request id.
pub(super) const REQUEST_NAME: usize = 20;

/// Rows with their leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NewRows {
    pub(super) digests: BTreeSet<([u8; DIGEST_NAME], LeafIndex)>,
    pub(super) requests: BTreeSet<([u8; REQUEST_NAME], LeafIndex)>,
}

impl NewRows {
    pub(super) fn digest(&mut self, digest: &Hash, leaf: LeafIndex) {
        self.digests.insert((digest_name(digest), leaf));
    }

    pub(super) fn request(&mut self, name: &[u8; REQUEST_NAME], first: LeafIndex) {
        self.requests.insert((*name, first));
    }
}

/// The newest rows, shared by the filler and those who ask. Held for an insertion, a question or a swap.
#[derive(Debug, Default)]
pub(super) struct Tail(Mutex<NewRows>);

impl Tail {
    /// Adds rows.
    pub(super) fn extend(&self, new: NewRows) {
        let mut rows = lock(&self.0);
        rows.digests.extend(new.digests);
        rows.requests.extend(new.requests);
    }

    /// A copy of all rows, to make a block of.
    pub(super) fn rows(&self) -> NewRows {
        lock(&self.0).clone()
    }

    /// Forgets all rows: they are in the database.
    pub(super) fn clear(&self) {
        let old = std::mem::take(&mut *lock(&self.0));
        // Freed outside the lock.
        drop(old);
    }

    pub(super) fn digests(&self, name: &[u8; DIGEST_NAME]) -> Vec<LeafIndex> {
        named(&lock(&self.0).digests, name)
    }

    pub(super) fn requests(&self, name: &[u8; REQUEST_NAME]) -> Vec<LeafIndex> {
        named(&lock(&self.0).requests, name)
    }
}

fn named<N: Copy + Ord>(rows: &BTreeSet<(N, LeafIndex)>, name: &N) -> Vec<LeafIndex> {
    rows.range((*name, LeafIndex(0))..=(*name, LeafIndex(u64::MAX))).map(|(_, leaf)| *leaf).collect()
}
