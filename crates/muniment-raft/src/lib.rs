//! Muniment's one order: a Raft log whose entries are batches, applied by the same state machine on every member, and
//! checkpoints of it that the members cosign.
//!
//! Owns: proposing, the Raft log's queue, the apply worker, sync points, seals and cosignatures, what nodes say to each
//! other. `OVERVIEW.md` tells how they work together.
//!
//! Promises: an acknowledged record is flushed on a majority; every member applies the same entries in the same order;
//! nothing is signed that this node did not recompute; a failure is definite or says that it is not.
//!
//! Must never: know users, TLS or gRPC; let anything but entry and state reach `apply`; acknowledge before a flush.

mod abstention;
mod admission_paths;
mod admitter;
mod apply_worker;
mod board;
mod bureau_rates;
mod catch_up;
mod charge;
mod clocks;
mod codec;
mod confirmation;
mod derive;
mod disk_watch;
mod divergence;
mod environment;
mod files_worker;
mod gate;
mod gauges;
mod handle;
mod lags;
mod lifecycle;
mod log_queue;
mod log_storage;
mod log_tail;
mod machine;
mod memory_network;
mod network;
mod node;
mod notary;
mod offer;
mod options;
mod outcome;
mod peer_messages;
mod point_server;
mod promises;
mod proposer;
mod published;
mod raft_messages;
mod receipt;
mod recovery;
mod reopening;
mod repair;
mod router;
mod scrub;
mod seal_worker;
mod service;
mod shared;
mod snapshot;
mod state_machine;
mod status;
mod submission;
mod sync_pace;
mod sync_worker;
mod tasks;
mod transport;
mod type_config;
mod verify_stage;
mod wiring;

pub use bureau_rates::{OverRate, Rate, RateLimiter, RateLimits};
pub use environment::{Environment, SystemEnvironment};
pub use handle::{Handle, InitializeError, ReadError};
pub use lifecycle::NodeState;
pub use log_storage::LogStorage;
pub use memory_network::{Links, MemoryNetwork, Message, PerfectLinks, Transit};
pub use node::{Node, Storages};
pub use notary::{CheckpointContext, Notary, OwnState};
pub use options::{Limits, NodeKeys, Options, Timings};
pub use published::LedgerView;
pub use receipt::ReceiptError;
pub use recovery::StartError;
pub use state_machine::StateMachine;
pub use status::{Role, Status};
pub use submission::{NewRecord, Refusal, SignedPart, Submission, SubmissionOutcome, SubmitError, Wait};
pub use transport::{Lane, PeerService, Transport, Unreachable};
pub use type_config::TypeConfig;
