//! Records one after another.

use muniment_core::Flag;
use muniment_proto::v1;
use muniment_proto::v1::submit_result::Result as OneResult;
use tonic::{Code, Status};

use crate::cluster::{Cluster, Ledger};
use crate::made_up::{access, impossible, in_stream, new_record, refusal, request_id};

fn item(record: &muniment_core::v1::Record) -> v1::StreamItem {
    v1::StreamItem { request_id: request_id(), record: Some(new_record(record)) }
}

fn message(position: u64, items: Vec<v1::StreamItem>) -> v1::SubmitStreamRequest {
    v1::SubmitStreamRequest { position, items, ..v1::SubmitStreamRequest::default() }
}

/// Sends messages and answers all results with their positions, and how the call ended.
async fn call(
    client: &mut Ledger,
    messages: Vec<v1::SubmitStreamRequest>,
) -> (Vec<(u64, OneResult)>, Result<(), Status>) {
    let answers = client.submit_stream(futures::stream::iter(messages)).await.expect("it begins");
    let mut answers = answers.into_inner();
    let mut results = Vec::new();
    loop {
        match answers.message().await {
            Ok(Some(answer)) => {
                assert!(answer.header.is_some());
                let numbered = (answer.position..).zip(answer.results);
                results.extend(
                    numbered.map(|(position, one)| (position, one.result.expect("one or the other"))),
                );
            }
            Ok(None) => return (results, Ok(())),
            Err(status) => return (results, Err(status)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_come_in_order_and_a_resumed_stream_has_no_gap_and_no_double() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let member = cluster.follower();
    let bureau = u32::try_from(member).expect("small");
    let mut client = cluster.client(bureau, member).await;
    let items: Vec<_> =
        (0..5_000).map(|sequence| item(&in_stream(&ledger_id, bureau, "outbox", sequence))).collect();
    let messages: Vec<_> =
        items.chunks(700).zip(0..).map(|(some, n)| message(100 + n * 700, some.to_vec())).collect();
    let (results, end) = call(&mut client, messages.clone()).await;
    assert!(end.is_ok(), "{end:?}");
    let positions: Vec<u64> = results.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, (100..5_100).collect::<Vec<_>>());
    let submitted = |result: &OneResult| match result {
        OneResult::Submitted(submitted) => submitted.clone(),
        OneResult::Error(error) => panic!("{error:?}"),
    };
    let leaves: Vec<_> = results.iter().map(|(_, result)| submitted(result).leaf_index).collect();
    assert!(leaves.is_sorted(), "in the order of the stream");
    let gap = 1_u64 << Flag::S01.bit();
    assert!(results.iter().all(|(_, result)| submitted(result).verdict.is_some_and(|it| it.bits & gap == 0)));

    let (again, end) = call(&mut client, messages[6..].to_vec()).await;
    assert!(end.is_ok());
    assert!(again.iter().all(|(_, result)| submitted(result).duplicate), "nothing twice");
    assert_eq!(cluster.node(1).read_index().await.expect("a majority").size.0, 5_000);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_first_item_that_is_not_appended_nothing_later_is() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let fact = |sequence| item(&in_stream(&ledger_id, 1, "spool", sequence));
    let malformed = v1::StreamItem { request_id: request_id(), record: None };
    let foreign = item(&access(&ledger_id, 2));
    let cases = [
        (vec![fact(0), fact(1), item(&impossible(&ledger_id, 1)), fact(2)], "DECISION_REFUSED", 2, 2),
        (vec![fact(2), malformed, fact(3)], "INVALID_REQUEST", 1, 3),
        (vec![fact(3), fact(4), foreign, fact(5)], "NOT_PERMITTED", 2, 5),
    ];
    for (items, expected, appended, size) in cases {
        let (results, end) = call(&mut client, vec![message(7, items), message(50, vec![fact(99)])]).await;
        let (name, report) = refusal(end);
        assert_eq!(name, expected);
        assert_eq!(report.number("position"), Some(7 + appended), "{expected}");
        assert_eq!(results.len() as u64, appended, "{expected}");
        assert_eq!(cluster.node(1).read_index().await.expect("a majority").size.0, size, "{expected}");
    }
    let (results, end) = call(&mut client, vec![message(0, vec![fact(5)]), message(2, vec![fact(6)])]).await;
    assert_eq!((results.len(), refusal(end).0.as_str()), (1, "INVALID_REQUEST"), "a gap in the positions");
    let level = |level: v1::Level, message| v1::SubmitStreamRequest { wait_for: level.into(), ..message };
    let changed = vec![
        level(v1::Level::Cosigned, message(0, vec![fact(6)])),
        level(v1::Level::Committed, message(1, vec![fact(7)])),
    ];
    let (results, end) = call(&mut client, changed).await;
    assert_eq!(refusal(end).0, "INVALID_REQUEST");
    let [(0, OneResult::Submitted(first))] = &results[..] else { panic!("{results:?}") };
    assert_eq!(first.level, i32::from(v1::Level::Cosigned));
    let mut other = cluster.client(2, 1).await;
    let (_, end) = call(&mut other, vec![message(0, vec![item(&access(&ledger_id, 2))])]).await;
    assert_eq!(refusal(end).0, "ATTRIBUTION_REQUIRED");
    let huge = v1::NewRecord { blind: vec![1; 16].into(), record: vec![1; 3 << 20].into() };
    let huge = v1::StreamItem { request_id: request_id(), record: Some(huge) };
    let (_, end) = call(&mut client, vec![message(0, vec![huge])]).await;
    let end = end.expect_err("over what is decoded");
    assert_eq!(end.code(), Code::InvalidArgument, "{end:?}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_leader_only_pauses_a_stream() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let leader = cluster.node(1).status().leader.expect("there is one").0;
    let member = cluster.follower();
    let bureau = u32::try_from(member).expect("small");
    let mut client = cluster.client(bureau, member).await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<v1::SubmitStreamRequest>(1);
    let receiver = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|message| (message, receiver))
    });
    let answers = client.submit_stream(receiver).await.expect("it begins");
    let mut answers = answers.into_inner();
    let next = |sequence| message(sequence, vec![item(&in_stream(&ledger_id, bureau, "outbox", sequence))]);
    sender.send(next(0)).await.expect("it is read");
    answers.message().await.expect("it goes on").expect("a result");
    let heir = (1..=3).find(|number| *number != leader && *number != member).expect("three members");
    cluster.node(leader).transfer_leader(muniment_core::NodeId(heir)).await.expect("it hands over");
    for sequence in 1..20 {
        sender.send(next(sequence)).await.expect("it is read");
    }
    drop(sender);
    let mut results = 1;
    while let Some(answer) = answers.message().await.expect("it only pauses") {
        for result in answer.results {
            let Some(OneResult::Submitted(submitted)) = result.result else { panic!("{result:?}") };
            let flags = submitted.verdict.expect("judged").bits;
            assert_eq!(flags & (1 << Flag::S01.bit()), 0, "no gap by our own doing");
            results += 1;
        }
    }
    assert_eq!(results, 20);
    assert_eq!(cluster.node(member).read_index().await.expect("a majority").size.0, 20);
    cluster.stop().await;
}
