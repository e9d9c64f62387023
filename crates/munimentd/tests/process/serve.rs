//! `munimentd serve` as its bureau runs it: what a service gets from three members, and how one stops.

use std::process::Command;
use std::time::{Duration, Instant};

use muniment_client::{Class, Client, Options};
use muniment_core::verify::{Outcome, verify};
use muniment_core::{LeafIndex, Reason};
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::RecordName;
use muniment_proto::submission::Level;

use crate::ledger::{Ledger, fsck, leaf, program, until};

/// A client of a bureau that calls one member only.
fn at(ledger: &Ledger, bureau: usize, member: usize) -> Client {
    let options = Options { endpoints: vec![ledger.endpoint(member)], ..ledger.options(bureau) };
    Client::new(&options).expect("the options hold")
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_under_three_authorities_take_prove_and_survive_their_leader() {
    let mut ledger = Ledger::begin().await;
    let own = at(&ledger, 1, 1);
    let first = ledger.submit(&own, 7, Level::Cosigned).await;
    let receipt = first.receipt.as_ref().expect("it is cosigned");
    let trust = ledger.trust();
    assert_eq!(verify(&receipt.text, &trust).outcome, Outcome::Verified, "offline, by the trust file");

    // Whoever is asked knows it, linearizably; a bureau that is no party gets stub and proof.
    for (bureau, withheld) in [(1, false), (2, true)] {
        let name = RecordName::Leaf(leaf(&first));
        let record = at(&ledger, bureau, 2).get(name, Freshness::Linearizable).await.expect("it is there");
        assert_eq!(record.is_withheld(), withheld, "bureau {bureau}");
    }

    // A bureau's client can't write in another bureau's name.
    let foreign = own.prepare(ledger.access(&ledger.client(0), 900)).expect("a valid record");
    let refused = own.submit(&foreign, Level::Committed).await.expect_err("it names another submitter");
    assert_eq!(refused.reason(), Some(Reason::NotPermitted), "{refused}");

    // Three times the leader is killed; nothing acknowledged is lost, and writes go on.
    let mut acknowledged = vec![leaf(&first)];
    for serial in [10, 20, 30] {
        let killed = ledger.leader().await;
        ledger.kill(killed);
        let other = (killed + 1) % 3;
        acknowledged.push(leaf(&ledger.submit(&at(&ledger, other, other), serial, Level::Cosigned).await));
        ledger.start(killed);
        let again = at(&ledger, killed, killed);
        acknowledged.push(leaf(&ledger.submit(&again, serial + 1, Level::Committed).await));
    }
    let reader = at(&ledger, 0, 2);
    for leaf in acknowledged {
        let receipt = until(async || receipt_of(&reader, leaf).await).await;
        assert_eq!(verify(&receipt, &trust).outcome, Outcome::Verified, "leaf {leaf}");
    }
}

/// A receipt's text; none while the member recovers.
async fn receipt_of(client: &Client, leaf: LeafIndex) -> Option<bytes::Bytes> {
    match client.receipt(leaf).await {
        Ok(receipt) => Some(receipt.text),
        Err(error) => {
            assert_eq!(error.class(), Class::Unavailable, "leaf {leaf} was acknowledged: {error}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_told_to_stop_hands_over_and_ends_in_order() {
    let mut ledger = Ledger::begin().await;
    let leader = ledger.leader().await;
    let told = Instant::now();
    ledger.stop(&[leader]).await;
    assert!(told.elapsed() < Duration::from_secs(25), "{:?}", told.elapsed());
    let other = (leader + 1) % 3;
    ledger.submit(&at(&ledger, other, other), 10, Level::Cosigned).await;
    // Its directory is sound, nothing in it was left for the next start, and it comes back.
    assert!(fsck(&ledger.data_dir(leader)) >= 1, "the stopped member's files have what it acknowledged");
    ledger.start(leader);
    ledger.submit(&at(&ledger, leader, leader), 11, Level::Cosigned).await;
}

#[test]
fn what_does_not_fit_together_is_said_before_a_port_is_opened() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let made = program().args(["dev", "--files-only", "--data"]).arg(dir.path()).status();
    assert!(made.expect("munimentd runs").success());
    let config = dir.path().join("hefei/munimentd.toml");
    let said = |sets: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_munimentd"));
        command.args(["serve", "--config"]).arg(&config);
        for set in sets {
            command.args(["--set", set]);
        }
        let output = command.output().expect("munimentd runs");
        assert!(!output.status.success(), "{sets:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let bozhou = |file: &str| dir.path().join("bozhou").join(file).display().to_string();
    let cases = [
        (vec!["nod=1".to_owned()], "unknown key"),
        (vec!["node=9".to_owned()], "names no node 9"),
        (vec!["node=2".to_owned()], "is not the key that the founding file names"),
        (vec![format!("keys={}", bozhou("keys"))], "is not the key that the founding file names"),
        (
            vec![
                format!("peer.certificate={}", bozhou("node.pem")),
                format!("peer.key={}", bozhou("node.key")),
            ],
            "not of a node of bureau 1",
        ),
        (vec![format!("peer.key={}", bozhou("node.key"))], "it is not the key of the certificate"),
        (vec![format!("data={}", dir.path().join("nowhere").display())], "make it with `munimentd init`"),
        (vec![format!("data={}", bozhou("data"))], "never run a node on another's directory"),
    ];
    for (sets, expected) in cases {
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        let said = said(&sets);
        assert!(said.contains(expected), "{sets:?}: {said}");
    } // In the file, too.
    let file = std::fs::read_to_string(&config).expect("a configuration");
    std::fs::write(&config, format!("nod = 1\n{file}")).expect("written");
    let said = said(&[]);
    assert!(said.contains("unknown key") && said.contains("nod"), "{said}");
}
