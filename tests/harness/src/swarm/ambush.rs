//! Faults at the very moment at which a node that promises too early is caught: what a nemesis that knows nothing hits
//! once in thousands of runs. An honest node bears them like any others.

use std::sync::Arc;
use std::time::Duration;

use muniment_core::NodeId;

use crate::random::Random;
use crate::swarm::cluster::SimCluster;
use crate::swarm::history::Event;
use crate::swarm::machine::{now, sleep};

/// Between two looks at whether the moment has come: shorter than any message takes.
const LOOK: Duration = Duration::from_micros(100);

/// Waits for its moment.
pub struct Ambush {
    /// Whom to harm.
    pub cluster: Arc<SimCluster>,
    /// Draws.
    pub random: Random,
    /// When to stop.
    pub end: Duration,
}

impl Ambush {
    /// Cuts everybody's power right after an acknowledgement has been received: what was acknowledged is durable on a
    /// majority, or gone.
    pub async fn cut_all_after_acknowledging(mut self) {
        self.wait(500..3_000).await;
        let events = self.cluster.history(|history| history.events.len());
        let is_acknowledged =
            || self.cluster.history(|history| history.is_acknowledged_after(events)).then_some(());
        if self.until(is_acknowledged).await.is_none() {
            return;
        }
        let nodes = self.cluster.nodes();
        self.cut_power(&nodes);
        self.cluster.note(Event::Fault("power cut everywhere after an acknowledgement".to_owned()));
        self.wait(50..400).await;
        self.start(&nodes).await;
    }

    /// Cuts the power of all who voted, right after their votes have made a leader; that one is cut off instead. Started
    /// again, the others elect somebody in a term of which that leader knows nothing.
    pub async fn cut_voters_after_election(mut self) {
        self.wait(100..900).await;
        let nodes = self.cluster.nodes();
        let Some((old, old_term)) = self.until(|| self.cluster.leaders().first().copied()).await else {
            return;
        };
        self.cluster.cut_power(old);
        let elected = || self.cluster.leaders().into_iter().find(|(_, raft_term)| *raft_term > old_term);
        let Some((new, raft_term)) = self.until(elected).await else { return };
        self.cluster.observe();
        let others: Vec<NodeId> = nodes.into_iter().filter(|node| *node != new).collect();
        self.cut_power(&others);
        let links: Vec<_> = others.iter().flat_map(|node| [(new, *node), (*node, new)]).collect();
        self.cluster.links.change(|faults| faults.cut.extend(&links));
        self.cluster.note(Event::Fault(format!("{new} alone after its election in term {raft_term}")));
        self.wait(50..400).await;
        self.start(&others).await;
        let next = || self.cluster.leaders().into_iter().find(|(node, _)| *node != new);
        self.until(next).await;
        self.wait(1..20).await;
        self.cluster.links.change(|faults| faults.cut.retain(|link| !links.contains(link)));
    }

    fn cut_power(&self, nodes: &[NodeId]) {
        for node in nodes {
            self.cluster.cut_power(*node);
        }
    }

    async fn start(&self, nodes: &[NodeId]) {
        for node in nodes {
            self.cluster.start(*node).await;
        }
    }

    async fn wait(&mut self, milliseconds: std::ops::Range<u64>) {
        let milliseconds = self.random.within(milliseconds);
        sleep(Duration::from_millis(milliseconds)).await;
    }

    /// Waits until `look` finds something; none if the time is over first.
    async fn until<T>(&self, look: impl Fn() -> Option<T>) -> Option<T> {
        while now() < self.end {
            if let Some(found) = look() {
                return Some(found);
            }
            sleep(LOOK).await;
        }
        None
    }
}
