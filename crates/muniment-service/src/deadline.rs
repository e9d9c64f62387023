//! How long a call may take.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

/// The header with which a client states its deadline (gRPC over HTTP/2, "Timeout").
const HEADER: &str = "grpc-timeout";

/// When a call must have been answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// After 90 % of the time: what has been reached by then is the answer, so that it still arrives.
    pub(crate) soft: Instant,
}

/// A stated deadline of no time at all, or one that is no deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoTime;

impl Deadline {
    /// The deadline that a call's headers state, at most `longest` from now.
    ///
    /// # Errors
    /// [`NoTime`].
    pub(crate) fn of(headers: &HeaderMap, longest: Duration) -> Result<Self, NoTime> {
        let stated = match headers.get(HEADER) {
            None => None,
            Some(value) => Some(value.to_str().ok().and_then(timeout).ok_or(NoTime)?),
        };
        let whole = stated.map_or(longest, |stated| stated.min(longest));
        if whole.is_zero() {
            return Err(NoTime);
        }
        Ok(Self { soft: Instant::now() + whole * 9 / 10 })
    }

    /// A deadline whose 90 % are over after `time`: for what a stream waits.
    pub(crate) fn after(time: Duration) -> Self {
        Self { soft: Instant::now() + time }
    }

    /// The time that is left.
    pub(crate) fn left(&self) -> Duration {
        self.soft.saturating_duration_since(Instant::now())
    }
}

/// Reads "1500m": at most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_a_stated_time_is_read_and_nothing_else() {
        let read = ["1H", "2M", "3S", "1500m", "7u", "99999999n"].map(|text| timeout(text).expect(text));
        let expected = [3_600_000_000_000, 120_000_000_000, 3_000_000_000, 1_500_000_000, 7_000, 99_999_999];
        assert_eq!(read, expected.map(Duration::from_nanos));
        for text in ["", "S", "1", "-1S", "+1S", "1.5S", "123456789n", "1s", "1h", "S1", "1\u{e9}"] {
            assert_eq!(timeout(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_deadline_is_bounded_and_never_zero() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, text.parse().expect("a header"));
            Deadline::of(&headers, Duration::from_secs(30))
        };
        assert!(of("1H").expect("it is long").left() <= Duration::from_secs(27));
        assert!(of("10S").expect("it is stated").left() <= Duration::from_secs(9));
        let default = Deadline::of(&HeaderMap::new(), Duration::from_secs(1)).expect("the default");
        assert!(default.left() <= Duration::from_millis(900));
        for text in ["0S", "0n", "nonsense"] {
            assert_eq!(of(text).map(|_| ()), Err(NoTime), "{text}");
        }
    }
}
