//! The same log gives the same leaves, outcomes and state, whatever views are held and wherever it was restored.

use std::sync::Arc;

use muniment_core::batch::{BatchHeader, Part, SealMark, encode_batch};
use muniment_core::derived::DerivedStatement;
use muniment_core::founding::Founding;
use muniment_core::v1::{self, Record, Stream};
use muniment_core::{LeafIndex, LogIndex, RaftTerm, RequestId, Suite, Tree, UnixMillis};
use muniment_ledger::{EntryPosition, Ledger, WorldView, verify_batch};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::fixture::*;

/// One step of a made-up log. Small numbers meet often, so that retries, reuses, gaps and refusals happen.
#[derive(Clone, Debug)]
enum Step {
    Publish { bureau: u32, data_set: u8 },
    Apply { data_set: u8 },
    Grant { bureau: u32, data_set: u8, application: Option<u64> },
    Change { bureau: u32, authorisation: u64, change: u8 },
    Access { bureau: u32, exchange: u8, authorisation: Option<u64>, rows: u64 },
    Row { stream: u8, sequence: u64, rows: u64 },
    Bureau { number: u32 },
    Member { remove: bool },
    Garbage(Vec<u8>),
    Derived { signers: u8 },
    Later { ms: u64 },
}

/// A step, and which of few request ids its submission has; `None` = a new one.
type Submitted = (Step, Option<u8>);

fn step() -> impl Strategy<Value = Step> {
    let bureau = 1_u32..=3;
    let leaf = 0_u64..24;
    prop_oneof![
        2 => (bureau.clone(), 0_u8..4).prop_map(|(bureau, data_set)| Step::Publish { bureau, data_set }),
        1 => (0_u8..4).prop_map(|data_set| Step::Apply { data_set }),
        2 => (bureau.clone(), 0_u8..4, proptest::option::of(leaf.clone()))
            .prop_map(|(bureau, data_set, application)| Step::Grant { bureau, data_set, application }),
        2 => (bureau.clone(), leaf.clone(), 0_u8..4)
            .prop_map(|(bureau, authorisation, change)| Step::Change { bureau, authorisation, change }),
        4 => (bureau, 0_u8..6, proptest::option::of(leaf), 0_u64..2)
            .prop_map(|(bureau, exchange, authorisation, rows)| Step::Access { bureau, exchange, authorisation, rows }),
        4 => (0_u8..2, 0_u64..6, 0_u64..3).prop_map(|(stream, sequence, rows)| Step::Row { stream, sequence, rows }),
        1 => (4_u32..6).prop_map(|number| Step::Bureau { number }),
        1 => any::<bool>().prop_map(|remove| Step::Member { remove }),
        1 => vec(any::<u8>(), 0..40).prop_map(Step::Garbage),
        1 => (0_u8..8).prop_map(|signers| Step::Derived { signers }),
        1 => prop_oneof![Just(1), Just(60_000), Just(200_000)].prop_map(|ms| Step::Later { ms }),
    ]
}

fn data_set(number: u8) -> String {
    format!("dataset:{number}")
}

impl Step {
    /// The record that a step submits, by whom.
    fn record(&self, scene: &Scene) -> Option<(u32, Record)> {
        let authorised = |leaf: Option<u64>| leaf.map(LeafIndex);
        let (bureau, body): (u32, BodyOf) = match self {
            Self::Publish { bureau, data_set: number } => (*bureau, published(&data_set(*number)).into()),
            Self::Apply { data_set: number } => (BOZHOU, application(&[&data_set(*number)]).into()),
            Self::Grant { bureau, data_set: number, application } => {
                let application = authorised(*application).and_then(at);
                let terms = grant(&[&data_set(*number)], 0, 0);
                (*bureau, v1::AuthorisationGranted { application, ..terms }.into())
            }
            Self::Change { bureau, authorisation, change } => {
                (*bureau, change_of(at(LeafIndex(*authorisation)), *change, scene.now))
            }
            Self::Access { bureau, exchange, authorisation, rows } => {
                let body = access(&format!("exchange {exchange}"), authorised(*authorisation));
                (*bureau, v1::AccessExecuted { rows: *rows, ..body }.into())
            }
            Self::Row { stream, sequence, rows } => {
                let body = v1::AccessExecuted { rows: *rows, ..access(&format!("row {sequence}"), None) };
                let stream = Some(Stream { id: format!("file {stream}"), sequence: *sequence });
                return Some((BOZHOU, Record { stream, ..scene.record(BOZHOU, body) }));
            }
            Self::Bureau { number } => {
                let body = v1::BureauRegistered {
                    number: *number,
                    code: format!("org:{number}"),
                    name: "Bureau".to_owned(),
                    region: "gbt2260:340400".to_owned(),
                    ..v1::BureauRegistered::default()
                };
                (HEFEI, body.into())
            }
            Self::Member { remove: true } => {
                (HEFEI, v1::MemberRemoved { bureau: 4, node_id: 1 << 48, reason: String::new() }.into())
            }
            Self::Member { remove: false } => (HEFEI, newcomer(scene.founding.suite)),
            Self::Garbage(_) | Self::Derived { .. } | Self::Later { .. } => return None,
        };
        Some((bureau, scene.record(bureau, body)))
    }
}

fn change_of(authorisation: Option<v1::Leaf>, change: u8, effective_ms: u64) -> BodyOf {
    let reason = String::new();
    match change {
        0 => v1::AuthorisationSuspended { authorisation, effective_ms, reason }.into(),
        1 => v1::AuthorisationResumed { authorisation, effective_ms, reason }.into(),
        2 => v1::AuthorisationRevoked { authorisation, effective_ms, reason }.into(),
        _ => {
            let terms = Some(grant(&[&data_set(0)], 0, 0));
            v1::AuthorisationAmended { authorisation, effective_ms, terms, reason }.into()
        }
    }
}

fn newcomer(suite: Suite) -> BodyOf {
    let (cosigning_key, log_key) = note_keys(suite, 4, "huainan");
    let admission_key = admission_key(4).public_key().to_bytes().to_vec();
    v1::MemberAdmitted {
        bureau: 4,
        node_id: 1 << 48,
        cosigning_key: cosigning_key.to_string(),
        admission_key,
        log_key: log_key.map_or_else(String::new, |key| key.to_string()),
    }
    .into()
}

/// The entries of a made-up log: each a batch of some steps. `guide` knows the state that derived statements speak of.
fn entries(suite: Suite, log: &[Vec<Submitted>]) -> (Founding, Vec<Arc<[u8]>>) {
    let mut guide = Scene::new(suite);
    let mut entries = Vec::new();
    for (number, batch) in (0_u32..).zip(log) {
        let mut parts = Vec::new();
        for (step, id) in batch {
            match step {
                Step::Later { ms } => guide.now += ms,
                Step::Garbage(bytes) => parts.push(bytes.clone()),
                Step::Derived { signers } => parts.push(derived(&guide, *signers)),
                step => {
                    let id = match id {
                        Some(id) => RequestId::new(UnixMillis(guide.now), [*id; 10]),
                        None => guide.id(),
                    };
                    let (bureau, record) = step.record(&guide).expect("the other steps submit records");
                    parts.push(guide.part(&admission_key(bureau), &[(id, &[record])]));
                }
            }
        }
        let header = BatchHeader {
            seal: if number % 3 == 0 { SealMark::Derive } else { SealMark::None },
            ..guide.header()
        };
        let bytes = encode_batch(&header, &parts);
        guide.apply_bytes(bytes.clone());
        entries.push(bytes.into());
    }
    (guide.founding, entries)
}

fn derived(guide: &Scene, signers: u8) -> Vec<u8> {
    let derived = guide.ledger.view().derived(guide.founding.suite.empty(Tree::Runs));
    let signers = (1..=3_u32).filter(|bureau| signers >> (bureau - 1) & 1 == 1);
    let mut signatures: Vec<_> = signers.map(|bureau| derived.sign(ORIGIN, &admission_key(bureau))).collect();
    signatures.sort_unstable_by_key(|signature| signature.public_key);
    Part::Derived(DerivedStatement { derived, signatures }).encode()
}

fn apply(ledger: &mut Ledger, log_index: u64, entry: &Arc<[u8]>) -> muniment_ledger::Applied {
    let at = EntryPosition { log_index: LogIndex(log_index), raft_term: RaftTerm(1) };
    ledger.apply(at, &verify_batch(&ledger.context(), Arc::clone(entry))).unwrap()
}

fn dump(founding: &Founding, view: &WorldView) -> Vec<u8> {
    let mut dump = Vec::new();
    view.dump(&founding.ledger_id(), &mut |bytes| dump.extend_from_slice(bytes));
    dump
}

fn suites() -> impl Strategy<Value = Suite> {
    prop_oneof![Just(Suite::Blake3), Just(Suite::Sha256), Just(Suite::Sm3)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn views_and_restores_change_nothing(
        suite in suites(),
        log in vec(vec((step(), proptest::option::of(0_u8..4)), 0..5), 1..16),
    ) {
        let (founding, entries) = entries(suite, &log);
        let mut plain = Ledger::found(&founding);
        let mut viewed = Ledger::found(&founding);
        let mut restored = Ledger::found(&founding);
        let mut views = Vec::new();
        for (log_index, entry) in (1..).zip(&entries) {
            let expected = apply(&mut plain, log_index, entry);
            prop_assert_eq!(&apply(&mut viewed, log_index, entry), &expected);
            let view = viewed.view();
            let bytes = dump(&founding, &view);
            views.push((view, bytes));
            let before = dump(&founding, &restored.view());
            restored = Ledger::restore(&founding, &before).unwrap();
            prop_assert_eq!(dump(&founding, &restored.view()), before, "a dump restores to itself");
            prop_assert_eq!(&apply(&mut restored, log_index, entry), &expected);
        }
        prop_assert_eq!(plain.view().digest(), restored.view().digest());
        prop_assert_eq!(plain.view().digest(), viewed.view().digest());
        let last = dump(&founding, &plain.view());
        prop_assert_eq!(&last, &dump(&founding, &restored.view()));
        prop_assert_eq!(&last, &dump(&founding, &viewed.view()));
        for (view, bytes) in views {
            prop_assert_eq!(dump(&founding, &view), bytes, "a view keeps what it saw");
        }
    }

    #[test]
    fn a_damaged_dump_is_refused_or_is_another_state(
        place in any::<prop::sample::Index>(),
        flip in 1_u8..,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut scene = Scene::new(Suite::Blake3);
        let authorisation = scene.granted();
        let row = Record {
            stream: Some(Stream { id: "file".to_owned(), sequence: 0 }),
            ..scene.record(BOZHOU, access("a", Some(authorisation)))
        };
        scene.submit(BOZHOU, &[row]);
        let good = scene.dump();
        let end = cut.index(good.len());
        prop_assert!(Ledger::restore(&scene.founding, &good[..end]).is_err(), "cut at {}", end);
        let mut bad = good.clone();
        let place = place.index(bad.len());
        bad[place] ^= flip;
        if let Ok(other) = Ledger::restore(&scene.founding, &bad) {
            prop_assert_eq!(dump(&scene.founding, &other.view()), bad, "byte {}: one dump a state", place);
            prop_assert_ne!(other.view().digest(), scene.ledger.view().digest());
        }
    }
}
