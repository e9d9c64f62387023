//! Links that delay, lose and cut, as a function of the seed, and that remember what nodes stated on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muniment_core::NodeId;
use muniment_core::reader::Reader;
use muniment_raft::{Links, Message, Transit};

use crate::random::Random;

/// First byte of a request for votes (`docs/data-format.md`, "Messages between nodes").
const VOTE: u8 = 2;
/// First byte of a cosignature.
const COSIGNATURE: u8 = 8;

/// What a node said to others, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// It signed a checkpoint.
    Signed {
        /// Who.
        by: NodeId,
        /// The body's text.
        body: String,
    },
    /// It asked for votes.
    Candidate {
        /// Who.
        by: NodeId,
        /// Which life of the node, from 1.
        life: u64,
        /// For which Raft term.
        raft_term: u64,
    },
}

/// The links of one cluster.
pub struct FaultyLinks(Mutex<State>);

struct State {
    random: Random,
    loss_percent: u64,
    cut: BTreeSet<(NodeId, NodeId)>,
    cut_off: BTreeSet<NodeId>,
    off: BTreeSet<NodeId>,
    lives: BTreeMap<NodeId, u64>,
    lost: u64,
    candidacies: Vec<NodeId>,
    statements: Vec<Statement>,
}

impl FaultyLinks {
    /// Links without loss, with the delays of a local network.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(State {
            random: Random::new(seed ^ 0x11_4b5),
            loss_percent: 0,
            cut: BTreeSet::new(),
            cut_off: BTreeSet::new(),
            off: BTreeSet::new(),
            lives: BTreeMap::new(),
            lost: 0,
            candidacies: Vec::new(),
            statements: Vec::new(),
        }))
    }

    /// Cuts all links of a node.
    pub fn cut_off(&self, node: NodeId) {
        self.state().cut_off.insert(node);
    }

    /// Cuts one direction of one link.
    pub fn cut_one_way(&self, from: NodeId, to: NodeId) {
        self.state().cut.insert((from, to));
    }

    /// Loses that many of 100 messages.
    pub fn set_loss(&self, percent: u64) {
        self.state().loss_percent = percent;
    }

    /// Ends all cuts.
    pub fn mend(&self) {
        let mut state = self.state();
        state.cut.clear();
        state.cut_off.clear();
    }

    /// Ends all cuts and all loss.
    pub fn heal(&self) {
        self.mend();
        self.set_loss(0);
    }

    /// A node without power neither sends nor receives.
    pub fn power_off(&self, node: NodeId) {
        self.state().off.insert(node);
    }

    /// It has power again.
    pub fn power_on(&self, node: NodeId) {
        self.state().off.remove(&node);
    }

    /// A new life of the node begins.
    pub fn begin_life(&self, node: NodeId) {
        *self.state().lives.entry(node).or_default() += 1;
    }

    /// Messages lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.state().lost
    }

    /// How often a node asked for votes so far.
    #[must_use]
    pub fn candidacies(&self) -> usize {
        self.state().candidacies.len()
    }

    /// Who asked for votes first after the first `count` times.
    #[must_use]
    pub fn candidate_since(&self, count: usize) -> Option<NodeId> {
        self.state().candidacies.get(count).copied()
    }

    /// All that was stated.
    #[must_use]
    pub fn statements(&self) -> Vec<Statement> {
        self.state().statements.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, by: NodeId, message: &[u8]) {
        let mut reader = Reader::new(message);
        match reader.u8() {
            Ok(VOTE) if message.len() >= 18 => {
                if let Ok(raft_term) = reader.u64() {
                    let life = self.lives.get(&by).copied().unwrap_or_default();
                    self.candidacies.push(by);
                    self.statements.push(Statement::Candidate { by, life, raft_term });
                }
            }
            Ok(COSIGNATURE) => {
                let body = reader.block().ok().and_then(|body| String::from_utf8(body.to_vec()).ok());
                if let Some(body) = body.filter(|body| !body.is_empty()) {
                    self.statements.push(Statement::Signed { by, body });
                }
            }
            _ => {}
        }
    }
}

impl Links for FaultyLinks {
    fn transit(&self, from: NodeId, to: NodeId, message: Message<'_>) -> Transit {
        let mut state = self.state();
        if let Message::Request(request) = message
            && !state.off.contains(&from)
        {
            state.remember(from, request);
        }
        let is_cut = [from, to].iter().any(|node| state.cut_off.contains(node) || state.off.contains(node))
            || state.cut.contains(&(from, to));
        let percent = state.loss_percent;
        let is_lost = state.random.chance(percent);
        let delay = Duration::from_micros(200 + state.random.below(1_800));
        if is_cut || is_lost {
            state.lost += 1;
            return Transit::Lost;
        }
        Transit::After(delay)
    }
}
