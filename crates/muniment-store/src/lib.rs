//! Muniment's bytes on disk.
//!
//! Owns: the disk trait and the production disk, segment files, the Raft log, the evidence files, sync points, world
//! dumps, the node's identity, the check of all of these (`fsck`), and the copy of them to another node.
//!
//! Promises: what a sync answered for survives any crash; damage is an error with file and offset, never cut, never
//! served; the first failed write or flush is for ever; evidence files of equal ledgers are equal byte by byte.
//!
//! Must never: know Raft's protocol, the network, a clock, or what a record means.

pub mod disk;
mod error;
mod file_disk;
mod frame;
pub mod raft_log;
mod segment;

pub use error::{Health, StorageError};
pub use file_disk::FileDisk;
pub use segment::{FORMAT_VERSION, SEGMENT_BYTES};
