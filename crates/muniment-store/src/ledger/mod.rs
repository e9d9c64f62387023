//! The evidence files: records, admissions, addresses, stubs, tree, checkpoints, world dumps, and the sync point that
//! binds them (`docs/data-format.md`, "Files on disk").
//!
//! Nothing here is on the path of an acknowledgement: what a crash takes beyond the sync point is written again from
//! this node's own Raft log, by the same [`Writer::append`] that wrote it first.

pub(crate) mod address;
mod checkpoints;
mod closed;
pub(crate) mod current;
pub(crate) mod cursor;
mod damage;
pub(crate) mod derived_point;
mod extents;
mod file;
pub(crate) mod files;
mod kept;
mod open;
mod ranges;
mod sync_point;
mod view;
mod world_dump;
mod writer;

pub use checkpoints::Checkpoints;
pub use closed::{ClosedLedger, open_closed};
pub use file::{LedgerFile, ROWS_PER_FILE};
pub use kept::{AdmissionOfLeaf, AdmissionPlace, AdmissionSeat, LeafPlace};
pub use open::{OpenLedger, open};
pub use sync_point::{BackgroundSync, EntryPosition, SyncPoint, SyncPointJob, SyncPointMeta};
pub use view::View;
pub use world_dump::{DumpedWorld, WorldDump, WorldDumpRef};
pub use writer::{AppendBatch, AppendLeaf, Appended, Writer};

pub(crate) use extents::row_place;
pub(crate) use file::directories;
pub(crate) use open::list;
pub(crate) use world_dump::check_dump;
