//! What a simulated cluster is made of.

use std::sync::Arc;
use std::time::Duration;

use muniment_core::{NodeId, Suite};
use muniment_ledger::judge::Rules;
use muniment_raft::{Limits, Notary, OwnState, Timings};

use crate::swarm::machine::Machine;
use crate::swarm::machine_disk::Flushing;

/// The rules of a machine's node.
pub type RulesOf = fn(&Arc<Machine>) -> Arc<dyn Rules>;

/// What a cluster is made of.
#[derive(Clone)]
pub struct Setup {
    /// Founding members, each with one voter.
    pub voters: u32,
    /// Hash suite.
    pub suite: Suite,
    /// Which flushes reach the disks.
    pub flushing: Flushing,
    /// Whether a crash keeps nothing unsynced of the Raft log, where else it keeps what a seed says.
    pub forgets_unsynced_log: bool,
    /// The rules of a machine's node, if not this build's own.
    pub rules: Option<RulesOf>,
    /// The notary of a node.
    pub notary: fn(NodeId) -> Arc<dyn Notary>,
    /// The nodes' times.
    pub timings: Timings,
    /// The nodes' bounds.
    pub limits: Limits,
    /// Least delay of a message, one way.
    pub network_delay: Duration,
    /// How long a flush of the Raft log takes.
    pub flush: Duration,
}

impl Setup {
    /// An honest cluster on a local network.
    #[must_use]
    pub fn honest(voters: u32) -> Self {
        Self {
            voters,
            suite: Suite::Blake3,
            flushing: Flushing::Honest,
            forgets_unsynced_log: false,
            rules: None,
            notary: |_| Arc::new(OwnState),
            timings: timings(),
            limits: limits(),
            network_delay: Duration::from_micros(250),
            flush: Duration::from_micros(300),
        }
    }
}

/// A local network's times; sync points and dumps often enough that a short run has some.
fn timings() -> Timings {
    Timings {
        submit: Duration::from_secs(5),
        sync_point: Duration::from_secs(1),
        world_dump: Duration::from_secs(3),
        ..Timings::lan()
    }
}

/// Small files, since a simulated flush copies them.
fn limits() -> Limits {
    const KIB: u64 = 1024;
    Limits {
        disk_reserve_bytes: KIB,
        sync_point_bytes: 256 * KIB,
        world_dump_bytes: 1024 * KIB,
        log_segment_bytes: 256 * KIB,
        ..Limits::default()
    }
}
