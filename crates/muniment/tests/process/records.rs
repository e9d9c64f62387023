//! The verbs of records, evidence and members against a real ledger: what is printed, and the exit codes.

use serde_json::{Value, json};

use crate::ledger::{json, ledger, munimentd, now_ms};
use crate::muniment::{ended, muniment};

/// An access without an authorisation.
pub(crate) fn access(exchange: &str) -> Value {
    json!({
        "actor": {"system": "system:exchange-gateway"},
        "occurred_at": {"unix_ms": now_ms()},
        "access_executed": {
            "side": "SIDE_PROVIDER", "exchange": exchange, "provider": "org:hefei-health",
            "consumer": "org:bozhou-clinic", "data_set": "dataset:unpublished", "rows": 3,
        },
    })
}

#[test]
fn a_record_is_encoded_submitted_read_proven_and_verified_offline() {
    let ledger = ledger();
    let dir = tempfile::tempdir().unwrap();
    let encoded = ledger.run_with("hefei", &["record", "encode", "-"], &access("whole-way").to_string());
    let encoded = json(&encoded.expect_code(0));
    let file = dir.path().join("encoded.json");
    std::fs::write(&file, encoded.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let receipt = dir.path().join("receipt.txt");
    let receipt = receipt.to_str().unwrap();
    let submit = ["record", "submit", file, "-o", "json", "--receipt", receipt];
    let submitted = json(&ledger.run("hefei", &submit).expect_code(0));
    assert_eq!(submitted["level"], "cosigned");
    assert_eq!(submitted["record_digest"], encoded["record_digest"]);
    assert_eq!(submitted["flags"], json!(["A01"]));
    let trust = ledger.dir.join("trust.json");
    muniment(["verify", receipt, "--trust", trust.to_str().unwrap()]).expect_code(0);
    // The same again is the same record.
    let again = json(&ledger.run("hefei", &submit[..5]).expect_code(0));
    assert_eq!((again["leaf"].clone(), again["duplicate"].clone()), (submitted["leaf"].clone(), true.into()));

    let leaf = submitted["leaf"].to_string();
    let digest = submitted["record_digest"].as_str().unwrap();
    let submission = format!("1/{}", encoded["request_id"].as_str().unwrap());
    for name in [leaf.as_str(), digest, &submission] {
        let found = json(&ledger.run("hefei", &["record", "get", name, "-o", "json"]).expect_code(0));
        assert_eq!(found["leaf"], submitted["leaf"], "{name}");
        assert_eq!(found["record"]["access_executed"]["exchange"], "whole-way");
        assert!(found["included_in"].as_u64() > submitted["leaf"].as_u64(), "{found}");
    }
    let table = ledger.run("hefei", &["record", "get", &leaf]).expect_code(0);
    assert!(table.stdout.contains("in the tree of the cosigned checkpoint"), "{}", table.stdout);
    let foreign = json(&ledger.run("wuhu", &["record", "get", &leaf, "-o", "json"]).expect_code(0));
    assert_eq!((foreign["withheld"].clone(), foreign["record"].clone()), (true.into(), Value::Null));

    let printed = ledger.run("wuhu", &["receipt", "get", &leaf, "-o", "json"]).expect_code(0);
    assert_eq!(json(&printed)["withheld"], true);
    let out = dir.path().join("again.txt");
    let out = out.to_str().unwrap();
    let silent = ledger.run("bozhou", &["receipt", "get", &leaf, "--out", out]).expect_code(0);
    assert_eq!(silent.stdout, "", "the data is in the file");
    muniment(["verify", out, "--trust", trust.to_str().unwrap()]).expect_code(0);
}

#[test]
fn lists_and_watches_print_tables_json_and_csv() {
    let ledger = ledger();
    let first = ledger.submit("bozhou", &access("list-1"));
    ledger.submit("bozhou", &access("list-2"));
    let from = first["leaf"].to_string();
    let filter = ["--kind", "access_executed", "--flag", "A01", "--submitter", "2", "--from", &from];
    let list = |more: &[&str]| ledger.run("bozhou", &[&["record", "list"], &filter[..], more].concat());
    let rows = json(&list(&["-o", "json"]).expect_code(0));
    let exchanges: Vec<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["record"]["access_executed"]["exchange"].as_str().unwrap())
        .collect();
    assert!(exchanges.starts_with(&["list-1", "list-2"]), "{exchanges:?}");
    let csv = list(&["-o", "csv"]).expect_code(0);
    assert!(csv.stdout.starts_with("leaf,kind,submitter,accepted_at,flags,what\n"), "{}", csv.stdout);
    assert!(csv.stdout.contains(",access_executed,2,"), "{}", csv.stdout);
    let cut = list(&["--limit", "1"]).expect_code(0);
    assert_eq!(cut.stdout.lines().count(), 2, "{}", cut.stdout);
    assert!(cut.stderr.contains("there are more"), "{}", cut.stderr);

    let watch = [&["record", "watch"], &filter[..], &["--count", "2", "-o", "json"]].concat();
    let watched = ledger.run("bozhou", &watch).expect_code(0);
    let watched: Vec<Value> =
        watched.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(watched[0]["leaf"], first["leaf"]);
    assert_eq!(watched.len(), 2);
    let flagged = json(
        &ledger
            .run("bozhou", &["flag", "list", "--flag", "A01", "--from", &from, "-o", "json"])
            .expect_code(0),
    );
    let flagged = flagged.as_array().unwrap();
    assert!(flagged.len() >= 2 && flagged.iter().all(|row| row["flags"][0] == "A01"), "{flagged:?}");
}

#[test]
fn every_sort_of_failure_has_its_exit_code_and_says_what_to_do() {
    let ledger = ledger();
    let missing = ledger.run("hefei", &["record", "get", "99999999"]).expect_code(4);
    assert!(
        missing.stderr.contains("NOT_FOUND") && missing.stderr.contains("what to do"),
        "{}",
        missing.stderr
    );
    ledger.run("hefei", &["receipt", "get", "99999999"]).expect_code(4);
    ledger.run("hefei", &["licence", "show", "licence:none"]).expect_code(4);
    let operator = ledger.run("hefei", &["cluster", "status"]).expect_code(6);
    assert!(operator.stderr.contains("NOT_PERMITTED"), "{}", operator.stderr);
    // In another bureau's name.
    let mut foreign = access("foreign");
    foreign["submitter"] = 2.into();
    ledger.run_with("hefei", &["record", "submit", "-"], &foreign.to_string()).expect_code(6);

    let malformed = ["{", "{}", r#"{"submiter": 1}"#, r#"{"access_executed": {"exchange": ""}}"#];
    for text in malformed {
        let said = ledger.run_with("hefei", &["record", "submit", "-"], text).expect_code(2);
        assert!(!said.stderr.is_empty() && said.stdout.is_empty(), "{text}");
    }
    ledger.run("hefei", &["record", "get", "no-name"]).expect_code(2);
    ledger.run("hefei", &["record", "list", "--flag", "Z99"]).expect_code(2);
    ledger.run("nowhere", &["record", "list"]).expect_code(2);
    ledger.run("hefei", &["record", "submit", "no-such-file"]).expect_code(2);
    let revocation = json!({
        "occurred_at": {"unix_ms": now_ms()},
        "authorisation_revoked": {"authorisation": {"index": 0}, "effective_ms": now_ms()},
    });
    let refused =
        ledger.run_with("hefei", &["record", "submit", "-"], &revocation.to_string()).expect_code(7);
    assert!(refused.stderr.contains("DECISION_REFUSED"), "{}", refused.stderr);
}

#[test]
fn without_a_server_and_with_another_ledger_s_trust_file_the_exit_code_says_so() {
    let ledger = ledger();
    let dir = tempfile::tempdir().unwrap();
    let made = ended(
        std::process::Command::new(munimentd()).args(["dev", "--files-only", "--data"]).arg(dir.path()),
    );
    made.expect_code(0);
    // Its members were never started.
    let config = dir.path().join("contexts.toml");
    let config = config.to_str().unwrap();
    let began = std::time::Instant::now();
    let gone = muniment(["--config", config, "--deadline", "2", "record", "list"]).expect_code(5);
    assert!(gone.stderr.contains("no member answered"), "{}", gone.stderr);
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    muniment(["--config", config, "--context", "hefei-admin", "--deadline", "2", "cluster", "status"])
        .expect_code(5);
    let compared = muniment(["--config", config, "--deadline", "2", "checkpoint", "compare", "-o", "json"])
        .expect_code(5);
    assert_eq!(json(&compared)[0]["holds"], false);

    // Real members, and the trust file of the ledger above.
    let text = std::fs::read_to_string(ledger.config()).unwrap();
    let base = ledger.dir.to_str().unwrap();
    let other = dir.path().join("trust.json");
    let absolute = text
        .replace("\"trust.json\"", &format!("{:?}", other.to_str().unwrap()))
        .replace(" = \"hefei/", &format!(" = \"{base}/hefei/"))
        .replace(" = \"bozhou/", &format!(" = \"{base}/bozhou/"))
        .replace(" = \"wuhu/", &format!(" = \"{base}/wuhu/"));
    let mixed = dir.path().join("mixed.toml");
    std::fs::write(&mixed, absolute).unwrap();
    let mixed = mixed.to_str().unwrap();
    let refused = muniment(["--config", mixed, "checkpoint", "show"]).expect_code(3);
    assert!(
        refused.stderr.contains("checkpoint") || refused.stderr.contains("trust file"),
        "{}",
        refused.stderr
    );
}

#[test]
fn checkpoints_are_shown_and_compared_and_members_say_how_they_fare() {
    let ledger = ledger();
    let submitted = ledger.submit("hefei", &access("checkpoints"));
    let size = (submitted["leaf"].as_u64().unwrap() + 1).to_string();
    let shown = ledger.run("wuhu", &["checkpoint", "show", "--min-size", &size, "-o", "json"]).expect_code(0);
    let shown = json(&shown);
    assert!(shown["size"].as_u64() > submitted["leaf"].as_u64());
    assert!(shown["signed_by"].as_array().unwrap().len() >= 2, "{shown}");
    let compared = json(&ledger.run("wuhu", &["checkpoint", "compare", "-o", "json"]).expect_code(0));
    let compared = compared.as_array().unwrap();
    assert_eq!(compared.len(), 3);
    assert!(compared.iter().all(|member| member["holds"] == true), "{compared:?}");

    let status = json(&ledger.run("hefei-admin", &["cluster", "status", "-o", "json"]).expect_code(0));
    let status = status.as_array().unwrap();
    let leaders: Vec<&Value> = status.iter().map(|member| &member["status"]["node"]["leader_id"]).collect();
    assert_eq!(leaders.len(), 3);
    assert!(leaders.iter().all(|leader| leader.as_u64() > Some(0)), "{leaders:?}");
    let table = ledger.run("bozhou-admin", &["cluster", "status"]).expect_code(0);
    assert!(table.stdout.starts_with("ENDPOINT "), "{}", table.stdout);
}
