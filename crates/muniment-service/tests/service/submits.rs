//! Writing one record and several: what is taken, what is refused, and what a retry answers.

use std::time::Duration;

use bytes::Bytes;
use muniment_core::admission::{Admission, Submission};
use muniment_core::digest::record_digest;
use muniment_core::v1::record::Body;
use muniment_core::verify::{Outcome, verify};
use muniment_core::{Blind, LeafIndex, RequestId, Suite, UnixMillis, v1 as records};
use muniment_proto::v1;
use muniment_proto::v1::submit_result::Result as OneResult;
use tonic::{Code, Request};

use crate::cluster::{Cluster, admission_key, now};
use crate::made_up::{
    access, batch, code, impossible, new_record, of, reason, refusal, request_id, request_id_at, submit,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_acknowledged_or_receipted_and_a_retry_anywhere_is_the_same_write() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let committed = submit(&access(&ledger_id, 1));
    let answer = client.submit(committed.clone()).await.expect("it is written").into_inner();
    let header = answer.header.expect("every answer has one");
    assert_eq!(header.ledger_id, Bytes::copy_from_slice(&ledger_id.0));
    assert_eq!((header.node_id, header.tree_size > 0), (1, true));
    let leader = header.leader.expect("it leads somewhere");
    assert_eq!(leader.client_address, format!("node-{}.example:7443", leader.node_id));
    let first = answer.submitted.expect("it is there");
    assert_eq!(first.level, i32::from(v1::Level::Committed));
    assert!(!first.duplicate && first.compared && first.receipt.is_empty() && first.leaf_index.is_some());
    assert_eq!(first.verdict.clone().expect("it was judged").flags, [i32::from(v1::Flag::A01)]);

    let again = client.submit(committed.clone()).await.expect("it is known").into_inner();
    let again = again.submitted.expect("it is there");
    assert!(again.duplicate && again.compared);
    assert_eq!((again.leaf_index, again.accepted_at_ms), (first.leaf_index, first.accepted_at_ms));
    assert_eq!(again.verdict, first.verdict);

    let cosigned =
        v1::SubmitRequest { wait_for: v1::Level::Cosigned.into(), ..submit(&access(&ledger_id, 1)) };
    let answer = client.submit(cosigned).await.expect("it is written").into_inner();
    let second = answer.submitted.expect("it is there");
    assert_eq!(second.level, i32::from(v1::Level::Cosigned));
    let trust = cluster.node(2).trust_file();
    assert_eq!(verify(&second.receipt, &trust).outcome, Outcome::Verified);

    let mut other = cluster.client(2, 2).await;
    let theirs =
        other.submit(submit(&access(&ledger_id, 2))).await.expect("a follower forwards").into_inner();
    assert_eq!(theirs.header.expect("it has one").node_id, 2);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_record_is_refused_by_its_name_and_nothing_is_written() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let good = access(&ledger_id, 1);

    let raw = |bytes: Vec<u8>| {
        let mut request = submit(&good);
        request.record.as_mut().expect("it has one").record = bytes.into();
        request
    };
    let canonical = submit(&good).record.expect("it has one").record.to_vec();
    let other_ledger = submit(&access(&muniment_core::LedgerId([9; 32]), 1));
    let foreign = submit(&access(&ledger_id, 2));
    let note = records::Annotated {
        target: Some(records::Leaf { index: 0 }),
        note: "call 13800138000 about it".to_owned(),
    };
    let with_pii = muniment_core::canonical::encode(&of(&ledger_id, 1, Body::Annotated(note)));
    let mut bad_digit = good.clone();
    let Some(Body::AccessExecuted(body)) = &mut bad_digit.body else { panic!("an access") };
    body.provider = "uscc:91350100M000100Y4Z".to_owned();
    let bad_digit = muniment_core::canonical::encode(&bad_digit);
    let no_body = muniment_core::canonical::encode(&records::Record { body: None, ..good.clone() });
    let short_blind = {
        let mut request = submit(&good);
        request.record.as_mut().expect("it has one").blind = Bytes::from_static(&[1; 15]);
        request
    };

    let cases = [
        ("no bytes", raw(Vec::new()), "INVALID_REQUEST"),
        ("malformed", raw(vec![0xff; 20]), "INVALID_RECORD"),
        ("explicit default", raw([&canonical[..], &[0x48, 0]].concat()), "NOT_CANONICAL"),
        ("over 64 KiB", raw(vec![0; 65_537]), "RECORD_TOO_LARGE"),
        ("another ledger's", other_ledger, "LEDGER_ID_MISMATCH"),
        ("another bureau's", foreign, "NOT_PERMITTED"),
        ("a telephone number", raw(with_pii), "PERSONAL_DATA"),
        ("a wrong check digit", raw(bad_digit), "INVALID_IDENTIFIER"),
        ("no body", raw(no_body), "INVALID_RECORD"),
        ("a short blind", short_blind, "INVALID_REQUEST"),
        ("no record", v1::SubmitRequest { record: None, ..submit(&good) }, "INVALID_REQUEST"),
        (
            "no request id",
            v1::SubmitRequest { request_id: Bytes::new(), ..submit(&good) },
            "REQUEST_ID_REQUIRED",
        ),
        (
            "a UUIDv4",
            v1::SubmitRequest { request_id: Bytes::from_static(&[0x44; 16]), ..submit(&good) },
            "REQUEST_ID_REQUIRED",
        ),
        ("an unknown level", v1::SubmitRequest { wait_for: 9, ..submit(&good) }, "INVALID_REQUEST"),
        ("an impossible decision", submit(&impossible(&ledger_id, 1)), "DECISION_REFUSED"),
    ];
    for (what, request, expected) in cases {
        let (found, report) = refusal(client.submit(request).await);
        assert_eq!(found, expected, "{what}: {report:?}");
        assert!(!report.message.contains("13800138000"), "{what}: the value itself is never repeated");
    }
    assert_eq!(cluster.node(1).read_index().await.expect("a majority").size.0, 0, "nothing was written");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_is_used_once_and_within_its_time() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let id = request_id();
    let with_id = |record: &records::Record| v1::SubmitRequest { request_id: id.clone(), ..submit(record) };
    client.submit(with_id(&access(&ledger_id, 1))).await.expect("it is written");
    let second = with_id(&access(&ledger_id, 1));
    let (name, report) = refusal(client.submit(second.clone()).await);
    assert_eq!((name.as_str(), report.leaf()), ("REQUEST_ID_REUSED", Some(LeafIndex(1))));
    let retry = client.submit(second).await.expect("its retry is a duplicate").into_inner();
    assert!(retry.submitted.expect("it is there").duplicate);

    let at = |time| v1::SubmitRequest { request_id: request_id_at(time), ..submit(&access(&ledger_id, 1)) };
    let (name, report) = refusal(client.submit(at(UnixMillis(now().0 + 600_000))).await);
    assert_eq!(name, "CLIENT_CLOCK");
    let (client_time, ledger_time) = (report.number("client_time_ms"), report.number("ledger_time_ms"));
    assert!(client_time > ledger_time && ledger_time.is_some(), "{report:?}");
    let (name, report) = refusal(client.submit(at(UnixMillis(now().0 - 600_000))).await);
    assert_eq!(name, "EXPIRED");
    assert!(report.number("client_time_ms") < report.number("ledger_time_ms"), "{report:?}");
    assert_eq!(cluster.node(1).read_index().await.expect("a majority").size.0, 2, "two contents, no more");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_keeps_its_order_and_a_refused_decision_leaves_the_others_in_place() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, cluster.follower()).await;
    let bureau = u32::try_from(cluster.follower()).expect("small");
    if bureau != 1 {
        client = cluster.client(bureau, cluster.follower()).await;
    }
    let records = [access(&ledger_id, bureau), impossible(&ledger_id, bureau), access(&ledger_id, bureau)];
    let request = v1::SubmitBatchRequest { wait_for: v1::Level::Cosigned.into(), ..batch(&records) };
    let answer = client.submit_batch(request.clone()).await.expect("it is carried out").into_inner();
    let results: Vec<OneResult> =
        answer.results.into_iter().map(|result| result.result.expect("one or the other")).collect();
    let [OneResult::Submitted(a), OneResult::Error(error), OneResult::Submitted(b)] = &results[..] else {
        panic!("{results:?}")
    };
    assert_eq!((a.leaf_index, b.leaf_index), (Some(0), Some(1)));
    assert_eq!([a.level, b.level], [i32::from(v1::Level::Cosigned); 2]);
    assert_eq!(error.code, i32::from(Code::FailedPrecondition));

    let mut malformed = batch(&records);
    malformed.records[0].record = Bytes::from_static(&[0xff]);
    malformed.records[2] = new_record(&access(&ledger_id, bureau % 3 + 1));
    let (name, report) = refusal(client.submit_batch(malformed).await);
    assert_eq!(name, "INVALID_RECORD");
    assert_eq!(report.metadata["malformed"], "0,2");
    let many = vec![access(&ledger_id, bureau); 2_049];
    assert_eq!(reason(client.submit_batch(batch(&many)).await), "RECORD_TOO_LARGE");
    assert_eq!(reason(client.submit_batch(batch(&[])).await), "INVALID_REQUEST");
    let expired = v1::SubmitBatchRequest {
        request_id: request_id_at(UnixMillis(now().0 - 600_000)),
        ..batch(&[access(&ledger_id, bureau)])
    };
    assert_eq!(reason(client.submit_batch(expired).await), "EXPIRED", "an error of the call");
    let huge = v1::NewRecord { blind: Bytes::from_static(&[1; 16]), record: vec![1; 3 << 20].into() };
    let huge = v1::SubmitBatchRequest { records: vec![huge], ..batch(&[]) };
    assert_eq!(reason(client.submit_batch(huge).await), "RECORD_TOO_LARGE", "over what is decoded");
    assert_eq!(cluster.node(1).read_index().await.expect("a majority").size.0, 2, "nothing more");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_another_bureau_bring_their_own_signature() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(2, 1).await;
    assert_eq!(reason(client.submit(submit(&access(&ledger_id, 2))).await), "ATTRIBUTION_REQUIRED");
    let sign = |request: &v1::SubmitRequest, key: u32, origin: &str| {
        let record = request.record.as_ref().expect("it has one");
        let blind = Blind(record.blind.as_ref().try_into().expect("16 bytes"));
        let digest = record_digest(Suite::Blake3, &blind, &record.record);
        let id = RequestId(request.request_id.as_ref().try_into().expect("16 bytes"));
        let submissions = vec![Submission { request_id: id, count: 1 }];
        let signed = Admission::sign(Suite::Blake3, origin, &admission_key(key), submissions, [digest]);
        Bytes::from(signed.encode())
    };
    let origin = cluster.founding.origin.clone();
    let request = submit(&access(&ledger_id, 2));
    let signed = v1::SubmitRequest { admission: sign(&request, 2, &origin), ..request.clone() };
    let answer = client.submit(signed.clone()).await.expect("the bureau's own key").into_inner();
    assert_eq!(answer.submitted.expect("it is there").leaf_index, Some(0));
    let again = client.submit(signed).await.expect("it is known").into_inner();
    assert!(again.submitted.expect("it is there").duplicate);

    let other = submit(&access(&ledger_id, 2));
    let bad = [
        ("another bureau's key", sign(&other, 1, &origin)),
        ("a key that is bound to nobody", sign(&other, 77, &origin)),
        ("another ledger's origin", sign(&other, 2, "other.example/ledger")),
        ("another request", sign(&request, 2, &origin)),
    ];
    for (what, admission) in bad {
        let request = v1::SubmitRequest { admission, ..other.clone() };
        assert_eq!(reason(client.submit(request).await), "BAD_SIGNATURE", "{what}");
    }
    let mut tampered = v1::SubmitRequest { admission: sign(&other, 2, &origin), ..other.clone() };
    tampered.record = Some(new_record(&access(&ledger_id, 2)));
    assert_eq!(reason(client.submit(tampered).await), "BAD_SIGNATURE", "another record");
    assert_eq!(cluster.node(1).read_index().await.expect("a majority").size.0, 1);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_never_turns_a_written_record_into_an_error() {
    let mut cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let within = |timeout: &str| {
        let mut request = Request::new(submit(&access(&ledger_id, 1)));
        request.metadata_mut().insert("grpc-timeout", timeout.parse().expect("a header"));
        request
    };
    assert_eq!(code(client.submit(within("nonsense")).await), Code::InvalidArgument);
    // Whoever notices first that there is no time at all, the client's library or the server: nothing is written.
    let none = code(client.submit(within("0n")).await);
    assert!([Code::InvalidArgument, Code::Cancelled, Code::DeadlineExceeded].contains(&none), "{none:?}");
    assert_eq!(cluster.node(1).read_index().await.expect("a majority").size.0, 0, "nothing was written");
    // With two members down nothing is cosigned, and nothing is committed: the outcome is unknown, and in time.
    client.submit(submit(&access(&ledger_id, 1))).await.expect("a majority is there");
    cluster.stop_member(2).await;
    cluster.stop_member(3).await;
    let mut request = Request::new(submit(&access(&ledger_id, 1)));
    request.set_timeout(Duration::from_secs(1));
    let began = std::time::Instant::now();
    let name = reason(client.submit(request).await);
    assert!(["OUTCOME_UNKNOWN", "NO_QUORUM"].contains(&name.as_str()), "{name}");
    assert!(began.elapsed() < Duration::from_secs(1), "before the deadline");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoding_fills_in_what_is_absent_and_what_it_gives_can_be_submitted() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let full = access(&ledger_id, 1);
    let bare = records::Record { schema_version: 0, ledger_id: Vec::new(), submitter: 0, ..full.clone() };
    let encode = |record| v1::EncodeRecordRequest { record, blind: Bytes::new() };
    let answer = client.encode_record(encode(Some(bare))).await.expect("it encodes").into_inner();
    let record = answer.record.clone().expect("it is there");
    assert_eq!(record.record, Bytes::from(muniment_core::record::encode(&full).expect("valid")));
    let blind = Blind(record.blind.as_ref().try_into().expect("16 bytes"));
    let digest = record_digest(Suite::Blake3, &blind, &record.record);
    assert_eq!(answer.record_digest, Bytes::copy_from_slice(&digest.0));
    let request = v1::SubmitRequest {
        request_id: answer.request_id,
        record: Some(record),
        ..v1::SubmitRequest::default()
    };
    client.submit(request).await.expect("it is written");
    assert_eq!(reason(client.encode_record(encode(None)).await), "INVALID_REQUEST");
    let other = access(&muniment_core::LedgerId([9; 32]), 1);
    assert_eq!(reason(client.encode_record(encode(Some(other))).await), "LEDGER_ID_MISMATCH");
    let bodiless = of(&ledger_id, 1, Body::AccessExecuted(records::AccessExecuted::default()));
    assert_eq!(reason(client.encode_record(encode(Some(bodiless))).await), "INVALID_RECORD");
    cluster.stop().await;
}
