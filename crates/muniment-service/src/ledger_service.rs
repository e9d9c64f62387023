//! `muniment.v1.LedgerService`: every method of the schema, handed to the file that does it.

use std::sync::Arc;

use futures::stream::BoxStream;
use muniment_proto::v1;
use muniment_proto::v1::ledger_service_server::LedgerService;
use tonic::{Request, Response, Status, Streaming};

use crate::gate::Call;
use crate::refused::{Answer, Refused};
use crate::service::Service;
use crate::{
    authorisation, check_access, encode_record, get_record, list_records, proofs, statistics, submit,
    submit_stream, watch_records,
};

/// The public service over one node.
pub(crate) struct LedgerApi(pub(crate) Arc<Service>);

/// What the gate said about the call.
pub(crate) fn call_of<T>(request: &Request<T>) -> Result<Call, Status> {
    let call = request.extensions().get::<Call>().cloned();
    call.ok_or_else(|| Refused::internal("the call passed no gate").into())
}

/// An answer of ours as one of gRPC's.
pub(crate) fn answer<T>(answer: Answer<T>) -> Result<Response<T>, Status> {
    Ok(Response::new(answer?))
}

#[tonic::async_trait]
impl LedgerService for LedgerApi {
    type SubmitStreamStream = BoxStream<'static, Result<v1::SubmitStreamResponse, Status>>;
    type WatchRecordsStream = BoxStream<'static, Result<v1::WatchRecordsResponse, Status>>;

    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        let call = call_of(&request)?;
        answer(submit::submit(&self.0, &call, request.into_inner()).await)
    }

    async fn submit_batch(
        &self,
        request: Request<v1::SubmitBatchRequest>,
    ) -> Result<Response<v1::SubmitBatchResponse>, Status> {
        let call = call_of(&request)?;
        answer(submit::submit_batch(&self.0, &call, request.into_inner()).await)
    }

    async fn submit_stream(
        &self,
        request: Request<Streaming<v1::SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        let call = call_of(&request)?;
        Ok(Response::new(submit_stream::submit_stream(&self.0, call, request.into_inner())))
    }

    async fn check_access(
        &self,
        request: Request<v1::CheckAccessRequest>,
    ) -> Result<Response<v1::CheckAccessResponse>, Status> {
        let call = call_of(&request)?;
        answer(check_access::check_access(&self.0, &call, request.into_inner()).await)
    }

    async fn encode_record(
        &self,
        request: Request<v1::EncodeRecordRequest>,
    ) -> Result<Response<v1::EncodeRecordResponse>, Status> {
        let call = call_of(&request)?;
        answer(encode_record::encode_record(&self.0, &call, request.into_inner()))
    }

    async fn get_record(
        &self,
        request: Request<v1::GetRecordRequest>,
    ) -> Result<Response<v1::GetRecordResponse>, Status> {
        let call = call_of(&request)?;
        answer(get_record::get_record(&self.0, &call, request.into_inner()).await)
    }

    async fn list_records(
        &self,
        request: Request<v1::ListRecordsRequest>,
    ) -> Result<Response<v1::ListRecordsResponse>, Status> {
        let call = call_of(&request)?;
        answer(list_records::list_records(&self.0, &call, request.into_inner()).await)
    }

    async fn get_receipt(
        &self,
        request: Request<v1::GetReceiptRequest>,
    ) -> Result<Response<v1::GetReceiptResponse>, Status> {
        let call = call_of(&request)?;
        answer(proofs::get_receipt(&self.0, &call, request.into_inner()).await)
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<v1::GetInclusionProofRequest>,
    ) -> Result<Response<v1::GetInclusionProofResponse>, Status> {
        let call = call_of(&request)?;
        answer(proofs::get_inclusion_proof(&self.0, &call, request.into_inner()).await)
    }

    async fn get_consistency_proof(
        &self,
        request: Request<v1::GetConsistencyProofRequest>,
    ) -> Result<Response<v1::GetConsistencyProofResponse>, Status> {
        let call = call_of(&request)?;
        answer(proofs::get_consistency_proof(&self.0, &call, request.into_inner()).await)
    }

    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let call = call_of(&request)?;
        answer(proofs::get_checkpoint(&self.0, &call, request.into_inner()).await)
    }

    async fn watch_records(
        &self,
        request: Request<v1::WatchRecordsRequest>,
    ) -> Result<Response<Self::WatchRecordsStream>, Status> {
        let call = call_of(&request)?;
        answer(watch_records::watch_records(&self.0, &call, request.into_inner()).await)
    }

    async fn get_statistics(
        &self,
        request: Request<v1::GetStatisticsRequest>,
    ) -> Result<Response<v1::GetStatisticsResponse>, Status> {
        let call = call_of(&request)?;
        answer(statistics::get_statistics(&self.0, &call, request.into_inner()).await)
    }

    async fn get_authorisation(
        &self,
        request: Request<v1::GetAuthorisationRequest>,
    ) -> Result<Response<v1::GetAuthorisationResponse>, Status> {
        let call = call_of(&request)?;
        answer(authorisation::get_authorisation(&self.0, &call, request.into_inner()).await)
    }
}
