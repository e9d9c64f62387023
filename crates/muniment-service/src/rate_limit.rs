//! How much one bureau may write through this node: a token bucket for records, one for bytes, and a bound on what is in
//! flight, so that one bureau's flood leaves the others their throughput.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muniment_core::{BureauNumber, Reason};
use muniment_proto::error_report::ErrorReport;
use muniment_proto::metadata;

use crate::refused::Refused;

/// What each bureau may write through one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Records a second, at least 1.
    pub records_per_second: u64,
    /// Bytes of records a second, at least 1.
    pub bytes_per_second: u64,
    /// Submissions that wait for their outcome at once; a message of a stream is one.
    pub in_flight_max: usize,
}

impl Default for RateLimits {
    /// Far above what one group of members carries: a bureau is held back by its configuration, not by surprise.
    fn default() -> Self {
        Self { records_per_second: 200_000, bytes_per_second: 256 * 1024 * 1024, in_flight_max: 8_192 }
    }
}

/// The buckets of all bureaus. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct RateLimiter {
    limits: RateLimits,
    /// Held for a few additions.
    buckets: Arc<Mutex<BTreeMap<BureauNumber, Buckets>>>,
}

#[derive(Clone, Copy, Debug)]
struct Buckets {
    records: Bucket,
    bytes: Bucket,
    in_flight: usize,
}

/// A second's worth of tokens at most. It may go below zero by one submission, which the next one waits for: else a batch
/// larger than the bucket could never pass.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Thousandths of a token.
    level: i128,
    filled_at: Instant,
}

/// Counts as in flight until dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    limiter: RateLimiter,
    bureau: BureauNumber,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(buckets) = self.limiter.lock().get_mut(&self.bureau) {
            buckets.in_flight = buckets.in_flight.saturating_sub(1);
        }
    }
}

impl Bucket {
    fn full(per_second: u64, now: Instant) -> Self {
        Self { level: i128::from(per_second) * 1_000, filled_at: now }
    }

    /// Fills up to now; how long until something may pass, if nothing may.
    fn fill(&mut self, per_second: u64, now: Instant) -> Option<Duration> {
        let micros = now.saturating_duration_since(self.filled_at).as_micros();
        // Below a million times a million millions: no overflow.
        let micros = i128::try_from(micros.min(1_000_000)).unwrap_or(1_000_000);
        let full = i128::from(per_second) * 1_000;
        self.level = (self.level + i128::from(per_second) * micros / 1_000).min(full);
        self.filled_at = now;
        if self.level > 0 {
            return None;
        }
        let missing = 1 - self.level;
        let micros = missing * 1_000 / i128::from(per_second.max(1)) + 1;
        Some(Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)))
    }

    fn take(&mut self, tokens: usize) {
        self.level -= i128::try_from(tokens).unwrap_or(i128::MAX / 2_000) * 1_000;
    }
}

impl RateLimiter {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self { limits, buckets: Arc::default() }
    }

    /// Lets a submission pass and counts it, or says when one may.
    ///
    /// # Errors
    /// RATE_LIMITED, with QuotaFailure and RetryInfo.
    pub(crate) fn admit(
        &self,
        bureau: BureauNumber,
        records: usize,
        bytes: usize,
        now: Instant,
    ) -> Result<InFlight, Refused> {
        let RateLimits { records_per_second, bytes_per_second, in_flight_max } = self.limits;
        let mut all = self.lock();
        let buckets = all.entry(bureau).or_insert_with(|| Buckets {
            records: Bucket::full(records_per_second, now),
            bytes: Bucket::full(bytes_per_second, now),
            in_flight: 0,
        });
        if buckets.in_flight >= in_flight_max {
            let limit = u64::try_from(in_flight_max).unwrap_or(u64::MAX);
            return Err(limited(bureau, "submissions in flight", limit, Duration::from_millis(50)));
        }
        let wait = buckets.records.fill(records_per_second, now);
        if let Some(wait) = wait {
            return Err(limited(bureau, "records per second", records_per_second, wait));
        }
        if let Some(wait) = buckets.bytes.fill(bytes_per_second, now) {
            return Err(limited(bureau, "bytes per second", bytes_per_second, wait));
        }
        buckets.records.take(records);
        buckets.bytes.take(bytes);
        buckets.in_flight += 1;
        drop(all);
        Ok(InFlight { limiter: self.clone(), bureau })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<BureauNumber, Buckets>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn limited(bureau: BureauNumber, unit: &str, limit: u64, wait: Duration) -> Refused {
    let what = format!("over {limit} {unit}");
    ErrorReport::new(Reason::RateLimited, format!("bureau {bureau} is {what} at this node"))
        .with(metadata::LIMIT, limit)
        .violating(format!("bureau {bureau}"), what)
        .retrying_after(wait.max(Duration::from_millis(1)))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: BureauNumber = BureauNumber(1);
    const B: BureauNumber = BureauNumber(2);

    #[test]
    fn a_bureau_over_its_rate_waits_as_long_as_it_is_told_and_the_others_do_not() {
        let limits = RateLimits { records_per_second: 100, bytes_per_second: 1_000_000, in_flight_max: 10 };
        let limiter = RateLimiter::new(limits);
        let start = Instant::now();
        // A batch larger than the bucket passes once, and is paid for by what follows.
        drop(limiter.admit(A, 300, 10, start).expect("the bucket is full"));
        let refused = limiter.admit(A, 1, 10, start).expect_err("it is empty");
        assert_eq!(refused.reason(), Reason::RateLimited);
        let wait = refused.retry_after().expect("it says when");
        assert!(wait > Duration::from_millis(1_900) && wait < Duration::from_millis(2_100), "{wait:?}");
        let report = ErrorReport::from_status(&refused.into()).expect("own statuses are read");
        assert_eq!(report.violations[0].subject, "bureau 1");
        drop(limiter.admit(B, 1, 10, start).expect("another bureau"));
        let mut now = start;
        while now < start + wait {
            assert!(limiter.admit(A, 1, 10, now).is_err(), "too early");
            now += Duration::from_millis(500);
        }
        drop(limiter.admit(A, 1, 10, start + wait).expect("as it was told"));
    }

    #[test]
    fn bytes_and_what_is_in_flight_have_bounds_of_their_own() {
        let limits = RateLimits { records_per_second: 1_000, bytes_per_second: 1_000, in_flight_max: 2 };
        let limiter = RateLimiter::new(limits);
        let now = Instant::now();
        let first = limiter.admit(A, 1, 1, now).expect("there is room");
        let second = limiter.admit(A, 1, 1, now).expect("there is room");
        assert!(limiter.admit(A, 1, 1, now).is_err(), "two are in flight");
        drop(first);
        drop(limiter.admit(A, 1, 5_000, now).expect("one is in flight"));
        assert!(limiter.admit(A, 1, 1, now).is_err(), "over its bytes");
        drop(second);
    }
}
