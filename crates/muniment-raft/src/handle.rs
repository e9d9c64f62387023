//! What the rest of a process sees of a node.

use std::sync::Arc;
use std::time::Duration;

use futures::future::Either;
use muniment_core::checkpoint::Checkpoint;
use muniment_core::{LogIndex, NodeId, RaftTerm, TreeSize};
use muniment_store::fsck::Finding;
use openraft::async_runtime::WatchReceiver as _;
use openraft::{AsyncRuntime, ReadPolicy, ServerState};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::admitter::{self, Waiting};
use crate::apply_worker::ApplyCommand;
use crate::environment::Environment;
use crate::lifecycle::NodeState;
use crate::peer_messages::Kind;
use crate::proposer::PartResult;
use crate::published::LedgerView;
use crate::service::Service;
use crate::shared::Core;
use crate::status::{Role, Status};
use crate::submission::{Refusal, SignedPart, Submission, SubmissionOutcome, SubmitError};
use crate::transport::{Lane, PeerService};

/// A running node. Cheap to clone; the node runs until [`Handle::shutdown`].
pub struct Handle<R: Environment> {
    pub(crate) core: Arc<Core<R>>,
}

/// Why a read was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The node is recovering, or has ended.
    #[error("this node does not answer reads: {0}")]
    NotReadable(String),
    /// What is asked for waits for the repair of this node's evidence files.
    #[error("this node's evidence files are damaged and being repaired: {0}; ask another member")]
    Damaged(String),
    /// No leader confirmed the read in time.
    #[error("no leader confirmed the read within {} ms; a majority of voters must be reachable", .0.as_millis())]
    NoQuorum(Duration),
    /// What was asked for did not happen in time.
    #[error("{what} did not happen within {} ms", .waited.as_millis())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
    },
}

/// Why a ledger was not begun.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the ledger was not begun: {0}")]
pub struct InitializeError(pub(crate) String);

impl<R: Environment> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

impl<R: Environment> Handle<R> {
    pub(crate) const fn new(core: Arc<Core<R>>) -> Self {
        Self { core }
    }

    /// This node.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.core.me
    }

    /// The other members.
    #[must_use]
    pub fn peers(&self) -> &[NodeId] {
        &self.core.peers
    }

    /// What peers' messages go to.
    #[must_use]
    pub fn service(&self) -> Arc<dyn PeerService> {
        Arc::new(Service { core: Arc::clone(&self.core) })
    }

    /// Begins the ledger with its founders as voters: once, on one node, by command.
    ///
    /// # Errors
    /// [`InitializeError`] if it was begun before, as this node or a member that can be reached knows, or this node has
    /// stopped.
    pub async fn initialize(&self) -> Result<(), InitializeError> {
        self.core.insist_on_beginning().await?;
        let members = self.core.context.members.members.iter();
        let nodes: std::collections::BTreeMap<u64, _> =
            members.map(|member| (member.node_id.0, openraft::impls::EmptyNode {})).collect();
        self.core.raft.initialize(nodes).await.map_err(|error| InitializeError(error.to_string()))
    }

    /// Submits records of this node's own bureau: the node signs the admission. Answers when they are durable on a
    /// majority and applied here or on the leader.
    ///
    /// # Errors
    /// [`SubmitError`] tells a definite failure from an unknown outcome.
    pub async fn submit_local(&self, submission: Submission) -> Result<SubmissionOutcome, SubmitError> {
        self.submit_local_group(vec![submission]).await
    }

    /// As [`Handle::submit_local`], for submissions that keep their order: they go into one admission, which is an
    /// indivisible part of one entry. Answers the outcomes of all their records, in order.
    ///
    /// # Errors
    /// [`SubmitError`] tells a definite failure from an unknown outcome, of all of them.
    pub async fn submit_local_group(
        &self,
        submissions: Vec<Submission>,
    ) -> Result<SubmissionOutcome, SubmitError> {
        admitter::check(&submissions)?;
        let records = submissions.iter().flat_map(|submission| &submission.records);
        let bytes = records.map(|record| record.bytes.len()).sum();
        let _waiting = self.core.admit(bytes)?;
        let (done, result) = oneshot::channel();
        let stopped = |_| Refusal::NotRunning(self.core.lifecycle.state().to_string());
        self.core.submissions.send(Waiting { submissions, done }).map_err(stopped)?;
        Self::answer(result).await
    }

    /// Submits an admission that was signed elsewhere, unchanged.
    ///
    /// # Errors
    /// [`SubmitError`] tells a definite failure from an unknown outcome.
    pub async fn submit(&self, part: SignedPart) -> Result<SubmissionOutcome, SubmitError> {
        let limit = muniment_core::limits::BATCH_BYTES_MAX - muniment_core::batch::BATCH_HEADER_LENGTH;
        if part.bytes.len() > limit {
            let what = "bytes of one admission with its records";
            return Err(Refusal::TooLarge { what, found: part.bytes.len(), limit }.into());
        }
        let _waiting = self.core.admit(part.bytes.len())?;
        self.core.router.deliver(part).await
    }

    async fn answer(result: oneshot::Receiver<PartResult>) -> Result<SubmissionOutcome, SubmitError> {
        let gone = |_| SubmitError::OutcomeUnknown("the node stopped before it answered".to_owned());
        result.await.map_err(gone)?
    }

    /// Waits for a checkpoint of at least `size` leaves that q bureaus cosigned.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`] after the time of submissions; the leaves are durable all the same.
    pub async fn wait_cosigned(&self, size: TreeSize) -> Result<Arc<Checkpoint>, ReadError> {
        let waited = self.core.timings.submit;
        let wait = self.core.cosigned.wait(size);
        R::Runtime::timeout(waited, wait).await.map_err(|_| ReadError::TimedOut {
            what: format!("a cosigned checkpoint of {size} leaves"),
            waited,
        })
    }

    /// The newest checkpoint that q bureaus cosigned, as far as this node knows.
    #[must_use]
    pub fn cosigned(&self) -> Option<Arc<Checkpoint>> {
        self.core.cosigned.latest()
    }

    /// A linearizable view: the leader confirms with a majority that it still leads, then this node waits until it has
    /// applied what was committed by then (ReadIndex, Raft 6.4). Never by a lease.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_index(&self) -> Result<Arc<LedgerView>, ReadError> {
        self.insist_on_readable()?;
        let waited = self.core.timings.submit;
        let read = async {
            loop {
                match self.core.read_log_index().await {
                    Some(Some(index)) => return self.applied_unless_damaged(index).await,
                    Some(None) => return Ok(self.core.published.view()),
                    None => R::Runtime::sleep(self.core.timings.heartbeat / 4).await,
                }
            }
        };
        R::Runtime::timeout(waited, read).await.map_err(|_| ReadError::NoQuorum(waited))?
    }

    /// Waits until an entry is applied here; in vain while a repair holds up applying, which is said at once.
    async fn applied_unless_damaged(&self, index: LogIndex) -> Result<Arc<LedgerView>, ReadError> {
        let core = &self.core;
        let look = || {
            let view = core.published.view();
            if view.log_index >= Some(index) {
                return Some(Ok(view));
            }
            core.damage().map(|what| Err(ReadError::Damaged(what)))
        };
        core.published.wait_for(look).await
    }

    /// The newest view of this node, which may lag behind the leader.
    ///
    /// # Errors
    /// [`ReadError::NotReadable`] while the node recovers: an older view than one that was read before is never shown.
    pub fn view(&self) -> Result<Arc<LedgerView>, ReadError> {
        self.insist_on_readable()?;
        Ok(self.core.published.view())
    }

    /// Waits until the node has applied the entry at `index`.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`] after the time of submissions.
    pub async fn wait_applied(&self, index: LogIndex) -> Result<Arc<LedgerView>, ReadError> {
        let waited = self.core.timings.submit;
        let wait = self.core.published.wait_applied(index);
        let what = format!("applying log index {index}");
        R::Runtime::timeout(waited, wait).await.map_err(|_| ReadError::TimedOut { what, waited })
    }

    /// Waits until the node runs.
    ///
    /// # Errors
    /// [`ReadError`] if it ends, or does not get there in the time of submissions.
    pub async fn wait_running(&self) -> Result<(), ReadError> {
        let waited = self.core.timings.submit;
        let wait = async {
            while !self.core.lifecycle.is_running() {
                self.insist_not_over()?;
                R::Runtime::sleep(self.core.timings.heartbeat / 4).await;
            }
            Ok(())
        };
        let late = |_| ReadError::TimedOut { what: "recovery".to_owned(), waited };
        R::Runtime::timeout(waited, wait).await.map_err(late)?
    }

    /// What the node says about itself.
    #[must_use]
    pub fn status(&self) -> Status {
        let core = &self.core;
        // Cloned at once: a watch that is held blocks openraft's core.
        let metrics = core.raft.metrics().borrow_watched().clone();
        let view = core.published.view();
        Status {
            node_id: core.me,
            state: core.lifecycle.state(),
            confirmed: !core.lifecycle.is_unconfirmed(),
            role: match metrics.state {
                ServerState::Leader => Role::Leader,
                ServerState::Follower => Role::Follower,
                ServerState::Candidate => Role::Candidate,
                ServerState::Learner => Role::Learner,
                ServerState::Shutdown => Role::Shutdown,
            },
            leader: metrics.current_leader.map(NodeId),
            raft_term: RaftTerm(metrics.current_term),
            last_log_index: metrics.last_log_index.map(LogIndex),
            committed_index: metrics.local_committed.map(|log_id| LogIndex(log_id.index)),
            applied_index: view.log_index,
            size: view.size,
            sealed_size: view.sealed_size,
            signed_size: core.cosigned.signed_size(),
            cosigned_size: core.cosigned.size(),
            sync_point_size: view.files.sync_point().size,
            purged_index: core.tail.purged().map(|log_id| LogIndex(log_id.index)),
            derived_size: view.world.head().derived_size,
            offered_size: view.files.derived_point().map(|point| point.size),
            damaged: {
                let mut damaged = core.lifecycle.damage();
                let known = |finding: &Finding| damaged.contains(finding);
                let noted: Vec<Finding> =
                    view.files.damage().into_iter().filter(|finding| !known(finding)).collect();
                damaged.extend(noted);
                damaged
            },
            signs: core.lifecycle.may_sign() && !view.files.is_damaged(),
            clock_ahead_ms: core.clocks.ahead_ms(core.context.members.members.len(), core.clock.now_ms()),
            clock_unsynced: core.unsynced_ms().is_some(),
            alarms: core.lifecycle.alarms(),
        }
    }

    /// Makes a sync point with a world dump now.
    ///
    /// # Errors
    /// [`ReadError::NotReadable`] if the node has failed, or fails over it.
    pub async fn trigger_sync_point(&self) -> Result<(), ReadError> {
        let (done, made) = oneshot::channel();
        let over = || ReadError::NotReadable(self.core.lifecycle.state().to_string());
        self.core.apply.send(ApplyCommand::SyncPoint(done)).map_err(|_| over())?;
        let made = std::pin::pin!(made);
        let ended = std::pin::pin!(self.core.lifecycle.over());
        match futures::future::select(made, ended).await {
            Either::Left((Ok(Ok(())), _)) => Ok(()),
            Either::Left((Ok(Err(error)), _)) => Err(ReadError::NotReadable(error.to_string())),
            Either::Left((Err(_), _)) | Either::Right(_) => Err(over()),
        }
    }

    /// Asks the leader for a derived point now: where the log marks it, all members derive the values of that size, and
    /// a statement that q of them sign becomes a leaf of kind 200. Answers when the leader was asked.
    ///
    /// # Errors
    /// [`ReadError::NoQuorum`] if no leader answered.
    pub async fn derive_point(&self) -> Result<(), ReadError> {
        let core = &self.core;
        let asked = match core.router.leader() {
            Some(leader) if leader == core.me => {
                core.gauges.want_point();
                true
            }
            Some(leader) => {
                let call = core.transport.call(leader, Lane::Urgent, Kind::DerivePoint.message().into());
                matches!(R::Runtime::timeout(core.timings.peer_call, call).await, Ok(Ok(_)))
            }
            None => false,
        };
        if asked { Ok(()) } else { Err(ReadError::NoQuorum(core.timings.peer_call)) }
    }

    /// Asks this node to hand leadership to another; a hint, carried out by Raft.
    ///
    /// # Errors
    /// [`ReadError::NotReadable`] if Raft has stopped.
    pub async fn transfer_leader(&self, to: NodeId) -> Result<(), ReadError> {
        let transfer = self.core.raft.trigger().transfer_leader(to.0).await;
        transfer.map_err(|error| ReadError::NotReadable(error.to_string()))
    }

    /// Stops the node and waits until nothing of it touches the disk: its directory may be opened again.
    pub async fn shutdown(&self) {
        if !self.core.lifecycle.is_over() {
            self.core.keep_promises().await;
        }
        self.core.lifecycle.stop();
        if let Err(error) = self.core.raft.shutdown().await {
            tracing::warn!(%error, "Raft did not end in order");
        }
        let mut workers = self.core.workers.lock().await;
        // Ends when the last worker has dropped its sender.
        while workers.recv().await.is_some() {}
    }

    fn insist_on_readable(&self) -> Result<(), ReadError> {
        match self.core.lifecycle.state() {
            NodeState::Running | NodeState::Halted(_) | NodeState::RolledBack(_) => Ok(()),
            state => match self.core.damage() {
                Some(what) => Err(ReadError::Damaged(what)),
                None => Err(ReadError::NotReadable(state.to_string())),
            },
        }
    }

    fn insist_not_over(&self) -> Result<(), ReadError> {
        match self.core.lifecycle.state() {
            state @ (NodeState::Failed(_)
            | NodeState::Stopped
            | NodeState::Halted(_)
            | NodeState::RolledBack(_)) => Err(ReadError::NotReadable(state.to_string())),
            NodeState::Running | NodeState::Recovering => Ok(()),
        }
    }
}

impl<R: Environment> Core<R> {
    /// The first place that waits for a repair.
    fn damage(&self) -> Option<String> {
        self.lifecycle.damage().first().map(ToString::to_string)
    }

    /// The log index up to which a linearizable read must see; asked of the leader. `None`: no leader confirmed it.
    pub(crate) async fn read_log_index(&self) -> Option<Option<LogIndex>> {
        match self.router.leader() {
            Some(leader) if leader == self.me => self.read_log_index_as_leader().await,
            Some(leader) => {
                let question = Kind::ReadIndex.message();
                let call = self.transport.call(leader, Lane::Urgent, question.into());
                let answer = R::Runtime::timeout(self.timings.peer_call, call).await.ok()?.ok()?;
                let index = u64::from_be_bytes(answer.as_ref().try_into().ok()?);
                Some(Some(LogIndex(index)))
            }
            None => None,
        }
    }

    /// As [`Core::read_log_index`], on the leader.
    pub(crate) async fn read_log_index_as_leader(&self) -> Option<Option<LogIndex>> {
        let linearizer = self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await.ok()?;
        Some(Some(LogIndex(linearizer.read_log_id().index())))
    }
}
