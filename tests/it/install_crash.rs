//! Taking over a peer's files, crashed at every disk operation: the old files or the new ones, never a mixture.

use std::path::Path;
use std::sync::Arc;

use harness::disk::{Fault, SimDisk};
use harness::made_up::{self, MadeUpEntry, ORIGIN};
use muniment_core::{BureauNumber, Hash, LedgerId, LogIndex, NodeId, RaftTerm, Suite, TreeSize};
use muniment_store::disk::Disk;
use muniment_store::fsck::fsck;
use muniment_store::install::install;
use muniment_store::ledger::{self, EntryPosition, SyncPointMeta};
use muniment_store::manifest::{DirectorySource, Manifest};
use muniment_store::{DataDir, Identity, StorageError};

const SUITE: Suite = Suite::Sha256;

fn open(disk: &SimDisk, node: u64) -> DataDir {
    let identity = Identity {
        ledger_id: LedgerId([6; 32]),
        origin: ORIGIN.to_owned(),
        suite: SUITE,
        bureau: BureauNumber(1),
        node_id: NodeId(node),
        incarnation: node,
    };
    DataDir::open(Arc::new(disk.clone()), &path(node), &identity).expect("a data directory opens")
}

fn path(node: u64) -> std::path::PathBuf {
    Path::new("/nodes").join(node.to_string())
}

fn head(data: &DataDir) -> (TreeSize, Hash) {
    let opened = ledger::open(data.disk(), &data.ledger_dir(), data.identity()).expect("the ledger opens");
    opened.view.tree_head()
}

/// A node whose newest sync point is after `entries` entries.
fn fill(disk: &SimDisk, node: u64, entries: u32) {
    let data = open(disk, node);
    let mut opened =
        ledger::open(data.disk(), &data.ledger_dir(), data.identity()).expect("a new ledger opens");
    for number in 1..=entries {
        MadeUpEntry::new(SUITE, number, 3).append_to(&mut opened.writer).expect("the disk has no fault yet");
    }
    opened.checkpoints.append(TreeSize(1), b"own").expect("the disk has no fault yet");
    let position = EntryPosition { log_index: LogIndex(u64::from(entries)), raft_term: RaftTerm(1) };
    let meta = SyncPointMeta { position, membership: Vec::new() };
    let job = opened.writer.prepare_sync_point(meta, Some(Box::new(|sink| sink(b"world"))));
    job.and_then(|job| job.run()).expect("the disk has no fault yet");
}

/// Installs node 2's files at node 1.
fn take_over(disk: &SimDisk) -> Result<(), StorageError> {
    let (ours, theirs) = (open(disk, 1), open(disk, 2));
    let source = DirectorySource::new(theirs.disk(), &theirs.ledger_dir());
    let manifest = Manifest::describe(&*theirs.disk(), &theirs.ledger_dir())?;
    let expected = (manifest.size(), manifest.root());
    install(&ours, &manifest, expected, &source, &made_up::check_leaf)
}

fn prepared() -> SimDisk {
    let disk = SimDisk::new();
    fill(&disk, 1, 2);
    fill(&disk, 2, 7);
    disk
}

#[test]
fn an_installation_crashed_anywhere_leaves_the_old_files_or_the_new() {
    let whole = prepared();
    let (old, new) = (head(&open(&whole, 1)), head(&open(&whole, 2)));
    // Opening cuts and tidies too: its operations come first in both.
    let opening = {
        let disk = prepared();
        let before = disk.operations();
        drop((open(&disk, 1), open(&disk, 2)));
        disk.operations() - before
    };
    let disk = prepared();
    let before = disk.operations();
    take_over(&disk).expect("without a crash it ends");
    let operations = disk.operations() - before;
    assert_eq!(head(&open(&disk, 1)), new);
    let (mut olds, mut news) = (0, 0);
    for at in opening + 1..=operations {
        for seed in 0..4 {
            let disk = prepared();
            disk.inject(Fault::Crash { at: disk.operations() + at });
            take_over(&disk).expect_err("the machine stops");
            disk.restart(seed ^ at);
            let found = head(&open(&disk, 1));
            assert!(found == old || found == new, "operation {at}, seed {seed}: {found:?}");
            if found == old {
                olds += 1
            } else {
                news += 1
            }
            let disk: Arc<dyn Disk> = Arc::new(disk);
            let report = fsck(&disk, &path(1), &made_up::check_leaf).expect("it can be checked");
            assert_eq!(report.findings, [], "operation {at}, seed {seed}");
        }
    }
    assert!(olds > 0 && news > 0, "{olds} times the old files, {news} times the new");
}
