//! What a node answers its peers.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use muniment_core::derived::DerivedStatement;
use muniment_core::reader::Reader;
use muniment_core::{NodeId, TreeSize};
use openraft::raft::AppendEntriesRequest;
use tokio::sync::oneshot;

use crate::codec::{self, CodecError};
use crate::derive::DeriveTask;
use crate::environment::Environment;
use crate::lags::report;
use crate::machine::prefix;
use crate::notary::root_at;
use crate::peer_messages::{self as peer, Kind};
use crate::raft_messages as raft;
use crate::seal_worker::SealTask;
use crate::shared::Core;
use crate::submission::Refusal;
use crate::transport::PeerService;
use crate::type_config::TypeConfig;

/// The node's side of the peer protocol.
pub(crate) struct Service<R: Environment> {
    pub(crate) core: Arc<Core<R>>,
}

type Append<R> = AppendEntriesRequest<TypeConfig<<R as Environment>::Runtime>>;

impl<R: Environment> Service<R> {
    /// Answers one message; an undecodable one, or one that this node must not answer, gets nothing.
    async fn dispatch(core: Arc<Core<R>>, from: NodeId, message: Bytes) -> Option<Bytes> {
        let mut reader = Reader::new(&message);
        let kind = Kind::read(&mut reader);
        let answered = match kind {
            Ok(kind @ (Kind::Append | Kind::Vote | Kind::PreVote | Kind::TransferLeader)) => {
                Self::raft_message(&core, kind, from, &mut reader, &message).await
            }
            Ok(Kind::Submit) => Self::submit(&core, from, &mut reader, &message).await,
            Ok(Kind::Cosignature) => Self::cosignature(&core, &mut reader).await,
            Ok(Kind::RootPrefix) => Self::root_prefix(&core, &mut reader),
            Ok(Kind::Snapshot) => Self::snapshot(&core, from, &mut reader).await,
            Ok(Kind::Derived) => Self::derived(&core, &mut reader).await,
            Ok(Kind::Point) => Ok(core.offer(from)),
            Ok(Kind::FileRange) => core.file_range(from, &mut reader).await,
            Ok(Kind::DerivePoint) => {
                core.gauges.want_point();
                Ok(Some(Bytes::new()))
            }
            Ok(Kind::Clock) => Ok(Some(Bytes::copy_from_slice(&core.environment.now().0.to_be_bytes()))),
            Ok(Kind::Promised) => Ok(Some(core.recollect(from))),
            Ok(Kind::ReadIndex) => {
                let index = core.read_log_index_as_leader().await.flatten();
                Ok(index.map(|index| Bytes::copy_from_slice(&index.0.to_be_bytes())))
            }
            Err(error) => Err(error),
        };
        answered.unwrap_or_else(|error| {
            tracing::warn!(from = from.0, %error, "refused a peer's message");
            None
        })
    }

    async fn raft_message(
        core: &Core<R>,
        kind: Kind,
        from: NodeId,
        reader: &mut Reader<'_>,
        message: &Bytes,
    ) -> Result<Option<Bytes>, CodecError> {
        if !core.votes() {
            return Ok(None);
        }
        let answer = match kind {
            Kind::Append => {
                let request: Append<R> = raft::read_append(reader, message)?;
                reader.end()?;
                if !core.takes(from, &request) {
                    return Ok(None);
                }
                let response = core.raft.append_entries(request).await;
                let unapplied = core.gauges.unapplied_bytes();
                response.ok().map(|response| report(&raft::encode_append_response(&response), unapplied))
            }
            Kind::Vote | Kind::PreVote => {
                let request = raft::read_vote_request(reader)?;
                reader.end()?;
                if kind == Kind::Vote && request.vote.leader_id.voted_for == from.0 {
                    core.promises.note_vote(from, request.vote.leader_id.term);
                }
                if !core.confirmation.reaches_committed(request.last_log_id) {
                    return Ok(None);
                }
                let response = if kind == Kind::Vote {
                    core.raft.vote(request).await
                } else {
                    core.raft.pre_vote(request).await
                };
                response.ok().map(|response| raft::encode_vote_response(&response))
            }
            _ => {
                let request = raft::read_transfer(reader)?;
                reader.end()?;
                core.raft.handle_transfer_leader(request).await.ok().map(|_| Bytes::new())
            }
        };
        Ok(answer)
    }

    async fn submit(
        core: &Core<R>,
        from: NodeId,
        reader: &mut Reader<'_>,
        message: &Bytes,
    ) -> Result<Option<Bytes>, CodecError> {
        let part = peer::read_submit(reader, message)?;
        let result = match core.admit(part.bytes.len()) {
            Ok(_waiting) => core.router.propose(from, part).await,
            // It does not lead for long, or no more: the sender's next try finds who leads then.
            Err(Refusal::ClockUnsynced { .. } | Refusal::RolledBack(_)) => {
                Err(Refusal::NotLeader { leader: None }.into())
            }
            Err(refusal) => Err(refusal.into()),
        };
        Ok(Some(peer::encode_submit_answer(&result)))
    }

    async fn cosignature(core: &Core<R>, reader: &mut Reader<'_>) -> Result<Option<Bytes>, CodecError> {
        let signed = peer::read_signed_body(reader)?;
        reader.end()?;
        let (sender, answer) = oneshot::channel();
        if core.seals.send(SealTask::Lines(signed, Some(sender))).is_err() {
            return Ok(None);
        }
        Ok(answer.await.ok().map(|signed| {
            let mut bytes = Vec::new();
            peer::put_signed_body(&mut bytes, &signed);
            bytes.into()
        }))
    }

    /// The leader's log no longer reaches back to what this node has: it fetches the leader's point, and installs it when
    /// it is here. Until then there is no answer, and the leader asks again.
    async fn snapshot(
        core: &Core<R>,
        from: NodeId,
        reader: &mut Reader<'_>,
    ) -> Result<Option<Bytes>, CodecError> {
        let (vote, log_id) = raft::read_snapshot_request(reader)?;
        reader.end()?;
        // openraft believes whoever installs: only the leader that the vote names may.
        let is_leader = vote.committed && vote.leader_id.voted_for == from.0;
        let Some(log_id) = log_id.filter(|_| is_leader && core.votes() && !core.refuses_leader(from)) else {
            return Ok(None);
        };
        let Some(snapshot) = core.points.catch_up.take_or_begin(from, log_id) else { return Ok(None) };
        let response = core.raft.install_full_snapshot(vote, snapshot).await;
        Ok(response.ok().map(|response| codec::encode_vote(&response.vote).into()))
    }

    /// A peer's derived statement; this node's own is the answer, if it has one of that size.
    async fn derived(core: &Core<R>, reader: &mut Reader<'_>) -> Result<Option<Bytes>, CodecError> {
        let Ok(statement) = DerivedStatement::read(reader) else {
            return Err(CodecError::Unknown { what: "derived statement of length", found: 0 });
        };
        reader.end()?;
        let (sender, answer) = oneshot::channel();
        if core.points.tasks.send(DeriveTask::Heard(statement, Some(sender))).is_err() {
            return Ok(None);
        }
        Ok(answer.await.ok().flatten().map(|own| own.encode().into()))
    }

    /// This node's root prefix at a size that it has reached.
    fn root_prefix(core: &Core<R>, reader: &mut Reader<'_>) -> Result<Option<Bytes>, CodecError> {
        let size = TreeSize(reader.u64()?);
        reader.end()?;
        let view = core.published.view();
        if size > view.size {
            return Ok(None);
        }
        let root = root_at(core.context.suite, size, &view.files);
        Ok(root.ok().map(|root| Bytes::copy_from_slice(&prefix(&root))))
    }
}

impl<R: Environment> PeerService for Service<R> {
    fn answer(&self, from: NodeId, request: Bytes) -> BoxFuture<'static, Option<Bytes>> {
        let core = Arc::clone(&self.core);
        async move {
            if core.lifecycle.is_over() {
                return None;
            }
            Self::dispatch(core, from, request).await
        }
        .boxed()
    }

    fn answer_stream(&self, from: NodeId, requests: BoxStream<'static, Bytes>) -> BoxStream<'static, Bytes> {
        let core = Arc::clone(&self.core);
        let gate = Arc::clone(&core);
        let decoded = requests.scan((), move |(), message| {
            let mut reader = Reader::new(&message);
            let append = Kind::read(&mut reader).is_ok_and(|kind| kind == Kind::Append);
            let request: Option<Append<R>> =
                append.then(|| raft::read_append(&mut reader, &message).ok()).flatten();
            // What is not taken ends the stream: the leader opens another, and sends it again.
            std::future::ready(request.filter(|request| gate.takes(from, request)))
        });
        let answers = core.raft.stream_append(decoded);
        let gauges = core.gauges.clone();
        let encoded = answers.scan((), move |(), answer| {
            let unapplied = gauges.unapplied_bytes();
            let encoded = |result| report(&raft::encode_stream_result(&result), unapplied);
            std::future::ready(answer.ok().map(encoded))
        });
        encoded.boxed()
    }
}
