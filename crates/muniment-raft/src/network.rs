//! openraft's network over a [`Transport`]: Raft's messages as bytes, pipelined appends, own time-outs.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use muniment_core::NodeId;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable as RaftUnreachable};
use openraft::impls::EmptyNode;
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, AsyncRuntime, OptionalSend, RaftNetworkFactory, RaftNetworkV2};

use crate::codec::{self, CodecError};
use crate::environment::Environment;
use crate::lags::{Lags, split_report};
use crate::peer_messages::Kind;
use crate::point_server::PointServer;
use crate::raft_messages as messages;
use crate::snapshot::{RaftSnapshot, SnapshotData};
use crate::transport::{Lane, Transport};
use crate::type_config::{RaftVote, TypeConfig};

/// Makes clients for openraft; making one never connects.
pub(crate) struct NetworkFactory<R> {
    transport: Arc<dyn Transport>,
    server: PointServer,
    lags: Lags,
    environment: PhantomData<fn() -> R>,
}

/// openraft's way to one peer on one lane.
pub(crate) struct PeerClient<R> {
    to: NodeId,
    lane: Lane,
    transport: Arc<dyn Transport>,
    server: PointServer,
    lags: Lags,
    environment: PhantomData<fn() -> R>,
}

type Config<R> = TypeConfig<<R as Environment>::Runtime>;
type RpcError<R> = RPCError<Config<R>>;

impl<R: Environment> NetworkFactory<R> {
    pub(crate) fn new(transport: Arc<dyn Transport>, server: PointServer, lags: Lags) -> Self {
        Self { transport, server, lags, environment: PhantomData }
    }

    fn client(&self, target: u64, lane: Lane) -> PeerClient<R> {
        let (transport, server, lags) = (Arc::clone(&self.transport), self.server.clone(), self.lags.clone());
        PeerClient { to: NodeId(target), lane, transport, server, lags, environment: PhantomData }
    }
}

impl<R: Environment> RaftNetworkFactory<Config<R>> for NetworkFactory<R> {
    type Network = PeerClient<R>;

    async fn new_client(&mut self, target: u64, _: &EmptyNode) -> PeerClient<R> {
        self.client(target, Lane::Bulk)
    }

    async fn new_heartbeat_client(&mut self, target: u64, _: &EmptyNode) -> PeerClient<R> {
        self.client(target, Lane::Urgent)
    }
}

impl<R: Environment> PeerClient<R> {
    /// One request, one answer, within openraft's time for it. Whatever goes wrong is `Unreachable`, which backs off;
    /// a network error would be tried again at once.
    async fn call<T>(
        &self,
        request: Vec<u8>,
        option: &RPCOption,
        decode: impl FnOnce(&[u8]) -> Result<T, CodecError> + Send,
    ) -> Result<T, RaftUnreachable<Config<R>>> {
        let call = self.transport.call(self.to, self.lane, request.into());
        let answer = match R::Runtime::timeout(option.hard_ttl(), call).await {
            Ok(answer) => answer.map_err(|error| RaftUnreachable::new(&error))?,
            Err(_) => {
                let late = AnyError::error(format!("node {} did not answer in time", self.to));
                return Err(RaftUnreachable::new(&late));
            }
        };
        decode(&answer).map_err(|error| RaftUnreachable::new(&error))
    }
}

impl<R: Environment> RaftNetworkV2<Config<R>> for PeerClient<R> {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Config<R>>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Config<R>>, RpcError<R>> {
        let mut bytes = Kind::Append.message();
        messages::put_append(&mut bytes, &request);
        let (lags, to) = (self.lags.clone(), self.to);
        let decode = move |bytes: &[u8]| {
            let (answer, unapplied) = split_report(bytes)?;
            lags.note(to, unapplied);
            messages::decode_append_response(answer)
        };
        Ok(self.call(bytes, &option, decode).await?)
    }

    /// Requests go out without waiting for answers, which come back in order.
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<Config<R>>, RpcError<R>>>, RpcError<R>>>
    where
        S: Stream<Item = AppendEntriesRequest<Config<R>>> + OptionalSend + Unpin + 'static,
    {
        let (transport, lags) = (Arc::clone(&self.transport), self.lags.clone());
        let to = self.to;
        Box::pin(async move {
            let mut input = input;
            // openraft applies its back-off for unreachable peers inside the request stream: a stream that fails
            // before its first request was polled is opened again at once, for ever.
            let Some(first) = input.next().await else {
                return Ok(futures::stream::empty().boxed() as BoxStream<'s, _>);
            };
            let requests = futures::stream::iter([first]).chain(input).map(|request| {
                let mut bytes = Kind::Append.message();
                messages::put_append(&mut bytes, &request);
                Bytes::from(bytes)
            });
            let decode = move |bytes: Bytes| {
                let (answer, unapplied) = split_report(&bytes)?;
                lags.note(to, unapplied);
                messages::decode_stream_result(answer)
            };
            let answers = transport.stream(to, requests.boxed()).map(move |answer| match answer {
                Ok(bytes) => {
                    decode(bytes).map_err(|error| RPCError::Unreachable(RaftUnreachable::new(&error)))
                }
                Err(error) => Err(RPCError::Unreachable(RaftUnreachable::new(&error))),
            });
            Ok(answers.boxed() as BoxStream<'s, _>)
        })
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Config<R>>,
        option: RPCOption,
    ) -> Result<VoteResponse<Config<R>>, RpcError<R>> {
        let mut bytes = Kind::Vote.message();
        messages::put_vote_request(&mut bytes, &request);
        Ok(self.call(bytes, &option, messages::decode_vote_response).await?)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Config<R>>,
        option: RPCOption,
    ) -> Result<VoteResponse<Config<R>>, RpcError<R>> {
        let mut bytes = Kind::PreVote.message();
        messages::put_vote_request(&mut bytes, &request);
        Ok(self.call(bytes, &option, messages::decode_vote_response).await?)
    }

    /// A member that the log no longer serves fetches files outside Raft and checks them (02); openraft carries none.
    /// Until it has them it answers nothing, which backs off; then it installs, and answers.
    async fn full_snapshot(
        &mut self,
        vote: RaftVote,
        snapshot: RaftSnapshot,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Config<R>>, StreamingError<Config<R>>> {
        let mut bytes = Kind::Snapshot.message();
        messages::put_snapshot_request(&mut bytes, &vote, snapshot.meta.last_log_id.as_ref());
        let vote = self.call(bytes, &option, codec::decode_vote).await;
        let vote = vote.map_err(StreamingError::Unreachable)?;
        self.server.release(self.to);
        Ok(SnapshotResponse::new(vote))
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Config<R>>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Config<R>>, RpcError<R>> {
        let mut bytes = Kind::TransferLeader.message();
        messages::put_transfer(&mut bytes, &request);
        self.call(bytes, &option, |_| Ok(())).await?;
        Ok(Ok(()))
    }
}
