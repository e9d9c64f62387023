//! Damage of evidence files is found, named and placed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muniment_core::{Suite, TreeSize};
use muniment_store::disk::Disk;
use muniment_store::fsck::{Finding, Report, fsck};
use muniment_store::raft_log::{self, Frame, Options};
use muniment_store::{DataDir, FileDisk, OpenError, ledger};

use crate::support::{append, batch, check_leaf, identity, sync_point};

const SUITE: Suite = Suite::Blake3;

fn check(dir: &Path) -> Report {
    try_check(dir).unwrap()
}

fn try_check(dir: &Path) -> Result<Report, OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    fsck(&disk, dir, &check_leaf)
}

/// A data directory with 24 batches, the last of them beyond the sync point if `unsynced`.
fn data_dir(unsynced: bool) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(Arc::new(FileDisk), dir.path(), &identity(SUITE)).unwrap();
    let (mut log, ..) = raft_log::open(
        data.disk(),
        &data.raft_dir(),
        Options { segment_bytes: 1 << 20, ..Options::default() },
    )
    .unwrap();
    log.write_group(&[Frame::Vote(b"vote")]).unwrap();
    log.sync().unwrap();
    let mut opened = ledger::open(data.disk(), &data.ledger_dir(), data.identity()).unwrap();
    for number in 1..=23 {
        append(&mut opened.writer, &batch(SUITE, number, number % 5)).unwrap();
        opened.checkpoints.append(TreeSize(number), b"note").unwrap();
    }
    sync_point(&opened.writer, 23, true).unwrap();
    if unsynced {
        append(&mut opened.writer, &batch(SUITE, 24, 4)).unwrap();
    }
    dir
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(path) = pending.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { pending.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// Flips bits of one byte, checks, and puts the byte back.
fn findings_of_flip(data: &Path, file: &Path, at: usize, mask: u8) -> Vec<Finding> {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= mask;
    fs::write(file, &bytes).unwrap();
    let findings = check(data).findings;
    bytes[at] ^= mask;
    fs::write(file, &bytes).unwrap();
    findings
}

#[test]
fn a_sound_directory_is_sound_and_bytes_beyond_the_sync_point_are_no_damage() {
    let dir = data_dir(true);
    let report = check(dir.path());
    assert_eq!(report.findings, []);
    assert!(report.notes.iter().any(|note| note.contains("beyond the sync point")), "{:?}", report.notes);
    let leaves: u64 = (1..=23).map(|number| number % 5).sum();
    assert_eq!((report.counts.leaves, report.counts.admissions), (leaves, 19));
    assert_eq!((report.counts.checkpoints, report.counts.log_frames), (23, 2));
}

#[test]
#[expect(clippy::print_stdout, reason = "a random test prints its seed")]
fn any_byte_changed_in_an_evidence_file_is_found_in_its_file_and_row() {
    let dir = data_dir(false);
    let ledger = dir.path().join("ledger");
    let mut seed: u64 = 0x5eed_0001;
    println!("seed {seed:#x}");
    let mut random = || {
        // xorshift64*
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        usize::try_from(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap()
    };
    let mut flips = 0;
    for path in files_below(&ledger) {
        let file = path.strip_prefix(dir.path()).unwrap().display().to_string();
        let length = fs::read(&path).unwrap().len();
        let whole = file.ends_with("CURRENT") || file.contains("/world/");
        for turn in 0..40 {
            // Both ends of each file, and many places between.
            let at = if turn == 0 {
                0
            } else if turn == 1 {
                length - 1
            } else {
                random() % length
            };
            let mask = 1 << (random() % 8);
            let findings = findings_of_flip(dir.path(), &path, at, mask);
            let at_u64 = at as u64;
            let placed = findings.iter().any(|finding| {
                let Finding { offset, length, .. } = finding;
                finding.file == file && (whole || (*offset..offset + length).contains(&at_u64))
            });
            assert!(placed, "byte {at} of {file}, mask {mask:#04x}: {findings:#?}");
            let elsewhere = findings.iter().find(|finding| finding.file != file);
            assert_eq!(elsewhere, None, "byte {at} of {file}, mask {mask:#04x}: {findings:#?}");
            flips += 1;
        }
    }
    println!("{flips} of {flips} flips found");
}

/// A row whose checksum holds can still say what is not so: look-ups and receipts' paths rely on its digest.
#[test]
fn an_address_row_with_the_digest_of_another_record_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(Arc::new(FileDisk), dir.path(), &identity(SUITE)).unwrap();
    let mut opened = ledger::open(data.disk(), &data.ledger_dir(), data.identity()).unwrap();
    let mut wrong = batch(SUITE, 1, 4);
    wrong.digests.swap(1, 2);
    append(&mut opened.writer, &wrong).unwrap();
    sync_point(&opened.writer, 1, true).unwrap();
    drop((opened, data));
    let found: Vec<(String, u64)> =
        check(dir.path()).findings.into_iter().map(|finding| (finding.file, finding.offset)).collect();
    assert_eq!(found, [("ledger/addresses/0000".to_owned(), 64), ("ledger/addresses/0000".to_owned(), 128)]);
}

#[test]
fn removed_swapped_and_cut_files_are_found() {
    let dir = data_dir(false);
    for name in ["stubs/0000", "records/3y/00000000", "admissions/00000000", "addresses/0000", "tree/01/0000"]
    {
        let path = dir.path().join("ledger").join(name);
        let bytes = fs::read(&path).unwrap();
        for damaged in
            [None, Some(Vec::new()), Some(bytes[..bytes.len() - 3].to_vec()), Some(vec![0; bytes.len()])]
        {
            match damaged {
                None => fs::remove_file(&path).unwrap(),
                Some(damaged) => fs::write(&path, damaged).unwrap(),
            }
            let findings = check(dir.path()).findings;
            assert!(findings.iter().any(|finding| finding.file.ends_with(name)), "{name}: {findings:?}");
            fs::write(&path, &bytes).unwrap();
        }
    }
    assert!(check(dir.path()).is_sound());
}

#[test]
fn a_directory_in_use_is_not_checked() {
    let dir = data_dir(false);
    let _open = DataDir::open(Arc::new(FileDisk), dir.path(), &identity(SUITE)).unwrap();
    assert!(matches!(try_check(dir.path()), Err(OpenError::Locked { .. })));
}
