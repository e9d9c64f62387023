//! The rows of the look-ups, in sled 0.34.7: keys alone, inserted and never changed (02, "sled": an overwriting load
//! deadlocked 3 of 18 times).
//!
//! - `digests-G`: the first 16 bytes of a record digest, then the leaf;
//! - `requests-G`: submitter, request id, then the first leaf of a submission;
//! - `watermarks-N`: a size, with root and counts there: all rows below it are durable.
//!
//! G numbers ranges of 2^24 leaves, so that what is pruned goes by dropping whole trees.

use std::fs::File;
use std::path::{Path, PathBuf};

use muniment_core::admission::KeptAdmission;
use muniment_core::digest::record_digest;
use muniment_core::reader::Reader;
use muniment_core::{Hash, LeafIndex, LedgerId, Suite, TreeSize};
use muniment_raft::LedgerView;
use muniment_store::ledger::{AdmissionOfLeaf, View};
use sled::{Batch, Db, IVec};
use thiserror::Error;

use super::Query;
use super::counts::Counts;
use crate::refused::{Answer, Refused};

/// Keys of one batch: more took 1.1 GB of memory at 1,500.
const BATCH_KEYS_MAX: usize = 400;
/// Leaves of one generation of trees, as a power of two.
const GENERATION_BITS: u32 = 24;
/// Rows of one tree of watermarks; then the one before the last is dropped.
const WATERMARKS_MAX: usize = 256;
/// Bytes that the database may keep in memory.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// Format of the rows; another one is rebuilt.
const FORMAT: &[u8] = b"muniment/lookup/1";

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

/// Rows that are not yet inserted.
#[derive(Default)]
pub(super) struct NewRows {
    digests: Vec<(u64, Vec<u8>)>,
    requests: Vec<(u64, Vec<u8>)>,
}

impl NewRows {
    pub(super) fn digest(&mut self, digest: &Hash, leaf: LeafIndex) {
        self.digests.push((leaf.0 >> GENERATION_BITS, [&digest.0[..16], &leaf.0.to_be_bytes()].concat()));
    }

    pub(super) fn request(&mut self, name: &[u8; 20], first: LeafIndex) {
        self.requests.push((first.0 >> GENERATION_BITS, [&name[..], &first.0.to_be_bytes()].concat()));
    }

    fn len(&self) -> usize {
        self.digests.len() + self.requests.len()
    }
}

/// Submitter and request id.
pub(super) fn request_name(
    submitter: muniment_core::BureauNumber,
    id: &muniment_core::RequestId,
) -> [u8; 20] {
    let mut name = [0; 20];
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
            let Ok((blind, bytes)) = view.files.record(leaf) else { continue };
            let digest = record_digest(self.suite, &blind, &bytes);
            let generation = leaf.0 >> GENERATION_BITS;
            let key = [&digest.0[..16], &leaf.0.to_be_bytes()].concat();
            if !self.db.open_tree(format!("digests-{generation:08x}"))?.contains_key(key)? {
                return doubtful("a row below its watermark is missing");
            }
        }
        Ok(())
    }

    /// Inserts rows, in batches.
    pub(super) fn insert(&self, rows: NewRows) -> Result<(), RowsError> {
        for (name, rows) in [("digests", rows.digests), ("requests", rows.requests)] {
            for of_generation in rows.chunk_by(|a, b| a.0 == b.0) {
                let Some((generation, _)) = of_generation.first() else { continue };
                let tree = self.db.open_tree(format!("{name}-{generation:08x}"))?;
                for some in of_generation.chunks(BATCH_KEYS_MAX) {
                    let mut batch = Batch::default();
                    some.iter().for_each(|(_, key)| batch.insert(key.as_slice(), &[][..]));
                    tree.apply_batch(batch)?;
                }
            }
        }
        Ok(())
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

    /// Looks a leaf up, and holds it against the evidence files.
    pub(super) fn find(&self, query: Query, view: &LedgerView) -> Answer<Option<LeafIndex>> {
        let failed = |error: sled::Error| {
            tracing::error!(%error, "read the look-ups");
            super::unavailable("can't be read")
        };
        match query {
            Query::Digest(digest) => {
                for leaf in self.candidates("digests-", &digest.0[..16]).map_err(failed)? {
                    if leaf.0 >= view.size.0 {
                        return Ok(None);
                    }
                    let (blind, bytes) = view.files.record(leaf)?;
                    if record_digest(self.suite, &blind, &bytes) == digest {
                        return Ok(Some(leaf));
                    }
                }
                Ok(None)
            }
            Query::Submission { submitter, request_id, position } => {
                let name = request_name(submitter, &request_id);
                let first = self.candidates("requests-", &name).map_err(failed)?.first().copied();
                let Some(first) = first.filter(|leaf| leaf.0 < view.size.0) else { return Ok(None) };
                let Some(found) = view.files.admission(first)? else { return Ok(None) };
                leaf_of(&found, first, position)
            }
        }
    }

    /// Leaves of keys with a prefix, ascending.
    fn candidates(&self, trees: &str, prefix: &[u8]) -> Result<Vec<LeafIndex>, sled::Error> {
        let mut leaves = Vec::new();
        for generation in self.trees(trees) {
            let tree = self.db.open_tree(format!("{trees}{generation:08x}"))?;
            for key in tree.scan_prefix(prefix).keys() {
                let key: IVec = key?;
                if let Some(leaf) = key.len().checked_sub(8).and_then(|at| key[at..].try_into().ok()) {
                    leaves.push(LeafIndex(u64::from_be_bytes(leaf)));
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

/// The rows of the leaves that lie in one admission, the first of which is `first`; and how many leaves those are.
pub(super) fn rows_of(files: &View, first: LeafIndex, rows: &mut NewRows) -> Answer<u64> {
    let Some(found) = files.admission(first)? else { return Ok(1) };
    let KeptAdmission::Admission { admission, absent } = &found.kept else {
        if let Some(digest) = found.record_digests.first() {
            rows.digest(digest, first);
        }
        return Ok(1);
    };
    let stub = muniment_core::Stub::decode(&files.stub(first)?);
    let submitter = stub.map_err(|error| Refused::internal(error.to_string()))?.submitter;
    let mut leaf = first;
    let mut digests = (0_u32..).zip(&found.record_digests);
    for submission in &admission.submissions {
        let mut is_begun = false;
        for _ in 0..submission.count {
            let Some((position, digest)) = digests.next() else {
                return Err(Refused::internal("an admission has fewer digests than records"));
            };
            if absent.binary_search_by_key(&position, |(at, _)| *at).is_ok() {
                continue;
            }
            if !is_begun {
                rows.request(&request_name(submitter, &submission.request_id), leaf);
                is_begun = true;
            }
            rows.digest(digest, leaf);
            leaf.0 += 1;
        }
    }
    Ok(leaf.0 - first.0)
}

impl NewRows {
    /// Whether they should be inserted before more are made.
    pub(super) fn is_enough(&self) -> bool {
        self.len() >= BATCH_KEYS_MAX
    }
}
