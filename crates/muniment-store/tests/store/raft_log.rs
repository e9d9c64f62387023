//! The Raft log at its boundary, on real files.

use std::path::Path;
use std::sync::Arc;

use muniment_core::{Hash, LogIndex, RaftTerm, TreeSize};
use muniment_store::raft_log::{self, Frame, Intent, LogReader, LogWriter, Options};
use muniment_store::{FileDisk, StorageError};

const SMALL: Options = Options { segment_bytes: 128 * 1024, spare_segments: 1 };

fn open(dir: &Path) -> (LogWriter, LogReader) {
    let (writer, reader, _) = raft_log::open(Arc::new(FileDisk), dir, SMALL).unwrap();
    (writer, reader)
}

fn entry(index: u64, bytes: &[u8]) -> Frame<'_> {
    Frame::Entry { index: LogIndex(index), raft_term: RaftTerm(3), bytes }
}

fn write_entries(writer: &mut LogWriter, indexes: std::ops::Range<u64>) {
    for index in indexes {
        writer.write_group(&[entry(index, &[u8::try_from(index % 251).unwrap(); 500])]).unwrap();
    }
    writer.sync().unwrap();
}

fn indexes(reader: &LogReader) -> Vec<u64> {
    let entries = reader.read(LogIndex(0)..LogIndex(u64::MAX), u64::MAX).unwrap();
    entries.iter().map(|entry| entry.index.0).collect()
}

#[test]
fn what_was_written_is_read_at_once_and_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let intent = Intent { size: TreeSize(9), time_s: 10, body_digest: Hash([3; 32]) };
    let check = |reader: &LogReader| {
        assert_eq!(indexes(reader), (0..=4).collect::<Vec<_>>());
        assert_eq!(reader.vote().as_deref(), Some(b"vote".as_slice()));
        assert_eq!(reader.committed().as_deref(), Some(b"hint".as_slice()));
        assert_eq!(reader.last_intent(), Some(intent));
        let two = reader.read(LogIndex(1)..LogIndex(5), 40).unwrap();
        assert_eq!(two.len(), 2, "two entries of 20 bytes with their prefix fit 40");
        assert_eq!(two[0].bytes, b"abcd");
    };
    {
        let (mut writer, reader) = open(dir.path());
        let frames: Vec<_> = (0..5).map(|index| entry(index, b"abcd")).collect();
        writer.write_group(&frames).unwrap();
        writer
            .write_group(&[Frame::Vote(b"vote"), Frame::Committed(b"hint"), Frame::Intent(intent)])
            .unwrap();
        check(&reader);
        writer.sync().unwrap();
    }
    check(&open(dir.path()).1);
}

#[test]
fn truncated_and_purged_entries_stay_away_over_segments_and_reopening() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (mut writer, reader) = open(dir.path());
        writer.write_group(&[Frame::Vote(b"kept")]).unwrap();
        write_entries(&mut writer, 1..1000);
        writer.write_group(&[Frame::TruncateAfter { last_kept: Some(LogIndex(900)) }]).unwrap();
        write_entries(&mut writer, 901..950);
        writer.write_group(&[Frame::Purge { upto: LogIndex(800), log_id: b"id" }]).unwrap();
        writer.sync().unwrap();
        assert_eq!(indexes(&reader), (801..950).collect::<Vec<_>>());
    }
    let segments = std::fs::read_dir(dir.path()).unwrap().count();
    assert!(segments <= 4, "purged segments are recycled or removed, {segments} files are there");
    let (mut writer, reader) = open(dir.path());
    assert_eq!(indexes(&reader), (801..950).collect::<Vec<_>>());
    assert_eq!(reader.vote().as_deref(), Some(b"kept".as_slice()), "the vote outlives its first segment");
    assert_eq!(reader.purged().unwrap().log_id, b"id");
    write_entries(&mut writer, 950..1400);
    assert_eq!(indexes(&reader), (801..1400).collect::<Vec<_>>());
}

#[test]
fn an_entry_out_of_order_is_refused_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, reader) = open(dir.path());
    write_entries(&mut writer, 5..8);
    let error = writer.write_group(&[entry(9, b"")]).unwrap_err();
    assert!(matches!(error, StorageError::Refused { .. }), "{error}");
    write_entries(&mut writer, 8..9);
    assert_eq!(indexes(&reader), [5, 6, 7, 8]);
}
