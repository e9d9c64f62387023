//! Contexts, completions and man pages: what needs no ledger.

use std::process::Command;

use crate::ledger::{json, ledger};
use crate::muniment::{ended, muniment};
use crate::records::access;

#[test]
fn a_context_is_set_listed_used_and_shown_and_the_environment_chooses_too() {
    let ledger = ledger();
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("muniment/contexts.toml");
    let config = config.to_str().unwrap();
    let file = |name: &str| ledger.dir.join(name).to_str().unwrap().to_owned();
    let endpoint = json(&ledger.run("hefei", &["context", "show", "hefei", "-o", "json"]).expect_code(0));
    let endpoint = endpoint["context"]["endpoints"][0].as_str().unwrap().to_owned();
    let (certificate, key, ca, trust) =
        (file("hefei/client.pem"), file("hefei/client.key"), file("hefei/ca.pem"), file("trust.json"));
    let state = dir.path().join("state");
    muniment([
        "--config",
        config,
        "context",
        "set",
        "mine",
        "--endpoint",
        &endpoint,
        "--certificate",
        &certificate,
        "--key",
        &key,
        "--ca",
        &ca,
        "--trust",
        &trust,
        "--bureau",
        "1",
        "--state",
        state.to_str().unwrap(),
    ])
    .expect_code(0);
    muniment(["--config", config, "context", "set", "other", "--endpoint", "localhost:1"]).expect_code(2);
    muniment([
        "--config",
        config,
        "context",
        "set",
        "other",
        "--endpoint",
        "127.0.0.1:1",
        "--certificate",
        &certificate,
        "--key",
        &key,
        "--ca",
        &ca,
        "--trust",
        &trust,
    ])
    .expect_code(0);
    let listed = json(&muniment(["--config", config, "context", "list", "-o", "json"]).expect_code(0));
    assert_eq!(listed[0]["name"], "mine");
    assert_eq!((listed[0]["current"].clone(), listed[1]["current"].clone()), (true.into(), false.into()));

    // A ledger has no checkpoint before it has a record. The own bureau's CA alone will do for its own member.
    ledger.submit("hefei", &access("before-any-checkpoint"));
    muniment(["--config", config, "checkpoint", "show"]).expect_code(0);
    assert!(state.read_dir().unwrap().count() > 0, "what was verified is kept");
    muniment(["--config", config, "context", "use", "other"]).expect_code(0);
    muniment(["--config", config, "--deadline", "1", "checkpoint", "show"]).expect_code(5);
    let chosen = ended(
        Command::new(env!("CARGO_BIN_EXE_muniment"))
            .args(["checkpoint", "show", "-o", "json"])
            .env("MUNIMENT_CONFIG", config)
            .env("MUNIMENT_CONTEXT", "mine"),
    );
    assert!(json(&chosen.expect_code(0))["size"].as_u64() > Some(0));
    muniment(["--config", config, "context", "use", "nobody"]).expect_code(2);
}

#[test]
fn without_a_named_file_the_contexts_are_those_of_the_user_s_configuration_directory() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("muniment");
    std::fs::create_dir(&config).unwrap();
    std::fs::copy(ledger().config(), config.join("contexts.toml")).unwrap();
    let home = ended(
        Command::new(env!("CARGO_BIN_EXE_muniment"))
            .args(["context", "list", "-o", "csv"])
            .env("XDG_CONFIG_HOME", dir.path()),
    );
    assert!(home.expect_code(0).stdout.contains("*,hefei,"));
}

#[test]
fn every_shell_has_completions_and_every_command_a_man_page() {
    for shell in ["bash", "zsh", "fish"] {
        let script = muniment(["completions", shell]).expect_code(0);
        assert!(script.stdout.contains("explain"), "{shell}");
    }
    let dir = tempfile::tempdir().unwrap();
    let pages = muniment(["man", dir.path().to_str().unwrap()]).expect_code(0);
    assert_eq!(pages.stdout, "");
    for page in ["muniment.1", "muniment-record-submit.1", "muniment-cluster-status.1"] {
        let text = std::fs::read_to_string(dir.path().join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
}
