//! Bad input to `muniment demo --input`: said row by row, nothing else lost, exit codes for scripts.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::muniment::{Ended, demo};

const ROW: &str = r#"{"securityServerType":"Client","requestInTs":1603802102192,"clientXRoadInstance":"DEV","clientMemberClass":"ORG","clientMemberCode":"1234567-8","clientSubsystemCode":"TEST","serviceXRoadInstance":"DEV","serviceMemberClass":"ORG","serviceMemberCode":"1234567-8","serviceSubsystemCode":"TEST","serviceCode":"RestTest","messageId":"ID","succeeded":true}"#;

/// A row that differs from all others.
fn row(number: usize) -> String {
    ROW.replace("\"ID\"", &format!("\"id-{number}\""))
}

fn import(folder: &Path, input: &Path, more: &[&str]) -> Ended {
    let mut arguments: Vec<&OsStr> =
        vec!["--scenes".as_ref(), "1,4".as_ref(), "--input".as_ref(), input.as_os_str()];
    arguments.extend(more.iter().map(OsStr::new));
    demo(&folder.join("demo"), &arguments)
}

fn file(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn bad_rows_are_named_and_every_other_row_is_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("{{\"note\":\"{}\"}}", "x".repeat(70_000));
    let dated = row(5).replace("1603802102192", "\"noon\"");
    let lines = [row(0), "{\"unreadable\"".into(), row(2), long, row(4), dated, row(6)];
    let path = file(folder.path(), "rows.jsonl", lines.join("\n").as_bytes());
    let ended = import(folder.path(), &path, &[]).expect_code(1);
    assert_eq!(
        ended.figures(),
        "7 rows, 4 leaves of them, 4 in force, 0 A01, no exchange id used twice, 3 bad, 0 lost"
    );
    for line in [
        "rows.jsonl: row 2: no JSON object: the line ends within it at column 13",
        "rows.jsonl: row 4: longer than 65536 bytes; split the row or raise `row_bytes_max` in the mapping",
        "rows.jsonl: row 6, field `requestInTs`: not a whole number",
    ] {
        assert!(ended.stderr.lines().any(|found| found == line), "{line}:\n{}", ended.stderr);
    }
    // The rows that could not be read stay visible as gaps in the stream.
    assert!(ended.stdout.contains("flags besides A01: 3 S01"), "{}", ended.stdout);
}

#[test]
fn a_strict_import_ends_at_the_first_bad_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "rows.jsonl", format!("{}\nbad\n{}\n", row(0), row(2)).as_bytes());
    let ended = import(folder.path(), &path, &["--strict"]).expect_code(1);
    assert!(ended.stderr.contains("rows.jsonl: row 2: no JSON object"), "{}", ended.stderr);
    assert_eq!(ended.figures(), "", "{}", ended.stdout);
}

#[test]
fn truncated_gzip_says_after_which_row() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..50).map(|number| row(number) + "\n").collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    let zipped = encoder.finish().unwrap();
    let path = file(folder.path(), "rows.jsonl.gz", &zipped[..zipped.len() - 4]);
    let ended = import(folder.path(), &path, &[]).expect_code(1);
    let expected = "rows.jsonl.gz: gzip data ends after row 50 without its trailer";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
}

#[test]
fn what_can_not_be_used_at_all_is_a_usage_error_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "rows.jsonl", row(0).as_bytes());
    let mapping =
        "name = \"m\"\nformat = \"json-lines\"\nkind = \"access_executed\"\nstrict = true\n[body]\n";
    let mapping = file(folder.path(), "m.toml", mapping.as_bytes());
    let mapping = mapping.to_str().unwrap();
    let ended = import(folder.path(), &path, &["--mapping", mapping]).expect_code(2);
    let expected = format!("mapping file {mapping}, line 4: unknown key `strict`");
    assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
    assert!(!folder.path().join("demo").exists());

    let ended = import(folder.path(), &path, &["--mapping", "no/such.toml"]).expect_code(2);
    assert!(ended.stderr.contains("such.toml: can't be read"), "{}", ended.stderr);
    let ended = import(folder.path(), &folder.path().join("none.jsonl"), &[]).expect_code(2);
    assert!(ended.stderr.contains("none.jsonl: can't be opened"), "{}", ended.stderr);
    import(folder.path(), &path, &["--seed", "7"]).expect_code(2);
}
