//! Certificates and revocation lists that change under open connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use muniment_core::NodeId;
use muniment_peer::tls::{FileWatch, Purpose, Refusal};
use muniment_raft::{Lane, Transport as _};

use crate::authority::{Authority, Wanted};
use crate::bench::{Bench, PATIENCE};

const ONE: NodeId = NodeId(1);

/// The bar of S6.
const CUT_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_revoked_caller_loses_its_open_stream_and_gets_no_new_one() {
    let bench = Bench::new();
    let (trust, file) = bench.trust_with_list(2, bench.authority(2).revoke(1, 2100, &[]).as_bytes());
    let served = bench.serve_with(1, trust, |_| {}).await;
    let (revoked, other) = (bench.node(2), bench.node(3));
    let transport = bench.transport(2, &revoked, served.server.address());
    let bystander = bench.transport(3, &other, served.server.address());
    let requests = |first| futures::stream::iter([first]).chain(futures::stream::pending()).boxed();
    let mut open = transport.stream(ONE, requests(Bytes::from_static(b"first")));
    let mut kept = bystander.stream(ONE, requests(Bytes::from_static(b"first")));
    assert!(matches!(open.next().await, Some(Ok(_))));
    assert!(matches!(kept.next().await, Some(Ok(_))));

    // DER this time: both forms are read.
    let list = bench.authority(2).revocation_list(2, 2100, &[revoked.serial]);
    std::fs::write(&file, list.der()).expect("write the list");
    let since = Instant::now();
    assert_eq!(served.trust.reload_revocations(), Ok(1), "one connection is cut");
    let cut = tokio::time::timeout(CUT_WITHIN, open.next()).await.expect("cut within 5 s");
    assert!(matches!(cut, Some(Err(_))), "{cut:?} after {:?}", since.elapsed());
    // The first may still find the old connection closing; the others must be refused for this reason.
    let seen = served.echo.seen.load(Ordering::SeqCst);
    let mut told = String::new();
    for _ in 0..10 {
        told = transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.unwrap_err().reason;
    }
    assert!(told.contains("CertificateRevoked"), "{told}");
    assert_eq!(served.echo.seen.load(Ordering::SeqCst), seen, "nothing reaches the node");
    bystander.call(ONE, Lane::Bulk, Bytes::from_static(b"?")).await.expect("others go on");
    let quiet = tokio::time::timeout(Duration::from_millis(300), kept.next()).await;
    assert!(quiet.is_err(), "the stream of another stays: {quiet:?}");
    let renewed = bench.transport(2, &bench.node(2), served.server.address());
    renewed.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.expect("a new certificate is good");
}

#[tokio::test]
async fn files_that_change_on_disk_are_used_without_being_asked_for() {
    let bench = Bench::new();
    let (trust, list) = bench.trust_with_list(2, bench.authority(2).revoke(1, 2100, &[]).as_bytes());
    let served = bench.serve_with(1, Arc::clone(&trust), |_| {}).await;
    let _watch = FileWatch::start(&trust, &[Arc::clone(&served.credentials)]);
    let address = served.server.address();
    let revoked = bench.node(2);
    let transport = bench.transport(2, &revoked, address);
    let requests = futures::stream::iter([Bytes::from_static(b"first")]).chain(futures::stream::pending());
    let mut open = transport.stream(ONE, requests.boxed());
    assert!(matches!(open.next().await, Some(Ok(_))));

    // A list that does not hold changes nothing, and a later one is taken all the same.
    std::fs::write(&list, b"no list").expect("write the list");
    let quiet = tokio::time::timeout(Duration::from_millis(2_500), open.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    // As a rotation does it: a new file under the old name.
    let fresh = list.with_extension("new");
    std::fs::write(&fresh, bench.authority(2).revoke(2, 2100, &[revoked.serial])).expect("write the list");
    std::fs::rename(&fresh, &list).expect("the same directory");
    let cut = tokio::time::timeout(CUT_WITHIN, open.next()).await.expect("cut within 5 s");
    assert!(matches!(cut, Some(Err(_))), "{cut:?}");

    // The certificate first, and for a while the key is not its key.
    let before = served.credentials.chain();
    let issued = bench.node(1);
    let (certificate, key) = served.credentials.files();
    std::fs::write(certificate, &issued.chain).expect("write the chain");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(served.credentials.chain(), before, "half a rotation is none");
    std::fs::write(key, &issued.key).expect("write the key");
    crate::bench::eventually("the new pair is in use", || served.credentials.chain() != before).await;
    let stream = bench.dial(&bench.node(3), address).await;
    let (_, session) = stream.get_ref();
    assert_eq!(session.peer_certificates(), Some(&served.credentials.chain()[..]));
}

#[tokio::test]
async fn a_certificate_that_expires_takes_its_open_stream_with_it_and_nobody_else_s() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let address = served.server.address();
    let wanted = Wanted { lives_s: Some(3), ..Wanted::named(&bench.uri(2, "node")) };
    let (brief, other) = (bench.authority(2).issue(&wanted), bench.node(3));
    let transport = bench.transport(2, &brief, address);
    let bystander = bench.transport(3, &other, address);
    let requests = |first| futures::stream::iter([first]).chain(futures::stream::pending()).boxed();
    let since = Instant::now();
    let mut open = transport.stream(ONE, requests(Bytes::from_static(b"first")));
    let mut kept = bystander.stream(ONE, requests(Bytes::from_static(b"first")));
    assert!(matches!(open.next().await, Some(Ok(_))), "it is valid");
    assert!(matches!(kept.next().await, Some(Ok(_))));
    let cut = tokio::time::timeout(Duration::from_secs(4) + CUT_WITHIN, open.next()).await;
    assert!(matches!(cut, Ok(Some(Err(_)))), "{cut:?} after {:?}", since.elapsed());
    assert!(since.elapsed() > Duration::from_secs(2), "not before its time: {:?}", since.elapsed());
    let quiet = tokio::time::timeout(Duration::from_millis(300), kept.next()).await;
    assert!(quiet.is_err(), "the stream of another stays: {quiet:?}");
    // The first may still find the old connection closing.
    let mut told = String::new();
    for _ in 0..10 {
        told = transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.unwrap_err().reason;
    }
    assert!(told.contains("CertificateExpired"), "{told}");
}

#[tokio::test]
async fn a_server_whose_certificate_expires_loses_its_callers() {
    let bench = Bench::new();
    let wanted = Wanted { lives_s: Some(3), ..Wanted::named(&bench.uri(1, "node")) };
    let brief = bench.authority(1).issue(&wanted).credentials(bench.dir.path());
    let served = bench.serve_with(1, bench.trust(), |options| options.credentials = Arc::clone(&brief)).await;
    // The caller's own port looks after the connections that it dialled, too.
    let caller = bench.serve(2).await;
    let (node, own) = (bench.node(2), Arc::clone(&caller.trust));
    let address = served.server.address();
    let transport = bench.transport_with(2, &node, address, |options| options.trust = own);
    let requests = futures::stream::iter([Bytes::from_static(b"1")]).chain(futures::stream::pending());
    let mut open = transport.stream(ONE, requests.boxed());
    assert!(matches!(open.next().await, Some(Ok(_))));
    let cut = tokio::time::timeout(Duration::from_secs(4) + CUT_WITHIN, open.next()).await;
    assert!(matches!(cut, Ok(Some(Err(_)))), "{cut:?}");
}

#[tokio::test]
async fn a_revoked_server_loses_its_callers() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let (trust, file) = bench.trust_with_list(1, bench.authority(1).revoke(1, 2100, &[]).as_bytes());
    let own = Arc::clone(&trust);
    let node = bench.node(2);
    let address = served.server.address();
    let transport = bench.transport_with(2, &node, address, |options| options.trust = own);
    let requests = futures::stream::iter([Bytes::from_static(b"1")]).chain(futures::stream::pending());
    let mut open = transport.stream(ONE, requests.boxed());
    assert!(matches!(open.next().await, Some(Ok(_))));
    // The serial of the server's certificate: it was issued just before the caller's.
    let serials: Vec<u64> = (0..node.serial).collect();
    std::fs::write(&file, bench.authority(1).revoke(2, 2100, &serials)).expect("write the list");
    assert_eq!(trust.reload_revocations(), Ok(1));
    let cut = tokio::time::timeout(CUT_WITHIN, open.next()).await.expect("cut within 5 s");
    assert!(matches!(cut, Some(Err(_))), "{cut:?}");
    let again = transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await;
    assert!(again.is_err(), "{again:?}");
}

#[tokio::test]
async fn a_list_that_is_forged_old_or_broken_is_not_used() {
    let bench = Bench::new();
    let node = bench.node(2);
    let authority = bench.authority(2);
    let (trust, file) = bench.trust_with_list(2, authority.revoke(5, 2100, &[node.serial]).as_bytes());
    let revoked = || node.credentials(bench.dir.path()).identity(&trust, Purpose::Client);
    let is_revoked =
        |refusal| matches!(refusal, Err(Refusal::Chain { error: webpki::Error::CertRevoked, .. }));
    assert!(is_revoked(revoked()), "{:?}", revoked());
    let forged = Authority::new("bozhou").revoke(6, 2100, &[]);
    let rows = [
        ("forged", forged.into_bytes(), "did not sign it"),
        ("older", authority.revoke(4, 2100, &[]).into_bytes(), "older than list 5"),
        ("text", b"no list".to_vec(), "no revocation list in it"),
        ("cut off", authority.revocation_list(6, 2100, &[]).der()[..80].to_vec(), "not a revocation list"),
    ];
    for (what, list, why) in rows {
        std::fs::write(&file, list).expect("write the list");
        let told = trust.reload_revocations().expect_err(what).to_string();
        assert!(told.contains(why) && told.contains("bureau-2.crl"), "{what}: {told}");
        assert!(is_revoked(revoked()), "{what}: the old list stays in force");
    }
    std::fs::remove_file(&file).expect("remove the list");
    assert!(trust.reload_revocations().is_err(), "a file that is gone revokes as before");
    assert!(is_revoked(revoked()));
    // A list out of date says nothing about today: nobody of that bureau gets in.
    std::fs::write(&file, authority.revoke(6, 2025, &[])).expect("write the list");
    assert!(trust.reload_revocations().is_ok());
    let stale = revoked();
    assert!(
        matches!(stale, Err(Refusal::Chain { error: webpki::Error::CrlExpired { .. }, .. })),
        "{stale:?}"
    );
    std::fs::write(&file, authority.revoke(7, 2100, &[])).expect("write the list");
    assert!(trust.reload_revocations().is_ok());
    assert!(revoked().is_ok(), "taken back: {:?}", revoked());
}

#[tokio::test]
async fn certificates_are_replaced_under_load_without_losing_a_call() {
    let bench = Bench::new();
    let (trust, list) = bench.trust_with_list(2, bench.authority(2).revoke(1, 2100, &[]).as_bytes());
    let served = bench.serve_with(1, trust, |_| {}).await;
    let address = served.server.address();
    let mine = bench.node(2).credentials(bench.dir.path());
    let shown = Arc::clone(&mine);
    let transport = bench.transport_with(2, &bench.node(2), address, |options| options.credentials = shown);
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load = (0..8).map(|number| {
        let (transport, stop, calls) = (Arc::clone(&transport), Arc::clone(&stop), Arc::clone(&calls));
        let lane = if number % 2 == 0 { Lane::Urgent } else { Lane::Bulk };
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                transport.call(ONE, lane, Bytes::from_static(b"?")).await.expect("no call is lost");
                calls.fetch_add(1, Ordering::SeqCst);
            }
        })
    });
    let load: Vec<_> = load.collect();
    let first = served.credentials.chain();
    for round in 0..20_u64 {
        rotate(&bench, 1, &served.credentials);
        rotate(&bench, 2, &mine);
        std::fs::write(&list, bench.authority(2).revoke(2 + round, 2100, &[])).expect("write the list");
        assert_eq!(served.trust.reload_revocations(), Ok(0));
        let target = calls.load(Ordering::SeqCst) + 20;
        crate::bench::eventually("calls go on", || calls.load(Ordering::SeqCst) >= target).await;
        // Somebody new sees the new certificate.
        let stream = bench.dial(&bench.node(3), address).await;
        let (_, session) = stream.get_ref();
        assert_eq!(session.peer_certificates(), Some(&served.credentials.chain()[..]));
    }
    assert_ne!(served.credentials.chain(), first);
    stop.store(true, Ordering::SeqCst);
    for task in load {
        tokio::time::timeout(PATIENCE, task).await.expect("it ends").expect("no call was lost");
    }
}

/// Puts a new certificate and key in the files that `credentials` were loaded from.
fn rotate(bench: &Bench, number: usize, credentials: &muniment_peer::tls::Credentials) {
    let issued = bench.node(number);
    let (certificate, key) = credentials.files();
    std::fs::write(certificate, &issued.chain).expect("write the chain");
    std::fs::write(key, &issued.key).expect("write the key");
    credentials.reload().expect("they fit");
}

#[tokio::test]
async fn a_reload_that_fails_names_the_file_and_keeps_what_was_in_use() {
    let bench = Bench::new();
    let served = bench.serve(1).await;
    let (certificate, key) = served.credentials.files();
    let (chain_pem, key_pem) = (std::fs::read(certificate).expect("read"), std::fs::read(key).expect("read"));
    let other = bench.node(1);
    let before = served.credentials.chain();
    type Row<'a> = (&'a str, &'a [u8], &'a [u8], &'a std::path::Path, &'a str);
    let rows: [Row<'_>; 5] = [
        ("half a chain", &chain_pem[..chain_pem.len() / 2], &key_pem, certificate, ""),
        ("no chain", b"", &key_pem, certificate, "no certificate in it"),
        ("no key", &chain_pem, b"", key, ""),
        ("another key", &chain_pem, other.key.as_bytes(), key, "it is not the key of the certificate"),
        ("another chain", other.chain.as_bytes(), &key_pem, key, "it is not the key of the certificate"),
    ];
    for (what, new_chain, new_key, file, why) in rows {
        std::fs::write(certificate, new_chain).expect("write");
        std::fs::write(key, new_key).expect("write");
        let error = served.credentials.reload().expect_err(what);
        assert_eq!(error.file, file, "{what}: {error}");
        assert!(error.reason.contains(why), "{what}: {error}");
        assert_eq!(served.credentials.chain(), before, "{what}");
    }
    std::fs::remove_file(key).expect("remove");
    assert!(served.credentials.reload().is_err(), "a key that is gone");
    let transport = bench.transport(2, &bench.node(2), served.server.address());
    transport.call(ONE, Lane::Urgent, Bytes::from_static(b"?")).await.expect("the old pair still serves");
}
