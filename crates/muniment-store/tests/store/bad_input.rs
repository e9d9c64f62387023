//! Directories and disks that are not what they should be: each a typed error, nothing written, nothing lost.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use muniment_core::{LedgerId, LogIndex, NodeId, RaftTerm, Suite};
use muniment_store::identity::IdentityError;
use muniment_store::raft_log::{self, Frame, Options};
use muniment_store::{DataDir, FileDisk, Identity, OpenError, RESERVE_BYTES, StorageError, ledger};

use crate::faulty::FaultyDisk;
use crate::support::{append, batch, identity, sync_point};

const OPTIONS: Options = Options { segment_bytes: 256 * 1024, spare_segments: 1 };

fn open(dir: &Path, identity: &Identity) -> Result<DataDir, OpenError> {
    DataDir::open(Arc::new(FileDisk), dir, identity)
}

fn ours() -> Identity {
    identity(Suite::Sha256)
}

fn entry(index: u64) -> Frame<'static> {
    Frame::Entry { index: LogIndex(index), raft_term: RaftTerm(1), bytes: b"an entry of some bytes" }
}

#[test]
fn a_directory_of_another_node_or_ledger_is_refused_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), &ours()).unwrap());
    let before = fs::read(dir.path().join("identity")).unwrap();
    let other_node = Identity { node_id: NodeId(3), ..ours() };
    let reborn = Identity { incarnation: 78, ..ours() };
    for other in [other_node, reborn] {
        let error = open(dir.path(), &other).unwrap_err();
        assert!(matches!(error, OpenError::Identity(IdentityError::OtherNode { .. })), "{error}");
    }
    let error = open(dir.path(), &Identity { ledger_id: LedgerId([1; 32]), ..ours() }).unwrap_err();
    assert!(matches!(error, OpenError::Identity(IdentityError::OtherLedger { .. })), "{error}");
    assert_eq!(fs::read(dir.path().join("identity")).unwrap(), before);
    drop(open(dir.path(), &ours()).unwrap());
}

#[test]
fn two_processes_never_have_one_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), &ours()).unwrap();
    let error = open(dir.path(), &ours()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    drop(first);
    drop(open(dir.path(), &ours()).unwrap());
}

#[test]
fn another_format_version_and_a_damaged_identity_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), &ours()).unwrap());
    let path = dir.path().join("identity");
    let good = fs::read(&path).unwrap();
    let mut later = good.clone();
    later[9] = 1;
    fs::write(&path, &later).unwrap();
    let error = open(dir.path(), &ours()).unwrap_err();
    assert!(matches!(error, OpenError::Identity(IdentityError::Format { found: 1, .. })), "{error}");
    for (at, byte) in good.iter().enumerate().filter(|(at, _)| !(8..10).contains(at)) {
        let mut damaged = good.clone();
        damaged[at] = byte ^ 1;
        fs::write(&path, &damaged).unwrap();
        let error = open(dir.path(), &ours()).unwrap_err();
        let corrupt =
            matches!(error, OpenError::Identity(IdentityError::Storage(StorageError::Corrupt { .. })));
        assert!(corrupt, "byte {at}: {error}");
    }
    for end in 0..good.len() {
        fs::write(&path, &good[..end]).unwrap();
        assert!(open(dir.path(), &ours()).is_err(), "cut at {end}");
    }
}

#[test]
fn a_log_segment_of_another_format_says_so() {
    let dir = tempfile::tempdir().unwrap();
    drop(raft_log::open(Arc::new(FileDisk), dir.path(), OPTIONS).unwrap());
    let path = dir.path().join("0000000000000001.log");
    let mut bytes = fs::read(&path).unwrap();
    bytes[9] = 7;
    fs::write(&path, bytes).unwrap();
    let error = raft_log::open(Arc::new(FileDisk), dir.path(), OPTIONS).unwrap_err();
    assert!(error.to_string().contains("format version 7"), "{error}");
}

#[test]
fn damage_before_the_last_group_of_a_log_is_never_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0000000000000001.log");
    {
        let (mut log, ..) = raft_log::open(Arc::new(FileDisk), dir.path(), OPTIONS).unwrap();
        for index in 1..=20 {
            log.write_group(&[entry(index)]).unwrap();
            log.sync().unwrap();
        }
    }
    let good = fs::read(&path).unwrap();
    let written = good.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    // The last group: nothing shows that it was synced, so damage in it is a torn tail.
    let last_group = written - (17 + 16) - (17 + 16 + 22);
    for at in (0..written).step_by(7) {
        let mut damaged = good.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        match raft_log::open(Arc::new(FileDisk), dir.path(), OPTIONS) {
            Err(StorageError::Corrupt { path: named, offset, .. }) => {
                assert_eq!((named, offset <= at as u64), (path.clone(), true), "byte {at}");
                assert_eq!(fs::read(&path).unwrap(), damaged, "byte {at}: nothing is changed");
                assert!(at < last_group, "byte {at} is in the last group");
            }
            Err(error) => panic!("byte {at}: {error}"),
            Ok((_, reader, _)) => {
                assert!(at >= last_group, "byte {at} was cut");
                assert_eq!(reader.last_index(), Some(LogIndex(19)));
            }
        }
    }
}

#[test]
fn a_failed_flush_of_the_log_is_for_ever_and_never_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let (mut log, ..) = raft_log::open(Arc::new(disk.clone()), dir.path(), OPTIONS).unwrap();
    log.write_group(&[entry(1)]).unwrap();
    disk.fail_syncs(1);
    let first = log.sync().unwrap_err().to_string();
    let syncs = disk.syncs();
    assert_eq!(log.sync().unwrap_err().to_string(), first);
    assert_eq!(log.write_group(&[entry(2)]).unwrap_err().to_string(), first);
    assert_eq!(log.health().first_failure().unwrap().to_string(), first);
    assert_eq!(disk.syncs(), syncs, "no flush after the failed one");
}

#[test]
fn a_failed_flush_of_evidence_stops_writer_and_sync_points_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let mut opened = ledger::open(Arc::new(disk.clone()), dir.path(), &ours()).unwrap();
    append(&mut opened.writer, &batch(Suite::Sha256, 1, 3)).unwrap();
    disk.fail_syncs(1);
    let first = sync_point(&opened.writer, 1, true).unwrap_err().to_string();
    let syncs = disk.syncs();
    assert_eq!(sync_point(&opened.writer, 1, true).unwrap_err().to_string(), first);
    assert_eq!(append(&mut opened.writer, &batch(Suite::Sha256, 2, 3)).unwrap_err().to_string(), first);
    assert_eq!(disk.syncs(), syncs, "no flush after the failed one");
}

#[test]
fn a_full_disk_is_foreseen_with_a_reserve_and_typed_when_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let data = DataDir::open(Arc::new(disk.clone()), dir.path(), &ours()).unwrap();
    disk.set_available(RESERVE_BYTES + 1000);
    data.insist_on_room(1000).unwrap();
    let error = data.insist_on_room(1001).unwrap_err();
    assert!(matches!(error, StorageError::Full { needed, .. } if needed == RESERVE_BYTES + 1001), "{error}");
    let (mut log, reader, _) = raft_log::open(data.disk(), &data.raft_dir(), OPTIONS).unwrap();
    log.write_group(&[entry(1)]).unwrap();
    log.sync().unwrap();
    disk.fill(1);
    let error = log.write_group(&[entry(2)]).unwrap_err();
    assert!(matches!(error, StorageError::Full { .. }), "{error}");
    assert_eq!(reader.last_index(), Some(LogIndex(1)), "what was not written is not there");
    drop((log, data));
    let data = DataDir::open(Arc::new(disk), dir.path(), &ours()).unwrap();
    let (_, reader, _) = raft_log::open(data.disk(), &data.raft_dir(), OPTIONS).unwrap();
    assert_eq!(reader.last_index(), Some(LogIndex(1)), "what was synced is there");
}

#[test]
fn a_damaged_record_is_never_served() {
    for (name, at) in [("records/10y/00000000", 80), ("stubs/0000", 3), ("addresses/0000", 9)] {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = crate::support::open(dir.path(), Suite::Blake3);
        append(&mut opened.writer, &batch(Suite::Blake3, 1, 3)).unwrap();
        let leaf = muniment_core::LeafIndex(0);
        let served = || opened.view.record(leaf).and_then(|_| opened.view.stub(leaf));
        served().unwrap();
        let path = dir.path().join(name);
        let mut damaged = fs::read(&path).unwrap();
        damaged[at] ^= 4;
        fs::write(&path, damaged).unwrap();
        let error = served().unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}
