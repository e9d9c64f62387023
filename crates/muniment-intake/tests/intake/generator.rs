//! Made-up traffic: the same for one seed, right but for what it lists as wrong.

use std::collections::{BTreeMap, BTreeSet};

use muniment_core::v1::record::Body;
use muniment_core::v1::{AccessExecuted, Record, Side};
use muniment_core::{LeafIndex, LedgerId, UnixMillis, record};
use muniment_intake::generator::{CITIES, Options, Submission, Traffic, Violation};

const UNTIL: UnixMillis = UnixMillis(1_700_000_000_000);

fn traffic(seed: u64) -> Traffic {
    Traffic::new(Options::small(seed, LedgerId([4; 32]), 3, UNTIL))
}

fn leaves(first: u64, count: usize) -> Vec<LeafIndex> {
    (first..).take(count).map(LeafIndex).collect()
}

/// All four steps, with leaves counted from 0.
fn all(traffic: &Traffic) -> (Vec<Submission>, Vec<Submission>) {
    let mut decisions: Vec<_> = traffic.catalogue().collect();
    let applications = leaves(decisions.len() as u64, traffic.applications().count());
    decisions.extend(traffic.applications());
    let grants = leaves(decisions.len() as u64, applications.len());
    decisions.extend(traffic.grants(&applications));
    let accesses = traffic.accesses(&grants).collect();
    (decisions, accesses)
}

fn access(record: &Record) -> &AccessExecuted {
    match &record.body {
        Some(Body::AccessExecuted(access)) => access,
        other => panic!("{other:?}"),
    }
}

/// The violations that a record shows, judged from the decisions alone.
fn judge(decisions: &[Submission], record: &Record) -> BTreeSet<Violation> {
    let access = access(record);
    let at = record.occurred_at.expect("dated").unix_ms;
    let mut found = BTreeSet::new();
    match access
        .authorisation
        .map(|leaf| usize::try_from(leaf.index).ok().and_then(|leaf| decisions.get(leaf)))
    {
        None => drop(found.insert(Violation::Unauthorised)),
        Some(None) => drop(found.insert(Violation::UnknownAuthorisation)),
        Some(Some(decision)) => {
            let Some(Body::AuthorisationGranted(grant)) = &decision.record.body else {
                panic!("{decision:?}")
            };
            let valid = grant.valid.expect("a grant has its time");
            if at < valid.from_ms || (valid.to_ms != 0 && at >= valid.to_ms) {
                found.insert(Violation::Expired);
            }
            if !grant.data_sets.contains(&access.data_set) {
                found.insert(Violation::WrongDataSet);
            }
            if grant.grantee != access.consumer {
                found.insert(Violation::WrongRecipient);
            }
        }
    }
    if at + 24 * 3_600_000 < UNTIL.0 {
        found.insert(Violation::Late);
    }
    if at > UNTIL.0 + 300_000 {
        found.insert(Violation::Future);
    }
    found
}

#[test]
fn equal_options_give_equal_records_and_another_seed_others() {
    let (one, same, other) = (traffic(5), traffic(5), traffic(6));
    assert_eq!(all(&one), all(&same));
    assert_eq!(one.injected(), same.injected());
    assert_ne!(all(&one).1, all(&other).1);
}

#[test]
fn what_is_injected_is_what_is_wrong_and_nothing_else() {
    for seed in 0..8 {
        let traffic = traffic(seed);
        let (decisions, accesses) = all(&traffic);
        let mut expected: BTreeMap<(String, u64, String), Violation> = BTreeMap::new();
        for injected in traffic.injected() {
            let key = (injected.stream.clone(), injected.sequence, injected.exchange.clone());
            assert_eq!(
                expected.insert(key, injected.violation),
                None,
                "seed {seed}: named twice: {injected:?}"
            );
        }
        let (mut next, mut exchanges) = (BTreeMap::<String, u64>::new(), BTreeSet::new());
        for Submission { record, .. } in &accesses {
            let mut found = judge(&decisions, record);
            let stream = record.stream.clone().expect("every access has its place");
            let due = next.entry(stream.id.clone()).or_default();
            if stream.sequence > *due {
                found.insert(Violation::StreamGap);
            } else if stream.sequence < *due {
                found.insert(Violation::StreamReuse);
            }
            *due = (*due).max(stream.sequence + 1);
            let access = access(record);
            if !exchanges.insert((access.exchange.clone(), access.side)) {
                found.insert(Violation::DuplicateExchange);
            }
            let key = (stream.id, stream.sequence, access.exchange.clone());
            let due: BTreeSet<_> = expected.remove(&key).into_iter().collect();
            assert_eq!(found, due, "seed {seed}: {record:?}");
        }
        assert!(expected.is_empty(), "seed {seed}: listed but not there: {expected:?}");
        assert_eq!(traffic.injected().len(), 5 * Violation::ALL.len(), "seed {seed}");
    }
}

#[test]
fn every_record_passes_the_ledgers_own_checks() {
    for seed in 0..4 {
        let (decisions, accesses) = all(&traffic(seed));
        for Submission { record, .. } in decisions.iter().chain(&accesses) {
            record::encode(record).unwrap_or_else(|error| panic!("seed {seed}: {error}: {record:?}"));
        }
    }
}

#[test]
fn every_exchange_is_reported_by_both_sides_and_every_city_by_one_bureau() {
    let (_, accesses) = all(&traffic(1));
    let (mut sides, mut bureaus) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeMap::new());
    for Submission { bureau, record } in &accesses {
        sides.entry(access(record).exchange.clone()).or_default().insert(access(record).side());
        assert_eq!(record.submitter, bureau.0);
        let stream = record.stream.as_ref().expect("a stream").id.clone();
        assert_eq!(*bureaus.entry(stream).or_insert(*bureau), *bureau);
    }
    let both = BTreeSet::from([Side::Provider, Side::Consumer]);
    let alone = sides.values().filter(|sides| **sides != both).count();
    assert_eq!(alone, 5, "only the accesses of reused sequences stand alone");
    let used: BTreeSet<_> = bureaus.values().map(|bureau| bureau.0).collect();
    assert_eq!(used, BTreeSet::from([1, 2, 3]));
    assert!(bureaus.len() > CITIES.len() / 2);
}

#[test]
fn few_data_sets_carry_most_of_the_traffic() {
    let (_, accesses) = all(&traffic(2));
    let mut counts = BTreeMap::<&str, usize>::new();
    for Submission { record, .. } in &accesses {
        *counts.entry(&access(record).data_set).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let top: usize = counts.iter().take(5).sum();
    assert!(2 * top > accesses.len(), "{counts:?}");
    assert!(counts.len() > 40, "{counts:?}");
}
