//! When a sync point is due, and when a world dump.

use std::time::Duration;

/// How much has changed since the last sync point and the last world dump.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SyncPace {
    pub(crate) since_sync: Change,
    pub(crate) since_dump: Change,
}

impl SyncPace {
    pub(crate) fn note(&mut self, bytes: u64, now: Duration) {
        self.since_sync.note(bytes, now);
        self.since_dump.note(bytes, now);
    }

    pub(crate) fn synced(&mut self) {
        self.since_sync = Change::default();
    }

    pub(crate) fn dumped(&mut self) {
        self.since_dump = Change::default();
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change {
    bytes: u64,
    /// When the first change happened, in the node's life.
    first: Option<Duration>,
}

impl Change {
    fn note(&mut self, bytes: u64, now: Duration) {
        self.bytes += bytes;
        self.first.get_or_insert(now);
    }

    pub(crate) fn is_due(&self, bytes_max: u64, age_max: Duration, now: Duration) -> bool {
        self.first.is_some_and(|first| self.bytes >= bytes_max || now.saturating_sub(first) >= age_max)
    }
}
