//! Limits, freshness, probes and reflection.

use std::time::Duration;

use muniment_proto::v1;
use muniment_raft::RateLimits;
use muniment_service::ServiceLimits;
use tonic::Code;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1alpha;

use crate::cluster::Cluster;
use crate::made_up::{access, batch, reason, refusal, submit};

#[tokio::test(flavor = "multi_thread")]
async fn one_bureau_s_flood_is_held_back_and_the_others_are_not() {
    let rates = RateLimits { records_per_second: 100, ..RateLimits::default() };
    let cluster = Cluster::with(ServiceLimits { rates, ..ServiceLimits::default() }).await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    let flood: Vec<_> = (0..400).map(|_| access(&ledger_id, 1)).collect();
    client.submit_batch(batch(&flood)).await.expect("a full bucket lets it pass once");
    let (name, report) = refusal(client.submit(submit(&access(&ledger_id, 1))).await);
    assert_eq!(name, "RATE_LIMITED");
    assert_eq!(report.violations[0].subject, "bureau 1");
    assert!(report.retry_after.is_some_and(|wait| wait > Duration::from_secs(2)), "{report:?}");
    let mut other = cluster.client(2, 2).await;
    other.submit(submit(&access(&ledger_id, 2))).await.expect("another bureau");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_a_node_answers_only_those_who_accept_an_old_copy() {
    let mut cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    client.submit(submit(&access(&ledger_id, 1))).await.expect("it is written");
    let list = |stale_ok| {
        let mut request = tonic::Request::new(v1::ListRecordsRequest { stale_ok, ..Default::default() });
        request.set_timeout(Duration::from_secs(2));
        request
    };
    let within = |max_lag_ms| Some(v1::StaleOk { max_lag_ms });
    client.list_records(list(None)).await.expect("a majority is there");
    client.list_records(list(within(60_000))).await.expect("it was current a moment ago");
    cluster.stop_member(2).await;
    cluster.stop_member(3).await;
    assert_eq!(reason(client.list_records(list(None)).await), "NO_QUORUM");
    assert_eq!(reason(client.list_records(list(within(1))).await), "MEMBER_NOT_CAUGHT_UP");
    let page = client.list_records(list(within(0))).await.expect("any copy will do").into_inner();
    assert_eq!(page.records.len(), 1);
    client.list_records(list(within(60_000))).await.expect("it was current less than a minute ago");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_say_what_is_wrong_and_metrics_count_calls_and_refusals() {
    let cluster = Cluster::start().await;
    let ledger_id = cluster.ledger_id();
    let mut client = cluster.client(1, 1).await;
    client.submit(submit(&access(&ledger_id, 1))).await.expect("it is written");
    assert_eq!(reason(client.submit(submit(&access(&ledger_id, 2))).await), "NOT_PERMITTED");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while cluster.get("/readyz").await.0 != 200 {
        assert!(tokio::time::Instant::now() < deadline, "it is ready");
    }
    assert_eq!(cluster.get("/livez").await.0, 200);
    let (_, verbose) = cluster.get("/readyz?verbose").await;
    assert!(verbose.contains("[+]running ok") && verbose.contains("[+]lag ok"), "{verbose}");
    assert_eq!(cluster.get("/nothing").await.0, 404);
    let (_, metrics) = cluster.get("/metrics").await;
    let submits = "grpc_server_handled_total{grpc_service=\"muniment.v1.LedgerService\",grpc_method=\"Submit\",\
                   grpc_code=\"PermissionDenied\"} 1";
    for expected in [submits, "muniment_tree_size", "muniment_lookup_size", "# EOF"] {
        assert!(metrics.contains(expected), "{expected}: {metrics}");
    }
    cluster.members[&1].server.drain();
    let (code, answer) = cluster.get("/readyz").await;
    assert!(code == 503 && answer.contains("[-]draining failed"), "{answer}");
    assert_eq!(cluster.get("/livez").await.0, 200, "it lives on");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_reflections_know_the_services_and_the_messages_of_errors() {
    let cluster = Cluster::start().await;
    let credentials = cluster.authorities[0].issue(muniment_peer::tls::Role::Client, "grpcurl");
    let channel = cluster.channel(credentials, 1).await.expect("it connects");
    for symbol in ["muniment.v1.LedgerService", "grpc.health.v1.Health", "google.rpc.ErrorInfo"] {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::FileContainingSymbol(symbol.to_owned())),
        };
        let mut client = ServerReflectionClient::new(channel.clone());
        let answers = client.server_reflection_info(futures::stream::iter([request])).await;
        let answer = answers.expect("it answers").into_inner().message().await.expect("one").expect("one");
        let found = answer.message_response;
        assert!(matches!(found, Some(MessageResponse::FileDescriptorResponse(_))), "{symbol}: {found:?}");
    }
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let answers = client.server_reflection_info(futures::stream::iter([request])).await;
    let answer = answers.expect("it answers").into_inner().message().await.expect("one").expect("one");
    let text = format!("{:?}", answer.message_response);
    assert!(text.contains("muniment.v1.LedgerService"), "{text}");
    assert!(!text.contains("muniment.peer"), "peers have their own port: {text}");

    let mut anything = tonic::client::Grpc::new(channel);
    anything.ready().await.expect("it is connected");
    let codec = tonic_prost::ProstCodec::<v1::GetCheckpointRequest, v1::GetCheckpointResponse>::default();
    let path = http::uri::PathAndQuery::from_static("/muniment.v1.LedgerService/DropEverything");
    let request = tonic::Request::new(v1::GetCheckpointRequest::default());
    let status = anything.unary(request, path, codec).await.expect_err("there is no such method");
    assert_eq!(status.code(), Code::Unimplemented);
    cluster.stop().await;
}
