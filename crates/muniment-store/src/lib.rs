//! Muniment's bytes on disk.
//!
//! Owns: the disk trait and the production disk, segment files, the Raft log, the evidence files, sync points, world
//! dumps, the node's identity, the check of all of these (`fsck`), and the copy of them to another node, and their repair.
//!
//! Promises: what a sync answered for survives any crash; damage is an error with file and offset, never cut, never
//! served; the first failed write or flush is for ever; evidence files of equal ledgers are equal byte by byte.
//!
//! Must never: know Raft's protocol, the network, a clock, or what a record means.

mod aborts;
mod data_dir;
pub mod disk;
mod error;
mod file_disk;
mod frame;
pub mod fsck;
pub mod identity;
pub mod install;
pub mod ledger;
pub mod manifest;
mod overlay;
mod promises;
pub mod raft_log;
pub mod repair;
mod replace;
mod segment;

pub use aborts::Aborts;
pub use data_dir::{DataDir, OpenError, RESERVE_BYTES, insist_on_room};
pub use error::{Health, StorageError};
pub use file_disk::FileDisk;
pub use identity::Identity;
pub use segment::{FORMAT_VERSION, SEGMENT_BYTES};
