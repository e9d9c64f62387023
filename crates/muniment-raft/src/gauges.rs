//! Numbers that back-pressure looks at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters of one node. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    /// Bytes of entries that openraft handed over and the apply worker has not finished.
    unapplied_bytes: AtomicU64,
    /// Bytes of submissions accepted here and not yet answered.
    waiting_bytes: AtomicU64,
    /// What the last seal took from mark to signature, in microseconds.
    seal_cost_us: AtomicU64,
    /// When the oldest seal mark that is not yet signed was applied, in milliseconds of the node's life; 0 = none.
    unsigned_since_ms: AtomicU64,
    /// Record bytes applied since the newest derived point, in whatever state that is.
    since_point_bytes: AtomicU64,
    /// Flushes of the Raft log begun and ended, together: odd while one is under way.
    flushes: AtomicU64,
    /// Somebody asked for a derived point that is not marked yet.
    point_wanted: AtomicBool,
}

impl Gauges {
    pub(crate) fn unapplied_bytes(&self) -> u64 {
        self.0.unapplied_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn add_unapplied(&self, bytes: usize) {
        self.0.unapplied_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sub_unapplied(&self, bytes: usize) {
        self.0.unapplied_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.0.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Counts `bytes` as waiting until the guard is dropped.
    pub(crate) fn wait_with(&self, bytes: usize) -> WaitingBytes {
        let bytes = bytes as u64;
        self.0.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        WaitingBytes { gauges: self.clone(), bytes }
    }

    pub(crate) fn seal_cost_us(&self) -> u64 {
        self.0.seal_cost_us.load(Ordering::Relaxed)
    }

    pub(crate) fn set_seal_cost_us(&self, cost: u64) {
        self.0.seal_cost_us.store(cost, Ordering::Relaxed);
    }

    /// Notes a mark that waits for its signature, unless an older one does.
    pub(crate) fn mark_unsigned(&self, now_ms: u64) {
        let unsigned = &self.0.unsigned_since_ms;
        unsigned.compare_exchange(0, now_ms.max(1), Ordering::Relaxed, Ordering::Relaxed).ok();
    }

    pub(crate) fn clear_unsigned(&self) {
        self.0.unsigned_since_ms.store(0, Ordering::Relaxed);
    }

    pub(crate) fn since_point_bytes(&self) -> u64 {
        self.0.since_point_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn set_since_point_bytes(&self, bytes: u64) {
        self.0.since_point_bytes.store(bytes, Ordering::Relaxed);
    }

    /// A flush of the Raft log begins, or ends.
    pub(crate) fn flush_turns(&self) {
        self.0.flushes.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of the flush that is under way.
    pub(crate) fn flush_under_way(&self) -> Option<u64> {
        Some(self.0.flushes.load(Ordering::Relaxed)).filter(|turns| turns % 2 == 1)
    }

    pub(crate) fn want_point(&self) {
        self.0.point_wanted.store(true, Ordering::Relaxed);
    }

    /// Whether a derived point is asked for.
    pub(crate) fn is_point_wanted(&self) -> bool {
        self.0.point_wanted.load(Ordering::Relaxed)
    }

    pub(crate) fn point_marked(&self) {
        self.0.point_wanted.store(false, Ordering::Relaxed);
    }

    /// How long the oldest unsigned mark has waited, in milliseconds.
    pub(crate) fn seal_lag_ms(&self, now_ms: u64) -> u64 {
        match self.0.unsigned_since_ms.load(Ordering::Relaxed) {
            0 => 0,
            since => now_ms.saturating_sub(since),
        }
    }
}

/// Bytes counted as waiting; no longer once dropped.
pub(crate) struct WaitingBytes {
    gauges: Gauges,
    bytes: u64,
}

impl Drop for WaitingBytes {
    fn drop(&mut self) {
        self.gauges.0.waiting_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
