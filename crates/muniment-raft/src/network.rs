//! openraft's network over a [`Transport`]: Raft's messages as bytes, pipelined appends, own time-outs.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

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

use tokio::sync::oneshot;

use crate::codec::{self, CodecError};
use crate::environment::Environment;
use crate::lags::{Lags, split_report};
use crate::peer_messages::Kind;
use crate::point_server::PointServer;
use crate::promises::Promises;
use crate::raft_messages as messages;
use crate::snapshot::{RaftSnapshot, SnapshotData};
use crate::transport::{Lane, Transport};
use crate::type_config::{RaftVote, TypeConfig};

/// Makes clients for openraft; making one never connects.
pub(crate) struct NetworkFactory<R> {
    transport: Arc<dyn Transport>,
    server: PointServer,
    lags: Lags,
    promises: Promises,
    environment: PhantomData<fn() -> R>,
}

/// openraft's way to one peer on one lane.
pub(crate) struct PeerClient<R> {
    to: NodeId,
    lane: Lane,
    transport: Arc<dyn Transport>,
    server: PointServer,
    lags: Lags,
    promises: Promises,
    environment: PhantomData<fn() -> R>,
}

type Config<R> = TypeConfig<<R as Environment>::Runtime>;
type RpcError<R> = RPCError<Config<R>>;
/// Answers to appends: how far they matched, or why they did not, or why there is none.
type Answers<'s, T, A, E> = BoxStream<'s, Result<Result<T, A>, E>>;

impl<R: Environment> NetworkFactory<R> {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        server: PointServer,
        lags: Lags,
        promises: Promises,
    ) -> Self {
        Self { transport, server, lags, promises, environment: PhantomData }
    }

    fn client(&self, target: u64, lane: Lane) -> PeerClient<R> {
        let (transport, server, lags) = (Arc::clone(&self.transport), self.server.clone(), self.lags.clone());
        let promises = self.promises.clone();
        PeerClient { to: NodeId(target), lane, transport, server, lags, promises, environment: PhantomData }
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

/// How far one stream of appends has come: what openraft gave, and what was answered.
#[derive(Default)]
struct Exchange {
    unanswered: AtomicUsize,
    /// openraft gives no further request.
    ended: AtomicBool,
}

impl Exchange {
    /// The requests, counted as the transport takes them.
    fn counted<T: Send + 'static>(
        self: &Arc<Self>,
        requests: impl Stream<Item = T> + Send + 'static,
    ) -> impl Stream<Item = T> + Send + 'static {
        let (taken, ended) = (Arc::clone(self), Arc::clone(self));
        let end = futures::stream::poll_fn(move |_| {
            ended.ended.store(true, Ordering::SeqCst);
            Poll::Ready(None)
        });
        requests
            .inspect(move |_| {
                taken.unanswered.fetch_add(1, Ordering::SeqCst);
            })
            .chain(end)
    }

    fn note_answer(&self) {
        self.unanswered.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether openraft asked all that it wanted and has heard all of it.
    fn is_over(&self) -> bool {
        self.ended.load(Ordering::SeqCst) && self.unanswered.load(Ordering::SeqCst) == 0
    }
}

/// Answers up to the first that ends the stream, which ends without an error when all was asked and answered.
///
/// Two ways in which a cluster wrote nothing any more, though a majority was well, meet here:
///
/// - A stream ended in a conflict, and its transport, still waiting for a request, took that of the next stream, whose
///   answer nobody heard. So the gate is shut before that answer is handed out, and when the answers are dropped.
/// - A stream that openraft itself had ended was reported as closed by the peer. openraft 0.10.0-alpha.37 forgets what
///   is under way at any such report, also when it belongs to an earlier stream (`update_progress` looks at the id of
///   what was under way for an answer, not for an error); it starts over under a new id, the stream that runs meanwhile
///   ends, is reported too, and its answer comes under an id that no longer counts. While the back-off of a peer
///   that had been away delays each request, that went on for ever.
fn until_it_ends<'s, T: Send + 's, A: Send + 's, E: Send + 's>(
    answers: Answers<'s, T, A, E>,
    gate: oneshot::Sender<Infallible>,
    exchange: Arc<Exchange>,
) -> Answers<'s, T, A, E> {
    let step = move |open: Option<(Answers<'s, T, A, E>, oneshot::Sender<Infallible>)>| {
        let exchange = Arc::clone(&exchange);
        async move {
            let (mut answers, gate) = open?;
            let answer = answers.next().await?;
            match &answer {
                Ok(Ok(_)) => {
                    exchange.note_answer();
                    return Some((answer, Some((answers, gate))));
                }
                Err(_) if exchange.is_over() => return None,
                Ok(Err(_)) | Err(_) => drop(gate),
            }
            Some((answer, None))
        }
    };
    futures::stream::unfold(Some((answers, gate)), step).boxed()
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
        let answer = self.call(bytes, &option, decode).await?;
        let matched = match &answer {
            AppendEntriesResponse::Success => {
                request.entries.last().map(|entry| entry.log_id).or(request.prev_log_id)
            }
            AppendEntriesResponse::PartialSuccess(upto) => *upto,
            AppendEntriesResponse::Conflict | AppendEntriesResponse::HigherVote(_) => None,
        };
        if let Some(log_id) = matched {
            self.promises.note_acknowledged(self.to, request.vote.leader_id.term, log_id);
        }
        Ok(answer)
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
        let (to, promises) = (self.to, self.promises.clone());
        Box::pin(async move {
            let mut input = input;
            // openraft applies its back-off for unreachable peers inside the request stream: a stream that fails
            // before its first request was polled is opened again at once, for ever.
            let Some(first) = input.next().await else {
                return Ok(futures::stream::empty().boxed() as BoxStream<'s, _>);
            };
            // openraft's stream is one leader's, of one term.
            let leader_term = first.vote.leader_id.term;
            let (gate, shut) = oneshot::channel::<Infallible>();
            let exchange = Arc::new(Exchange::default());
            let requests = exchange.counted(futures::stream::iter([first]).chain(input)).map(|request| {
                let mut bytes = Kind::Append.message();
                messages::put_append(&mut bytes, &request);
                Bytes::from(bytes)
            });
            let requests = requests.take_until(shut).boxed();
            let decode = move |bytes: Bytes| -> Result<StreamAppendResult<Config<R>>, CodecError> {
                let (answer, unapplied) = split_report(&bytes)?;
                lags.note(to, unapplied);
                let result = messages::decode_stream_result(answer)?;
                if let Ok(Some(log_id)) = &result {
                    promises.note_acknowledged(to, leader_term, *log_id);
                }
                Ok(result)
            };
            let answers = transport.stream(to, requests).map(move |answer| match answer {
                Ok(bytes) => {
                    decode(bytes).map_err(|error| RPCError::Unreachable(RaftUnreachable::new(&error)))
                }
                Err(error) => Err(RPCError::Unreachable(RaftUnreachable::new(&error))),
            });
            Ok(until_it_ends(answers.boxed(), gate, exchange) as BoxStream<'s, _>)
        })
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Config<R>>,
        option: RPCOption,
    ) -> Result<VoteResponse<Config<R>>, RpcError<R>> {
        let mut bytes = Kind::Vote.message();
        messages::put_vote_request(&mut bytes, &request);
        let response = self.call(bytes, &option, messages::decode_vote_response).await?;
        if response.vote_granted {
            self.promises.note_vote(self.to, response.vote.leader_id.term);
        }
        Ok(response)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::BoxFuture as Boxed;
    use openraft::raft::StreamAppendError;
    use openraft_rt_tokio::TokioRuntime;
    use tokio::sync::mpsc;

    use super::*;
    use crate::environment::SystemEnvironment;
    use crate::lags::report;
    use crate::transport::Unreachable;
    use crate::type_config::{RaftLogId, RaftLogLeader};

    /// Takes requests on a task of its own, as every network does, and answers what it was given; closes the stream when
    /// there are no requests any more, as a peer does.
    struct Pumping {
        answers: Vec<Bytes>,
        taken: mpsc::UnboundedSender<()>,
    }

    impl Transport for Pumping {
        fn call(&self, to: NodeId, _: Lane, _: Bytes) -> Boxed<'static, Result<Bytes, Unreachable>> {
            Box::pin(std::future::ready(Err(Unreachable { to, reason: "a test".to_owned() })))
        }

        fn stream(
            &self,
            to: NodeId,
            mut requests: futures::stream::BoxStream<'static, Bytes>,
        ) -> futures::stream::BoxStream<'static, Result<Bytes, Unreachable>> {
            let taken = self.taken.clone();
            let (over, end) = oneshot::channel();
            drop(tokio::spawn(async move {
                while requests.next().await.is_some() {
                    taken.send(()).expect("the test listens");
                }
                drop(over.send(Err(Unreachable { to, reason: "it closed the stream".to_owned() })));
            }));
            let answers: Vec<_> = self.answers.iter().cloned().map(Ok).collect();
            let end = futures::stream::once(end).map(|end| end.expect("the requests end"));
            futures::stream::iter(answers).chain(end).boxed()
        }
    }

    /// A client whose peer answers `answers`, and where to hear of each request that its transport takes.
    async fn client(answers: Vec<Bytes>) -> (PeerClient<SystemEnvironment>, mpsc::UnboundedReceiver<()>) {
        let (taken, seen) = mpsc::unbounded_channel();
        let transport = Arc::new(Pumping { answers, taken });
        let mut factory = NetworkFactory::<SystemEnvironment>::new(
            transport,
            PointServer::default(),
            Lags::default(),
            Promises::default(),
        );
        (factory.new_client(2, &EmptyNode {}).await, seen)
    }

    fn log_id() -> RaftLogId {
        RaftLogId { leader_id: RaftLogLeader::new(1), index: 3 }
    }

    fn answer(result: &StreamAppendResult<TypeConfig<TokioRuntime>>) -> Bytes {
        report(&messages::encode_stream_result(result), 0)
    }

    type Request = AppendEntriesRequest<TypeConfig<TokioRuntime>>;

    fn heartbeat() -> Request {
        Request {
            vote: RaftVote::new_committed(2, 1),
            prev_log_id: None,
            entries: Vec::new(),
            leader_commit: None,
        }
    }

    /// The story of this test: after a leader was stopped, some clusters wrote nothing any more. One way to that: the new
    /// leader's first stream ended in a conflict, its transport still waited for a request, took that of the next
    /// stream, and nobody heard the answer.
    #[tokio::test]
    async fn a_stream_that_has_ended_takes_no_further_request() {
        let conflict = answer(&Err(StreamAppendError::Conflict(log_id())));
        let (mut client, mut seen) = client(vec![answer(&Ok(Some(log_id()))), conflict]).await;
        let (requests, input) = mpsc::unbounded_channel::<Request>();
        let input =
            futures::stream::unfold(input, |mut input| async move { Some((input.recv().await?, input)) });
        requests.send(heartbeat()).expect("the stream takes it");
        let option = RPCOption::new(Duration::from_secs(1));
        let mut answers = client.stream_append(input.boxed(), option).await.expect("it opens");
        assert!(matches!(answers.next().await, Some(Ok(Ok(Some(_))))));
        seen.recv().await.expect("the first request is taken");
        assert!(matches!(answers.next().await, Some(Ok(Err(StreamAppendError::Conflict(_))))));
        // What comes now belongs to the next stream.
        drop(requests.send(heartbeat()));
        assert!(answers.next().await.is_none(), "nothing follows a conflict");
        drop(answers);
        drop(client);
        let ended = tokio::time::timeout(Duration::from_secs(10), seen.recv()).await;
        assert_eq!(ended.ok(), Some(None), "the pump has ended without another request");
    }

    /// The other way to the same end: openraft had asked all it wanted, and was told that the peer closed the stream.
    #[tokio::test]
    async fn a_stream_that_openraft_ended_is_no_error_when_all_is_answered_and_one_when_not() {
        let matched = || answer(&Ok(Some(log_id())));
        for (answered, is_error) in [(2, false), (1, true), (0, true)] {
            let (mut client, _seen) = client(vec![matched(); answered]).await;
            let input = futures::stream::iter([heartbeat(), heartbeat()]).boxed();
            let option = RPCOption::new(Duration::from_secs(1));
            let answers = client.stream_append(input, option).await.expect("it opens");
            let answers: Vec<_> = answers.collect().await;
            let errors = answers.iter().filter(|answer| answer.is_err()).count();
            assert_eq!(answers.len() - errors, answered);
            assert_eq!(errors, usize::from(is_error), "{answered} of 2 requests are answered");
        }
    }
}
