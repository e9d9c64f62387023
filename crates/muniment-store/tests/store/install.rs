//! Evidence files of a peer take the place of this node's only if every byte of them holds.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use muniment_core::{Hash, NodeId, Suite, TreeSize};
use muniment_store::install::install;
use muniment_store::manifest::{DirectorySource, FileSource, Manifest};
use muniment_store::{DataDir, FileDisk, Identity, StorageError, ledger};

use crate::support::{append, batch, check_leaf, identity, sync_point, world_after};

const SUITE: Suite = Suite::Blake3;

fn node(dir: &Path, number: u64) -> DataDir {
    let identity = Identity { node_id: NodeId(number), ..identity(SUITE) };
    DataDir::open(Arc::new(FileDisk), dir, &identity).unwrap()
}

/// A ledger of some batches with a sync point and a dump; answers size and root.
fn fill(data: &DataDir, batches: u64) -> (TreeSize, Hash) {
    let mut opened = ledger::open(data.disk(), &data.ledger_dir(), data.identity()).unwrap();
    for number in 1..=batches {
        append(&mut opened.writer, &batch(SUITE, number, 3)).unwrap();
    }
    opened.checkpoints.append(TreeSize(batches), b"own note").unwrap();
    sync_point(&opened.writer, batches, true).unwrap();
    opened.view.tree_head()
}

/// Damages one byte of one file on its way.
struct Damaging<'a> {
    source: DirectorySource,
    name: &'a str,
}

impl FileSource for Damaging<'_> {
    fn read(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>, StorageError> {
        let mut bytes = self.source.read(name, offset, length)?;
        if name == self.name {
            bytes[7] ^= 1;
        }
        Ok(bytes)
    }
}

#[test]
fn a_peers_files_are_installed_and_the_own_checkpoints_stay() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (our_node, their_node) = (node(ours.path(), 1), node(theirs.path(), 2));
    fill(&our_node, 2);
    let head = fill(&their_node, 9);
    let source = DirectorySource::new(their_node.disk(), &their_node.ledger_dir());
    let manifest = Manifest::describe(&FileDisk, &their_node.ledger_dir()).unwrap();
    let manifest = Manifest::decode(&manifest.encode()).unwrap();
    install(&our_node, &manifest, head, &source, &check_leaf).unwrap();
    let opened = ledger::open(our_node.disk(), &our_node.ledger_dir(), our_node.identity()).unwrap();
    assert_eq!(opened.view.tree_head(), head);
    assert_eq!(opened.world.unwrap().world, world_after(9));
    assert_eq!(opened.checkpoints.latest().unwrap(), Some((TreeSize(2), b"own note".to_vec())));
}

#[test]
fn no_damaged_file_and_no_other_root_is_installed() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (our_node, their_node) = (node(ours.path(), 1), node(theirs.path(), 2));
    let before = fill(&our_node, 2);
    let head = fill(&their_node, 9);
    let manifest = Manifest::describe(&FileDisk, &their_node.ledger_dir()).unwrap();
    for file in manifest.files() {
        let source = DirectorySource::new(their_node.disk(), &their_node.ledger_dir());
        let damaging = Damaging { source, name: &file.name };
        let error = install(&our_node, &manifest, head, &damaging, &check_leaf).unwrap_err();
        assert!(error.to_string().contains(&file.name), "{}: {error}", file.name);
        let told_at_once = error.to_string().contains("not those of the manifest");
        assert_eq!(told_at_once, file.digest.is_some(), "{}: {error}", file.name);
    }
    let source = DirectorySource::new(their_node.disk(), &their_node.ledger_dir());
    let error = install(&our_node, &manifest, (head.0, Hash([0; 32])), &source, &check_leaf).unwrap_err();
    assert!(matches!(error, StorageError::Refused { .. }), "{error}");
    let opened = ledger::open(our_node.disk(), &our_node.ledger_dir(), our_node.identity()).unwrap();
    assert_eq!(opened.view.tree_head(), before, "the own files are untouched");
}

#[test]
fn a_swap_that_a_crash_cut_short_is_finished_or_undone_at_open() {
    let dir = tempfile::tempdir().unwrap();
    let data = node(dir.path(), 1);
    let head = fill(&data, 4);
    drop(data);
    let (ledger_dir, incoming, outgoing) =
        (dir.path().join("ledger"), dir.path().join("ledger.incoming"), dir.path().join("ledger.outgoing"));
    let reopened = || {
        let data = node(dir.path(), 1);
        let opened = ledger::open(data.disk(), &data.ledger_dir(), data.identity()).unwrap();
        assert_eq!(opened.view.tree_head(), head);
        assert!(!incoming.exists() && !outgoing.exists());
    };
    // Between the two renames: the incoming files are whole.
    fs::rename(&ledger_dir, &incoming).unwrap();
    fs::create_dir(&outgoing).unwrap();
    reopened();
    // Fetching had just begun.
    fs::create_dir(&incoming).unwrap();
    reopened();
    // Nothing but the old files is whole.
    fs::rename(&ledger_dir, &outgoing).unwrap();
    fs::create_dir(&incoming).unwrap();
    reopened();
}

#[test]
fn peers_read_nothing_but_common_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let data = node(dir.path(), 1);
    fill(&data, 2);
    let source = DirectorySource::new(data.disk(), &data.ledger_dir());
    source.read("stubs/0000", 0, 64).unwrap();
    for name in ["CURRENT", "../identity", "checkpoints/00000000", "world/../../identity", "/etc/passwd"] {
        let error = source.read(name, 0, 1).unwrap_err();
        assert!(matches!(error, StorageError::Refused { .. }), "{name}: {error}");
    }
}

#[test]
fn a_sync_point_that_would_make_the_writer_go_on_elsewhere_is_refused() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (our_node, their_node) = (node(ours.path(), 1), node(theirs.path(), 2));
    fill(&our_node, 2);
    let head = fill(&their_node, 9);
    let source = DirectorySource::new(their_node.disk(), &their_node.ledger_dir());
    let manifest = Manifest::describe(&FileDisk, &their_node.ledger_dir()).unwrap();
    let honest = manifest.encode();
    let membership = manifest.membership().len();
    // Behind magic, format, ledger id, position, membership, size, root and dump: six ends of 20 bytes.
    let ends = 4 + 8 + 2 + 32 + 17 + 4 + membership + 8 + 32 + 1 + 64;
    let current = 4 + usize::try_from(u32::from_be_bytes(*honest.first_chunk().unwrap())).unwrap();
    for end in 0..6 {
        let mut lying = honest.clone();
        lying[ends + 20 * end + 7] ^= 1;
        let digest = blake3::hash(&lying[4..current - 32]);
        lying[current - 32..current].copy_from_slice(digest.as_bytes());
        let manifest = Manifest::decode(&lying).unwrap();
        let error = install(&our_node, &manifest, head, &source, &check_leaf).unwrap_err();
        assert!(error.to_string().contains(&format!("end of segment sequence {end}")), "{end}: {error}");
    }
    install(&our_node, &manifest, head, &source, &check_leaf).unwrap();
}
