//! Who publishes what, and who may read it.

use muniment_core::LeafIndex;
use muniment_core::v1::{
    AuthorisationGranted, CataloguePublished, Item, Leaf, Period, ShareClass, SharingApplied, SharingMode,
};

use super::place::{CITIES, DEPARTMENTS, credit_code};
use super::{Options, violation};
use crate::random::{Random, running_sums};

/// Consumers of each data set.
const GRANTS_PER_SET: usize = 3;
/// Items of each data set.
const ITEMS: usize = 4;
/// Grants are in force from 2020-01-01.
const VALID_FROM_MS: u64 = 1_577_836_800_000;
/// Milliseconds of 30 days.
const MONTH_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// A department of a city.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Department {
    /// Index of its city.
    pub(super) city: usize,
    /// Index among the city's departments.
    pub(super) number: usize,
}

/// A data set.
#[derive(Clone, Debug)]
pub(super) struct DataSet {
    pub(super) code: String,
    pub(super) provider: Department,
    rank: usize,
}

/// A grant that somebody holds.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) data_set: usize,
    pub(super) consumer: Department,
    valid: Period,
}

/// The province before its traffic.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) data_sets: Vec<DataSet>,
    /// Those in force, then those that expired before the traffic.
    pub(super) grants: Vec<Grant>,
    /// How many of the grants are in force.
    pub(super) in_force: usize,
}

impl Department {
    fn draw(random: &mut Random, by_inhabitants: &[u64]) -> Self {
        Self { city: random.weighted(by_inhabitants), number: random.index(DEPARTMENTS.len()) }
    }

    /// Its unified social credit code as an identifier.
    pub(super) fn identifier(self) -> String {
        let serial = u32::try_from(self.number + 1).expect("one of 20 departments");
        format!("uscc:{}", credit_code(CITIES[self.city].region, serial))
    }

    /// The matter that it reads data for.
    pub(super) fn matter(self) -> &'static str {
        DEPARTMENTS[self.number].1
    }
}

impl DataSet {
    /// Its catalogue entry.
    pub(super) fn entry(&self) -> CataloguePublished {
        let (city, department) = (CITIES[self.provider.city].name, DEPARTMENTS[self.provider.number].0);
        CataloguePublished {
            data_set: self.code.clone(),
            provider: self.provider.identifier(),
            title: format!("{city} {department}: data set {}", self.rank + 1),
            items: self.items(ITEMS).into_iter().map(item).collect(),
            share_class: ShareClass::Conditional.into(),
            modes: vec![SharingMode::Interface.into()],
            personal_data: true,
            version: 1,
            ..CataloguePublished::default()
        }
    }

    /// Codes of its first items.
    pub(super) fn items(&self, count: usize) -> Vec<String> {
        (1..=count.min(ITEMS)).map(|number| format!("item-{number:02}")).collect()
    }
}

fn item(code: String) -> Item {
    Item { name: format!("Item {}", &code[code.len() - 2..]), code, sensitivity: 2 }
}

impl Plan {
    /// Draws data sets and grants. Data sets come by rank: the first carries most of the traffic.
    pub(super) fn draw(options: &Options, random: &mut Random) -> Self {
        let by_inhabitants = running_sums(CITIES.iter().map(|city| city.inhabitants));
        let sets = usize::try_from(options.data_sets.max(2)).expect("at least 32 bits");
        let data_sets: Vec<_> = (0..sets)
            .map(|rank| {
                let provider = Department::draw(random, &by_inhabitants);
                let region = CITIES[provider.city].region;
                let code = format!("catalogue:3{region}{:02}/{}", provider.number + 1, rank + 1);
                DataSet { code, provider, rank }
            })
            .collect();
        let mut grants = Vec::new();
        for (data_set, set) in data_sets.iter().enumerate() {
            let mut consumers = vec![set.provider];
            while consumers.len() <= GRANTS_PER_SET {
                let consumer = Department::draw(random, &by_inhabitants);
                if !consumers.contains(&consumer) {
                    consumers.push(consumer);
                    grants.push(Grant {
                        data_set,
                        consumer,
                        valid: Period { from_ms: VALID_FROM_MS, to_ms: 0 },
                    });
                }
            }
        }
        let in_force = grants.len();
        let lapsed = Period {
            from_ms: VALID_FROM_MS,
            to_ms: options.until.0.saturating_sub(MONTH_MS).max(VALID_FROM_MS + 1),
        };
        for _ in 0..options.violations.min(violation::LAPSED_MAX) {
            let data_set = random.index(sets);
            let mut consumer = Department::draw(random, &by_inhabitants);
            while consumer == data_sets[data_set].provider {
                consumer = Department::draw(random, &by_inhabitants);
            }
            grants.push(Grant { data_set, consumer, valid: lapsed });
        }
        Self { data_sets, grants, in_force }
    }

    /// The application that a grant answers.
    pub(super) fn application(&self, grant: &Grant) -> SharingApplied {
        SharingApplied {
            applicant: grant.consumer.identifier(),
            data_sets: vec![self.data_sets[grant.data_set].code.clone()],
            basis: "Anhui data-sharing catalogue".to_owned(),
            mode: SharingMode::Interface.into(),
            period: Some(grant.valid),
            purposes: vec![grant.consumer.matter().to_owned()],
            expected_rows_per_month: 10_000,
            ..SharingApplied::default()
        }
    }

    /// The grant, citing its application.
    pub(super) fn grant(&self, grant: &Grant, application: LeafIndex) -> AuthorisationGranted {
        let set = &self.data_sets[grant.data_set];
        AuthorisationGranted {
            application: Some(Leaf { index: application.0 }),
            grantor: set.provider.identifier(),
            grantee: grant.consumer.identifier(),
            data_sets: vec![set.code.clone()],
            purposes: vec![grant.consumer.matter().to_owned()],
            legal_basis: "Anhui data-sharing catalogue".to_owned(),
            valid: Some(grant.valid),
            ..AuthorisationGranted::default()
        }
    }
}
