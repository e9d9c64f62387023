//! How much one bureau may write: a token bucket for records, one for bytes, and a bound on what is in flight, so that one
//! bureau's flood leaves the others their throughput (05).
//!
//! The door of each node counts what its own clients hand in; the leader counts what it proposes, whoever let it pass.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use muniment_core::BureauNumber;

/// How long a submission waits that finds too many before it.
const IN_FLIGHT_WAIT: Duration = Duration::from_millis(50);

/// What each bureau may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Records a second, at least 1.
    pub records_per_second: u64,
    /// Bytes of records a second, at least 1.
    pub bytes_per_second: u64,
    /// Submissions that wait for their outcome at once: at a door calls and messages of streams, at the leader admissions.
    pub in_flight_max: usize,
}

impl Default for RateLimits {
    /// Far above what one group of members carries: a bureau is held back by its configuration, not by surprise.
    fn default() -> Self {
        Self { records_per_second: 200_000, bytes_per_second: 256 * 1024 * 1024, in_flight_max: 8_192 }
    }
}

/// One of the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Rate {
    /// [`RateLimits::records_per_second`].
    Records = 0,
    /// [`RateLimits::bytes_per_second`].
    Bytes = 1,
    /// [`RateLimits::in_flight_max`].
    InFlight = 2,
}

/// A bound that a bureau has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverRate {
    /// Whose.
    pub bureau: BureauNumber,
    /// Which.
    pub rate: Rate,
    /// The bound.
    pub limit: u64,
    /// When a retry may pass.
    pub retry_after: Duration,
}

/// The buckets of all bureaus.
#[derive(Debug)]
pub struct RateLimiter {
    limits: RateLimits,
    buckets: BTreeMap<BureauNumber, Buckets>,
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
    filled_at: Duration,
}

impl Rate {
    /// Every bound.
    pub const ALL: [Self; 3] = [Self::Records, Self::Bytes, Self::InFlight];
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Records => "records per second",
            Self::Bytes => "bytes per second",
            Self::InFlight => "submissions in flight",
        })
    }
}

impl fmt::Display for OverRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "over {} {}", self.limit, self.rate)
    }
}

impl Bucket {
    fn full(per_second: u64, now: Duration) -> Self {
        Self { level: i128::from(per_second) * 1_000, filled_at: now }
    }

    /// Fills up to now; how long until something may pass, if nothing may.
    fn fill(&mut self, per_second: u64, now: Duration) -> Option<Duration> {
        let micros = now.saturating_sub(self.filled_at).as_micros();
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
    /// Full buckets for everybody.
    #[must_use]
    pub const fn new(limits: RateLimits) -> Self {
        Self { limits, buckets: BTreeMap::new() }
    }

    /// Lets a submission pass and counts it as in flight until [`Self::done`]. `now` is a time that never goes back, from
    /// whatever beginning.
    ///
    /// # Errors
    /// [`OverRate`]; nothing was counted.
    pub fn admit(
        &mut self,
        bureau: BureauNumber,
        records: usize,
        bytes: usize,
        now: Duration,
    ) -> Result<(), OverRate> {
        let RateLimits { records_per_second, bytes_per_second, in_flight_max } = self.limits;
        let buckets = self.buckets.entry(bureau).or_insert_with(|| Buckets {
            records: Bucket::full(records_per_second, now),
            bytes: Bucket::full(bytes_per_second, now),
            in_flight: 0,
        });
        let over = |rate, limit, retry_after| Err(OverRate { bureau, rate, limit, retry_after });
        if buckets.in_flight >= in_flight_max {
            let limit = u64::try_from(in_flight_max).unwrap_or(u64::MAX);
            return over(Rate::InFlight, limit, IN_FLIGHT_WAIT);
        }
        if let Some(wait) = buckets.records.fill(records_per_second, now) {
            return over(Rate::Records, records_per_second, wait);
        }
        if let Some(wait) = buckets.bytes.fill(bytes_per_second, now) {
            return over(Rate::Bytes, bytes_per_second, wait);
        }
        buckets.records.take(records);
        buckets.bytes.take(bytes);
        buckets.in_flight += 1;
        Ok(())
    }

    /// A submission that passed has its outcome.
    pub fn done(&mut self, bureau: BureauNumber) {
        if let Some(buckets) = self.buckets.get_mut(&bureau) {
            buckets.in_flight = buckets.in_flight.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: BureauNumber = BureauNumber(1);
    const B: BureauNumber = BureauNumber(2);

    #[test]
    fn a_bureau_over_its_rate_waits_as_long_as_it_is_told_and_the_others_do_not() {
        let limits = RateLimits { records_per_second: 100, bytes_per_second: 1_000_000, in_flight_max: 10 };
        let mut limiter = RateLimiter::new(limits);
        let start = Duration::from_secs(5);
        // A batch larger than the bucket passes once, and is paid for by what follows.
        assert_eq!(limiter.admit(A, 300, 10, start), Ok(()), "the bucket is full");
        let over = limiter.admit(A, 1, 10, start).expect_err("it is empty");
        assert_eq!((over.bureau, over.rate, over.limit), (A, Rate::Records, 100));
        let wait = over.retry_after;
        assert!(wait > Duration::from_millis(1_900) && wait < Duration::from_millis(2_100), "{wait:?}");
        assert_eq!(limiter.admit(B, 1, 10, start), Ok(()), "another bureau");
        let mut now = start;
        while now < start + wait {
            assert!(limiter.admit(A, 1, 10, now).is_err(), "too early");
            now += Duration::from_millis(500);
        }
        assert_eq!(limiter.admit(A, 1, 10, start + wait), Ok(()), "as it was told");
    }

    #[test]
    fn bytes_and_what_is_in_flight_have_bounds_of_their_own() {
        let limits = RateLimits { records_per_second: 1_000, bytes_per_second: 1_000, in_flight_max: 2 };
        let mut limiter = RateLimiter::new(limits);
        let now = Duration::ZERO;
        assert_eq!(limiter.admit(A, 1, 1, now), Ok(()));
        assert_eq!(limiter.admit(A, 1, 1, now), Ok(()));
        assert_eq!(limiter.admit(A, 1, 1, now).map_err(|over| over.rate), Err(Rate::InFlight));
        limiter.done(A);
        assert_eq!(limiter.admit(A, 1, 5_000, now), Ok(()), "one is in flight");
        limiter.done(A);
        assert_eq!(limiter.admit(A, 1, 1, now).map_err(|over| over.rate), Err(Rate::Bytes));
    }
}
