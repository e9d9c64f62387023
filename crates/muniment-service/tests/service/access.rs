//! Who gets in, and what for.

use muniment_peer::tls::Role;
use muniment_proto::admin::v1::GetStatusRequest;
use muniment_proto::admin::v1::cluster_service_client::ClusterServiceClient;
use muniment_proto::v1;
use muniment_proto::v1::ledger_service_client::LedgerServiceClient;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::cluster::Cluster;
use crate::made_up::{access, reason, submit};

#[tokio::test(flavor = "multi_thread")]
async fn clients_use_the_ledger_and_administrators_the_cluster_too() {
    let cluster = Cluster::start().await;
    let mut admin = cluster.admin(2, 1).await;
    let status = admin.get_status(GetStatusRequest {}).await.expect("an administrator").into_inner();
    let node = status.node.expect("it is there");
    assert_eq!((node.node_id, status.members.expect("three").members.len()), (1, 3));
    assert_eq!(status.suite, "blake3");
    let credentials = cluster.authorities[1].issue(Role::Client, "gateway");
    let channel = cluster.channel(credentials, 1).await.expect("it connects");
    let refused = ClusterServiceClient::new(channel).get_status(GetStatusRequest {}).await;
    assert_eq!(reason(refused), "NOT_PERMITTED");
    let credentials = cluster.authorities[0].issue(Role::Admin, "operator");
    let channel = cluster.channel(credentials, 1).await.expect("it connects");
    let request = submit(&access(&cluster.ledger_id(), 1));
    LedgerServiceClient::new(channel).submit(request).await.expect("an administrator is a client, too");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_strangers_and_forged_names_do_not_get_in() {
    let cluster = Cluster::start().await;
    let checks = [
        ("a node", cluster.authorities[0].issue(Role::Node, "9")),
        ("another bureau's CA", cluster.authorities[0].issue_for("bozhou.example", Role::Client, "gateway")),
        (
            "no bureau's trust domain",
            cluster.authorities[0].issue_for("evil.example", Role::Client, "gateway"),
        ),
    ];
    for (who, credentials) in checks {
        // In TLS 1.3 the client's certificate is refused after the client's side of the handshake is done.
        let Ok(channel) = cluster.channel(credentials, 1).await else { continue };
        let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
        assert!(answer.is_err(), "{who}: not even health");
    }
    let credentials = cluster.authorities[1].issue(Role::Client, "gateway");
    let channel = cluster.channel(credentials, 1).await.expect("it connects");
    let mut health = HealthClient::new(channel.clone());
    let service = "muniment.v1.LedgerService".to_owned();
    let watch = health.watch(HealthCheckRequest { service }).await.expect("it answers");
    let mut watch = watch.into_inner();
    while watch.message().await.expect("it goes on").expect("it goes on").status
        != i32::from(tonic_health::pb::health_check_response::ServingStatus::Serving)
    {}
    drop(watch);
    let request = v1::GetCheckpointRequest { min_size: 0 };
    let none = LedgerServiceClient::new(channel).get_checkpoint(request).await;
    assert_eq!(reason(none), "NOT_FOUND", "nothing is cosigned yet");
    cluster.stop().await;
}
