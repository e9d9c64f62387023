//! A real server and a real client over a socket: messages, and errors with all their details.

use std::net::SocketAddr;

use muniment_core::{LedgerId, NodeId, Reason};
use muniment_proto::peer::v1::peer_service_client::PeerServiceClient;
use muniment_proto::peer::v1::peer_service_server::{PeerService, PeerServiceServer};
use muniment_proto::peer::v1::{AppendRequest, AppendResponse, CallRequest, CallResponse};
use muniment_proto::route::Route;
use muniment_proto::{ErrorReport, metadata};
use tonic::codec::Streaming;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

const LEDGER: LedgerId = LedgerId([7; 32]);
const ME: NodeId = NodeId(2);

/// Answers what it is asked, or as much of an error as there can be.
struct Echo;

fn largest_error() -> ErrorReport {
    let long = "x".repeat(1_000);
    let report = ErrorReport::new(Reason::InvalidRecord, &long).with(metadata::MALFORMED, &long);
    (0..9).fold(report, |report, index| report.violating(format!("records[{index}]"), &long))
}

#[tonic::async_trait]
impl PeerService for Echo {
    async fn call(&self, request: Request<CallRequest>) -> Result<Response<CallResponse>, Status> {
        let request = request.into_inner();
        Route::try_from(request.route)?.insist_on(&LEDGER, ME)?;
        match request.payload.is_empty() {
            true => Err(largest_error().into()),
            false => Ok(Response::new(CallResponse { answered: true, payload: request.payload })),
        }
    }

    type AppendStream = Streaming<AppendResponse>;

    async fn append(
        &self,
        _: Request<Streaming<AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        Err(muniment_proto::status(Reason::Halted, "this node only echoes"))
    }
}

async fn client() -> PeerServiceClient<tonic::transport::Channel> {
    let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = incoming.local_addr().expect("it is bound");
    let server = Server::builder().add_service(PeerServiceServer::new(Echo));
    tokio::spawn(server.serve_with_incoming(incoming));
    PeerServiceClient::connect(format!("http://{address}")).await.expect("it listens")
}

fn request(to: NodeId, payload: &'static [u8]) -> CallRequest {
    let route = Route { ledger_id: LEDGER, from: NodeId(1), to };
    CallRequest { route: Some(route.into()), lane: 1, payload: payload.into() }
}

#[tokio::test]
async fn payloads_and_the_largest_error_come_through_a_socket_unchanged() {
    let mut client = client().await;
    let answer = client.call(request(ME, b"payload")).await.expect("it is answered").into_inner();
    assert_eq!(answer, CallResponse { answered: true, payload: b"payload"[..].into() });

    let status = client.call(request(ME, b"")).await.expect_err("that is refused");
    let read = ErrorReport::from_status(&status).expect("a member said it");
    let sent = ErrorReport::from_status(&largest_error().into_status()).expect("own statuses are read");
    assert_eq!(read, sent);
    assert_eq!((read.violations.len(), read.number(metadata::OMITTED)), (8, Some(1)));

    let status = client.call(request(NodeId(3), b"payload")).await.expect_err("it is for another node");
    let read = ErrorReport::from_status(&status).expect("a member said it");
    assert_eq!(read.reason, Reason::NotPermitted);
    assert!(read.message.starts_with("route.to_node_id: names node 3"), "{}", read.message);
}
