//! Clients that read: linearizably, and receipts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muniment_core::{LeafIndex, NodeId};
use muniment_raft::ReceiptError;
use openraft::AsyncRuntime as _;
use openraft_rt_sim::SimRuntime;

use crate::random::Random;
use crate::swarm::cluster::SimCluster;
use crate::swarm::history::Event;
use crate::swarm::machine::{now, sleep};

/// How long a reader waits for an answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Of a hundred questions, how many ask for a receipt.
const RECEIPTS_PERCENT: u64 = 15;
/// Receipts asked of each node when a run is over.
const LAST_RECEIPTS: u64 = 5;

/// One reading client, which asks any node, one question after another.
pub struct Reader {
    /// Whom to ask.
    pub cluster: Arc<SimCluster>,
    /// Draws.
    pub random: Random,
}

impl Reader {
    /// Reads until told to stop.
    pub async fn run(mut self, stop: Arc<AtomicBool>) {
        let nodes = self.cluster.nodes();
        while !stop.load(Ordering::Relaxed) {
            let pause = self.random.within(5..80);
            sleep(Duration::from_millis(pause)).await;
            let Some(node) = self.random.pick(&nodes).copied() else { return };
            if self.random.chance(RECEIPTS_PERCENT) {
                self.ask_for_receipt(node).await;
            } else {
                self.read(node).await;
            }
        }
    }

    /// When all is healed every node answers, for leaves of every age.
    pub async fn read_at_the_end(mut self) {
        for node in self.cluster.nodes() {
            self.read(node).await;
            let cosigned = self.cluster.handle(node).map_or(0, |handle| handle.status().cosigned_size.0);
            let ends = [0, cosigned.saturating_sub(1)];
            let between: Vec<u64> = (0..LAST_RECEIPTS).map(|_| self.random.below(cosigned.max(1))).collect();
            for leaf in ends.into_iter().chain(between).filter(|leaf| *leaf < cosigned) {
                self.receipt(node, LeafIndex(leaf), true).await;
            }
        }
    }

    async fn read(&self, node: NodeId) {
        let Some(handle) = self.cluster.handle(node) else { return };
        let machine = self.cluster.machine(node);
        let read = self.cluster.history(|history| history.read(now(), node));
        let answer = SimRuntime::timeout(PATIENCE, handle.read_index()).await;
        // An answer of a machine without power reaches nobody.
        if let Ok(Ok(view)) = answer
            && !machine.is_off()
        {
            self.cluster.note(Event::ReadAnswered { read, size: view.size, root: view.root });
        }
    }

    async fn ask_for_receipt(&mut self, node: NodeId) {
        let view = self.cluster.handle(node).and_then(|handle| handle.view().ok());
        let size = view.map_or(0, |view| view.size.0);
        if size > 0 {
            let leaf = LeafIndex(self.random.below(size));
            self.receipt(node, leaf, false).await;
        }
    }

    /// Asks once; that a leaf is not cosigned in time is no fault unless `must_answer`.
    async fn receipt(&self, node: NodeId, leaf: LeafIndex, must_answer: bool) {
        let Some(handle) = self.cluster.handle(node) else { return };
        let machine = self.cluster.machine(node);
        let answer = SimRuntime::timeout(PATIENCE, handle.receipt(leaf)).await;
        let event = match answer {
            _ if machine.is_off() => return,
            Ok(Ok(receipt)) => Event::Receipt { via: node, leaf, text: receipt.encode() },
            Ok(Err(ReceiptError::Read(_))) | Err(_) if !must_answer => return,
            Ok(Err(error)) => Event::NoReceipt { via: node, leaf, error: error.to_string() },
            Err(_) => Event::NoReceipt { via: node, leaf, error: format!("no answer in {PATIENCE:?}") },
        };
        self.cluster.note(event);
    }
}
