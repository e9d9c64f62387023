//! The client's own certificate: refused, it is said so and nothing is unknown; replaced, it is used.

use std::time::{Duration, Instant};

use muniment_client::{Class, Error};
use muniment_peer::tls::AcceptOptions;
use muniment_proto::submission::Level;

use crate::ledger::{Ca, GOOD, Ledger, Wanted};

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_certificate_is_named_as_the_reason_and_no_write_is_unknown() {
    let ledger = Ledger::start(AcceptOptions::default()).await;
    let (stranger, namesake) = (Ca::new("stranger"), Ca::new("hefei"));
    ledger.revoke(2, 99);
    let rows: [(&str, &Ca, Wanted, &str); 5] = [
        ("expired", &ledger.ca, Wanted { years: (2020, 2021), ..GOOD }, "expired"),
        ("of another CA", &stranger, GOOD, "issuer is not the CA"),
        ("of a CA of the same name", &namesake, GOOD, "does not hold"),
        ("revoked", &ledger.ca, Wanted { serial: 99, ..GOOD }, "revoked"),
        ("a node's", &ledger.ca, Wanted { role: "node", ..GOOD }, "name or role"),
    ];
    for (what, ca, wanted, why) in rows {
        let client = ledger.client(ledger.put(ca, wanted));
        // A write that fails before it is sent must not leave its caller in doubt: often, because what is at stake is a race
        // between the member's alert and its reset.
        for serial in 0..20 {
            let since = Instant::now();
            let prepared = ledger.prepare(&client, serial);
            let error = client.submit(&prepared, Level::Committed).await.expect_err(what);
            let told = error.to_string();
            assert!(matches!(error, Error::CertificateRefused { .. }), "{what}: {told}");
            assert!(told.contains(why) && told.contains("your bureau's CA"), "{what}: {told}");
            assert_eq!(error.class(), Class::NotPermitted, "{what}");
            assert!(since.elapsed() < Duration::from_secs(10), "{what}: no retry helps");
        }
        let error = client.checkpoint(None).await.expect_err(what);
        assert!(matches!(error, Error::CertificateRefused { .. }), "{what}: {error}");
        let compared = client.compare_checkpoints().await;
        let of_one = compared[0].checkpoint.as_ref().expect_err(what);
        assert!(matches!(of_one, Error::CertificateRefused { .. }), "{what}: {of_one}");
    }
    assert_eq!(ledger.size().await, 0, "nothing was written");
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_full_leaves_no_write_in_doubt() {
    let accept = AcceptOptions { connections_per_bureau_max: 1, ..AcceptOptions::default() };
    let ledger = Ledger::start(accept).await;
    let identity = ledger.put(&ledger.ca, GOOD);
    let first = ledger.client(identity.clone());
    first.submit(&ledger.prepare(&first, 1), Level::Committed).await.expect("it has the one place");
    let second = ledger.client(identity);
    let error = second.submit(&ledger.prepare(&second, 2), Level::Committed).await.expect_err("it is full");
    assert!(matches!(error, Error::Unreachable { .. }), "definite: nothing was sent: {error}");
    assert!(error.to_string().contains("all the connections that it allows"), "{error}");
    first.submit(&ledger.prepare(&first, 3), Level::Committed).await.expect("its connection stands");
    assert_eq!(ledger.size().await, 2);
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_replaced_on_disk_is_shown_at_the_next_connection() {
    let ledger = Ledger::start(AcceptOptions::default()).await;
    let client = ledger.client(ledger.put(&ledger.ca, GOOD));
    client.submit(&ledger.prepare(&client, 1), Level::Committed).await.expect("it is good");

    // Half a rotation: the key is not the certificate's, and what was shown before is shown.
    let renewed = ledger.put(&ledger.ca, Wanted { serial: 8, ..GOOD });
    let key = std::fs::read(&renewed.key).expect("read");
    std::fs::write(&renewed.key, b"no key yet").expect("write");
    assert_eq!(ledger.revoke(2, 6), 0, "somebody else's");
    client.submit(&ledger.prepare(&client, 2), Level::Committed).await.expect("the connection stands");
    std::fs::write(&renewed.key, key).expect("write");

    // The old one is revoked, and its connection cut: the next call dials with the new one.
    assert_eq!(ledger.revoke(3, 7), 1, "the client's connection");
    client.submit(&ledger.prepare(&client, 3), Level::Committed).await.expect("the new one is shown");
    assert_eq!(ledger.revoke(4, 8), 1, "it is the new one's connection");
    let error = client.submit(&ledger.prepare(&client, 4), Level::Committed).await;
    assert!(
        matches!(error, Err(Error::CertificateRefused { .. } | Error::OutcomeUnknown { .. })),
        "{error:?}"
    );
    ledger.stop().await;
}
