//! `muniment demo`: its figures on made-up and real records, and what it finds when a byte of a file is changed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::muniment::{copy_dir, demo, imported, say, xroad_file};

const MADE_UP: &str = "3010 rows, 3010 leaves of them, 2985 in force, 5 A01, 5 exchange ids used 2 times, \
                       50 of 50 violations found, 0 flagged in vain, 0 lost";
const XROAD: &str =
    "5230 rows, 5230 leaves of them, 3810 in force, 1420 A01, 1 exchange id used 3 times, 0 lost";

#[test]
fn made_up_traffic_is_in_the_ledger_and_every_violation_flagged_in_each_suite() {
    for suite in ["blake3", "sha256", "sm3"] {
        let dir = tempfile::tempdir().unwrap();
        let ended = demo(dir.path(), &["--suite".as_ref(), suite.as_ref()]).expect_code(0);
        assert_eq!(ended.last_line(), MADE_UP, "{suite}");
        let verify = format!("muniment verify {}", dir.path().join("receipt.txt").display());
        assert!(ended.stderr.contains(&verify), "{suite}: the way to go on is shown: {}", ended.stderr);
    }
}

#[test]
fn the_real_xroad_records_give_the_figures_of_the_file_in_each_suite() {
    let Some(input) = xroad_file() else { return };
    for suite in ["blake3", "sha256", "sm3"] {
        let dir = tempfile::tempdir().unwrap();
        let arguments = ["--input".as_ref(), input.as_os_str(), "--suite".as_ref(), suite.as_ref()];
        let ended = demo(dir.path(), &arguments).expect_code(0);
        assert_eq!(ended.last_line(), XROAD, "{suite}");
        let equal = ended.stderr.lines().any(|line| line.contains("files of 3 members equal"));
        assert!(equal, "{suite}: {}", ended.stderr);
    }
}

/// Files of a family of evidence below a member's directory.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[test]
fn a_changed_byte_of_any_members_evidence_is_named_with_file_and_offset() {
    let dir = tempfile::tempdir().unwrap();
    copy_dir(&imported(), dir.path());
    let check = || demo(dir.path(), &["--only".as_ref(), "check".as_ref()]);
    assert_eq!(check().expect_code(0).last_line(), MADE_UP);

    // Every file's first, middle and last byte, and a bit that moves on with each.
    let (mut tried, mut bit) = (0, 0);
    for (member, family) in
        [("hefei", "records"), ("bozhou", "admissions"), ("wuhu", "stubs"), ("hefei", "tree")]
    {
        for file in files_below(&dir.path().join(member).join("ledger").join(family)) {
            let bytes = fs::read(&file).unwrap();
            if bytes.is_empty() {
                continue;
            }
            for offset in [0, bytes.len() / 2, bytes.len() - 1] {
                let mut damaged = bytes.clone();
                damaged[offset] ^= 1 << bit;
                bit = (bit + 1) % 8;
                fs::write(&file, &damaged).unwrap();
                let ended = check().expect_code(1);
                let name = file.display().to_string();
                let byte = format!("differ from offset {offset} on");
                let by_itself =
                    ended.stderr.lines().any(|line| line.starts_with(&format!("{name}: offset ")));
                let compared = ended.stderr.lines().any(|line| line.contains(&name) && line.contains(&byte));
                assert!(by_itself && compared, "{name} at {offset}:\n{}", ended.stderr);
                assert_eq!(ended.stdout, "", "{name} at {offset}: no figures from damaged files");
                tried += 1;
            }
            fs::write(&file, &bytes).unwrap();
        }
    }
    assert_eq!(check().expect_code(0).last_line(), MADE_UP);
    say(&format!("{tried} of {tried} changed bytes named with file and offset"));
    assert!(tried >= 12, "{tried}");
}

#[test]
fn a_missing_file_of_one_member_is_named() {
    let dir = tempfile::tempdir().unwrap();
    copy_dir(&imported(), dir.path());
    let file = dir.path().join("wuhu/ledger/stubs/0000");
    fs::remove_file(&file).unwrap();
    let ended = demo(dir.path(), &["--only".as_ref(), "check".as_ref()]).expect_code(1);
    assert!(ended.stderr.contains(&file.display().to_string()), "{}", ended.stderr);
}

#[test]
fn a_directory_that_holds_something_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.txt"), b"mine").unwrap();
    let ended = demo(dir.path(), &[]).expect_code(2);
    assert!(ended.stderr.contains("is not empty"), "{}", ended.stderr);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let ended = demo(dir.path(), &["--only".as_ref(), "check".as_ref()]).expect_code(2);
    assert!(ended.stderr.contains("is this the directory of a `muniment demo`?"), "{}", ended.stderr);
}

#[test]
fn several_files_are_streams_of_several_bureaus_and_two_of_one_name_are_refused() {
    let Some(input) = xroad_file() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (second, third) = (dir.path().join("second.jsonl.gz"), dir.path().join("third.jsonl.gz"));
    fs::copy(&input, &second).unwrap();
    fs::copy(&input, &third).unwrap();
    let inputs = [&input, &second, &third].map(|path| ["--input".as_ref(), path.as_os_str()]);
    // The same exchanges again, told by other bureaus: the same content is no contradiction.
    let ended = demo(&dir.path().join("demo"), inputs.as_flattened()).expect_code(0);
    let expected = "15690 rows, 15690 leaves of them, 11430 in force, 4260 A01, ";
    assert!(ended.last_line().starts_with(expected), "{}", ended.last_line());

    let inputs = [&input, &input].map(|path| ["--input".as_ref(), path.as_os_str()]);
    let ended = demo(&dir.path().join("other"), inputs.as_flattened()).expect_code(2);
    assert!(ended.stderr.contains("another input has the same"), "{}", ended.stderr);
}
