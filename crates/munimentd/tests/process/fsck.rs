//! `munimentd fsck` as it is typed: what it prints and how it exits.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use muniment_core::{BureauNumber, LedgerId, NodeId, Suite};
use muniment_store::{DataDir, FileDisk, Identity, ledger};

fn data_dir() -> (tempfile::TempDir, DataDir) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let identity = Identity {
        ledger_id: LedgerId([1; 32]),
        origin: "anhui.example/ledger/test".to_owned(),
        suite: Suite::Sha256,
        bureau: BureauNumber(1),
        node_id: NodeId(1),
        incarnation: 1,
    };
    let data = DataDir::open(Arc::new(FileDisk), dir.path(), &identity).expect("a new data directory opens");
    ledger::open(data.disk(), &data.ledger_dir(), &identity).expect("an empty ledger opens");
    (dir, data)
}

fn check(arguments: &[&str], dir: &Path, code: i32, said: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_munimentd"))
        .arg("fsck")
        .arg(dir)
        .args(arguments)
        .output()
        .expect("the binary under test runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(said), "{text}");
}

#[test]
fn a_sound_directory_exits_0_a_damaged_one_1_and_one_that_can_not_be_checked_2() {
    let (dir, data) = data_dir();
    check(&[], dir.path(), 2, "in use by another process");
    drop(data);
    check(&[], dir.path(), 0, "sound: 0 leaves");
    check(&["--json"], dir.path(), 0, "\"sound\": true");
    check(&[], &dir.path().join("nothing"), 2, "is no directory");
    let current = dir.path().join("ledger/CURRENT");
    let mut bytes = fs::read(&current).expect("CURRENT is there");
    bytes[60] ^= 1;
    fs::write(&current, bytes).expect("CURRENT can be written");
    check(&[], dir.path(), 1, "damaged: ledger/CURRENT at byte 0");
    check(&["--json"], dir.path(), 1, "\"file\": \"ledger/CURRENT\"");
}
