//! Brings faults about, one after another, as a seed says.

use std::sync::Arc;
use std::time::Duration;

use muniment_core::NodeId;

use crate::random::Random;
use crate::swarm::cluster::SimCluster;
use crate::swarm::history::Event;
use crate::swarm::machine::{now, sleep};

/// Does harm until its time is over.
pub struct Nemesis {
    /// Whom to harm.
    pub cluster: Arc<SimCluster>,
    /// Draws.
    pub random: Random,
}

impl Nemesis {
    /// Harms until `end`. What it broke it mends, save what [`SimCluster::heal`] mends.
    pub async fn run(mut self, end: Duration) {
        while now() < end {
            let pause = self.random.within(50..500);
            sleep(Duration::from_millis(pause)).await;
            let nodes = self.cluster.nodes();
            let Some(victim) = self.random.pick(&nodes).copied() else { return };
            match self.random.below(10) {
                0 | 1 => self.crash(&[victim]).await,
                2 => self.crash(&nodes).await,
                3 | 4 => self.crash_in_an_operation(victim).await,
                5 => self.isolate(victim).await,
                6 => self.cut_one_way(victim).await,
                7 => self.disturb_links().await,
                8 => self.skew_clock(victim).await,
                _ => self.stall_apply(victim).await,
            }
        }
    }

    fn note(&self, fault: String) {
        self.cluster.note(Event::Fault(fault));
    }

    async fn wait(&mut self, milliseconds: std::ops::Range<u64>) {
        let milliseconds = self.random.within(milliseconds);
        sleep(Duration::from_millis(milliseconds)).await;
    }

    async fn crash(&mut self, victims: &[NodeId]) {
        let cut: Vec<NodeId> = victims.iter().copied().filter(|node| self.cluster.cut_power(*node)).collect();
        if !cut.is_empty() {
            self.note(format!("power cut at {cut:?}"));
        }
        self.wait(50..1_200).await;
        for node in victims {
            self.cluster.start(*node).await;
        }
    }

    async fn crash_in_an_operation(&mut self, victim: NodeId) {
        let operations = self.random.below(40);
        self.cluster.cut_power_after(victim, operations);
        self.wait(200..1_200).await;
        let in_an_operation = self.cluster.machine(victim).is_off();
        self.note(format!("power cut at {victim}, in a disk operation: {in_an_operation}"));
        self.cluster.cut_power(victim);
        self.wait(50..400).await;
        self.cluster.start(victim).await;
    }

    async fn isolate(&mut self, victim: NodeId) {
        let others: Vec<NodeId> = self.cluster.nodes().into_iter().filter(|node| *node != victim).collect();
        let links: Vec<_> = others.iter().flat_map(|node| [(victim, *node), (*node, victim)]).collect();
        self.cut(&links, format!("{victim} isolated"), 200..2_500).await;
    }

    async fn cut_one_way(&mut self, victim: NodeId) {
        let others: Vec<NodeId> = self.cluster.nodes().into_iter().filter(|node| *node != victim).collect();
        let Some(other) = self.random.pick(&others).copied() else { return };
        self.cut(&[(victim, other)], format!("cut from {victim} to {other}"), 200..2_500).await;
    }

    async fn cut(&mut self, links: &[(NodeId, NodeId)], fault: String, milliseconds: std::ops::Range<u64>) {
        self.note(fault);
        self.cluster.links.change(|faults| faults.cut.extend(links));
        self.wait(milliseconds).await;
        self.cluster.links.change(|faults| faults.cut.retain(|link| !links.contains(link)));
    }

    async fn disturb_links(&mut self) {
        let (loss_percent, delay_ms) = (self.random.below(31), self.random.below(60));
        self.note(format!("loss {loss_percent} %, delay {delay_ms} ms"));
        self.cluster.links.change(|faults| {
            faults.loss_percent = loss_percent;
            faults.delay = Duration::from_millis(delay_ms);
        });
        self.wait(300..2_000).await;
        self.cluster.links.change(|faults| {
            faults.loss_percent = 0;
            faults.delay = Duration::ZERO;
        });
    }

    async fn skew_clock(&mut self, victim: NodeId) {
        let skew_ms = i64::try_from(self.random.below(40_001)).expect("a small number") - 20_000;
        self.note(format!("clock of {victim} off by {skew_ms} ms"));
        self.cluster.machine(victim).skew_clock(skew_ms);
        self.wait(300..2_000).await;
        self.cluster.machine(victim).skew_clock(0);
    }

    async fn stall_apply(&mut self, victim: NodeId) {
        self.note(format!("apply of {victim} stalled"));
        let machine = self.cluster.machine(victim);
        machine.stall_apply(true);
        self.wait(200..2_500).await;
        machine.stall_apply(false);
    }
}
