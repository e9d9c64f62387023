//! A member that lies: it has a real node's certificate, hands calls on to a real member, and alters what comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use muniment_peer::tls::{AcceptOptions, ServerPolicy, Trust, accept, server_config};
use muniment_proto::v1;
use muniment_proto::v1::ledger_service_client::LedgerServiceClient;
use muniment_proto::v1::ledger_service_server::{LedgerService, LedgerServiceServer};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status, Streaming};

use crate::ledger::Ledger;

/// What the liar is about to say.
pub(crate) enum Saying<'a> {
    Submit(&'a mut v1::SubmitResponse),
    Record(&'a mut v1::GetRecordResponse),
    Page(&'a mut v1::ListRecordsResponse),
    Receipt(&'a mut v1::GetReceiptResponse),
    Consistency(&'a mut v1::GetConsistencyProofResponse),
    Checkpoint(&'a mut v1::GetCheckpointResponse),
    Watch(&'a mut v1::WatchRecordsResponse),
}

pub(crate) type Lie = Arc<dyn Fn(Saying<'_>) + Send + Sync>;

struct Liar {
    real: LedgerServiceClient<Channel>,
    lie: Lie,
}

/// Starts a liar with Hefei's node's certificate; answers its address.
pub(crate) async fn liar(ledger: &Ledger, lie: impl Fn(Saying<'_>) + Send + Sync + 'static) -> String {
    let trust = Trust::of_founding(&ledger.founding, &BTreeMap::new()).expect("CAs");
    let channel = ledger.wire(0, 0).channel().await;
    let real = LedgerServiceClient::new(channel.expect("the real member is up"));
    let config =
        server_config(&trust, &ledger.credentials(0, "node"), ServerPolicy::clients(false)).expect("TLS 1.3");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let incoming = accept(listener, config, trust, AcceptOptions::default());
    let service = LedgerServiceServer::new(Liar { real, lie: Arc::new(lie) });
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
    address
}

type Answer<T> = Result<Response<T>, Status>;

impl Liar {
    /// What the real member said, with the lie in it.
    fn twist<T>(&self, answer: Answer<T>, saying: impl for<'a> FnOnce(&'a mut T) -> Saying<'a>) -> Answer<T> {
        let mut answer = answer?.into_inner();
        (self.lie)(saying(&mut answer));
        Ok(Response::new(answer))
    }

    fn real(&self) -> LedgerServiceClient<Channel> {
        self.real.clone()
    }
}

#[tonic::async_trait]
impl LedgerService for Liar {
    type SubmitStreamStream = BoxStream<'static, Result<v1::SubmitStreamResponse, Status>>;
    type WatchRecordsStream = BoxStream<'static, Result<v1::WatchRecordsResponse, Status>>;

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Answer<v1::SubmitResponse> {
        self.twist(self.real().submit(request.into_inner()).await, |answer| Saying::Submit(answer))
    }

    async fn submit_batch(
        &self,
        request: Request<v1::SubmitBatchRequest>,
    ) -> Answer<v1::SubmitBatchResponse> {
        self.real().submit_batch(request.into_inner()).await
    }

    async fn submit_stream(
        &self,
        _: Request<Streaming<v1::SubmitStreamRequest>>,
    ) -> Answer<Self::SubmitStreamStream> {
        Err(Status::unimplemented("not among the lies"))
    }

    async fn check_access(
        &self,
        request: Request<v1::CheckAccessRequest>,
    ) -> Answer<v1::CheckAccessResponse> {
        self.real().check_access(request.into_inner()).await
    }

    async fn encode_record(
        &self,
        request: Request<v1::EncodeRecordRequest>,
    ) -> Answer<v1::EncodeRecordResponse> {
        self.real().encode_record(request.into_inner()).await
    }

    async fn get_record(&self, request: Request<v1::GetRecordRequest>) -> Answer<v1::GetRecordResponse> {
        self.twist(self.real().get_record(request.into_inner()).await, |answer| Saying::Record(answer))
    }

    async fn list_records(
        &self,
        request: Request<v1::ListRecordsRequest>,
    ) -> Answer<v1::ListRecordsResponse> {
        self.twist(self.real().list_records(request.into_inner()).await, |answer| Saying::Page(answer))
    }

    async fn get_receipt(&self, request: Request<v1::GetReceiptRequest>) -> Answer<v1::GetReceiptResponse> {
        self.twist(self.real().get_receipt(request.into_inner()).await, |answer| Saying::Receipt(answer))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<v1::GetInclusionProofRequest>,
    ) -> Answer<v1::GetInclusionProofResponse> {
        self.real().get_inclusion_proof(request.into_inner()).await
    }

    async fn get_consistency_proof(
        &self,
        request: Request<v1::GetConsistencyProofRequest>,
    ) -> Answer<v1::GetConsistencyProofResponse> {
        self.twist(self.real().get_consistency_proof(request.into_inner()).await, |answer| {
            Saying::Consistency(answer)
        })
    }

    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Answer<v1::GetCheckpointResponse> {
        self.twist(self.real().get_checkpoint(request.into_inner()).await, |answer| {
            Saying::Checkpoint(answer)
        })
    }

    async fn watch_records(
        &self,
        request: Request<v1::WatchRecordsRequest>,
    ) -> Answer<Self::WatchRecordsStream> {
        let stream = self.real().watch_records(request.into_inner()).await?.into_inner();
        let lie = Arc::clone(&self.lie);
        let twisted = stream.map(move |message| {
            message.map(|mut message| {
                lie(Saying::Watch(&mut message));
                message
            })
        });
        Ok(Response::new(twisted.boxed()))
    }

    async fn get_statistics(
        &self,
        request: Request<v1::GetStatisticsRequest>,
    ) -> Answer<v1::GetStatisticsResponse> {
        self.real().get_statistics(request.into_inner()).await
    }

    async fn get_authorisation(
        &self,
        request: Request<v1::GetAuthorisationRequest>,
    ) -> Answer<v1::GetAuthorisationResponse> {
        self.real().get_authorisation(request.into_inner()).await
    }
}
