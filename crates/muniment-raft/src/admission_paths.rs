//! Paths through admissions: from a record's digest to the root that its submitter's node signed.
//!
//! A path needs a hash over every record of its admission, up to 2,048. What lies above groups of 32 records is the same
//! for all of them and is kept for admissions that were asked for: 4 KiB each instead of reading and hashing them again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muniment_core::admission::KeptAdmission;
use muniment_core::receipt::AdmissionProof;
use muniment_core::tree::{HashReader, MemoryTree, MissingNode, TreeAt};
use muniment_core::{Hash, LeafIndex, Suite, Tree, TreeSize};
use muniment_store::StorageError;
use muniment_store::ledger::{AdmissionPlace, View};

use crate::receipt::ReceiptError;

/// Records of a group, as a power of two.
const GROUP_LEVEL: u8 = 5;
/// Records of a group.
const GROUP: u32 = 1 << GROUP_LEVEL;
/// Bytes kept at most, about.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The upper parts of admissions, the oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct AdmissionPaths(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    admissions: HashMap<AdmissionPlace, Arc<Upper>>,
    in_order: VecDeque<AdmissionPlace>,
    bytes: usize,
}

/// An admission without its lower levels.
#[derive(Debug)]
struct Upper {
    encoded: Vec<u8>,
    records: u32,
    /// The leaf that position 0 has, or would have if it had become one.
    first: LeafIndex,
    /// Records that became no leaf, ascending by position.
    absent: Vec<(u32, Hash)>,
    /// Levels from [`GROUP_LEVEL`] up.
    levels: Vec<Vec<Hash>>,
    /// The records behind the last whole group.
    rest: MemoryTree,
}

/// An admission's tree, with one group's lower levels.
struct Tip<'a> {
    upper: &'a Upper,
    group: u64,
    records: MemoryTree,
}

impl AdmissionPaths {
    /// The admission of a leaf with the path to its root; `None` for a leaf that no signed admission covers.
    ///
    /// # Errors
    /// [`ReceiptError::Storage`]: those of reading the files. [`ReceiptError::Unreadable`]: the admission does not cover
    /// its records, or its leaves don't lie side by side.
    pub(crate) fn proof(
        &self,
        suite: Suite,
        files: &View,
        leaf: LeafIndex,
    ) -> Result<Option<AdmissionProof>, ReceiptError> {
        let Some(seat) = files.place(leaf)?.seat else { return Ok(None) };
        let known = self.lock().admissions.get(&seat.place).map(Arc::clone);
        let upper = match known {
            Some(upper) => upper,
            None => match Upper::read(suite, files, leaf)? {
                Some(upper) => self.remember(seat.place, upper),
                None => return Ok(None),
            },
        };
        let tip = upper.tip(suite, files, seat.position / GROUP)?;
        let tree = TreeAt { suite, tree: Tree::Admission, size: TreeSize(u64::from(upper.records)) };
        let path = tree.inclusion_path(&tip, LeafIndex(u64::from(seat.position)));
        let path = path.map_err(|error| ReceiptError::Unreadable { leaf, what: error.to_string() })?;
        Ok(Some(AdmissionProof { admission: upper.encoded.clone(), position: seat.position, path }))
    }

    fn remember(&self, place: AdmissionPlace, upper: Upper) -> Arc<Upper> {
        let upper = Arc::new(upper);
        let mut known = self.lock();
        if known.admissions.insert(place, Arc::clone(&upper)).is_none() {
            known.bytes += upper.bytes();
            known.in_order.push_back(place);
        }
        while known.bytes > KEPT_BYTES_MAX
            && let Some(oldest) = known.in_order.pop_front()
        {
            let gone = known.admissions.remove(&oldest);
            known.bytes -= gone.map_or(0, |upper| upper.bytes());
        }
        upper
    }

    /// Held for a look or an insertion.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upper {
    /// Reads the admission that a leaf lies in and holds its root against its records; `None` for a derived statement.
    fn read(suite: Suite, files: &View, leaf: LeafIndex) -> Result<Option<Self>, ReceiptError> {
        let Some(found) = files.admission(leaf)? else { return Ok(None) };
        let KeptAdmission::Admission { admission, absent } = found.kept else { return Ok(None) };
        let leaves: Vec<Hash> =
            found.record_digests.iter().map(|digest| suite.leaf(Tree::Admission, &digest.0)).collect();
        let whole = leaves.len() - leaves.len() % GROUP as usize;
        let rest = MemoryTree::over(suite, Tree::Admission, leaves[whole..].iter().copied());
        let records = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
        let tree = MemoryTree::over(suite, Tree::Admission, leaves);
        if tree.root() != admission.root {
            let what = "its admission's root does not cover the admission's records".to_owned();
            return Err(ReceiptError::Unreadable { leaf, what });
        }
        let mut levels = tree.into_levels();
        levels.drain(..levels.len().min(usize::from(GROUP_LEVEL)));
        let first = first_leaf(leaf, found.position, &absent);
        Ok(Some(Self { encoded: admission.encode(), records, first, absent, levels, rest }))
    }

    /// Bytes that it keeps.
    fn bytes(&self) -> usize {
        let hashes = self.levels.iter().map(Vec::len).sum::<usize>() + self.absent.len() + 2 * GROUP as usize;
        self.encoded.len() + hashes * size_of::<Hash>()
    }

    /// The tree, as far as a path from a group to the root needs it.
    fn tip(&self, suite: Suite, files: &View, group: u32) -> Result<Tip<'_>, StorageError> {
        let positions = group * GROUP..self.records.min((group + 1) * GROUP);
        let digests = self.digests(files, positions)?;
        let leaves = digests.iter().map(|digest| suite.leaf(Tree::Admission, &digest.0));
        let records = MemoryTree::over(suite, Tree::Admission, leaves);
        Ok(Tip { upper: self, group: u64::from(group), records })
    }

    /// Digests of the records at positions.
    fn digests(&self, files: &View, positions: std::ops::Range<u32>) -> Result<Vec<Hash>, StorageError> {
        let leaf = |position: u32| {
            let before = self.absent.partition_point(|(absent, _)| *absent < position);
            LeafIndex(self.first.0 + u64::from(position) - before as u64)
        };
        let mut of_leaves = files.places(leaf(positions.start)..leaf(positions.end))?.into_iter();
        let absent = |position: u32| {
            let found = self.absent.binary_search_by_key(&position, |(absent, _)| *absent);
            found.ok().map(|at| self.absent[at].1)
        };
        Ok(positions
            .filter_map(|position| absent(position).or_else(|| Some(of_leaves.next()?.record_digest)))
            .collect())
    }
}

/// The leaf of position 0, of one leaf's position.
fn first_leaf(leaf: LeafIndex, position: u32, absent: &[(u32, Hash)]) -> LeafIndex {
    let before = absent.partition_point(|(absent, _)| *absent < position);
    LeafIndex((leaf.0 + before as u64).saturating_sub(u64::from(position)))
}

impl HashReader for Tip<'_> {
    type Error = MissingNode;

    fn node(&self, level: u8, index: u64) -> Result<Hash, MissingNode> {
        let missing = MissingNode { level, index };
        if let Some(upper) = level.checked_sub(GROUP_LEVEL) {
            let nodes = self.upper.levels.get(usize::from(upper)).ok_or(missing)?;
            let hash = usize::try_from(index).ok().and_then(|index| nodes.get(index));
            return hash.copied().ok_or(missing);
        }
        let nodes_of_group = 1 << (GROUP_LEVEL - level);
        let records = if index / nodes_of_group == self.group { &self.records } else { &self.upper.rest };
        records.node(level, index % nodes_of_group)
    }
}
