//! What a node is started with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muniment_core::NodeId;
use muniment_core::cosignature::{CosigningKey, LogKey};
use muniment_core::founding::Founding;
use muniment_core::keys::SigningKey;
use muniment_ledger::judge::Rules;
use muniment_store::disk::Disk;

use crate::bureau_rates::RateLimits;
use crate::notary::Notary;
use crate::transport::Transport;

/// Everything a node is made of.
pub struct Options<R> {
    /// The machine.
    pub environment: R,
    /// The disk under `data_dir`.
    pub disk: Arc<dyn Disk>,
    /// The node's own directory, `<data>`; its identity file says whose it is.
    pub data_dir: PathBuf,
    /// The ledger's founding file.
    pub founding: Founding,
    /// This node.
    pub node_id: NodeId,
    /// Made up when the node's directory was made; another one means another directory.
    pub incarnation: u64,
    /// Its keys; they belong to its node id and are never copied.
    pub keys: NodeKeys,
    /// Its side of the network.
    pub transport: Arc<dyn Transport>,
    /// How checkpoints are formed from the node's state: [`crate::OwnState`], save in tests of what happens otherwise.
    pub notary: Arc<dyn Notary>,
    /// Other rules than this build's own: tests of rules that fail.
    pub rules: Option<Arc<dyn Rules>>,
    /// Times.
    pub timings: Timings,
    /// Bounds.
    pub limits: Limits,
}

/// A node's secret keys.
#[derive(Clone, Debug)]
pub struct NodeKeys {
    /// Signs admissions and derived values.
    pub admission: SigningKey,
    /// Cosigns checkpoints.
    pub cosigning: CosigningKey,
    /// The log key of a sha256 ledger; none in other suites.
    pub log: Option<LogKey>,
}

/// Times of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timings {
    /// Between heartbeats; above a round trip and a flush.
    pub heartbeat: Duration,
    /// Shortest election time-out.
    pub election_min: Duration,
    /// Longest election time-out; also the leader's lease.
    pub election_max: Duration,
    /// How long a submission is tried and waited for.
    pub submit: Duration,
    /// How long a question to a peer waits.
    pub peer_call: Duration,
    /// Longest time between seal marks while the tree grows.
    pub seal_interval: Duration,
    /// Shortest time between seal marks while somebody waits for COSIGNED.
    pub seal_interval_min: Duration,
    /// Longest time that a change waits for a sync point.
    pub sync_point: Duration,
    /// Longest time that a change waits for a world dump.
    pub world_dump: Duration,
    /// Between two marks of derived points, if the first one led to no leaf.
    pub derive_again: Duration,
    /// In which all evidence files are checked once.
    pub scrub: Duration,
}

impl Timings {
    /// Members in one place: heartbeat 100 ms, election 400 to 500 ms.
    #[must_use]
    pub const fn lan() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            election_min: Duration::from_millis(400),
            election_max: Duration::from_millis(500),
            submit: Duration::from_secs(10),
            peer_call: Duration::from_secs(1),
            seal_interval: Duration::from_millis(200),
            seal_interval_min: Duration::from_millis(5),
            sync_point: Duration::from_secs(10),
            world_dump: Duration::from_secs(60),
            derive_again: Duration::from_secs(60),
            scrub: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }

    /// Members up to 100 ms of round trip apart: heartbeat 150 ms, election 600 to 750 ms.
    #[must_use]
    pub const fn wan() -> Self {
        Self {
            heartbeat: Duration::from_millis(150),
            election_min: Duration::from_millis(600),
            election_max: Duration::from_millis(750),
            ..Self::lan()
        }
    }
}

/// Bounds of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of entries committed but not yet applied here, before OVERLOADED.
    pub unapplied_bytes_max: u64,
    /// Bytes of submissions waiting here, before OVERLOADED.
    pub waiting_bytes_max: u64,
    /// How far this node's own signature may lag behind the oldest unsigned seal mark, before OVERLOADED.
    pub seal_lag_max: Duration,
    /// Bytes of disk that are kept free, before STORAGE_FULL.
    pub disk_reserve_bytes: u64,
    /// Bytes applied between sync points.
    pub sync_point_bytes: u64,
    /// Bytes applied between world dumps.
    pub world_dump_bytes: u64,
    /// Leaves between derived points.
    pub derived_leaves: u64,
    /// Record bytes between derived points.
    pub derived_bytes: u64,
    /// Bytes of Raft log kept behind the newest world dump and derived point.
    pub log_keep_bytes: u64,
    /// Bytes of Raft log kept for a member that takes over the derived point before them.
    pub log_keep_for_peer_bytes: u64,
    /// Bytes of one Raft log segment.
    pub log_segment_bytes: u64,
    /// What each bureau may have proposed while this node leads, before RATE_LIMITED.
    pub bureau_rates: RateLimits,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            unapplied_bytes_max: 32 * MIB,
            waiting_bytes_max: 64 * MIB,
            seal_lag_max: Duration::from_secs(10),
            disk_reserve_bytes: 256 * MIB,
            sync_point_bytes: 64 * MIB,
            world_dump_bytes: 128 * MIB,
            derived_leaves: 1 << 20,
            derived_bytes: 1024 * MIB,
            log_keep_bytes: 1024 * MIB,
            log_keep_for_peer_bytes: 8 * 1024 * MIB,
            log_segment_bytes: 64 * MIB,
            bureau_rates: RateLimits::default(),
        }
    }
}
