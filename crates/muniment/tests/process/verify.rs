//! `muniment verify`: offline, with exit codes that scripts can rely on, and no change to a receipt gets through.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use muniment_core::trust::TrustFile;
use muniment_core::verify::{Outcome, verify};
use serde_json::Value;

use crate::muniment::{Ended, ended, muniment, played, say};

/// The receipt and the trust file of the demo.
fn artefacts() -> (PathBuf, PathBuf) {
    let dir = played();
    (dir.join("receipt.txt"), dir.join("trust.json"))
}

fn run(receipt: &Path, trust: &Path, more: &[&str]) -> Ended {
    let fixed: [&OsStr; 4] = ["verify".as_ref(), receipt.as_ref(), "--trust".as_ref(), trust.as_ref()];
    muniment(fixed.into_iter().chain(more.iter().map(OsStr::new)))
}

#[test]
fn a_receipt_verifies_without_any_network() {
    let (receipt, trust) = artefacts();
    let namespace = || {
        let mut command = Command::new("unshare");
        command.arg("-rn");
        command
    };
    let allowed = namespace().arg("true").output().is_ok_and(|output| output.status.success());
    if !allowed {
        say("SKIPPED: THIS MACHINE ALLOWS NO NETWORK NAMESPACE (unshare -rn)");
        return;
    }
    let binary = env!("CARGO_BIN_EXE_muniment");
    let ended =
        ended(namespace().arg(binary).arg("verify").arg(receipt).arg("--trust").arg(trust)).expect_code(0);
    assert_eq!(ended.last_line(), "verified");
    assert!(
        ended.stdout.contains("2 of 3 bureaus, 2 needed") || ended.stdout.contains("3 of 3"),
        "{}",
        ended.stdout
    );
}

#[test]
fn every_changed_byte_of_a_receipt_is_refused() {
    let (receipt, trust) = artefacts();
    let bytes = fs::read(receipt).unwrap();
    let pinned = TrustFile::from_json(&fs::read(&trust).unwrap()).unwrap();
    assert_eq!(verify(&bytes, &pinned).outcome, Outcome::Verified);
    let (mut tried, mut refused) = (0, 0);
    for position in 0..bytes.len() {
        for change in [0x01, 0x02, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[position] ^= change;
            tried += 1;
            let verification = verify(&changed, &pinned);
            let held = verification.outcome == Outcome::Verified;
            assert!(!held, "byte {position} changed by {change:#x} verifies");
            assert!(verification.failure.is_some(), "byte {position}: the failing step is named");
            refused += 1;
        }
    }
    say(&format!("{refused} of {tried} refused"));

    // The same through the command, on a sample.
    let folder = tempfile::tempdir().unwrap();
    let changed_receipt = folder.path().join("receipt.txt");
    let (mut tried, mut refused) = (0, 0);
    for position in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        fs::write(&changed_receipt, &changed).unwrap();
        let ended = run(&changed_receipt, &trust, &[]);
        tried += 1;
        assert!([2, 3, 5].contains(&ended.code), "byte {position}: exit code {}", ended.code);
        assert!(ended.stdout.contains(" FAILS: "), "byte {position}: {}", ended.stdout);
        refused += 1;
    }
    say(&format!("{refused} of {tried} refused by the command"));
}

#[test]
fn the_exit_code_tells_tampered_from_malformed_from_undecidable() {
    let (receipt, trust) = artefacts();
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(&receipt).unwrap();
    let changed = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let (before, size) = text.split_once("\n\n").and_then(|(_, note)| note.split_once('\n')).unwrap();
    let size = size.lines().next().unwrap();
    let other_size = text.replacen(&format!("{before}\n{size}\n"), &format!("{before}\n{size}0\n"), 1);
    let tampered = run(&changed("size.txt", &other_size), &trust, &[]).expect_code(3);
    assert!(tampered.last_line().starts_with("tampered at step "), "{}", tampered.stdout);

    run(&changed("trailing.txt", &format!("{text}\n")), &trust, &[]).expect_code(2);
    let json = run(&changed("view.json", "{\"leaf\": 1}"), &trust, &[]).expect_code(2);
    assert_eq!(json.last_line(), "malformed at step format");
    run(&folder.path().join("none.txt"), &trust, &[]).expect_code(2);
    run(&receipt, &changed("trust.json", "{}"), &[]).expect_code(2);
    muniment(["verify"]).expect_code(2);

    // A trust file that begins after the receipt's epoch can't tell.
    let mut later: Value = serde_json::from_slice(&fs::read(&trust).unwrap()).unwrap();
    later["epochs"][0]["epoch"] = 1.into();
    later["epochs"][0]["from"] = 1.into();
    let later = changed("later.json", &later.to_string());
    let undecidable = run(&receipt, &later, &[]).expect_code(5);
    assert!(undecidable.last_line().starts_with("undecidable at step "), "{}", undecidable.stdout);
}

#[test]
fn programs_get_json_with_the_failing_step_or_the_window_of_time() {
    let (receipt, trust) = artefacts();
    let ended = run(&receipt, &trust, &["-o", "json"]).expect_code(0);
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(found["outcome"], "verified");
    assert_eq!(found["proven"]["kind"], "licence_used");
    let time = |name: &str| found["proven"][name].as_str().unwrap().to_owned();
    assert!(time("accepted_at") <= time("existed_no_later_than"), "{found}");

    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("receipt.txt");
    let text = fs::read_to_string(&receipt).unwrap();
    fs::write(&changed, text.replacen("\nindex ", "\nindex 1", 1)).unwrap();
    let ended = run(&changed, &trust, &["-o", "json"]).expect_code(3);
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(found["failed_step"], "inclusion", "{found}");
    assert_eq!(found["proven"], Value::Null);
}
