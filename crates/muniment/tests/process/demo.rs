//! `muniment demo`: its seven scenes, its figures on made-up and real records, and what it finds when a byte of a file is
//! changed between scenes.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::muniment::{copy_dir, demo, played, say, xroad_file};

const MADE_UP: &str = "3010 rows, 3010 leaves of them, 2985 in force, 5 A01, 5 exchange ids used 2 times, \
                       50 of 50 violations found, 0 flagged in vain, 0 lost";
const XROAD: &str =
    "5230 rows, 5230 leaves of them, 3810 in force, 1420 A01, 1 exchange id used 3 times, 0 lost";

/// Plays scenes over the real records where they are, else over made-up ones; answers how it ended and what is to be said.
fn demo_of_records(dir: &Path, more: &[&str]) -> (crate::muniment::Ended, &'static str) {
    let input = xroad_file();
    let mut arguments: Vec<&OsStr> = more.iter().map(OsStr::new).collect();
    if let Some(input) = &input {
        arguments.extend(["--input".as_ref(), input.as_os_str()]);
    }
    (demo(dir, &arguments), if input.is_some() { XROAD } else { MADE_UP })
}

#[test]
fn seven_scenes_hold_over_three_processes_and_each_tells_what_it_saw_and_how_long_it_took() {
    let dir = tempfile::tempdir().unwrap();
    let (ended, figures) = demo_of_records(dir.path(), &["--json"]);
    let ended = ended.expect_code(0);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(told["ok"], true);
    let scenes = told["scenes"].as_array().unwrap();
    let numbers: Vec<u64> = scenes.iter().map(|scene| scene["scene"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
    let mut last = 0;
    for scene in scenes.iter().chain([&told["ending"]]) {
        assert_eq!(scene["ok"], true, "{scene}");
        assert!(scene["elapsed_ms"].is_u64(), "{scene}");
        for said in scene["said"].as_array().unwrap() {
            let at = said["at_ms"].as_u64().unwrap();
            assert!(at >= last && !said["line"].as_str().unwrap().is_empty(), "{said}");
            last = at;
        }
    }
    let lines = |scene: &Value| {
        let said = scene["said"].as_array().unwrap().iter();
        said.map(|said| said["line"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join("\n")
    };
    for (scene, parts) in [
        (0, &["3 processes, 3 CAs"][..]),
        (1, &["no flag; receipt verified"]),
        (2, &["flagged A03", "revoked by leaf 5", "by leaf 3, in force from"]),
        (3, &[figures]),
        (4, &["files of 3 members equal", "verified without a ledger", "tampered at step"]),
        (5, &["kill 5: ", "every receipt verified"]),
        (6, &["DAMAGED", "named by Wuhu's status: damaged: records/", "repaired, and served again"]),
    ] {
        let told = lines(&scenes[scene]);
        let missing = parts.iter().find(|part| !told.contains(**part));
        // Who is damaged depends on who leads.
        let told_of_another = |part: &&str| told.contains(&part.replace("Wuhu", "Bozhou"));
        assert!(missing.is_none_or(told_of_another), "{missing:?}:\n{told}");
    }
    assert!(lines(&told["ending"]).ends_with(figures), "{}", told["ending"]);
    assert_eq!(told["figures"]["lost"], 0);
    let verify = format!("muniment verify {}", dir.path().join("receipt.txt").display());
    assert!(ended.stderr.contains(&verify), "the way to go on is shown: {}", ended.stderr);
}

#[test]
fn the_figures_are_the_same_in_each_suite() {
    for suite in ["sha256", "sm3"] {
        let dir = tempfile::tempdir().unwrap();
        let (ended, figures) = demo_of_records(dir.path(), &["--scenes", "1,4", "--suite", suite]);
        let ended = ended.expect_code(0);
        assert_eq!(ended.figures(), figures, "{suite}");
        let equal = ended.stdout.lines().any(|line| line.contains("files of 3 members equal"));
        assert!(equal, "{suite}: {}", ended.stdout);
    }
}

#[test]
fn made_up_traffic_is_in_the_ledger_and_every_violation_flagged() {
    let dir = tempfile::tempdir().unwrap();
    let ended = demo(dir.path(), &["--scenes".as_ref(), "1,4".as_ref()]).expect_code(0);
    assert_eq!(ended.figures(), MADE_UP);
    // A scene is played once in a directory, and not before what it builds on.
    for (scenes, why) in [("4", "was played in this directory already"), ("3", "play that first")] {
        let ended = demo(dir.path(), &["--scenes".as_ref(), scenes.as_ref()]).expect_code(2);
        assert!(ended.stderr.contains(why), "{scenes}: {}", ended.stderr);
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
    copy_dir(&played(), dir.path());
    let check = || demo(dir.path(), &["--scenes".as_ref(), "5-7".as_ref(), "--json".as_ref()]);

    // Every file's first, middle and last byte, and a bit that moves on with each.
    let (mut tried, mut bit) = (0, 0);
    for (member, family) in
        [("hefei", "records"), ("bozhou", "admissions"), ("wuhu", "stubs"), ("hefei", "tree")]
    {
        for file in files_below(&dir.path().join(member).join("data/ledger").join(family)) {
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
                let told: Value = serde_json::from_str(&ended.stdout).unwrap();
                let scenes = told["scenes"].as_array().unwrap();
                assert!(scenes.len() == 1 && scenes[0]["ok"] == false, "{name} at {offset}: {told}");
                tried += 1;
            }
            fs::write(&file, &bytes).unwrap();
        }
    }
    let ended = demo(dir.path(), &["--scenes".as_ref(), "5".as_ref()]).expect_code(0);
    assert!(ended.stdout.contains("files of 3 members equal"), "{}", ended.stdout);
    say(&format!("{tried} of {tried} changed bytes named with file and offset"));
    assert!(tried >= 12, "{tried}");
}

#[test]
fn a_missing_file_of_one_member_is_named() {
    let dir = tempfile::tempdir().unwrap();
    copy_dir(&played(), dir.path());
    let file = dir.path().join("wuhu/data/ledger/stubs/0000");
    fs::remove_file(&file).unwrap();
    let ended = demo(dir.path(), &["--scenes".as_ref(), "5".as_ref()]).expect_code(1);
    assert!(ended.stderr.contains(&file.display().to_string()), "{}", ended.stderr);
}

#[test]
fn a_directory_that_holds_something_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.txt"), b"mine").unwrap();
    let ended = demo(dir.path(), &[]).expect_code(2);
    assert!(ended.stderr.contains("is not empty"), "{}", ended.stderr);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let ended = demo(dir.path(), &["--scenes".as_ref(), "5".as_ref()]).expect_code(2);
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
    let scenes = [["--scenes".as_ref(), "1,4".as_ref()]];
    let arguments = [&scenes[..], &inputs[..]].concat();
    let ended = demo(&dir.path().join("demo"), arguments.as_flattened()).expect_code(0);
    let expected = "15690 rows, 15690 leaves of them, 11430 in force, 4260 A01, ";
    assert!(ended.figures().starts_with(expected), "{}", ended.stdout);

    let inputs = [&input, &input].map(|path| ["--input".as_ref(), path.as_os_str()]);
    let ended = demo(&dir.path().join("other"), inputs.as_flattened()).expect_code(2);
    assert!(ended.stderr.contains("another input has the same"), "{}", ended.stderr);
}
