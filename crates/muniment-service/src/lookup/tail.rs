//! The rows of the newest leaves, in memory until they are a block in the database.

use std::mem::take;
use std::sync::{Arc, Mutex};

use muniment_core::{Hash, LeafIndex};

use super::lock;
use super::rows::{Name, digest_name};

/// Bytes of a record digest that a row has.
pub(super) const DIGEST_NAME: usize = 16;
/// Bytes of a submission's name: submitter u32, request id.
pub(super) const REQUEST_NAME: usize = 20;

/// Rows of one kind, in 256 buckets by a byte of what is looked up.
#[derive(Clone, Debug)]
pub(super) struct Buckets<N>(Vec<Vec<(N, LeafIndex)>>);

/// Rows with their leaves.
#[derive(Clone, Debug, Default)]
pub(super) struct NewRows {
    pub(super) digests: Buckets<[u8; DIGEST_NAME]>,
    pub(super) requests: Buckets<[u8; REQUEST_NAME]>,
}

/// The newest rows, shared by the filler, which alone adds to them, and those who ask.
#[derive(Debug, Default)]
pub(super) struct Tail(Mutex<State>);

/// Held for an insertion, a question or a swap.
#[derive(Debug, Default)]
struct State {
    newest: NewRows,
    /// On their way into the database.
    closing: Option<Arc<NewRows>>,
}

impl<N> Default for Buckets<N> {
    fn default() -> Self {
        Self((0..256).map(|_| Vec::new()).collect())
    }
}

impl<N: Name> Buckets<N> {
    fn add(&mut self, name: N, leaf: LeafIndex) {
        self.0[usize::from(name.bucket())].push((name, leaf));
    }

    fn named(&self, name: &N) -> impl Iterator<Item = LeafIndex> {
        let bucket = self.0[usize::from(name.bucket())].iter();
        bucket.filter(move |(found, _)| found == name).map(|(_, leaf)| *leaf)
    }

    /// The buckets with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &[(N, LeafIndex)])> {
        (0..=u8::MAX).zip(self.0.iter().map(Vec::as_slice))
    }
}

impl NewRows {
    pub(super) fn digest(&mut self, digest: &Hash, leaf: LeafIndex) {
        self.digests.add(digest_name(digest), leaf);
    }

    pub(super) fn request(&mut self, name: &[u8; REQUEST_NAME], first: LeafIndex) {
        self.requests.add(*name, first);
    }
}

impl Tail {
    /// Adds rows.
    pub(super) fn add(&self, add: impl FnOnce(&mut NewRows)) {
        add(&mut lock(&self.0).newest);
    }

    /// Closes the block that the rows are: they stay where those who ask find them until [`Tail::forget_closed`].
    pub(super) fn close(&self) -> Arc<NewRows> {
        let mut state = lock(&self.0);
        let closing = Arc::new(take(&mut state.newest));
        state.closing = Some(Arc::clone(&closing));
        closing
    }

    /// The closed block is in the database.
    pub(super) fn forget_closed(&self) {
        let closed = lock(&self.0).closing.take();
        // Freed outside the lock.
        drop(closed);
    }

    pub(super) fn digests(&self, name: &[u8; DIGEST_NAME]) -> Vec<LeafIndex> {
        self.named(|rows| &rows.digests, name)
    }

    pub(super) fn requests(&self, name: &[u8; REQUEST_NAME]) -> Vec<LeafIndex> {
        self.named(|rows| &rows.requests, name)
    }

    fn named<N: Name>(&self, of: impl Fn(&NewRows) -> &Buckets<N>, name: &N) -> Vec<LeafIndex> {
        let state = lock(&self.0);
        let closing = state.closing.iter().flat_map(|rows| of(rows).named(name));
        closing.chain(of(&state.newest).named(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use muniment_core::Suite;

    use super::*;

    #[test]
    fn rows_are_found_until_their_block_is_said_to_be_in_the_database() {
        let digest = |number: u64| Suite::Blake3.hash(&[&number.to_be_bytes()]);
        let (tail, old, new) = (Tail::default(), digest(1), digest(2));
        tail.add(|rows| rows.digest(&old, LeafIndex(1)));
        let block = tail.close();
        assert_eq!(block.digests.iter().map(|(_, rows)| rows.len()).sum::<usize>(), 1);
        tail.add(|rows| {
            rows.digest(&new, LeafIndex(2));
            rows.digest(&old, LeafIndex(3));
        });
        assert_eq!(tail.digests(&digest_name(&old)), [LeafIndex(1), LeafIndex(3)]);
        tail.forget_closed();
        assert_eq!(tail.digests(&digest_name(&old)), [LeafIndex(3)]);
        assert_eq!(tail.digests(&digest_name(&new)), [LeafIndex(2)]);
    }
}
