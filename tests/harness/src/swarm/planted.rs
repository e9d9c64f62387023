//! Bugs planted through the parameters that a node has anyway: the checker is proven by finding each.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use muniment_core::checkpoint::CheckpointBody;
use muniment_core::{Flag, NodeId, RulesVersion, TreeSize};
use muniment_ledger::World;
use muniment_ledger::judge::{Candidate, Judgement, Rules};
use muniment_ledger::rules::V1;
use muniment_raft::{CheckpointContext, Notary, OwnState};
use muniment_store::StorageError;
use muniment_store::ledger::View;

use crate::swarm::checker::OTHER_BYTES;
use crate::swarm::machine::Machine;
use crate::swarm::machine_disk::Flushing;
use crate::swarm::run::{Harm, Scenario};
use crate::swarm::setup::Setup;
use crate::swarm::violation::{Invariant, Violation};

/// A bug of the kind that reviews miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The flush of an entry answers before the entry is durable.
    AcknowledgeBeforeFlush,
    /// A vote is not durable when it is given.
    VoteNotFlushed,
    /// The wall clock reaches apply.
    WallClockInApply,
    /// The order of a hash map reaches apply.
    HashMapOrderInApply,
    /// A member signs what it was shown instead of what it recomputed at the size.
    SignBeforeRecomputing,
    /// Each member chooses where it signs.
    NodeChosenSealSizes,
}

impl Bug {
    /// Every bug.
    pub const ALL: [Self; 6] = [
        Self::AcknowledgeBeforeFlush,
        Self::VoteNotFlushed,
        Self::WallClockInApply,
        Self::HashMapOrderInApply,
        Self::SignBeforeRecomputing,
        Self::NodeChosenSealSizes,
    ];

    /// A cluster with this bug.
    #[must_use]
    pub fn plant(self, setup: Setup) -> Setup {
        match self {
            Self::AcknowledgeBeforeFlush => Setup { flushing: Flushing::NotForEntries, ..setup },
            Self::VoteNotFlushed => Setup { flushing: Flushing::NotForVotes, ..setup },
            Self::WallClockInApply => {
                Setup { rules: Some(|machine| Arc::new(WallClock(Arc::clone(machine)))), ..setup }
            }
            Self::HashMapOrderInApply => {
                Setup { rules: Some(|machine| Arc::new(MapOrder(machine.node()))), ..setup }
            }
            Self::SignBeforeRecomputing => Setup { notary: |_| Arc::new(SignsWhatIsShown), ..setup },
            Self::NodeChosenSealSizes => Setup { notary: |node| Arc::new(OwnSizes(node)), ..setup },
        }
    }

    /// The runs that this bug is looked for in.
    #[must_use]
    pub fn scenario(self, setup: Setup) -> Scenario {
        match self {
            Self::AcknowledgeBeforeFlush => Scenario::ambush(Harm::CutAllAfterAcknowledging, setup),
            Self::VoteNotFlushed => Scenario::ambush(Harm::CutVotersAfterElection, setup),
            Self::WallClockInApply
            | Self::HashMapOrderInApply
            | Self::SignBeforeRecomputing
            | Self::NodeChosenSealSizes => Scenario::swarm(setup),
        }
    }

    /// What the bug must break, each by invariant, start of what was expected, and part of what was seen.
    const fn breaks(self) -> &'static [(Invariant, &'static str, &'static str)] {
        match self {
            Self::AcknowledgeBeforeFlush => &[(Invariant::I1, "leaf ", "")],
            Self::VoteNotFlushed => {
                &[(Invariant::I9, "one leader in term ", ""), (Invariant::I9, "the logs of ", "")]
            }
            Self::WallClockInApply | Self::HashMapOrderInApply => {
                &[(Invariant::I10, "", OTHER_BYTES), (Invariant::I4, "one body ", "")]
            }
            Self::SignBeforeRecomputing => {
                &[(Invariant::I4, "one body ", ""), (Invariant::I5, "the root signed ", "")]
            }
            Self::NodeChosenSealSizes => &[(Invariant::I12, "a new write is cosigned ", "")],
        }
    }

    /// Whether this is what the bug must break, and not something that it may break besides.
    #[must_use]
    pub fn is_seen_in(self, violation: &Violation) -> bool {
        let Violation { invariant, expected, seen, .. } = violation;
        let is_it = |(broken, start, part): &(Invariant, &str, &str)| {
            broken == invariant && expected.starts_with(start) && seen.contains(part)
        };
        self.breaks().iter().any(is_it)
    }
}

/// Judges lateness by the machine's clock instead of the entry's time.
struct WallClock(Arc<Machine>);

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

impl Rules for WallClock {
    fn version(&self) -> RulesVersion {
        V1.version()
    }

    fn judge(&self, world: &World, candidate: &Candidate<'_>) -> Judgement {
        let mut accepted = V1.judge(world, candidate)?;
        let behind_ms = self.0.wall_clock().0.saturating_sub(candidate.accepted_at.0);
        if behind_ms > 20 {
            accepted.verdict.raise(Flag::T01);
        }
        Ok(accepted)
    }
}

/// Lets the first of several findings in a map's order stand for all.
#[derive(Debug)]
struct MapOrder(NodeId);

/// What `RandomState` is in a process: another order on each node, here a reproducible one.
#[derive(Clone, Copy, Debug)]
struct OrderOf(NodeId);

struct Mixed(u64);

impl BuildHasher for OrderOf {
    type Hasher = Mixed;

    fn build_hasher(&self) -> Mixed {
        Mixed(self.0.0.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(23);
        }
    }
}

impl Rules for MapOrder {
    fn version(&self) -> RulesVersion {
        V1.version()
    }

    fn judge(&self, world: &World, candidate: &Candidate<'_>) -> Judgement {
        let mut accepted = V1.judge(world, candidate)?;
        let mut findings = HashMap::with_hasher(OrderOf(self.0));
        findings.insert((candidate.leaf.0, 1_u8), Flag::T01);
        findings.insert((candidate.leaf.0, 2_u8), Flag::T02);
        if let Some(first) = findings.into_values().next() {
            accepted.verdict.raise(first);
        }
        Ok(accepted)
    }
}

/// Signs the root that the files show when it comes to sign.
struct SignsWhatIsShown;

impl Notary for SignsWhatIsShown {
    fn seals(&self, marked: bool, size: TreeSize) -> bool {
        OwnState.seals(marked, size)
    }

    fn body(
        &self,
        context: &CheckpointContext,
        size: TreeSize,
        files: &View,
    ) -> Result<CheckpointBody, StorageError> {
        Ok(CheckpointBody { root: files.root(), ..OwnState.body(context, size, files)? })
    }
}

/// Seals every few leaves by its own count.
struct OwnSizes(NodeId);

impl Notary for OwnSizes {
    fn seals(&self, _: bool, size: TreeSize) -> bool {
        size.0 % 17 == self.0.0 * 5 % 17
    }

    fn body(
        &self,
        context: &CheckpointContext,
        size: TreeSize,
        files: &View,
    ) -> Result<CheckpointBody, StorageError> {
        OwnState.body(context, size, files)
    }
}
