//! A ledger that forgets, and one that tells another story: every member's files put back to an earlier state.

use muniment_client::{Class, Client};
use muniment_core::LeafIndex;
use muniment_proto::submission::Level;

use crate::ledger::{CODES, Ledger, copy_dir, evidence, until};

/// Puts every member's files back to what `saved` holds.
fn put_back(ledger: &Ledger, saved: &std::path::Path) {
    for (member, code) in CODES.iter().enumerate() {
        let data = ledger.bureau_dir(member).join("data");
        std::fs::remove_dir_all(&data).expect("removed");
        copy_dir(&saved.join(code), &data);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_was_rolled_back_or_rewritten_is_refused_and_the_pin_stays() {
    let mut ledger = Ledger::begin().await;
    let saved = tempfile::tempdir().expect("a directory");
    (0..3).for_each(|member| ledger.kill(member));
    for (member, code) in CODES.iter().enumerate() {
        copy_dir(&ledger.bureau_dir(member).join("data"), &saved.path().join(code));
    }
    ledger.start_all();
    let client = ledger.client(0);
    for serial in 100..110 {
        ledger.submit(&client, serial, Level::Cosigned).await;
    }
    let pinned = client.pinned().expect("it is kept").expect("something was verified");
    (0..3).for_each(|member| ledger.kill(member));
    put_back(&ledger, saved.path());
    ledger.start_all();

    // A new process, with nothing but the state directory; and one that remembers.
    for client in [ledger.client(0), client] {
        let refused = until(async || match client.checkpoint(None).await {
            Err(error) if error.class() == Class::Unavailable => None,
            other => Some(other.expect_err("the ledger was rolled back")),
        });
        let refused = refused.await;
        assert_eq!(refused.class(), Class::Tampered);
        let said = evidence(refused);
        assert!(said.contains("rolled back") && said.contains(&pinned.body.root.to_string()), "{said}");
        let kept = client.pinned().expect("it is kept").expect("it is there");
        assert_eq!(kept.body, pinned.body, "the pin stays");
    }
    let offered =
        client_without_memory(&ledger).checkpoint(None).await.expect("one without a pin can't know");
    assert!(offered.body.size < pinned.body.size);

    // It grows beyond the pinned size, with other records.
    let forgetful = client_without_memory(&ledger);
    let mut serial = 200;
    while ledger.submit(&forgetful, serial, Level::Cosigned).await.place.expect("a leaf").leaf.0
        <= pinned.body.size.0
    {
        serial += 1;
    }
    let client = ledger.client(0);
    for refused in [
        client.checkpoint(None).await.expect_err("the ledger forked"),
        client.receipt(LeafIndex(0)).await.expect_err("its checkpoint is of the fork"),
    ] {
        assert_eq!(refused.class(), Class::Tampered);
        let said = evidence(refused);
        assert!(said.contains("forked") && said.contains(&pinned.body.root.to_string()), "{said}");
    }
    assert_eq!(client.pinned().expect("kept").expect("there").body, pinned.body, "the pin stays");
}

fn client_without_memory(ledger: &Ledger) -> Client {
    let mut options = ledger.options(0);
    options.state_dir = None;
    Client::new(&options).expect("the options hold")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_was_tampered_with_is_an_error_and_is_not_replaced() {
    let ledger = Ledger::begin().await;
    let client = ledger.client(0);
    client.checkpoint(None).await.expect("verified");
    let dir = ledger.options(0).state_dir.expect("it has one");
    let file = dir.join(format!("{}.checkpoint", ledger.founding.ledger_id()));
    let text = std::fs::read_to_string(&file).expect("the pin");
    let tampered = text.replacen("\nmembers 0 ", "\nmembers 0 A", 1);
    let digits = text.lines().nth(1).expect("a size");
    let larger = text.replacen(&format!("\n{digits}\n"), &format!("\n{digits}0\n"), 1);
    for changed in [tampered.as_str(), larger.as_str(), ""] {
        std::fs::write(&file, changed).expect("written");
        let fresh = ledger.client(0);
        let refused = fresh.checkpoint(None).await.expect_err("the pin does not verify");
        assert!(matches!(refused, muniment_client::Error::State(_)), "{refused}");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), changed, "nobody replaced it");
    }
}
