//! The Raft log: entries, votes, signing intents, in segment files behind one writer.
//!
//! One `fdatasync` makes everything durable that was written before it. A segment file is allocated ahead and used
//! again under a higher generation. A torn tail is cut at open only where nothing shows that it ever was durable; any
//! other damage is an error, and no byte is changed.

mod frames;
mod index;
mod open;
mod reader;
mod segments;
mod tail;
mod writer;

pub use frames::{Frame, Intent, Purged};
pub(crate) use open::check;
pub use open::{Recovered, open};
pub use reader::{LogReader, StoredEntry};
pub use writer::LogWriter;

use crate::segment::SEGMENT_BYTES;

/// How a Raft log is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of one segment file, allocated ahead. A frame must fit into one segment.
    pub segment_bytes: u64,
    /// Segment files kept for reuse after a purge; more are removed.
    pub spare_segments: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT_BYTES, spare_segments: 2 }
    }
}
