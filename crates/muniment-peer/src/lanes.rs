//! Bounded queues, one a lane: what peers may have waiting here.

use std::sync::Arc;

use muniment_raft::Lane;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refused::Refused;

/// Bytes of one permit of a queue.
const PERMIT_BYTES: usize = 1024;

/// What may wait for the node at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// Calls of a lane, at least 1: 1,024.
    pub calls_max: usize,
    /// Bytes of a lane's calls, at least one message: 64 MiB.
    pub bytes_max: usize,
    /// Streams, at least one a peer: 64. HTTP/2's flow control bounds what waits in each.
    pub streams_max: usize,
}

impl Default for LaneLimits {
    fn default() -> Self {
        Self { calls_max: 1024, bytes_max: 64 * 1024 * 1024, streams_max: 64 }
    }
}

/// The queues of the server.
pub(crate) struct Lanes {
    urgent: Queue,
    bulk: Queue,
    streams: Arc<Semaphore>,
}

struct Queue {
    calls: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// A place in a queue, free again when dropped.
pub(crate) struct Place {
    _permits: [OwnedSemaphorePermit; 2],
}

impl Lanes {
    pub(crate) fn new(limits: &LaneLimits) -> Self {
        let queue = || Queue {
            calls: Arc::new(Semaphore::new(limits.calls_max)),
            bytes: Arc::new(Semaphore::new(limits.bytes_max / PERMIT_BYTES)),
        };
        Self { urgent: queue(), bulk: queue(), streams: Arc::new(Semaphore::new(limits.streams_max)) }
    }

    /// A place for a call of so many bytes, now or not at all: who waits in a queue of queues is late anyway.
    pub(crate) fn enter(&self, lane: Lane, bytes: usize) -> Result<Place, Refused> {
        let queue = match lane {
            Lane::Urgent => &self.urgent,
            Lane::Bulk => &self.bulk,
        };
        let full = |_| Refused::Full(lane);
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let call = Arc::clone(&queue.calls).try_acquire_owned().map_err(full)?;
        let bytes = Arc::clone(&queue.bytes).try_acquire_many_owned(permits).map_err(full)?;
        Ok(Place { _permits: [call, bytes] })
    }

    /// A place for a stream.
    pub(crate) fn open_stream(&self) -> Result<OwnedSemaphorePermit, Refused> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| Refused::NoStream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_lane_refuses_and_leaves_the_other_alone() {
        let lanes = Lanes::new(&LaneLimits { calls_max: 2, bytes_max: 4096, streams_max: 1 });
        let first = lanes.enter(Lane::Bulk, 3000).expect("room");
        assert_eq!(lanes.enter(Lane::Bulk, 3000).err(), Some(Refused::Full(Lane::Bulk)), "bytes");
        let second = lanes.enter(Lane::Bulk, 1).expect("room");
        assert_eq!(lanes.enter(Lane::Bulk, 0).err(), Some(Refused::Full(Lane::Bulk)), "calls");
        assert!(lanes.enter(Lane::Urgent, 3000).is_ok(), "the other lane");
        drop((first, second));
        assert!(lanes.enter(Lane::Bulk, 4096).is_ok(), "places come back");
    }
}
