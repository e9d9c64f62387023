//! Gets a part to the leader, whoever leads: here, or forwarded unchanged and resent until its time is over.

use std::sync::Arc;
use std::time::Duration;

use muniment_core::NodeId;
use openraft::AsyncRuntime;
use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::{mpsc, oneshot};

use crate::environment::Environment;
use crate::lifecycle::Lifecycle;
use crate::options::Timings;
use crate::peer_messages::{decode_submit_answer, encode_submit};
use crate::proposer::{PartResult, Proposal};
use crate::shared::RaftOf;
use crate::submission::{Refusal, SignedPart, SubmitError};
use crate::transport::{Lane, Transport};

/// Between two tries without a leader, or with one that can't be reached.
const RETRY: Duration = Duration::from_millis(20);

/// Finds the leader for parts. Cheap to clone.
pub(crate) struct Router<R: Environment> {
    pub(crate) me: NodeId,
    pub(crate) raft: RaftOf<R>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) proposals: mpsc::UnboundedSender<Proposal>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) timings: Timings,
}

impl<R: Environment> Clone for Router<R> {
    fn clone(&self) -> Self {
        Self {
            me: self.me,
            raft: self.raft.clone(),
            transport: Arc::clone(&self.transport),
            proposals: self.proposals.clone(),
            lifecycle: self.lifecycle.clone(),
            timings: self.timings.clone(),
        }
    }
}

impl<R: Environment> Router<R> {
    /// Who leads, as far as this node knows.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        // Cloned at once: a watch that is held blocks openraft's core.
        let leader = self.raft.server_metrics().borrow_watched().current_leader;
        leader.map(NodeId)
    }

    /// Delivers a part and waits for what becomes of it, until the time of submissions is over. The very same bytes go
    /// to each leader in turn: its request ids make sure that it is written once.
    pub(crate) async fn deliver(&self, part: SignedPart) -> PartResult {
        let waited = self.timings.submit;
        let mut unknown = false;
        let tries = async {
            loop {
                // A try that is cut off by the time-out has an unknown outcome, too.
                let before = std::mem::replace(&mut unknown, true);
                let answer = self.deliver_once(&part).await;
                unknown = before;
                match answer {
                    Err(SubmitError::NotWritten(Refusal::NotLeader { .. })) => {}
                    // A definite answer to this try says nothing about an earlier one.
                    Err(SubmitError::OutcomeUnknown(_)) => unknown = true,
                    Err(SubmitError::NotWritten(refusal)) if unknown => {
                        return Err(SubmitError::OutcomeUnknown(refusal.to_string()));
                    }
                    answer => return answer,
                }
                if let Some(reason) = self.lifecycle.failure() {
                    return Err(SubmitError::OutcomeUnknown(reason));
                }
                R::Runtime::sleep(RETRY).await;
            }
        };
        match R::Runtime::timeout(waited, tries).await {
            Ok(answer) => answer,
            Err(_) if unknown => {
                let why = format!("no answer within {} ms", waited.as_millis());
                Err(SubmitError::OutcomeUnknown(why))
            }
            Err(_) => Err(Refusal::NoQuorum { waited }.into()),
        }
    }

    async fn deliver_once(&self, part: &SignedPart) -> PartResult {
        match self.leader() {
            None => Err(Refusal::NotLeader { leader: None }.into()),
            Some(leader) if leader == self.me => self.propose(self.me, part.clone()).await,
            Some(leader) => {
                let call = self.transport.call(leader, Lane::Bulk, encode_submit(part));
                let answer = R::Runtime::timeout(self.timings.peer_call * 5, call).await;
                let lost = |why: String| SubmitError::OutcomeUnknown(why);
                let bytes = answer
                    .map_err(|_| lost(format!("node {leader} did not answer in time")))?
                    .map_err(|error| lost(error.to_string()))?;
                decode_submit_answer(&bytes).map_err(|error| lost(error.to_string()))?
            }
        }
    }

    /// Hands a part to this node's proposer without waiting; `None` if the node is over.
    pub(crate) fn hand_to_proposer(&self, part: SignedPart) -> Option<oneshot::Receiver<PartResult>> {
        let (done, result) = oneshot::channel();
        let proposal = Proposal { from: self.me, part, charged: None, done };
        self.proposals.send(proposal).is_ok().then_some(result)
    }

    /// Proposes on this node, which answers NOT_LEADER if it does not lead.
    pub(crate) async fn propose(&self, from: NodeId, part: SignedPart) -> PartResult {
        let (done, result) = oneshot::channel();
        let proposal = Proposal { from, part, charged: None, done };
        let stopped = || Refusal::NotRunning(self.lifecycle.state().to_string());
        self.proposals.send(proposal).map_err(|_| stopped())?;
        let unknown = |_| SubmitError::OutcomeUnknown("the node stopped before it answered".to_owned());
        result.await.map_err(unknown)?
    }
}
