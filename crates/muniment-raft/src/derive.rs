//! Derived points: where the log marks one, every member derives the values of that size from its own copy, signs
//! them and tells the others; the leader proposes the statement that q members agree on (04, "Records that the ledger
//! writes"). Nobody waits for it, nobody believes a leader.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use muniment_core::batch::Part;
use muniment_core::derived::{Derived, DerivedSignature, DerivedStatement};
use muniment_core::keys::{PUBLIC_KEY_LENGTH, SigningKey};
use muniment_core::reader::Reader;
use muniment_core::{BureauNumber, TreeSize};
use muniment_ledger::WorldView;
use openraft::AsyncRuntime;
use tokio::sync::{mpsc, oneshot};

use crate::catch_up::{CatchUp, Order};
use crate::environment::Environment;
use crate::lifecycle::Lifecycle;
use crate::notary::{CheckpointContext, Notary};
use crate::peer_messages::Kind;
use crate::point_server::PointServer;
use crate::shared::Core;
use crate::submission::{SignedPart, Wait};
use crate::transport::Lane;

/// Points remembered while they wait for signatures or for this node.
const POINTS_MAX: usize = 16;
/// Between two rounds of telling the others.
const ROUND: Duration = Duration::from_millis(500);

/// What the derive task is told.
pub(crate) enum DeriveTask {
    /// This node derived and signed.
    Own(Derived, DerivedSignature),
    /// A peer's statement; the answer is this node's own of that size.
    Heard(DerivedStatement, Option<oneshot::Sender<Option<DerivedStatement>>>),
}

/// What the parts of a node share about derived points. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Points {
    pub(crate) tasks: mpsc::UnboundedSender<DeriveTask>,
    pub(crate) server: PointServer,
    pub(crate) catch_up: CatchUp,
}

impl Points {
    pub(crate) fn new(
        tasks: mpsc::UnboundedSender<DeriveTask>,
        server: PointServer,
        orders: mpsc::UnboundedSender<Order>,
    ) -> Self {
        Self { tasks, server, catch_up: CatchUp::new(orders) }
    }
}

/// Derives and signs on a worker of its own: hashing a whole state takes seconds.
pub(crate) struct DeriveWorker {
    pub(crate) views: mpsc::UnboundedReceiver<WorldView>,
    pub(crate) context: CheckpointContext,
    pub(crate) notary: Arc<dyn Notary>,
    pub(crate) key: SigningKey,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) tasks: mpsc::UnboundedSender<DeriveTask>,
}

impl DeriveWorker {
    /// Works until the node is over.
    pub(crate) async fn run(mut self) {
        while let Some(view) = self.lifecycle.next(&mut self.views).await {
            let derived = self.notary.derived(&self.context, &view);
            if !self.lifecycle.may_sign() {
                continue;
            }
            let signature = derived.sign(&self.context.members.origin, &self.key);
            // A task that is gone belongs to a node that is over.
            drop(self.tasks.send(DeriveTask::Own(derived, signature)));
        }
    }
}

/// This node's values of one size, with the signatures under them.
struct Own {
    derived: Derived,
    signatures: BTreeMap<[u8; PUBLIC_KEY_LENGTH], DerivedSignature>,
    /// The proposal under way, if this node leads.
    proposed: Option<oneshot::Receiver<crate::proposer::PartResult>>,
}

impl Own {
    fn statement(&self) -> DerivedStatement {
        DerivedStatement { derived: self.derived, signatures: self.signatures.values().copied().collect() }
    }
}

/// Own statements and what peers said; owned by one task.
struct Board<R: Environment> {
    core: Arc<Core<R>>,
    own: BTreeMap<TreeSize, Own>,
    /// What peers said about sizes that this node has not derived.
    waiting: BTreeMap<TreeSize, Vec<DerivedStatement>>,
}

/// Collects, tells, proposes, until the node is over.
pub(crate) async fn run<R: Environment>(core: Arc<Core<R>>, mut tasks: mpsc::UnboundedReceiver<DeriveTask>) {
    let mut board = Board { core: Arc::clone(&core), own: BTreeMap::new(), waiting: BTreeMap::new() };
    let mut told = core.clock.elapsed();
    while !core.lifecycle.is_over() {
        let next = R::Runtime::timeout(ROUND, core.lifecycle.next(&mut tasks)).await;
        let news = matches!(next, Ok(Some(DeriveTask::Own(..))));
        match next {
            Ok(None) => return,
            Ok(Some(DeriveTask::Own(derived, signature))) => board.derive(derived, signature),
            Ok(Some(DeriveTask::Heard(statement, answer))) => {
                board.hear(&statement);
                if let Some(answer) = answer {
                    let own = board.own.get(&statement.derived.size).map(Own::statement);
                    // A peer that gave up has nobody to tell.
                    drop(answer.send(own));
                }
            }
            Err(_) => {}
        }
        board.forget();
        board.propose();
        let now = core.clock.elapsed();
        if news || now.saturating_sub(told) >= ROUND {
            told = now;
            board.tell();
        }
    }
}

impl<R: Environment> Board<R> {
    fn derive(&mut self, derived: Derived, signature: DerivedSignature) {
        let size = derived.size;
        let signatures = BTreeMap::from([(signature.public_key, signature)]);
        self.own.insert(size, Own { derived, signatures, proposed: None });
        for statement in self.waiting.remove(&size).unwrap_or_default() {
            self.hear(&statement);
        }
        while self.own.len() > POINTS_MAX {
            self.own.pop_first();
        }
    }

    /// Takes signatures over the very values that this node derived; others over other values are an alarm.
    fn hear(&mut self, statement: &DerivedStatement) {
        let size = statement.derived.size;
        if size <= self.core.published.view().world.head().derived_size {
            return;
        }
        let origin = &self.core.context.members.origin;
        let Some(own) = self.own.get_mut(&size) else {
            let heard = self.waiting.entry(size).or_default();
            if heard.len() < POINTS_MAX && !heard.contains(statement) {
                heard.push(statement.clone());
            }
            while self.waiting.len() > POINTS_MAX {
                self.waiting.pop_last();
            }
            return;
        };
        let mut contradicting: Vec<BureauNumber> = Vec::new();
        for signature in &statement.signatures {
            let Some(member) = self.core.context.members.by_admission_key(&signature.public_key) else {
                continue;
            };
            if own.derived == statement.derived && own.signatures.contains_key(&signature.public_key) {
                continue;
            }
            if statement.derived.verify(origin, signature).is_err() {
                continue;
            }
            if own.derived == statement.derived {
                own.signatures.insert(signature.public_key, *signature);
            } else {
                contradicting.push(member.number);
            }
        }
        if !contradicting.is_empty() {
            let bureaus: Vec<String> = contradicting.iter().map(ToString::to_string).collect();
            let text = format!("bureaus {} derived other values at size {size}", bureaus.join(", "));
            self.core.lifecycle.alarm(text);
        }
    }

    /// What the ledger has a statement of needs no more.
    fn forget(&mut self) {
        let newest = self.core.published.view().world.head().derived_size;
        self.own.retain(|size, _| *size > newest);
        self.waiting.retain(|size, _| *size > newest);
    }

    /// On the leader: the newest statement with q signatures goes into the log.
    fn propose(&mut self) {
        let core = &self.core;
        let quorum = usize::try_from(core.context.members.q).unwrap_or(usize::MAX);
        if core.router.leader() != Some(core.me) || !core.lifecycle.is_running() {
            return;
        }
        let complete = self.own.values_mut().rev().find(|own| own.signatures.len() >= quorum);
        let Some(own) = complete else { return };
        if let Some(proposed) = &mut own.proposed {
            match proposed.try_recv() {
                // Not answered yet; or answered well, and the view will show it.
                Err(oneshot::error::TryRecvError::Empty) | Ok(Ok(_)) => return,
                Err(oneshot::error::TryRecvError::Closed) | Ok(Err(_)) => {}
            }
        }
        let bytes = Bytes::from(Part::Derived(own.statement()).encode());
        let part = SignedPart { bytes, records: 1, wait: Wait::Committed };
        own.proposed = core.router.hand_to_proposer(part);
    }

    /// Tells the other members what this node has; what they answer is heard like what they say by themselves.
    fn tell(&self) {
        for own in self.own.values() {
            let mut message = Kind::Derived.message();
            message.extend_from_slice(&own.statement().encode());
            let message = Bytes::from(message);
            for peer in &self.core.peers {
                let call = self.core.transport.call(*peer, Lane::Urgent, message.clone());
                let call = R::Runtime::timeout(self.core.timings.peer_call, call);
                let tasks = self.core.points.tasks.clone();
                drop(R::Runtime::spawn(async move {
                    let Ok(Ok(answer)) = call.await else { return };
                    let mut reader = Reader::new(&answer);
                    if let Ok(statement) = DerivedStatement::read(&mut reader)
                        && reader.end().is_ok()
                    {
                        // A task that is gone belongs to a node that is over.
                        drop(tasks.send(DeriveTask::Heard(statement, None)));
                    }
                }));
            }
        }
    }
}
