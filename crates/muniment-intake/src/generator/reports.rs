//! The exchanges as both sides report them, before anything goes wrong.

use muniment_core::UnixMillis;
use muniment_core::v1::Side;

use super::Options;
use super::clock::WorkingHours;
use super::plan::{Department, Plan};
use crate::random::{Random, running_sums};

/// Weight of the data set of rank 1; rank k has one k-th of it (Zipf).
const ZIPF_WEIGHT: u64 = 1_000_000;

/// What a report cites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cited {
    /// The grant of this index in the plan.
    Grant(usize),
    /// A leaf that does not exist.
    Unknown,
    /// Nothing.
    None,
}

/// One side's report of one exchange.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// Index of the city whose stream it is in.
    pub(super) city: usize,
    /// Position in the stream.
    pub(super) sequence: u64,
    pub(super) side: Side,
    pub(super) exchange: String,
    pub(super) occurred_at: UnixMillis,
    pub(super) cited: Cited,
    pub(super) data_set: usize,
    pub(super) consumer: Department,
    pub(super) rows: u64,
    pub(super) request_bytes: u64,
}

/// Draws the reports, by time.
pub(super) fn draw(options: &Options, plan: &Plan, random: &mut Random) -> Vec<Report> {
    let hours = WorkingHours::before(options.until);
    let sets = u64::try_from(plan.data_sets.len()).expect("at most 32 bits");
    let by_rank = running_sums((1..=sets).map(|rank| ZIPF_WEIGHT / rank));
    let mut reports = Vec::new();
    for _ in 0..options.exchanges {
        let data_set = random.weighted(&by_rank);
        let grants: Vec<_> =
            (0..plan.in_force).filter(|grant| plan.grants[*grant].data_set == data_set).collect();
        let grant = grants[random.index(grants.len())];
        let asked_at = hours.draw(random);
        let consumer = plan.grants[grant].consumer;
        let asked = Report {
            city: consumer.city,
            sequence: 0,
            side: Side::Consumer,
            exchange: exchange_id(random),
            occurred_at: asked_at,
            cited: Cited::Grant(grant),
            data_set,
            consumer,
            rows: 1 + random.below(40),
            request_bytes: 300 + random.below(1_700),
        };
        let answered = Report {
            city: plan.data_sets[data_set].provider.city,
            side: Side::Provider,
            occurred_at: UnixMillis(asked_at.0 + 5 + random.below(200)),
            ..asked.clone()
        };
        reports.extend([asked, answered]);
    }
    reports.sort_by(|a, b| (a.occurred_at, &a.exchange).cmp(&(b.occurred_at, &b.exchange)));
    reports
}

/// A name for an exchange: 128 drawn bits.
pub(super) fn exchange_id(random: &mut Random) -> String {
    format!("{:016x}{:016x}", random.next(), random.next())
}
