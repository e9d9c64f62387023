//! Violations: what goes wrong on purpose, and the list of it.

use std::collections::BTreeMap;

use muniment_core::{Flag, UnixMillis};

use super::plan::{Department, Plan};
use super::reports::{Cited, Report, exchange_id};
use super::{Options, stream_name};
use crate::random::Random;

/// Grants made only to have expired.
pub(super) const LAPSED_MAX: u32 = 10_000;
/// Milliseconds of an hour.
const HOUR_MS: u64 = 60 * 60 * 1000;

/// Declares the sorts of violation with the flag that each must raise.
macro_rules! violations {
    ($($(#[$doc:meta])* $name:ident $flag:ident),+ $(,)?) => {
        /// What one access does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Violation {
            $($(#[$doc])* $name),+
        }

        impl Violation {
            /// Every sort.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The flag that the ledger must raise for it, and no other.
            #[must_use]
            pub const fn flag(self) -> Flag {
                match self { $(Self::$name => Flag::$flag),+ }
            }
        }
    };
}

violations! {
    /// Cites no authorisation.
    Unauthorised A01,
    /// Cites a leaf that does not exist.
    UnknownAuthorisation A02,
    /// Cites a grant that had expired.
    Expired A03,
    /// Reads a data set that the grant does not cover.
    WrongDataSet A05,
    /// Reads under somebody else's grant.
    WrongRecipient A07,
    /// Uses an exchange id again for another exchange.
    DuplicateExchange S03,
    /// Comes days after it happened.
    Late T01,
    /// Is dated in the future.
    Future T02,
    /// Leaves a gap in its stream before it.
    StreamGap S01,
    /// Uses a sequence of its stream again for another access.
    StreamReuse S02,
}

/// One violation that was injected: names one access of the traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    /// What is wrong with it.
    pub violation: Violation,
    /// Its stream.
    pub stream: String,
    /// Its sequence in the stream. A reused sequence names two accesses; the exchange tells them apart.
    pub sequence: u64,
    /// Its exchange.
    pub exchange: String,
}

/// Injects violations of every sort into the reports, numbers every stream, and lists what was done.
pub(super) fn inject(
    options: &Options,
    plan: &Plan,
    reports: &mut Vec<Report>,
    random: &mut Random,
) -> Vec<Injected> {
    let victims = draw_victims(options, reports, random);
    let mut marked = Vec::with_capacity(reports.len());
    let mut next_sequence = BTreeMap::new();
    let mut injected = Vec::new();
    let lapsed = plan.grants.len() - plan.in_force;
    let mut lapsed_used = 0;
    for (position, mut report) in std::mem::take(reports).into_iter().enumerate() {
        let violation = victims.get(&position).copied();
        let sequence: &mut u64 = next_sequence.entry(report.city).or_default();
        if violation == Some(Violation::StreamGap) {
            *sequence += 1 + random.below(9);
        }
        report.sequence = *sequence;
        *sequence += 1;
        // These two are a second access beside one that is in order.
        let second = match violation {
            Some(Violation::StreamReuse) => {
                Some(Report { exchange: exchange_id(random), rows: report.rows + 1, ..report.clone() })
            }
            Some(Violation::DuplicateExchange) => {
                let second = Report { sequence: *sequence, rows: report.rows + 1, ..report.clone() };
                *sequence += 1;
                Some(second)
            }
            Some(Violation::Expired) => {
                cite_lapsed(plan, plan.in_force + lapsed_used % lapsed.max(1), &mut report);
                lapsed_used += 1;
                None
            }
            Some(violation) => {
                spoil(violation, options, plan, &mut report, random);
                None
            }
            None => None,
        };
        let culprit = second.as_ref().unwrap_or(&report);
        injected.extend(violation.map(|violation| Injected {
            violation,
            stream: stream_name(culprit.city, options.seed),
            sequence: culprit.sequence,
            exchange: culprit.exchange.clone(),
        }));
        marked.push(report);
        marked.extend(second);
    }
    *reports = marked;
    injected
}

/// Draws as many reports for each sort as the options ask, no report twice and none that opens its stream.
fn draw_victims(options: &Options, reports: &[Report], random: &mut Random) -> BTreeMap<usize, Violation> {
    let mut opened = [false; super::CITIES.len()];
    let mut later = Vec::new();
    for (position, report) in reports.iter().enumerate() {
        if std::mem::replace(&mut opened[report.city], true) {
            later.push(position);
        }
    }
    random.shuffle(&mut later);
    let wanted = (0..options.violations).flat_map(|_| Violation::ALL.iter().copied());
    later.into_iter().zip(wanted).collect()
}

/// Turns a report into one under a grant that had expired.
fn cite_lapsed(plan: &Plan, grant: usize, report: &mut Report) {
    if let Some(lapsed) = plan.grants.get(grant) {
        report.cited = Cited::Grant(grant);
        report.data_set = lapsed.data_set;
        report.consumer = lapsed.consumer;
    }
}

/// Changes what a report says.
fn spoil(violation: Violation, options: &Options, plan: &Plan, report: &mut Report, random: &mut Random) {
    match violation {
        Violation::Unauthorised => report.cited = Cited::None,
        Violation::UnknownAuthorisation => report.cited = Cited::Unknown,
        Violation::WrongDataSet => {
            let step = 1 + random.index(plan.data_sets.len() - 1);
            report.data_set = (report.data_set + step) % plan.data_sets.len();
        }
        Violation::WrongRecipient => {
            let Department { city, number } = report.consumer;
            let number = (number + 1 + random.index(super::place::DEPARTMENTS.len() - 1))
                % super::place::DEPARTMENTS.len();
            report.consumer = Department { city, number };
        }
        Violation::Late => {
            let days = 2 + random.below(5);
            report.occurred_at = UnixMillis(options.until.0.saturating_sub(days * 24 * HOUR_MS));
        }
        // Later than any clock allows while the traffic is submitted.
        Violation::Future => {
            report.occurred_at = UnixMillis(options.until.0 + 24 * HOUR_MS + random.below(24 * HOUR_MS));
        }
        Violation::Expired | Violation::DuplicateExchange | Violation::StreamGap | Violation::StreamReuse => {
        }
    }
}
