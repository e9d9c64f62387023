//! Bugs to be found: each comes in through a parameter that a node has anyway.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use muniment_core::checkpoint::CheckpointBody;
use muniment_core::{Flag, NodeId, RulesVersion, TreeSize};
use muniment_ledger::World;
use muniment_ledger::judge::{Candidate, Judgement, Rules};
use muniment_ledger::rules::V1;
use muniment_raft::{CheckpointContext, Environment as _, Notary, OwnState};
use muniment_store::StorageError;
use muniment_store::disk::{DirEntry, Disk, DiskFile, DiskLock, FileHandle};
use muniment_store::ledger::View;

use crate::disk::{Lie, SimDisk};
use crate::simulation::SimEnvironment;

/// Makes a node's notary.
pub type NotaryOf = Arc<dyn Fn(NodeId) -> Arc<dyn Notary>>;
/// Makes a node's rules; `None` for this build's own.
pub type RulesOf = Arc<dyn Fn(NodeId) -> Option<Arc<dyn Rules>>>;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// An honest run.
    None,
    /// Flushes do nothing.
    AcknowledgeBeforeFsync,
    /// A vote is not flushed; the next entry's flush takes it along.
    VoteNotSynced,
    /// Rules that read the clock.
    WallClockInApply,
    /// Rules that follow the order of a hash map.
    HashMapOrderInApply,
    /// The root that is signed is the one from before the entry.
    SignBeforeRecomputing,
    /// Each node signs at sizes of its own.
    NodeChosenSealSizes,
    /// A rule panics for some records: no bug of the ledger's, X01 on every node.
    PanickingRule,
}

impl Plant {
    /// The disk as a node gets it.
    #[must_use]
    pub fn disk(self, disk: &SimDisk) -> Arc<dyn Disk> {
        match self {
            Self::AcknowledgeBeforeFsync => {
                disk.lie(Lie::SkipSyncData);
                Arc::new(disk.clone())
            }
            Self::VoteNotSynced => Arc::new(VoteSkippingDisk(disk.clone())),
            _ => Arc::new(disk.clone()),
        }
    }

    /// The notaries of the nodes.
    #[must_use]
    pub fn notary(self) -> NotaryOf {
        match self {
            Self::SignBeforeRecomputing => Arc::new(|_| Arc::new(StaleNotary(Mutex::default()))),
            Self::NodeChosenSealSizes => Arc::new(|id| Arc::new(OwnSizes(id))),
            _ => Arc::new(|_| Arc::new(OwnState)),
        }
    }

    /// The rules of the nodes.
    #[must_use]
    pub fn rules(self) -> RulesOf {
        let bent = match self {
            Self::WallClockInApply => Bend::Clock,
            Self::HashMapOrderInApply => Bend::HashMap,
            Self::PanickingRule => Bend::Panic,
            _ => return Arc::new(|_| None),
        };
        Arc::new(move |_| Some(Arc::new(BentRules(bent)) as Arc<dyn Rules>))
    }
}

#[derive(Clone, Copy, Debug)]
enum Bend {
    Clock,
    HashMap,
    Panic,
}

/// The rules of this build with something that does not belong into rules.
#[derive(Debug)]
struct BentRules(Bend);

impl Rules for BentRules {
    fn version(&self) -> RulesVersion {
        V1.version()
    }

    fn judge(&self, world: &World, candidate: &Candidate<'_>) -> Judgement {
        let mut judgement = V1.judge(world, candidate)?;
        let raise = match self.0 {
            Bend::Clock => SimEnvironment::default().now().0 % 2 == 0,
            Bend::HashMap => {
                let map: HashMap<u64, u64> = (0..16).map(|key| (key, key)).collect();
                map.keys().next().is_some_and(|first| first % 2 == 0)
            }
            Bend::Panic => fails_for_every_fifth(candidate),
        };
        if raise {
            judgement.verdict.raise(Flag::T01);
        }
        Ok(judgement)
    }
}

/// Never raises a flag; panics instead.
fn fails_for_every_fifth(candidate: &Candidate<'_>) -> bool {
    assert!(candidate.leaf.0 % 5 != 3, "a rule that fails for every fifth leaf");
    false
}

/// Signs the root from before: what a node does that signs first and computes later.
struct StaleNotary(Mutex<Option<CheckpointBody>>);

impl Notary for StaleNotary {
    fn seals(&self, marked: bool, _: TreeSize) -> bool {
        marked
    }

    fn body(
        &self,
        context: &CheckpointContext,
        size: TreeSize,
        files: &View,
    ) -> Result<CheckpointBody, StorageError> {
        let fresh = OwnState.body(context, size, files)?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.replace(fresh.clone());
        Ok(CheckpointBody { root: before.map_or(fresh.root, |before| before.root), ..fresh })
    }
}

/// Signs where it likes.
struct OwnSizes(NodeId);

impl Notary for OwnSizes {
    fn seals(&self, _: bool, size: TreeSize) -> bool {
        size.0 % 7 == self.0.0
    }

    fn body(
        &self,
        context: &CheckpointContext,
        size: TreeSize,
        files: &View,
    ) -> Result<CheckpointBody, StorageError> {
        OwnState.body(context, size, files)
    }
}

/// A disk on which a flush does nothing if all that was written since the last one is a group with a vote.
#[derive(Debug)]
struct VoteSkippingDisk(SimDisk);

struct VoteSkippingFile {
    file: FileHandle,
    only_votes: AtomicBool,
}

/// A group frame and a vote's frame are shorter than this; a group with an entry is longer.
const VOTE_GROUP_BYTES_MAX: usize = 72;

impl VoteSkippingDisk {
    fn wrap(file: FileHandle) -> FileHandle {
        Arc::new(VoteSkippingFile { file, only_votes: AtomicBool::new(true) })
    }
}

impl Disk for VoteSkippingDisk {
    fn open(&self, path: &Path) -> io::Result<FileHandle> {
        let file = self.0.open(path)?;
        Ok(if path.starts_with("/data/raft") { Self::wrap(file) } else { file })
    }

    fn create(&self, path: &Path) -> io::Result<FileHandle> {
        let file = self.0.create(path)?;
        Ok(if path.starts_with("/data/raft") { Self::wrap(file) } else { file })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.remove_dir_all(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.0.list(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.0.lock(path)
    }

    fn available_bytes(&self, path: &Path) -> io::Result<u64> {
        self.0.available_bytes(path)
    }
}

impl fmt::Debug for VoteSkippingFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

impl DiskFile for VoteSkippingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if bytes.len() > VOTE_GROUP_BYTES_MAX {
            self.only_votes.store(false, Ordering::SeqCst);
        }
        self.file.write_at(bytes, offset)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.only_votes.store(false, Ordering::SeqCst);
        self.file.allocate(length)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.only_votes.store(false, Ordering::SeqCst);
        self.file.set_len(length)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.only_votes.swap(true, Ordering::SeqCst) { Ok(()) } else { self.file.sync_data() }
    }
}
