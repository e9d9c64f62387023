//! `muniment record import`: foreign rows through a mapping into a real ledger.

use crate::ledger::{json, ledger};

const MAPPING: &str = r#"
name = "test"
format = "json-lines"
kind = "access_executed"
historic = true

[record]
occurred_at = { field = "at", unit = "ms" }

[record.actor]
system = { constant = "system:old-platform" }

[body]
side = { constant = "provider" }
exchange = { field = "id" }
provider = { constant = "org:hefei-health" }
consumer = { field = "consumer" }
data_set = { constant = "dataset:archive" }
"#;

#[test]
fn rows_become_records_once_and_a_bad_row_costs_no_other() {
    let ledger = ledger();
    let dir = tempfile::tempdir().unwrap();
    let mapping = dir.path().join("mapping.toml");
    std::fs::write(&mapping, MAPPING).unwrap();
    let row = |number: u64| {
        format!(r#"{{"id": "old-{number}", "at": {}, "consumer": "org:clinic"}}"#, 1_600_000_000_000 + number)
    };
    let mut rows: Vec<String> = (0..700).map(row).collect();
    rows[300] = r#"{"id": "old-300", "at": 5, "consumer": "not an identifier"}"#.to_owned();
    let file = dir.path().join("archive.jsonl");
    std::fs::write(&file, rows.join("\n")).unwrap();
    let (mapping, file) = (mapping.to_str().unwrap(), file.to_str().unwrap());
    let import = ["record", "import", file, "--mapping", mapping, "-o", "json"];
    let first = ledger.run("wuhu", &import).expect_code(0);
    assert!(first.stderr.contains("archive.jsonl: row 301"), "{}", first.stderr);
    let first = json(&first);
    assert_eq!(first["appended"], 699, "{first}");
    assert_eq!(first["bad_rows"], 1);
    // What the ledger itself has of it.
    let from = first["first_leaf"].to_string();
    let list = ["record", "list", "--submitter", "3", "--from", &from, "--limit", "5000", "-o", "json"];
    let listed = json(&ledger.run("wuhu", &list).expect_code(0));
    let ours = listed.as_array().unwrap().iter();
    let ours = ours.filter(|row| row["record"]["stream"]["id"] == "archive.jsonl").count();
    assert_eq!(ours, 699);

    // A repeated import doubles nothing.
    let again = json(&ledger.run("wuhu", &import).expect_code(0));
    assert_eq!((again["appended"].clone(), again["duplicates"].clone()), (0.into(), 699.into()), "{again}");
    let strict = [&import[..], &["--strict"]].concat();
    ledger.run("wuhu", &strict).expect_code(2);
    ledger.run("wuhu", &["record", "import", file, "--mapping", file]).expect_code(2);
}
