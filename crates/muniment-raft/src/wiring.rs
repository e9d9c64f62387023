//! How the parts of a node are joined: the queues between them, and what their workers have in common.

use std::sync::Arc;

use muniment_ledger::WorldView;
use muniment_store::DataDir;
use tokio::sync::mpsc;

use crate::admitter::Waiting;
use crate::apply_worker::{ApplyCommand, SealMark};
use crate::catch_up::Order;
use crate::derive::DeriveTask;
use crate::environment::Environment;
use crate::machine::Divergence;
use crate::peer_messages::SignedBody;
use crate::proposer::Proposal;
use crate::repair::RepairOrder;
use crate::seal_worker::SealTask;
use crate::sync_worker::SyncTask;

/// The receiving ends, before their workers start.
pub(crate) struct Inboxes<R: Environment> {
    pub(crate) apply: mpsc::UnboundedReceiver<ApplyCommand<R::Runtime>>,
    pub(crate) seals: mpsc::UnboundedReceiver<SealTask>,
    pub(crate) marks: mpsc::UnboundedReceiver<SealMark>,
    pub(crate) syncs: mpsc::UnboundedReceiver<SyncTask>,
    pub(crate) divergences: mpsc::UnboundedReceiver<Divergence>,
    pub(crate) gossip: mpsc::UnboundedReceiver<SignedBody>,
    pub(crate) submissions: mpsc::UnboundedReceiver<Waiting>,
    pub(crate) proposals: mpsc::UnboundedReceiver<Proposal>,
    pub(crate) views: mpsc::UnboundedReceiver<WorldView>,
    pub(crate) derive: mpsc::UnboundedReceiver<DeriveTask>,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
    pub(crate) repairs: mpsc::UnboundedReceiver<RepairOrder>,
}

/// The sending ends.
pub(crate) struct Outboxes<R: Environment> {
    pub(crate) apply: mpsc::UnboundedSender<ApplyCommand<R::Runtime>>,
    pub(crate) seals: mpsc::UnboundedSender<SealTask>,
    pub(crate) marks: mpsc::UnboundedSender<SealMark>,
    pub(crate) syncs: mpsc::UnboundedSender<SyncTask>,
    pub(crate) divergences: mpsc::UnboundedSender<Divergence>,
    pub(crate) gossip: mpsc::UnboundedSender<SignedBody>,
    pub(crate) submissions: mpsc::UnboundedSender<Waiting>,
    pub(crate) proposals: mpsc::UnboundedSender<Proposal>,
    pub(crate) views: mpsc::UnboundedSender<WorldView>,
    pub(crate) derive: mpsc::UnboundedSender<DeriveTask>,
    pub(crate) orders: mpsc::UnboundedSender<Order>,
    pub(crate) repairs: mpsc::UnboundedSender<RepairOrder>,
}

pub(crate) fn boxes<R: Environment>() -> (Outboxes<R>, Inboxes<R>) {
    let (apply, apply_in) = mpsc::unbounded_channel();
    let (seals, seals_in) = mpsc::unbounded_channel();
    let (marks, marks_in) = mpsc::unbounded_channel();
    let (syncs, syncs_in) = mpsc::unbounded_channel();
    let (divergences, divergences_in) = mpsc::unbounded_channel();
    let (gossip, gossip_in) = mpsc::unbounded_channel();
    let (submissions, submissions_in) = mpsc::unbounded_channel();
    let (proposals, proposals_in) = mpsc::unbounded_channel();
    let (views, views_in) = mpsc::unbounded_channel();
    let (derive, derive_in) = mpsc::unbounded_channel();
    let (orders, orders_in) = mpsc::unbounded_channel();
    let (repairs, repairs_in) = mpsc::unbounded_channel();
    let outboxes = Outboxes {
        apply,
        seals,
        marks,
        syncs,
        divergences,
        gossip,
        submissions,
        proposals,
        views,
        derive,
        orders,
        repairs,
    };
    let inboxes = Inboxes {
        apply: apply_in,
        seals: seals_in,
        marks: marks_in,
        syncs: syncs_in,
        divergences: divergences_in,
        gossip: gossip_in,
        submissions: submissions_in,
        proposals: proposals_in,
        views: views_in,
        derive: derive_in,
        orders: orders_in,
        repairs: repairs_in,
    };
    (outboxes, inboxes)
}

/// Starts workers that count as running until they end, and keep the directory locked until then.
pub(crate) struct Workers<R> {
    pub(crate) environment: R,
    pub(crate) data_dir: Arc<DataDir>,
    pub(crate) running: mpsc::Sender<()>,
}

impl<R: Environment> Workers<R> {
    pub(crate) fn start(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let (running, data_dir) = (self.running.clone(), Arc::clone(&self.data_dir));
        self.environment.spawn_worker(name, async move {
            work.await;
            // The directory first: who waits for the last worker opens it next.
            drop(data_dir);
            drop(running);
        });
    }
}
