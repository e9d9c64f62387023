//! When offices work: times drawn along a working day's curve.

use muniment_core::UnixMillis;

use crate::random::{Random, running_sums};

/// Milliseconds of an hour.
const HOUR_MS: u64 = 60 * 60 * 1000;
/// Beijing time is eight hours ahead of UTC, all year.
const BEIJING_HOURS: u64 = 8;
/// Hours that the traffic covers. Less than 24, so that nothing is late unless it is meant to be (T01).
pub(super) const SPAN_HOURS: u64 = 20;
/// Traffic by the hour of the day in Beijing: two peaks around the lunch break, night batches at one.
const BY_HOUR: [u64; 24] =
    [4, 6, 3, 2, 2, 3, 6, 20, 70, 120, 130, 100, 45, 50, 110, 120, 105, 80, 35, 20, 16, 12, 8, 5];
/// Saturday and Sunday carry one part in this many.
const WEEKEND_DIVISOR: u64 = 4;

/// Draws times in the last [`SPAN_HOURS`] hours before an end.
#[derive(Clone, Debug)]
pub(super) struct WorkingHours {
    start_ms: u64,
    sums: Vec<u64>,
}

impl WorkingHours {
    pub(super) fn before(until: UnixMillis) -> Self {
        let start_ms = until.0.saturating_sub(SPAN_HOURS * HOUR_MS);
        let weights = (0..SPAN_HOURS).map(|hour| weight(start_ms + hour * HOUR_MS));
        Self { start_ms, sums: running_sums(weights) }
    }

    pub(super) fn draw(&self, random: &mut Random) -> UnixMillis {
        let hour = u64::try_from(random.weighted(&self.sums)).expect("an hour of the span");
        UnixMillis(self.start_ms + hour * HOUR_MS + random.below(HOUR_MS))
    }
}

/// Traffic of the hour that starts at a time; always over 0. 1970-01-01 was a Thursday.
fn weight(unix_ms: u64) -> u64 {
    let hours = unix_ms / HOUR_MS + BEIJING_HOURS;
    let hour = usize::try_from(hours % 24).expect("below 24");
    let weekend = matches!((hours / 24 + 4) % 7, 0 | 6);
    BY_HOUR[hour] * WEEKEND_DIVISOR / if weekend { WEEKEND_DIVISOR } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mornings_are_busier_than_nights_and_workdays_than_weekends() {
        let friday_10_in_beijing = 1_604_023_200_000;
        assert_eq!(weight(friday_10_in_beijing), BY_HOUR[10] * WEEKEND_DIVISOR);
        assert_eq!(weight(friday_10_in_beijing + 24 * HOUR_MS), BY_HOUR[10]);
        assert_eq!(weight(friday_10_in_beijing + 48 * HOUR_MS), BY_HOUR[10]);
        assert_eq!(weight(friday_10_in_beijing + 72 * HOUR_MS), BY_HOUR[10] * WEEKEND_DIVISOR);
        assert!(weight(friday_10_in_beijing) > 20 * weight(friday_10_in_beijing + 17 * HOUR_MS));
    }

    #[test]
    fn times_lie_within_the_span() {
        let until = UnixMillis(1_700_000_000_000);
        let (hours, mut random) = (WorkingHours::before(until), Random::new(7));
        for _ in 0..1_000 {
            let time = hours.draw(&mut random);
            assert!(time < until && time.0 >= until.0 - SPAN_HOURS * HOUR_MS, "{time}");
        }
    }
}
