//! Periods of time, half-open, and how a claimed time of some precision becomes one.

use muniment_core::{UnixMillis, v1};

use super::layout::layout;

layout! {
    /// Half-open period `[from, until)` in milliseconds since 1970 UTC.
    pub struct Period {
        /// Start, inclusive.
        pub from: UnixMillis,
        /// End, exclusive; `u64::MAX` = open.
        pub until: UnixMillis,
    }
}

/// Milliseconds of one second.
const SECOND_MS: u64 = 1_000;
/// Milliseconds of one day.
const DAY_MS: u64 = 24 * 60 * 60 * SECOND_MS;

impl Period {
    /// All time.
    pub const ALWAYS: Self = Self { from: UnixMillis(0), until: UnixMillis(u64::MAX) };

    /// The period that a record states; none stated is all time, an end of 0 is open.
    #[must_use]
    pub fn of(period: Option<&v1::Period>) -> Self {
        let Some(period) = period else { return Self::ALWAYS };
        let until = if period.to_ms == 0 { u64::MAX } else { period.to_ms };
        Self { from: UnixMillis(period.from_ms), until: UnixMillis(until) }
    }

    /// The instants that a claimed time may mean: one millisecond, a second, a day or a month (UTC).
    #[must_use]
    pub fn claimed(time: Option<&v1::Time>) -> Self {
        let from = time.map_or(0, |time| time.unix_ms);
        let length = match time.map_or(v1::Precision::Unspecified, v1::Time::precision) {
            v1::Precision::Unspecified => 1,
            v1::Precision::Second => SECOND_MS,
            v1::Precision::Day => DAY_MS,
            v1::Precision::Month => month_days(from / DAY_MS) * DAY_MS,
        };
        Self { from: UnixMillis(from), until: UnixMillis(from.saturating_add(length)) }
    }

    /// Whether the instant lies inside.
    #[must_use]
    pub fn contains(&self, instant: UnixMillis) -> bool {
        self.from <= instant && instant < self.until
    }

    /// What both periods share, if anything.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> Option<Self> {
        let shared = Self { from: self.from.max(other.from), until: self.until.min(other.until) };
        (shared.from < shared.until).then_some(shared)
    }
}

/// Days of the month (UTC, proleptic Gregorian) in which day `day` since 1970-01-01 lies.
///
/// Steps through at most one cycle of 400 years.
const fn month_days(day: u64) -> u64 {
    // Whole cycles of 400 years have 146,097 days and change nothing about the calendar.
    let mut left = day % 146_097;
    let mut year = 1970;
    loop {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if leap { 29 } else { 28 };
        let mut month = 0;
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        while month < 12 {
            if left < lengths[month] {
                return lengths[month];
            }
            left -= lengths[month];
            month += 1;
        }
        year += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(unix_ms: u64, precision: v1::Precision) -> u64 {
        let period = Period::claimed(Some(&v1::Time { unix_ms, precision: precision.into() }));
        assert_eq!(period.from.0, unix_ms);
        period.until.0 - period.from.0
    }

    #[test]
    fn a_claimed_time_is_as_long_as_its_precision() {
        let leap_february_2024 = 1_706_745_600_000;
        let february_2023 = 1_675_209_600_000;
        let december_2399 = 13_569_379_200_000;
        let cases = [
            (5, v1::Precision::Unspecified, 1),
            (5_000, v1::Precision::Second, 1_000),
            (0, v1::Precision::Day, DAY_MS),
            (0, v1::Precision::Month, 31 * DAY_MS),
            (leap_february_2024, v1::Precision::Month, 29 * DAY_MS),
            (february_2023, v1::Precision::Month, 28 * DAY_MS),
            (december_2399, v1::Precision::Month, 31 * DAY_MS),
        ];
        for (unix_ms, precision, length) in cases {
            assert_eq!(claimed(unix_ms, precision), length, "{unix_ms} {precision:?}");
        }
    }

    #[test]
    fn periods_that_only_touch_do_not_overlap() {
        let period = |from, until| Period { from: UnixMillis(from), until: UnixMillis(until) };
        assert_eq!(period(1, 5).overlap(&period(5, 9)), None);
        assert_eq!(period(1, 5).overlap(&period(4, 9)), Some(period(4, 5)));
    }
}
