//! Before a node takes part in Raft again it asks the others what it ever promised them: a disk that was rolled back or
//! wiped forgets acknowledgements, votes and signatures, and who forgets them can undo what a majority was told (02,
//! "Raft rules"; ADR 11).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use muniment_core::{NodeId, TreeSize};
use openraft::AsyncRuntime;
use tokio::sync::Notify;

use crate::abstention::Abstention;
use crate::environment::Environment;
use crate::handle::InitializeError;
use crate::peer_messages::Kind;
use crate::promises::{Recollection, Standing};
use crate::shared::Core;
use crate::transport::Lane;
use crate::type_config::RaftLogId;

/// Between two questions to members that have not answered yet, once this node takes part.
const ASK_LATER: Duration = Duration::from_secs(2);
/// Between two looks at whether the others' promises are to be kept on disk.
const KEEP: Duration = Duration::from_secs(10);

/// Who has answered, and what they hold.
#[derive(Default)]
pub(crate) struct Confirmation {
    heard: Mutex<Heard>,
    /// A member has shown that it is there.
    seen: Notify,
}

#[derive(Default)]
struct Heard {
    from: BTreeSet<NodeId>,
    /// The last entry that any of them knows to be committed.
    committed: Option<RaftLogId>,
    /// The last entry that any of them holds.
    last: Option<RaftLogId>,
}

impl Confirmation {
    fn note(&self, from: NodeId, told: &Recollection) {
        let mut heard = self.lock();
        heard.from.insert(from);
        heard.committed = heard.committed.max(told.committed);
        heard.last = heard.last.max(told.last);
    }

    /// Whether a log that ends at `last` holds all that the others were known to have committed. Nobody whose log does not
    /// can be elected by members that remember; this node may be the one that forgot.
    pub(crate) fn reaches_committed(&self, last: Option<RaftLogId>) -> bool {
        last >= self.lock().committed
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks until every member has answered once. The node takes part when all have, or when so many have that with it they are
/// a majority and the others had their time; a late answer counts all the same.
pub(crate) async fn run<R: Environment>(core: Arc<Core<R>>) {
    let begun = core.clock.elapsed();
    // Twice the time after which followers take a silent leader for gone.
    let patience = core.timings.election_max * 2;
    while !core.lifecycle.is_over() {
        core.ask().await;
        if core.lifecycle.is_rolled_back() {
            return;
        }
        let answered = core.confirmation.lock().from.len();
        let all = answered == core.peers.len();
        let enough = are_majority(answered, core.peers.len());
        if all || enough && core.clock.elapsed().saturating_sub(begun) >= patience {
            core.lifecycle.confirm();
        }
        let campaigns =
            !core.lifecycle.is_unconfirmed() && core.confirmation.reaches_committed(core.tail.last());
        if campaigns {
            core.abstain(Abstention::Unconfirmed, false);
            if all {
                return;
            }
        }
        let pause = R::Runtime::sleep(if campaigns { ASK_LATER } else { core.timings.heartbeat });
        let (seen, pause) = (std::pin::pin!(core.confirmation.seen.notified()), std::pin::pin!(pause));
        futures::future::select(seen, pause).await;
    }
}

/// Whether a node and `answered` of its `peers` are a majority: with fewer it could do nothing in Raft.
const fn are_majority(answered: usize, peers: usize) -> bool {
    2 * (answered + 1) > peers + 1
}

/// Keeps what others promised on disk, for the day on which both they and this node are started again.
pub(crate) async fn keep<R: Environment>(core: Arc<Core<R>>) {
    while !core.lifecycle.is_over() {
        R::Runtime::sleep(KEEP).await;
        core.keep_promises().await;
    }
}

impl<R: Environment> Core<R> {
    /// What `from` promised to this node. It is told so in every state: after a power cut all ask each other.
    pub(crate) fn recollect(&self, from: NodeId) -> Bytes {
        let mut promise = self.promises.of(from);
        // A vote for somebody: that one had asked for it.
        if let Some(vote) = self.tail.vote().filter(|vote| vote.leader_id.voted_for == from.0) {
            promise.vote_term = promise.vote_term.max(vote.leader_id.term);
        }
        if !self.confirmation.lock().from.contains(&from) {
            // Stored until the next wait: who asks can be asked.
            self.confirmation.seen.notify_one();
        }
        Recollection { promise, last: self.tail.last(), committed: self.tail.committed() }.encode()
    }

    /// Asks every member that has not answered yet, all at once. One that knows more than this node's disk ends its part in
    /// Raft.
    async fn ask(&self) {
        let heard = self.confirmation.lock().from.clone();
        let question = Bytes::from(Kind::Promised.message());
        let missing = self.peers.iter().filter(|peer| !heard.contains(peer));
        let mut answers: FuturesUnordered<_> = missing
            .map(|peer| {
                let call = self.transport.call(*peer, Lane::Urgent, question.clone());
                async move {
                    let answer = R::Runtime::timeout(self.timings.peer_call, call).await;
                    Some((*peer, Recollection::decode(&answer.ok()?.ok()?).ok()?))
                }
            })
            .collect();
        while let Some(answer) = answers.next().await {
            if let Some((peer, told)) = answer {
                self.hear(peer, &told);
            }
        }
    }

    /// Holds what a member remembers against what this node has now, which is no less than it had when it was started: a
    /// promise made since then is kept, too.
    fn hear(&self, peer: NodeId, told: &Recollection) {
        let Some(me) = self.context.members.by_node_id(self.me) else { return };
        match self.standing().misses(&told.promise, &me.cosigning_key) {
            None => self.confirmation.note(peer, told),
            Some(missing) => {
                self.quarantine(&format!("node {peer} remembers more of this node than its disk: {missing}"))
            }
        }
    }

    /// Ends this node's part in Raft for good: it reads and tells, and neither votes nor signs.
    pub(crate) fn quarantine(&self, what: &str) {
        self.lifecycle.roll_back(format!(
            "{what}; the disk is older than what this node promised, so it neither votes nor signs. Stop it and put its newest directory back, or remove this member and let it join again with an empty directory as a new node"
        ));
        self.abstain(Abstention::Unconfirmed, true);
    }

    /// Before a ledger begins: one question to each member that is there. One that holds a log has taken part in it.
    pub(crate) async fn insist_on_beginning(&self) -> Result<(), InitializeError> {
        self.ask().await;
        if let Some(reason) = self.lifecycle.reason().filter(|_| self.lifecycle.is_rolled_back()) {
            return Err(InitializeError(reason));
        }
        match self.confirmation.lock().last {
            None => Ok(()),
            Some(last) => Err(InitializeError(format!(
                "it was begun before: a member's log ends at log index {}; start this node without beginning it",
                last.index
            ))),
        }
    }

    /// After recovery the tree reaches the largest size ever signed, or the log was cut behind this node's back: the entry
    /// was on this disk before the intent (04, "Seal, checkpoint, cosignature").
    pub(crate) fn insist_on_signed_size(&self) {
        let Some(intent) = self.tail.last_intent() else { return };
        let size = self.published.view().size;
        if size < intent.size {
            self.quarantine(&format!(
                "this node signed a tree of {} leaves, and all that its log and its leader have makes {size}",
                intent.size
            ));
        }
    }

    /// Writes what others promised, if that is new.
    pub(crate) async fn keep_promises(&self) {
        let Some(bytes) = self.promises.take_new() else { return };
        if let Some(Err(error)) = self.files.run(move |data| data.keep_promises(&bytes)).await {
            self.lifecycle.fail(format!("keep what members promised: {error}"));
        }
    }

    fn standing(&self) -> Standing {
        // The log before the vote: what a later leader cuts off it cuts after its vote is here.
        let last = self.tail.last().max(self.current.snapshot().and_then(|point| point.meta.last_log_id));
        let vote_term = self.tail.vote().map_or(0, |vote| vote.leader_id.term);
        let signed = self.tail.last_intent().map_or(TreeSize(0), |intent| intent.size);
        Standing { vote_term, last, signed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_must_answer_as_make_a_majority_with_the_node_itself() {
        let needed = |members: usize| (0..members).find(|answered| are_majority(*answered, members - 1));
        let found: Vec<_> = (1..=7).map(needed).collect();
        assert_eq!(found, [0, 1, 1, 2, 2, 3, 3].map(Some));
    }

    #[test]
    fn a_log_that_lacks_what_any_of_those_asked_knew_to_be_committed_counts_as_behind() {
        let log_id =
            |term, index| RaftLogId { leader_id: crate::type_config::RaftLogLeader::new(term), index };
        let confirmation = Confirmation::default();
        assert!(confirmation.reaches_committed(None), "nobody said anything");
        for (from, committed) in [(2, Some(log_id(3, 9))), (3, Some(log_id(2, 12))), (4, None)] {
            confirmation.note(NodeId(from), &Recollection { committed, ..Recollection::default() });
        }
        assert!(!confirmation.reaches_committed(None));
        assert!(!confirmation.reaches_committed(Some(log_id(2, 12))));
        assert!(!confirmation.reaches_committed(Some(log_id(3, 8))));
        assert!(confirmation.reaches_committed(Some(log_id(3, 9))));
        assert!(confirmation.reaches_committed(Some(log_id(4, 1))));
    }
}
