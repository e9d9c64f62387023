//! The rows of the look-ups, in sled 0.34.7: keys inserted and never changed (02, "sled": an overwriting load deadlocked 3
//! of 18 times).
//!
//! A key a leaf cost more than everything else that a node does with a record. So rows are kept by the *block*: the
//! leaves between two watermarks, 65,536, whose rows come in 256 buckets by one byte of what is looked up.
//!
//! - `digests-G`: a byte of a record digest, the block's first leaf u64; value: rows of its first 16 bytes and the leaf's
//!   distance from there u32;
//! - `requests-G`: a byte of a request id, the block's first leaf u64; value: rows of submitter and request id, and the
//!   distance of a submission's first leaf u32;
//! - `watermarks-N`: a size, with root and counts there: all rows below it are durable.
//!
//! G numbers ranges of 2^24 leaves, so that what is pruned goes by dropping whole trees. A question reads one bucket of each
//! block: about 5 KiB for 65,536 leaves.

use std::fs::File;
use std::path::{Path, PathBuf};

use muniment_core::admission::KeptAdmission;
use muniment_core::reader::Reader;
use muniment_core::{Hash, LeafIndex, LedgerId, Suite, TreeSize};
use muniment_raft::LedgerView;
use muniment_store::ledger::AdmissionOfLeaf;
use sled::{Batch, Db};
use thiserror::Error;

use super::Query;
use super::counts::Counts;
use super::tail::{Buckets, DIGEST_NAME, NewRows, REQUEST_NAME, Tail};
use crate::refused::{Answer, Refused};

/// Leaves of one generation of trees, as a power of two.
const GENERATION_BITS: u32 = 24;
/// Rows of one tree of watermarks; then the one before the last is dropped.
const WATERMARKS_MAX: usize = 256;
/// Bytes that the database may keep in memory.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// Format of the rows; another one is rebuilt.
const FORMAT: &[u8] = b"muniment/lookup/2";

/// Why the database is of no use; it is moved aside and rebuilt.
#[derive(Debug, Error)]
pub(super) enum RowsError {
    /// The database.
    #[error("the database: {0}")]
    Sled(#[from] sled::Error),
    /// Its file.
    #[error("sync the database's file: {0}")]
    Sync(std::io::Error),
    /// It holds something else than this ledger's rows.
    #[error("{0}")]
    Doubtful(String),
}

/// What is durable: the rows of all leaves below a size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watermark {
    pub(super) size: TreeSize,
    /// Root over those leaves.
    pub(super) root: Option<Hash>,
    pub(super) counts: Counts,
}

/// The rows.
pub(super) struct Rows {
    db: Db,
    file: PathBuf,
    suite: Suite,
}

/// What is looked up, as rows have it.
pub(super) trait Name: AsRef<[u8]> + PartialEq {
    /// The trees of its rows.
    const TREES: &str;

    /// A byte that spreads names evenly.
    fn bucket(&self) -> u8;
}

impl Name for [u8; DIGEST_NAME] {
    const TREES: &str = "digests";

    fn bucket(&self) -> u8 {
        self[0]
    }
}

impl Name for [u8; REQUEST_NAME] {
    const TREES: &str = "requests";

    /// A request id begins with its time and ends with random bytes (RFC 9562 5.7).
    fn bucket(&self) -> u8 {
        self[REQUEST_NAME - 1]
    }
}

/// The first bytes of a record digest.
pub(super) fn digest_name(digest: &Hash) -> [u8; DIGEST_NAME] {
    std::array::from_fn(|at| digest.0[at])
}

/// Submitter and request id.
pub(super) fn request_name(
    submitter: muniment_core::BureauNumber,
    id: &muniment_core::RequestId,
) -> [u8; REQUEST_NAME] {
    let mut name = [0; REQUEST_NAME];
    name[..4].copy_from_slice(&submitter.0.to_be_bytes());
    name[4..].copy_from_slice(&id.0);
    name
}

impl Rows {
    /// Opens the database in a directory and insists that it is this ledger's.
    pub(super) fn open(dir: &Path, suite: Suite, ledger_id: &LedgerId) -> Result<Self, RowsError> {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let rows = Self { db: config.open()?, file: dir.join("db"), suite };
        let about = [FORMAT, &ledger_id.0].concat();
        match rows.db.get("about")? {
            Some(found) if found == about => {}
            Some(_) => return Err(RowsError::Doubtful("it is of another ledger or format".to_owned())),
            None if rows.db.tree_names().len() > 1 => {
                return Err(RowsError::Doubtful("it has rows and says not of what".to_owned()));
            }
            None => {
                rows.db.insert("about", about)?;
                rows.flush()?;
            }
        }
        Ok(rows)
    }

    /// The newest watermark; size 0 if there is none.
    pub(super) fn watermark(&self) -> Result<Watermark, RowsError> {
        for generation in self.trees("watermarks-").into_iter().rev() {
            let tree = self.db.open_tree(format!("watermarks-{generation:08x}"))?;
            let Some((key, value)) = tree.last()? else { continue };
            let doubtful = || RowsError::Doubtful("its watermark can't be read".to_owned());
            let size = u64::from_be_bytes(key.as_ref().try_into().map_err(|_| doubtful())?);
            let mut reader = Reader::new(&value);
            let root = Hash(reader.array().map_err(|_| doubtful())?);
            let counts = Counts::read(&mut reader).map_err(|_| doubtful())?;
            if reader.end().is_err() || counts.total() != size {
                return Err(doubtful());
            }
            return Ok(Watermark { size: TreeSize(size), root: Some(root), counts });
        }
        Ok(Watermark::default())
    }

    /// Holds the watermark against the ledger: the database may open empty, or as it was once, without an error.
    pub(super) fn insist_on_ledger(&self, watermark: &Watermark, view: &LedgerView) -> Result<(), RowsError> {
        let doubtful = |what: &str| Err(RowsError::Doubtful(what.to_owned()));
        let size = watermark.size;
        if size.0 == 0 {
            return Ok(());
        }
        if size > view.size {
            return doubtful("it knows more leaves than the ledger has");
        }
        let tree = muniment_core::tree::TreeAt { suite: self.suite, tree: muniment_core::Tree::Ledger, size };
        if tree.root(&view.files).ok() != watermark.root {
            return doubtful("its watermark's root is not the ledger's");
        }
        for leaf in [0, size.0 / 2, size.0 - 1].map(LeafIndex) {
            let Ok(place) = view.files.place(leaf) else { continue };
            if !self.leaves_of(&digest_name(&place.record_digest))?.contains(&leaf) {
                return doubtful("a row below its watermark is missing");
            }
        }
        Ok(())
    }

    /// Inserts the rows of a block, whose first leaf is `first`: at most 256 keys in one batch (1,500 took 1.1 GB).
    pub(super) fn insert(&self, first: LeafIndex, rows: &NewRows) -> Result<(), RowsError> {
        self.insert_named(first, &rows.digests)?;
        self.insert_named(first, &rows.requests)
    }

    fn insert_named<N: Name>(&self, first: LeafIndex, rows: &Buckets<N>) -> Result<(), RowsError> {
        let generation = first.0 >> GENERATION_BITS;
        let tree = self.db.open_tree(format!("{}-{generation:08x}", N::TREES))?;
        let mut batch = Batch::default();
        for (bucket, rows) in rows.iter().filter(|(_, rows)| !rows.is_empty()) {
            let mut value = Vec::new();
            for (name, leaf) in rows {
                let distance = leaf.0.checked_sub(first.0).and_then(|distance| u32::try_from(distance).ok());
                let distance = distance.ok_or_else(|| {
                    RowsError::Doubtful(format!("leaf {leaf} does not belong to the block from {first} on"))
                })?;
                value.extend_from_slice(name.as_ref());
                value.extend_from_slice(&distance.to_be_bytes());
            }
            batch.insert([&[bucket][..], &first.0.to_be_bytes()].concat(), value);
        }
        Ok(tree.apply_batch(batch)?)
    }

    /// Makes all rows durable, then says so by a watermark, then makes that durable.
    ///
    /// A crash in between leaves rows beyond the watermark, which the next start inserts again.
    pub(super) fn checkpoint(&self, watermark: &Watermark) -> Result<(), RowsError> {
        self.flush()?;
        let generations = self.trees("watermarks-");
        let newest = generations.last().copied().unwrap_or(0);
        let tree = self.db.open_tree(format!("watermarks-{newest:08x}"))?;
        let tree = if tree.len() < WATERMARKS_MAX {
            tree
        } else {
            for old in generations.iter().filter(|generation| **generation < newest) {
                self.db.drop_tree(format!("watermarks-{old:08x}"))?;
            }
            self.db.open_tree(format!("watermarks-{:08x}", newest + 1))?
        };
        let mut value = watermark.root.map_or([0; 32], |root| root.0).to_vec();
        watermark.counts.encode(&mut value);
        tree.insert(watermark.size.0.to_be_bytes(), value)?;
        self.flush()
    }

    /// Its own flush never reaches the device: all was lost in 15 of 15 power cuts without the second step.
    fn flush(&self) -> Result<(), RowsError> {
        self.db.flush()?;
        File::open(&self.file).and_then(|file| file.sync_data()).map_err(RowsError::Sync)
    }

    /// Looks a leaf up, here and among the rows that are not yet a block, and holds it against the evidence files.
    pub(super) fn find(&self, query: Query, tail: &Tail, view: &LedgerView) -> Answer<Option<LeafIndex>> {
        match query {
            Query::Digest(digest) => {
                for leaf in self.candidates(&digest_name(&digest), Tail::digests, tail)? {
                    if leaf.0 >= view.size.0 {
                        return Ok(None);
                    }
                    if view.files.place(leaf)?.record_digest == digest {
                        return Ok(Some(leaf));
                    }
                }
                Ok(None)
            }
            Query::Submission { submitter, request_id, position } => {
                let name = request_name(submitter, &request_id);
                let first = self.candidates(&name, Tail::requests, tail)?.first().copied();
                let Some(first) = first.filter(|leaf| leaf.0 < view.size.0) else { return Ok(None) };
                let Some(found) = view.files.admission(first)? else { return Ok(None) };
                leaf_of(&found, first, position)
            }
        }
    }

    /// Leaves that a name may belong to, ascending.
    fn candidates<N: Name>(
        &self,
        name: &N,
        in_tail: impl FnOnce(&Tail, &N) -> Vec<LeafIndex>,
        tail: &Tail,
    ) -> Answer<Vec<LeafIndex>> {
        // The tail first: its rows leave it only when they are in the database.
        let newest = in_tail(tail, name);
        let mut leaves = self.leaves_of(name).map_err(|error| {
            tracing::error!(%error, "read the look-ups");
            super::unavailable("can't be read")
        })?;
        leaves.extend(newest);
        leaves.sort_unstable();
        Ok(leaves)
    }

    /// Leaves of a name in the database, in no order.
    fn leaves_of<N: Name>(&self, name: &N) -> Result<Vec<LeafIndex>, RowsError> {
        let doubtful = || RowsError::Doubtful("a block of it can't be read".to_owned());
        let name_length = name.as_ref().len();
        let mut leaves = Vec::new();
        for generation in self.trees(&format!("{}-", N::TREES)) {
            let tree = self.db.open_tree(format!("{}-{generation:08x}", N::TREES))?;
            for block in tree.scan_prefix([name.bucket()]) {
                let (key, rows) = block?;
                let first = key.get(1..).and_then(|first| first.try_into().ok()).ok_or_else(doubtful)?;
                let first = u64::from_be_bytes(first);
                let rows = rows.chunks_exact(name_length + size_of::<u32>());
                if !rows.remainder().is_empty() {
                    return Err(doubtful());
                }
                for row in rows.filter(|row| row.starts_with(name.as_ref())) {
                    let distance = row[name_length..].try_into().map_err(|_| doubtful())?;
                    leaves.push(LeafIndex(first + u64::from(u32::from_be_bytes(distance))));
                }
            }
        }
        Ok(leaves)
    }

    /// Numbers of the trees of a name, ascending.
    fn trees(&self, prefix: &str) -> Vec<u64> {
        let names = self.db.tree_names();
        let numbers = names.iter().filter_map(|name| {
            let number = std::str::from_utf8(name).ok()?.strip_prefix(prefix)?;
            u64::from_str_radix(number, 16).ok()
        });
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.sort_unstable();
        numbers
    }
}

/// The leaf of the record at `position` of the submission that `first` begins.
fn leaf_of(found: &AdmissionOfLeaf, first: LeafIndex, position: u32) -> Answer<Option<LeafIndex>> {
    let KeptAdmission::Admission { admission, absent } = &found.kept else {
        return Err(Refused::internal("a statement of the ledger has no submission"));
    };
    let mut start = 0;
    for submission in &admission.submissions {
        let end = start + submission.count;
        if (start..end).contains(&found.position) {
            let wanted = start.saturating_add(position);
            let is_absent = |position: u32| absent.binary_search_by_key(&position, |(at, _)| *at).is_ok();
            if wanted >= end || wanted < found.position || is_absent(wanted) {
                return Ok(None);
            }
            let between = (found.position..wanted).filter(|position| !is_absent(*position)).count();
            return Ok(Some(LeafIndex(first.0 + between as u64)));
        }
        start = end;
    }
    Err(Refused::internal("a leaf lies beyond its admission's submissions"))
}

#[cfg(test)]
mod tests {
    use muniment_core::{BureauNumber, RequestId};

    use super::*;

    fn digest(leaf: u64) -> Hash {
        Suite::Blake3.hash(&[&leaf.to_be_bytes()])
    }

    fn request(leaf: u64) -> [u8; REQUEST_NAME] {
        let random = std::array::from_fn(|at| digest(leaf).0[at]);
        request_name(BureauNumber(7), &RequestId::new(muniment_core::UnixMillis(leaf), random))
    }

    fn block(leaves: std::ops::Range<u64>) -> NewRows {
        let mut rows = NewRows::default();
        for leaf in leaves.map(LeafIndex) {
            rows.digest(&digest(leaf.0), leaf);
            rows.request(&request(leaf.0), leaf);
        }
        rows
    }

    #[test]
    fn each_row_of_each_block_is_found_again_also_after_a_restart_and_a_second_insertion() {
        let dir = tempfile::tempdir().expect("a directory");
        let ledger_id = LedgerId([3; 32]);
        let late = 1 << GENERATION_BITS;
        let blocks = [0..700, 700..1_900, late..late + 40];
        let rows = Rows::open(dir.path(), Suite::Blake3, &ledger_id).expect("it opens");
        for leaves in &blocks {
            rows.insert(LeafIndex(leaves.start), &block(leaves.clone())).expect("it is inserted");
        }
        // A crash before the watermark: the next start inserts the same again.
        rows.insert(LeafIndex(700), &block(700..1_900)).expect("it is inserted");
        rows.checkpoint(&Watermark::default()).expect("it is flushed");
        drop(rows);
        let rows = Rows::open(dir.path(), Suite::Blake3, &ledger_id).expect("it opens");
        for leaf in blocks.into_iter().flatten() {
            let found = rows.leaves_of(&digest_name(&digest(leaf))).expect("it is read");
            assert_eq!(found, [LeafIndex(leaf)]);
            assert_eq!(rows.leaves_of(&request(leaf)).expect("it is read"), [LeafIndex(leaf)]);
        }
        let unknown = rows.leaves_of(&digest_name(&digest(1_900))).expect("it is read");
        assert_eq!(unknown, []);
    }

    #[test]
    fn a_leaf_outside_its_block_and_a_block_of_half_a_row_are_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let rows = Rows::open(dir.path(), Suite::Blake3, &LedgerId([3; 32])).expect("it opens");
        let outside = rows.insert(LeafIndex(5), &block(4..6));
        assert!(matches!(outside, Err(RowsError::Doubtful(_))), "{outside:?}");
        let tree = rows.db.open_tree("digests-00000000").expect("a tree");
        let name = digest_name(&digest(9));
        let key = [&[name[0]][..], &0_u64.to_be_bytes()].concat();
        tree.insert(key, &[0; 19]).expect("it is inserted");
        let half = rows.leaves_of(&name);
        assert!(matches!(half, Err(RowsError::Doubtful(_))), "{half:?}");
    }
}
