//! Damaged evidence files are replaced by a peer's, and only by what leads to this node's own root.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muniment_core::{NodeId, Suite, TreeSize};
use muniment_store::fsck::{check_file, fsck, newest_files};
use muniment_store::manifest::{DirectorySource, FileSource as _};
use muniment_store::repair::{Checked, Repair};
use muniment_store::{DataDir, FileDisk, Identity, StorageError, ledger};
use tempfile::TempDir;

use crate::support::{append, batch, check_leaf, identity, sync_point};

const SUITE: Suite = Suite::Blake3;

struct Pair {
    ours: TempDir,
    theirs: TempDir,
    node: DataDir,
    peer: DirectorySource,
}

/// Two nodes with the same ledger.
fn pair() -> Pair {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = |dir: &Path, number: u64| {
        let identity = Identity { node_id: NodeId(number), ..identity(SUITE) };
        let data = DataDir::open(Arc::new(FileDisk), dir, &identity).unwrap();
        let mut opened = ledger::open(data.disk(), &data.ledger_dir(), data.identity()).unwrap();
        for number in 1..=9 {
            append(&mut opened.writer, &batch(SUITE, number, 3)).unwrap();
        }
        opened.checkpoints.append(TreeSize(7), b"own note").unwrap();
        sync_point(&opened.writer, 9, true).unwrap();
        data
    };
    let node = open(ours.path(), 1);
    let other = open(theirs.path(), 2);
    let peer = DirectorySource::new(other.disk(), &other.ledger_dir());
    Pair { ours, theirs, node, peer }
}

impl Pair {
    fn path(&self, name: &str) -> PathBuf {
        self.ours.path().join("ledger").join(name)
    }

    /// Files that both nodes must hold alike.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut pending = vec![PathBuf::new()];
        let ledger = self.theirs.path().join("ledger");
        while let Some(dir) = pending.pop() {
            for entry in fs::read_dir(ledger.join(&dir)).unwrap() {
                let name = dir.join(entry.unwrap().file_name());
                if ledger.join(&name).is_dir() {
                    pending.push(name);
                } else {
                    names.push(name.to_str().unwrap().to_owned());
                }
            }
        }
        names.retain(|name| {
            name.contains('/') && !name.starts_with("world/") && !name.starts_with("checkpoints/")
        });
        names.sort();
        names
    }

    /// Repairs from the peer as long as checks find something, at most five times; answers where damaged files are kept.
    fn repair(&self, damage: impl Fn(&mut Vec<u8>)) -> Result<Option<PathBuf>, StorageError> {
        let mut repair = Repair::begin(&self.node)?;
        for _ in 0..5 {
            let findings = match repair.check(&check_leaf)? {
                Checked::Sound(sound) => {
                    let (size, root) = sound.tree_head();
                    if sound.root_at(size)? != root {
                        return Err(StorageError::Refused { what: "another root".to_owned() });
                    }
                    return sound.put_in_place();
                }
                Checked::Damaged(damaged, findings) => {
                    repair = damaged;
                    findings
                }
            };
            for file in repair.needed(&findings)? {
                let mut bytes = self.peer.read(&file.name, 0, file.bytes)?;
                damage(&mut bytes);
                let mut copy = repair.copy(file)?;
                copy.write(&bytes)?;
                copy.finish()?;
            }
        }
        Err(StorageError::Refused { what: "five attempts".to_owned() })
    }

    fn ends_sound(self) -> bool {
        let Self { ours, node, .. } = self;
        drop(node);
        let disk: Arc<dyn muniment_store::disk::Disk> = Arc::new(FileDisk);
        fsck(&disk, ours.path(), &check_leaf).unwrap().is_sound()
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn every_evidence_file_is_repaired_whatever_happened_to_it_and_the_damaged_one_is_kept() {
    let names = pair().names();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        for what in ["flipped", "cut", "gone"] {
            let pair = pair();
            let path = pair.path(&name);
            let whole = fs::read(&path).unwrap();
            match what {
                "flipped" => flip(&path, whole.len() / 2),
                "cut" => fs::write(&path, &whole[..whole.len() - 5]).unwrap(),
                _ => fs::remove_file(&path).unwrap(),
            }
            let damaged = fs::read(&path).ok();
            let kept = pair.repair(|_| ()).unwrap().expect("something was replaced");
            assert_eq!(fs::read(&path).unwrap(), whole, "{name} {what}");
            assert_eq!(fs::read(kept.join(&name)).ok(), damaged, "{name} {what}");
            assert!(fs::read_to_string(kept.join("findings.txt")).unwrap().contains(&name), "{name} {what}");
            assert!(pair.ends_sound(), "{name} {what}");
        }
    }
}

#[test]
fn a_copy_that_does_not_lead_to_the_own_root_is_never_put_in_place() {
    for name in pair().names() {
        let pair = pair();
        let path = pair.path(&name);
        flip(&path, 10);
        let damaged = fs::read(&path).unwrap();
        // Every copy has a byte of its own that is wrong.
        let error = pair.repair(|bytes| bytes[11] ^= 1).unwrap_err();
        assert!(matches!(error, StorageError::Refused { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "{name}");
        assert!(!pair.ours.path().join("damaged").exists(), "{name}");
    }
}

#[test]
fn a_sound_directory_is_left_alone_and_files_that_no_peer_has_are_named() {
    let pair = pair();
    assert_eq!(pair.repair(|_| panic!("nothing is fetched")).unwrap(), None);
    flip(&pair.path("checkpoints/00000000"), 50);
    let error = pair.repair(|_| panic!("nothing is fetched")).unwrap_err();
    assert!(error.to_string().contains("checkpoints/00000000") && error.to_string().contains("no peer has"));
}

#[test]
fn a_crash_between_the_two_renames_leaves_a_missing_file_that_is_repaired_again() {
    let pair = pair();
    let path = pair.path("stubs/0000");
    let whole = fs::read(&path).unwrap();
    fs::create_dir_all(pair.ours.path().join("damaged/0001/stubs")).unwrap();
    fs::rename(&path, pair.ours.path().join("damaged/0001/stubs/0000")).unwrap();
    let error = ledger::open(pair.node.disk(), &pair.node.ledger_dir(), pair.node.identity()).unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
    let closed =
        ledger::open_closed(pair.node.disk(), &pair.node.ledger_dir(), pair.node.identity()).unwrap();
    assert_eq!((closed.view.size(), closed.point.size), (TreeSize(0), TreeSize(27)));
    let kept = pair.repair(|_| ()).unwrap().expect("it was replaced");
    assert!(kept.ends_with("damaged/0002"));
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn the_check_of_the_newest_files_alone_finds_a_byte_of_any_of_them() {
    let pair = pair();
    let check = || -> Vec<String> {
        let files = newest_files(&pair.node).unwrap();
        let findings = files.into_iter().flat_map(|file| check_file(&pair.node, file).unwrap());
        findings.map(|finding| finding.file).collect()
    };
    assert_eq!(check(), Vec::<String>::new());
    for name in pair.names() {
        let path = pair.path(&name);
        let length = fs::read(&path).unwrap().len();
        for at in [0, length / 2, length - 1] {
            flip(&path, at);
            assert!(check().contains(&name), "{name} at {at}: {:?}", check());
            flip(&path, at);
        }
    }
}

#[test]
fn what_a_read_finds_damaged_is_not_read_again_before_it_is_repaired() {
    let pair = pair();
    let opened = ledger::open(pair.node.disk(), &pair.node.ledger_dir(), pair.node.identity()).unwrap();
    let view = opened.view;
    let leaf = muniment_core::LeafIndex(5);
    assert!(view.stub(leaf).is_ok() && !view.is_damaged());
    flip(&pair.path("stubs/0000"), 5 * 64);
    assert!(matches!(view.stub(leaf), Err(StorageError::Corrupt { .. })));
    assert!(view.is_damaged());
    assert_eq!(view.damage()[0].file, "stubs/0000");
    flip(&pair.path("stubs/0000"), 5 * 64);
    assert!(matches!(view.stub(leaf), Err(StorageError::Corrupt { .. })), "it takes a repair");
    assert!(view.stub(muniment_core::LeafIndex(6)).is_ok(), "the others are served");
    assert!(view.insist_on_sound("stubs/0000", 0, 1000).is_err());
    assert!(view.insist_on_sound("stubs/0000", 6 * 64, 1000).is_ok());
}
