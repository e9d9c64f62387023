//! Made-up traffic of the size and shape of one province's, with the truth about it.
//!
//! Sixteen cities with twenty departments each publish data sets, apply for each other's, grant, and read them; a few data
//! sets carry most of the traffic (Zipf), along a working day's curve. Violations are injected and listed, so that
//! detection can be scored. Everything follows from [`Options`]: equal options, equal records.
//!
//! Grants cite applications, and accesses cite grants, by leaf index, which only the ledger gives. So the records come in
//! four steps, each told the leaves of the one before: [`Traffic::catalogue`], [`Traffic::applications`],
//! [`Traffic::grants`], [`Traffic::accesses`].

mod clock;
mod place;
mod plan;
mod reports;
mod violation;

use muniment_core::v1::record::Body;
use muniment_core::v1::{AccessExecuted, Actor, Leaf, Outcome, Record, Side, Stream, Time};
use muniment_core::{BureauNumber, LeafIndex, LedgerId, UnixMillis};

use crate::random::Random;
pub use place::{CITIES, City, credit_code};
use plan::Plan;
use reports::{Cited, Report};
pub use violation::{Injected, Violation};

/// What the traffic follows from.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// The ledger that the records are for.
    pub ledger_id: LedgerId,
    /// Bureaus of the ledger, from 1; the cities are shared out among them, each with its own stream.
    pub bureaus: u32,
    /// Data sets in the catalogue, from 1.
    pub data_sets: u32,
    /// Exchanges between departments; each is reported by both sides.
    pub exchanges: u32,
    /// Violations of each sort. The exchanges must be about twenty times as many, else fewer are injected.
    pub violations: u32,
    /// End of the traffic, which fills the 20 hours before. When submitted by then or within four hours after, only the
    /// violations injected are late.
    pub until: UnixMillis,
}

impl Options {
    /// A traffic that a laptop carries in seconds.
    #[must_use]
    pub fn small(seed: u64, ledger_id: LedgerId, bureaus: u32, until: UnixMillis) -> Self {
        Self { seed, ledger_id, bureaus, data_sets: 48, exchanges: 1_500, violations: 5, until }
    }
}

/// One record and the bureau that submits it.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// The bureau.
    pub bureau: BureauNumber,
    /// The record.
    pub record: Record,
}

/// A made-up province and its traffic.
#[derive(Clone, Debug)]
pub struct Traffic {
    options: Options,
    plan: Plan,
    reports: Vec<Report>,
    injected: Vec<Injected>,
}

impl Traffic {
    /// Makes up the traffic.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let mut random = Random::new(options.seed);
        let plan = Plan::draw(&options, &mut random);
        let mut reports = reports::draw(&options, &plan, &mut random);
        let injected = violation::inject(&options, &plan, &mut reports, &mut random);
        Self { options, plan, reports, injected }
    }

    /// What was injected, in no particular order. No other access breaks a rule.
    #[must_use]
    pub fn injected(&self) -> &[Injected] {
        &self.injected
    }

    /// Step 1: the data sets. The ledger must hold them before the applications.
    pub fn catalogue(&self) -> impl Iterator<Item = Submission> {
        let sets = self.plan.data_sets.iter();
        sets.map(|set| self.submission(set.provider.city, Body::CataloguePublished(set.entry())))
    }

    /// Step 2: the applications, one for each grant.
    pub fn applications(&self) -> impl Iterator<Item = Submission> {
        let grants = self.plan.grants.iter();
        grants.map(|grant| {
            self.submission(grant.consumer.city, Body::SharingApplied(self.plan.application(grant)))
        })
    }

    /// Step 3: the grants. `applications` are the leaves of step 2, in order.
    pub fn grants(&self, applications: &[LeafIndex]) -> impl Iterator<Item = Submission> {
        self.plan.grants.iter().zip(applications).map(|(grant, application)| {
            let provider = self.plan.data_sets[grant.data_set].provider;
            let body = Body::AuthorisationGranted(self.plan.grant(grant, *application));
            self.submission(provider.city, body)
        })
    }

    /// Step 4: the accesses as both sides report them, by time, each stream in its order. `grants` are the leaves of step
    /// 3, in order; an access whose grant is missing there cites none.
    pub fn accesses(&self, grants: &[LeafIndex]) -> impl Iterator<Item = Submission> {
        self.reports.iter().map(|report| {
            let mut access = self.access(report);
            access.authorisation = match report.cited {
                Cited::Grant(grant) => grants.get(grant).map(|leaf| Leaf { index: leaf.0 }),
                Cited::Unknown => Some(Leaf { index: UNKNOWN_LEAF }),
                Cited::None => None,
            };
            let mut submission = self.submission(report.city, Body::AccessExecuted(access));
            submission.record.actor = Some(Actor { system: self.reporter(report), ..Actor::default() });
            submission.record.occurred_at = Some(Time { unix_ms: report.occurred_at.0, precision: 0 });
            let id = stream_name(report.city, self.options.seed);
            submission.record.stream = Some(Stream { id, sequence: report.sequence });
            submission
        })
    }

    fn access(&self, report: &Report) -> AccessExecuted {
        let set = &self.plan.data_sets[report.data_set];
        AccessExecuted {
            side: report.side.into(),
            exchange: report.exchange.clone(),
            provider: set.provider.identifier(),
            consumer: report.consumer.identifier(),
            data_set: set.code.clone(),
            items: set.items(1),
            purpose: report.consumer.matter().to_owned(),
            matter: report.consumer.matter().to_owned(),
            outcome: Outcome::Succeeded.into(),
            rows: report.rows,
            subjects: report.rows,
            request_bytes: report.request_bytes,
            response_bytes: report.rows * 240,
            ..AccessExecuted::default()
        }
    }

    /// The department whose system reports.
    fn reporter(&self, report: &Report) -> String {
        match report.side {
            Side::Consumer => report.consumer.identifier(),
            Side::Provider | Side::Unspecified => self.plan.data_sets[report.data_set].provider.identifier(),
        }
    }

    /// A decision or fact of a city, dated to before the traffic unless it is dated later on.
    fn submission(&self, city: usize, body: Body) -> Submission {
        let bureau = self.bureau(city);
        let record = Record {
            schema_version: 1,
            ledger_id: self.options.ledger_id.0.to_vec(),
            submitter: bureau.0,
            region: format!("gbt2260:{}", CITIES[city].region),
            occurred_at: Some(Time { unix_ms: self.options.until.0, precision: 0 }),
            body: Some(body),
            ..Record::default()
        };
        Submission { bureau, record }
    }

    fn bureau(&self, city: usize) -> BureauNumber {
        let city = u32::try_from(city).expect("one of 16 cities");
        BureauNumber(city % self.options.bureaus.max(1) + 1)
    }
}

/// A leaf that no ledger reaches: cited where an unknown authorisation is meant.
const UNKNOWN_LEAF: u64 = (1 << 40) - 1;

/// Name of a city's stream; the seed keeps two traffics in one ledger apart.
fn stream_name(city: usize, seed: u64) -> String {
    format!("outbox/{}/{seed:016x}", CITIES[city].region)
}
