//! Listing, watching, counting, and what the rules say before the fact.

use std::time::Duration;

use muniment_core::v1::record::Body;
use muniment_core::{Flag, v1 as records};
use muniment_proto::v1;
use tonic::Code;

use crate::cluster::{Cluster, Ledger};
use crate::made_up::{COMPANY, access, batch, impossible, of, reason, refusal, submit};

async fn write(client: &mut Ledger, records: &[records::Record]) {
    let request = v1::SubmitBatchRequest { wait_for: v1::Level::Cosigned.into(), ..batch(records) };
    client.submit_batch(request).await.expect("it is written");
}

/// All pages of a list, each read from another member.
async fn pages(cluster: &Cluster, request: v1::ListRecordsRequest) -> Vec<v1::StoredRecord> {
    let (mut records, mut request, mut member) = (Vec::new(), request, 0);
    loop {
        member = member % 3 + 1;
        let mut client = cluster.client(1, member).await;
        let page = client.list_records(request.clone()).await.expect("a page").into_inner();
        records.extend(page.records);
        if page.next_page_token.is_empty() {
            return records;
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_on_at_any_member_and_stay_at_the_size_of_the_first() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    write(&mut client, &(0..25).map(|_| access(&ledger_id, 1)).collect::<Vec<_>>()).await;
    let mut other = cluster.client(2, 2).await;
    write(&mut other, &[access(&ledger_id, 2), access(&ledger_id, 2)]).await;
    let request = v1::ListRecordsRequest { page_size: 10, ..v1::ListRecordsRequest::default() };
    let first = client.list_records(request.clone()).await.expect("a page").into_inner();
    assert_eq!((first.records.len(), first.pinned_size), (10, 27));
    write(&mut client, &[access(&ledger_id, 1)]).await;
    let next = v1::ListRecordsRequest { page_token: first.next_page_token.clone(), ..request.clone() };
    let rest = pages(&cluster, next.clone()).await;
    let leaves: Vec<u64> = first.records.iter().chain(&rest).map(|record| record.leaf_index).collect();
    assert_eq!(leaves, (0..27).collect::<Vec<_>>(), "what came later is on no page");
    assert_eq!(first.records.iter().chain(&rest).filter(|record| record.withheld).count(), 2);

    let filter = v1::RecordFilter { submitter: Some(2), ..v1::RecordFilter::default() };
    let of_two = v1::ListRecordsRequest { filter: Some(filter), ..request.clone() };
    assert_eq!(pages(&cluster, of_two).await.len(), 2);
    let flags_any = 1 << Flag::A01.bit();
    let filter = v1::RecordFilter { flags_any, kinds: vec![48], ..v1::RecordFilter::default() };
    let flagged = v1::ListRecordsRequest { filter: Some(filter), from_leaf: 20, ..request.clone() };
    assert_eq!(pages(&cluster, flagged).await.len(), 8);
    let last = rest.last().expect("it has some").accepted_at_ms;
    let filter = v1::RecordFilter { accepted_from_ms: last + 1, ..v1::RecordFilter::default() };
    let later = v1::ListRecordsRequest { filter: Some(filter), ..request.clone() };
    assert!(pages(&cluster, later).await.len() <= 1, "only what was written last");

    let bad = [
        v1::ListRecordsRequest { page_size: -1, ..request.clone() },
        v1::ListRecordsRequest { page_token: "nonsense".to_owned(), ..request.clone() },
        v1::ListRecordsRequest { from_leaf: 1, ..next },
        v1::ListRecordsRequest { from_leaf: 5, until_leaf: 5, ..request.clone() },
    ];
    for request in bad {
        assert_eq!(reason(client.list_records(request.clone()).await), "INVALID_REQUEST", "{request:?}");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_delivers_every_sealed_leaf_once_and_resumes_at_another_member() {
    let mut cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    write(&mut client, &(0..3).map(|_| access(&ledger_id, 1)).collect::<Vec<_>>()).await;
    let watch = |from_leaf| v1::WatchRecordsRequest { from_leaf, ..v1::WatchRecordsRequest::default() };
    let mut messages = client.watch_records(watch(1)).await.expect("it begins").into_inner();
    let (mut seen, mut next) = (Vec::new(), 1);
    while next < 3 {
        let message = messages.message().await.expect("it goes on").expect("it goes on");
        assert!(message.next_leaf >= next && message.sealed_size >= message.next_leaf);
        next = message.next_leaf;
        seen.extend(message.records.iter().map(|record| record.leaf_index));
    }
    write(&mut client, &[access(&ledger_id, 1)]).await;
    while next < 4 {
        let message = messages.message().await.expect("it goes on").expect("it goes on");
        next = message.next_leaf;
        seen.extend(message.records.iter().map(|record| record.leaf_index));
    }
    assert_eq!(seen, [1, 2, 3]);
    // A server that stops says so, and the watch goes on with another.
    let stopping = tokio::spawn(async move {
        cluster.stop_member(1).await;
        cluster
    });
    let end = loop {
        match messages.message().await {
            Ok(Some(message)) => next = message.next_leaf,
            Ok(None) => panic!("a watch has no end"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unavailable, "{end:?}");
    let cluster = stopping.await.expect("it stops");
    let mut other = cluster.client(1, 2).await;
    let mut messages = other.watch_records(watch(next)).await.expect("it begins").into_inner();
    let message = messages.message().await.expect("it goes on").expect("progress at once");
    assert_eq!((message.records.len(), message.next_leaf), (0, 4));
    let (name, report) = refusal(other.watch_records(watch(5_000)).await.map(|_| ()));
    assert_eq!((name.as_str(), report.number("tree_size")), ("RESUME_POINT_UNAVAILABLE", Some(4)));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_not_read_is_cut_off_and_holds_little() {
    let limits = muniment_service::ServiceLimits {
        slow_reader: Duration::from_millis(300),
        ..muniment_service::ServiceLimits::default()
    };
    let cluster = Cluster::with(limits).await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let large = |_| {
        let mut record = access(&ledger_id, 1);
        record.references = (0..60).map(|n| n * 1_000_000_007).collect();
        record
    };
    for _ in 0..10 {
        write(&mut client, &(0..1_500).map(large).collect::<Vec<_>>()).await;
    }
    let request = v1::WatchRecordsRequest::default();
    let mut messages = client.watch_records(request).await.expect("it begins").into_inner();
    // HTTP/2's windows and one message on the server are all that goes out unread.
    let cut_off = tokio::time::Instant::now() + Duration::from_secs(2);
    tokio::time::sleep_until(cut_off).await;
    let (mut next, mut bytes) = (0, 0);
    let end = loop {
        match messages.message().await {
            Ok(Some(message)) => {
                bytes += prost::Message::encoded_len(&message);
                next = message.next_leaf;
            }
            Ok(None) => panic!("a watch has no end"),
            Err(status) => break status,
        }
    };
    assert!(next < 15_000, "it was not all of it");
    assert!(bytes < 8 * 1024 * 1024, "{bytes} bytes");
    let (name, report) = refusal::<()>(Err(end));
    assert_eq!(name, "SLOW_READER");
    assert!(report.number("next_leaf").is_some_and(|leaf| leaf >= next), "{report:?}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_add_up_to_the_tree() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    write(&mut client, &[access(&ledger_id, 1), impossible(&ledger_id, 1), access(&ledger_id, 1)]).await;
    let mut other = cluster.client(2, 2).await;
    write(&mut other, &[access(&ledger_id, 2)]).await;
    for member in 1..=3 {
        let mut client = cluster.client(3, member).await;
        let request = v1::GetStatisticsRequest { stale_ok: None };
        let counts = client.get_statistics(request).await.expect("counted").into_inner();
        assert_eq!(counts.header.expect("it has one").tree_size, 3);
        assert_eq!(counts.by_kind, [v1::KindCount { kind: 48, count: 3 }]);
        assert_eq!(counts.by_flag, [v1::FlagCount { flag: v1::Flag::A01.into(), count: 3 }]);
        let of = |submitter, count| v1::SubmitterCount { submitter, count };
        assert_eq!((counts.by_submitter, counts.flagged), (vec![of(1, 2), of(2, 1)], 3));
    }
    cluster.stop().await;
}

fn granted(ledger_id: &muniment_core::LedgerId) -> [records::Record; 2] {
    let entry = records::CataloguePublished {
        data_set: "catalogue:307009001/15".to_owned(),
        provider: "bureau:hefei".to_owned(),
        title: "Register".to_owned(),
        share_class: records::ShareClass::Conditional.into(),
        version: 1,
        ..records::CataloguePublished::default()
    };
    let grant = records::AuthorisationGranted {
        grantor: "bureau:hefei".to_owned(),
        grantee: "bureau:bozhou".to_owned(),
        data_sets: vec!["catalogue:307009001/15".to_owned()],
        legal_basis: "Article 7".to_owned(),
        valid: Some(records::Period { from_ms: 0, to_ms: 0 }),
        ..records::AuthorisationGranted::default()
    };
    [of(ledger_id, 1, Body::CataloguePublished(entry)), of(ledger_id, 1, Body::AuthorisationGranted(grant))]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_say_before_an_access_what_they_say_after_it() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    for record in granted(&ledger_id) {
        let answer = client.submit(submit(&record)).await;
        answer.unwrap_or_else(|error| panic!("{record:?}: {error:?}"));
    }
    let access_by = |consumer: &str, authorisation: Option<u64>| records::AccessExecuted {
        side: records::Side::Consumer.into(),
        provider: "bureau:hefei".to_owned(),
        consumer: consumer.to_owned(),
        data_set: "catalogue:307009001/15".to_owned(),
        authorisation: authorisation.map(|index| records::Leaf { index }),
        ..records::AccessExecuted::default()
    };
    let mut consumer = cluster.client(2, 2).await;
    let cases = [
        ("bureau:bozhou", Some(1), vec![]),
        (COMPANY, Some(1), vec![v1::Flag::A07]),
        ("bureau:bozhou", None, vec![v1::Flag::A01]),
        ("bureau:bozhou", Some(0), vec![v1::Flag::A02]),
    ];
    for (who, leaf, flags) in cases {
        let body = access_by(who, leaf);
        let expected: Vec<i32> = flags.iter().map(|flag| i32::from(*flag)).collect();
        let request = v1::CheckAccessRequest {
            access: Some(v1::check_access_request::Access::AccessExecuted(body.clone())),
            ..v1::CheckAccessRequest::default()
        };
        let before = consumer.check_access(request).await.expect("it is judged").into_inner();
        assert_eq!(before.verdict.expect("a verdict").flags, expected, "{who} {leaf:?}");
        let body = records::AccessExecuted { exchange: format!("x{who}{leaf:?}"), ..body };
        let record = of(&ledger_id, 2, Body::AccessExecuted(body));
        let after = consumer.submit(submit(&record)).await.expect("facts are taken").into_inner();
        let after = after.submitted.and_then(|submitted| submitted.verdict).expect("judged");
        assert_eq!(after.flags, expected, "{who} {leaf:?}");
    }
    assert_eq!(reason(consumer.check_access(v1::CheckAccessRequest::default()).await), "INVALID_REQUEST");

    let ask = |leaf_index| v1::GetAuthorisationRequest { leaf_index, stale_ok: None };
    let state = consumer.get_authorisation(ask(1)).await.expect("a party").into_inner();
    let state = state.authorisation.expect("it is there");
    assert_eq!((state.grantee.as_str(), state.versions.len()), ("bureau:bozhou", 1));
    assert_eq!(reason(consumer.get_authorisation(ask(0)).await), "NOT_FOUND");
    let mut stranger = cluster.client(3, 3).await;
    assert_eq!(reason(stranger.get_authorisation(ask(1)).await), "NOT_PERMITTED");
    cluster.stop().await;
}
