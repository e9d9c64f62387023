//! The evidence files at their boundary, on real files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muniment_core::digest::record_digest;
use muniment_core::{Hash, LeafIndex, RetentionClass, Suite, Tree, TreeSize, tree};
use muniment_store::disk::Disk;
use muniment_store::fsck::fsck;
use muniment_store::{DataDir, FileDisk, StorageError};

use crate::support::{append, batch, batch_of, check_leaf, meta, open, sync_point, world_after};

/// Content of every common evidence file below a ledger directory.
fn common_files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(path) = pending.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(dir).unwrap().to_owned();
            if path.is_dir() {
                pending.push(path);
            } else if !relative.starts_with("world") && !relative.starts_with("CURRENT") {
                files.insert(relative, fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn every_leaf_is_read_back_with_its_admission_and_the_root_is_the_trees() {
    for suite in Suite::ALL {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = open(dir.path(), suite);
        let batches: Vec<_> = (1..=20).map(|number| batch(suite, number, number % 7 + 1)).collect();
        for batch in &batches {
            append(&mut opened.writer, batch).unwrap();
        }
        let mut leaf = 0;
        for batch in &batches {
            for position in 0..batch.records.len() {
                assert_eq!(opened.view.stub(LeafIndex(leaf)).unwrap(), batch.stubs[position]);
                let (blind, record) = opened.view.record(LeafIndex(leaf)).unwrap();
                assert_eq!((blind, &record), (batch.blinds[position], &batch.records[position]));
                let kept = opened.view.admission(LeafIndex(leaf)).unwrap().unwrap();
                assert_eq!(kept.record_digests.len(), batch.records_admitted);
                assert_eq!(
                    kept.record_digests[kept.position as usize],
                    record_digest(suite, &blind, &record)
                );
                assert_eq!(kept.kept, batch.kept);
                leaf += 1;
            }
        }
        let stubs = batches.iter().flat_map(|batch| &batch.stubs);
        let root = tree::root_of(suite, Tree::Ledger, stubs.map(|stub| suite.leaf(Tree::Ledger, stub)));
        assert_eq!(opened.view.tree_head(), (TreeSize(leaf), root));
    }
}

#[test]
fn replay_from_the_dump_compares_then_writes_and_ends_in_the_same_bytes() {
    let (kept, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let suite = Suite::Blake3;
    for dir in [kept.path(), cut.path()] {
        let mut opened = open(dir, suite);
        for number in 1..=30 {
            append(&mut opened.writer, &batch(suite, number, 5)).unwrap();
            if number == 10 || number == 20 {
                sync_point(&opened.writer, number, number == 10).unwrap();
            }
        }
    }
    let mut opened = open(cut.path(), suite);
    assert_eq!(opened.view.size(), TreeSize(100), "cut back to the sync point");
    let world = opened.world.unwrap();
    assert_eq!((world.world, world.about.size), (world_after(10), TreeSize(50)));
    assert_eq!(opened.writer.size(), TreeSize(50), "replay starts at the dump");
    for number in 11..=30 {
        append(&mut opened.writer, &batch(suite, number, 5)).unwrap();
    }
    assert_eq!(opened.view.size(), TreeSize(150));
    assert_eq!(common_files(kept.path()), common_files(cut.path()));
}

#[test]
fn a_sync_point_never_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = open(dir.path(), Suite::Blake3);
    append(&mut opened.writer, &batch(Suite::Blake3, 1, 2)).unwrap();
    let older = opened.writer.prepare_sync_point(meta(1), None).unwrap();
    append(&mut opened.writer, &batch(Suite::Blake3, 2, 2)).unwrap();
    let newer = sync_point(&opened.writer, 2, false).unwrap();
    assert_eq!(older.run().unwrap(), newer);
    drop(opened);
    assert_eq!(open(dir.path(), Suite::Blake3).view.sync_point(), newer);
}

#[test]
fn records_go_on_in_a_second_segment_and_replay_and_check_follow() {
    let dir = tempfile::tempdir().unwrap();
    let identity = crate::support::identity(Suite::Blake3);
    let data = DataDir::open(Arc::new(FileDisk), dir.path(), &identity).unwrap();
    // 1,040 records of 64 KiB: more than 64 MiB.
    let large = |number| batch_of(Suite::Blake3, number, 16, |_| (64 * 1024, RetentionClass::TenYears));
    let mut opened = open(&data.ledger_dir(), Suite::Blake3);
    for number in 1..=65 {
        append(&mut opened.writer, &large(number)).unwrap();
    }
    sync_point(&opened.writer, 65, false).unwrap();
    drop(opened);
    let second = data.ledger_dir().join("records/10y/00000001");
    assert!(fs::metadata(second).unwrap().len() > 0, "a second segment was begun");
    let mut opened = open(&data.ledger_dir(), Suite::Blake3);
    for number in 1..=66 {
        append(&mut opened.writer, &large(number)).unwrap();
    }
    sync_point(&opened.writer, 66, false).unwrap();
    let last = LeafIndex(opened.view.size().0 - 1);
    assert_eq!(opened.view.record(last).unwrap().1, large(66).records[15]);
    drop((opened, data));
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    let report = fsck(&disk, dir.path(), &check_leaf).unwrap();
    assert_eq!((report.findings, report.counts.leaves), (vec![], 66 * 16));
}

#[test]
fn a_replay_that_contradicts_the_files_names_file_and_offset_and_stops_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::Sha256;
    let mut opened = open(dir.path(), suite);
    append(&mut opened.writer, &batch(suite, 1, 5)).unwrap();
    sync_point(&opened.writer, 1, false).unwrap();
    drop(opened);
    let mut opened = open(dir.path(), suite);
    let error = append(&mut opened.writer, &batch(suite, 2, 5)).unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
    let again = append(&mut opened.writer, &batch(suite, 1, 5)).unwrap_err();
    assert_eq!(again.to_string(), error.to_string(), "the first reason is kept");
}

#[test]
fn replay_finds_a_byte_that_changed_in_any_kind_of_file() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::Blake3;
    let mut opened = open(dir.path(), suite);
    append(&mut opened.writer, &batch(suite, 1, 5)).unwrap();
    sync_point(&opened.writer, 1, false).unwrap();
    drop(opened);
    for (path, good) in common_files(dir.path()) {
        let path = dir.path().join(path);
        let mut damaged = good.clone();
        *damaged.last_mut().unwrap() ^= 1;
        fs::write(&path, damaged).unwrap();
        let mut opened = open(dir.path(), suite);
        let error = append(&mut opened.writer, &batch(suite, 1, 5)).unwrap_err();
        let expected = good.len() as u64 - 1;
        let placed = matches!(&error, StorageError::Corrupt { path: named, offset, .. }
            if *named == path && *offset == expected);
        assert!(placed, "{}: {error}", path.display());
        fs::write(&path, good).unwrap();
    }
}

#[test]
fn checkpoints_survive_and_are_found_by_size() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path(), Suite::Blake3);
    for size in [3, 8, 20] {
        opened.checkpoints.append(TreeSize(size), format!("note {size}").as_bytes()).unwrap();
    }
    opened.checkpoints.append(TreeSize(8), b"note 8 again").unwrap();
    drop(opened);
    let opened = open(dir.path(), Suite::Blake3);
    assert_eq!(opened.checkpoints.latest().unwrap().unwrap(), (TreeSize(20), b"note 20".to_vec()));
    let found = opened.checkpoints.at_or_above(TreeSize(4)).unwrap().unwrap();
    assert_eq!(found, (TreeSize(8), b"note 8 again".to_vec()));
    assert_eq!(opened.checkpoints.at_or_above(TreeSize(21)).unwrap(), None);
}

#[test]
fn a_file_shorter_than_the_sync_point_and_a_missing_current_are_damage() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = open(dir.path(), Suite::Blake3);
    append(&mut opened.writer, &batch(Suite::Blake3, 1, 9)).unwrap();
    sync_point(&opened.writer, 1, false).unwrap();
    drop(opened);
    let identity = crate::support::identity(Suite::Blake3);
    let disk = || std::sync::Arc::new(muniment_store::FileDisk);
    let stubs = dir.path().join("stubs/0000");
    let bytes = fs::read(&stubs).unwrap();
    fs::write(&stubs, &bytes[..bytes.len() - 1]).unwrap();
    let error = muniment_store::ledger::open(disk(), dir.path(), &identity).unwrap_err();
    assert!(error.to_string().contains("stubs/0000"), "{error}");
    fs::write(&stubs, &bytes).unwrap();
    fs::remove_file(dir.path().join("CURRENT")).unwrap();
    let error = muniment_store::ledger::open(disk(), dir.path(), &identity).unwrap_err();
    assert!(error.to_string().contains("CURRENT"), "{error}");
}

#[test]
fn a_leaf_of_an_admission_that_the_batch_lacks_is_refused_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = open(dir.path(), Suite::Blake3);
    let good = batch(Suite::Blake3, 1, 1);
    let leaf = muniment_store::ledger::AppendLeaf {
        stub: good.stubs[0],
        class: good.classes[0],
        blind: good.blinds[0],
        record: &good.records[0],
        record_digest: good.digests[0],
        admission: Some(1),
        position: 0,
    };
    let bad = muniment_store::ledger::AppendBatch { admissions: &[b"kept"], leaves: &[leaf] };
    let error = opened.writer.append(&bad).unwrap_err();
    assert!(matches!(error, StorageError::Refused { .. }), "{error}");
    append(&mut opened.writer, &good).unwrap();
    assert_eq!(opened.view.size(), TreeSize(1));
    assert_ne!(opened.view.root(), Hash([0; 32]));
}
