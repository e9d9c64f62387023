//! Entries as a whole: damaged ones, foreign ones, signatures, seals, leaves and what is kept of admissions.

use std::sync::Arc;

use muniment_core::admission::{Admission, KeptAdmission, Submission};
use muniment_core::batch::{BatchHeader, SealMark, encode_batch};
use muniment_core::derived::{Derived, DerivedStatement};
use muniment_core::keys::SigningKey;
use muniment_core::v1::{self, Record};
use muniment_core::{
    Flag, Hash, LeafIndex, LedgerId, LogIndex, RaftTerm, RetentionClass, RulesVersion, Suite, Tree, TreeSize,
    UnixMillis, Verdict, digest, record, terms,
};
use muniment_ledger::judge::{Candidate, Judgement, Rules};
use muniment_ledger::rules::V1;
use muniment_ledger::{
    Alarm, Applied, DecodedBatch, DerivedRefusal, EntryPosition, Halt, Outcome, PartOutcome, World,
    verify_batch,
};

use crate::fixture::*;

fn outcomes(applied: &Applied) -> Vec<String> {
    applied
        .parts
        .iter()
        .flat_map(|part| match part {
            PartOutcome::Admission(admission) => admission.outcomes.iter().map(told).collect(),
            PartOutcome::Derived(result) => vec![format!("{result:?}")],
        })
        .collect()
}

fn part_of(scene: &mut Scene, bureau: u32, records: &[Record]) -> Vec<u8> {
    let id = scene.id();
    scene.part(&admission_key(bureau), &[(id, records)])
}

#[test]
fn an_entry_that_is_no_batch_applies_to_nothing_and_raises_an_alarm() {
    let mut scene = Scene::new(Suite::Blake3);
    let records = [scene.record(BOZHOU, access("a", None))];
    let part = part_of(&mut scene, BOZHOU, &records);
    let whole = encode_batch(&scene.header(), &[part]);
    for end in [0, 1, 60, whole.len() - 1] {
        let applied = scene.apply_bytes(whole[..end].to_vec());
        assert!(matches!(applied.alarms[..], [Alarm::NoBatch { .. }]), "{end}: {:?}", applied.alarms);
        assert!(applied.parts.is_empty() && applied.leaves.is_empty() && !applied.seal);
    }
    assert_eq!(scene.ledger.world().head().log_index.0, 4, "the log went on");
    assert_eq!(outcomes(&scene.apply_bytes(whole)), ["leaf A01"]);
}

#[test]
fn another_ledgers_entry_and_another_ledgers_record_are_refused() {
    let mut scene = Scene::new(Suite::Blake3);
    let mut record = scene.record(BOZHOU, access("a", None));
    let part = part_of(&mut scene, BOZHOU, std::slice::from_ref(&record));
    let header = BatchHeader { ledger_id: LedgerId([9; 32]), ..scene.header() };
    let applied = scene.apply_bytes(encode_batch(&header, &[part]));
    assert!(matches!(applied.alarms[..], [Alarm::OtherLedger { .. }]), "{:?}", applied.alarms);
    record.ledger_id = vec![9; 32];
    assert_eq!(told(&scene.submit(BOZHOU, &[record])[0]), "LEDGER_ID_MISMATCH ledger_id");
    assert_eq!(scene.ledger.world().head().size.0, 0);
}

#[test]
fn malformed_records_are_refused_and_their_neighbours_stand() {
    let mut scene = Scene::new(Suite::Blake3);
    let good = record::encode(&scene.record(BOZHOU, access("a", None))).unwrap();
    let mut not_canonical = good.clone();
    not_canonical.extend_from_slice(&[0xa0, 0x7f, 0x01]);
    let ids = vec![Submission { request_id: scene.id(), count: 4 }];
    let records = [vec![0xff; 5], good, Vec::new(), not_canonical];
    let part = scene.part_of_bytes(&admission_key(BOZHOU), ids, &records);
    let applied = scene.apply(&[part]);
    let expected = ["INVALID_RECORD ", "leaf A01", "INVALID_RECORD schema_version", "NOT_CANONICAL "];
    assert_eq!(outcomes(&applied), expected);
    let kept = KeptAdmission::decode(&applied.admissions[0]).unwrap();
    let KeptAdmission::Admission { admission, absent } = kept else { panic!("an admission is kept") };
    let positions: Vec<u32> = absent.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, [0, 2, 3]);
    // With the leaf's digest the root is whole again.
    let mut digests: Vec<Hash> = absent.iter().map(|(_, digest)| *digest).collect();
    digests.insert(1, applied.leaves[0].record_digest);
    assert_eq!(Admission::root_over(Suite::Blake3, digests), admission.root);
    assert_eq!((applied.leaves[0].admission, applied.leaves[0].position), (0, 1));
}

#[test]
fn an_admission_that_does_not_hold_is_dropped_whole() {
    let mut scene = Scene::new(Suite::Blake3);
    let records = [scene.record(BOZHOU, access("a", None)), scene.record(BOZHOU, access("b", None))];
    let good = part_of(&mut scene, BOZHOU, &records);
    let start = encode_batch(&scene.header(), &[] as &[Vec<u8>]).len();
    let admission_length = 4 + 20 + 32 + 32 + 64;
    // A bit of the root, of the key, of the signature, of the request id, of a blind, of the last record.
    let places =
        [5 + 24, 5 + 56, 5 + 88, 5 + 10, 5 + admission_length, good.len() - 1].map(|place| start + place);
    for place in places {
        let mut bytes = encode_batch(&scene.header(), std::slice::from_ref(&good));
        bytes[place] ^= 1;
        let applied = scene.apply_bytes(bytes);
        assert_eq!(outcomes(&applied), ["BAD_SIGNATURE ", "BAD_SIGNATURE "], "byte {place}");
        assert!(
            matches!(applied.alarms[..], [Alarm::AdmissionDropped { part: 0, .. }]),
            "{:?}",
            applied.alarms
        );
        assert!(applied.admissions.is_empty());
    }
    let id = scene.id();
    let unbound = scene.part(&SigningKey::from_seed(&[1; 32]), &[(id, &records)]);
    assert_eq!(outcomes(&scene.apply(&[unbound])), ["BAD_SIGNATURE ", "BAD_SIGNATURE "], "a key of nobody");
    assert_eq!(outcomes(&scene.apply(&[good])), ["leaf A01", "leaf A01"]);
}

#[test]
fn a_record_of_another_bureau_than_the_signer_is_refused() {
    let mut scene = Scene::new(Suite::Blake3);
    let other = scene.record(HEFEI, access("a", None));
    let unknown = scene.record(17, access("b", None));
    let outcomes: Vec<String> = scene.submit(BOZHOU, &[other, unknown]).iter().map(told).collect();
    assert_eq!(outcomes, ["BAD_SIGNATURE submitter", "UNKNOWN_BUREAU submitter"]);
}

#[test]
fn records_of_one_entry_see_those_before_them() {
    let mut scene = Scene::new(Suite::Blake3);
    let decisions = [scene.record(HEFEI, published(DATA_SET)), scene.record(HEFEI, grant(&[DATA_SET], 0, 0))];
    let uses = [scene.record(BOZHOU, access("a", Some(LeafIndex(1))))];
    let parts = [part_of(&mut scene, HEFEI, &decisions), part_of(&mut scene, BOZHOU, &uses)];
    let applied = scene.apply(&parts);
    assert_eq!(outcomes(&applied), ["leaf", "leaf", "leaf"]);
    let admissions: Vec<_> =
        applied.leaves.iter().map(|leaf| (leaf.part, leaf.admission, leaf.position)).collect();
    assert_eq!(admissions, [(0, 0, 0), (0, 0, 1), (1, 1, 0)]);
}

#[test]
fn leaves_are_made_as_the_format_says() {
    for suite in Suite::ALL {
        let mut scene = Scene::new(suite);
        let authorisation = scene.granted();
        let covered = access("exchange 1", Some(authorisation));
        let mut uncovered = access("exchange 2", Some(authorisation));
        uncovered.data_set = OTHER_DATA_SET.to_owned();
        uncovered.subject_tags = vec![vec![1; 32], vec![2; 32]];
        let records =
            [covered, uncovered].map(|access| Record { historic: true, ..scene.record(BOZHOU, access) });
        let part = part_of(&mut scene, BOZHOU, &records);
        let applied = scene.apply(&[part]);
        let verdicts = [Verdict::NONE, Verdict::NONE.with(Flag::A05)];
        for ((leaf, record), verdict) in applied.leaves.iter().zip(&records).zip(verdicts) {
            let kind = record::kind(record).unwrap();
            let bytes = record::encode(record).unwrap();
            assert_eq!(*leaf.record, bytes[..]);
            assert_eq!(leaf.record_digest, digest::record_digest(suite, &leaf.blind, &bytes));
            assert_eq!(leaf.term_keys, terms::term_keys(suite, &terms::terms_of(record, kind), verdict));
            let terms_digest = digest::terms_digest(suite, &leaf.term_keys);
            assert_eq!(leaf.stub.content, digest::content_digest(suite, &leaf.record_digest, &terms_digest));
            assert_eq!((leaf.stub.verdict, leaf.stub.kind, leaf.stub.rules.0), (verdict, 48, 1));
            assert_eq!((leaf.stub.class, leaf.stub.historic), (RetentionClass::ThreeYears, true));
            assert_eq!((leaf.stub.submitter.0, leaf.stub.accepted_at.0), (BOZHOU, START));
        }
    }
}

#[test]
fn time_never_goes_back() {
    let mut scene = Scene::new(Suite::Blake3);
    scene.append(HEFEI, published(DATA_SET));
    scene.now -= DAY;
    let applied = scene.apply(&[]);
    assert_eq!(applied.accepted_at, UnixMillis(START));
}

#[test]
fn marks_governance_and_multiples_of_65536_seal() {
    let mut scene = Scene::new(Suite::Blake3);
    assert!(!scene.apply(&[]).seal);
    for (mark, seals, derives) in
        [(SealMark::None, false, false), (SealMark::Seal, true, false), (SealMark::Derive, true, true)]
    {
        let header = BatchHeader { seal: mark, ..scene.header() };
        let applied = scene.apply_bytes(encode_batch(&header, &[] as &[Vec<u8>]));
        assert_eq!((applied.seal, applied.derive), (seals, derives), "{mark:?}");
    }
    let policy = v1::PolicyAdopted { version: 1, document: b"policy".to_vec() };
    let records = [scene.record(HEFEI, policy)];
    let part = part_of(&mut scene, HEFEI, &records);
    assert!(scene.apply(std::slice::from_ref(&part)).seal);
    assert!(!scene.apply(&[part]).seal, "a duplicate seals nothing");
    let row = |scene: &Scene, sequence| Record {
        stream: Some(v1::Stream { id: "f".to_owned(), sequence }),
        ..scene.record(BOZHOU, access("e", None))
    };
    // 1 leaf so far; 32 entries of 2,047 rows and one of 30 make 65,535.
    let mut sequence = 0;
    for rows in [2_047; 32].into_iter().chain([30, 1, 1]) {
        let records: Vec<Record> =
            (sequence..sequence + rows).map(|row_number| row(&scene, row_number)).collect();
        sequence += rows;
        let part = part_of(&mut scene, BOZHOU, &records);
        let applied = scene.apply(&[part]);
        assert_eq!(applied.seal, applied.size.0 == 65_536, "size {}", applied.size);
    }
    assert_eq!(scene.ledger.world().head().size.0, 65_537);
}

#[test]
fn unknown_rules_halt_before_anything_is_applied() {
    let mut scene = Scene::new(Suite::Blake3);
    let records = [scene.record(BOZHOU, access("a", None))];
    let part = part_of(&mut scene, BOZHOU, &records);
    let before = scene.dump();
    for rules in [0, 2] {
        let header = BatchHeader { rules: RulesVersion(rules), ..scene.header() };
        let bytes = encode_batch(&header, std::slice::from_ref(&part));
        let batch = verify_batch(&scene.ledger.context(), bytes.into());
        let at = EntryPosition { log_index: LogIndex(1), raft_term: RaftTerm(1) };
        let halt = scene.ledger.apply(at, &batch);
        let (needed, known) = (RulesVersion(rules), RulesVersion(1));
        assert_eq!(halt, Err(Halt::UnknownRules { log_index: LogIndex(1), needed, known }));
        assert_eq!(scene.dump(), before);
    }
}

#[test]
fn parts_may_be_verified_in_any_order() {
    let mut scene = Scene::new(Suite::Blake3);
    let records = [scene.record(BOZHOU, access("a", None))];
    let other = [scene.record(WUHU, access("b", None))];
    let parts = [part_of(&mut scene, BOZHOU, &records), part_of(&mut scene, WUHU, &other)];
    let bytes: Arc<[u8]> = encode_batch(&scene.header(), &parts).into();
    let context = scene.ledger.context();
    let decoded = DecodedBatch::decode(Arc::clone(&bytes)).unwrap();
    let mut verified: Vec<_> =
        (0..decoded.part_count()).rev().map(|part| decoded.verify_part(&context, part)).collect();
    verified.reverse();
    let batch = decoded.into_verified(verified);
    let at = EntryPosition { log_index: LogIndex(1), raft_term: RaftTerm(1) };
    let mut twin = scene.ledger.clone();
    assert_eq!(twin.apply(at, &batch), scene.ledger.apply(at, &verify_batch(&context, bytes)));
}

/// Rules version 1, but it panics on one exchange.
#[derive(Debug)]
struct Faulty;

impl Rules for Faulty {
    fn version(&self) -> RulesVersion {
        V1.version()
    }

    fn judge(&self, world: &World, candidate: &Candidate<'_>) -> Judgement {
        match candidate.body {
            v1::record::Body::AccessExecuted(access) if access.exchange == "trap" => trap(),
            _ => V1.judge(world, candidate),
        }
    }
}

fn trap() -> ! {
    panic!("trapped")
}

#[test]
fn a_rule_that_panics_flags_its_record_and_stops_nothing() {
    let mut scene = Scene::new(Suite::Blake3);
    scene.ledger = scene.ledger.judged_by(Arc::new(Faulty));
    let records = ["a", "trap", "b"].map(|exchange| scene.record(BOZHOU, access(exchange, None)));
    let id = scene.id();
    let part = scene.part(&admission_key(BOZHOU), &[(id, &records)]);
    let applied = scene.apply(std::slice::from_ref(&part));
    assert_eq!(outcomes(&applied), ["leaf A01", "leaf X01", "leaf A01"]);
    let alarm = Alarm::RuleFault { leaf: LeafIndex(1), message: "trapped".to_owned() };
    assert_eq!(applied.alarms, [alarm]);
    let retried = scene.apply(&[part]);
    assert_eq!(
        outcomes(&retried),
        ["duplicate of 0", "duplicate of 1", "duplicate of 2"],
        "retries stay safe"
    );
}

fn statement(scene: &Scene, signers: &[u32]) -> DerivedStatement {
    let derived = scene.ledger.view().derived(scene.founding.suite.empty(Tree::Runs));
    let mut signatures: Vec<_> =
        signers.iter().map(|bureau| derived.sign(ORIGIN, &admission_key(*bureau))).collect();
    signatures.sort_unstable_by_key(|signature| signature.public_key);
    DerivedStatement { derived, signatures }
}

fn propose(scene: &mut Scene, statement: DerivedStatement) -> Applied {
    scene.apply(&[muniment_core::batch::Part::Derived(statement).encode()])
}

#[test]
fn derived_values_that_q_members_signed_become_a_leaf_of_the_ledger_itself() {
    let mut scene = Scene::new(Suite::Blake3);
    scene.granted();
    let statement = statement(&scene, &[HEFEI, WUHU]);
    let applied = propose(&mut scene, statement.clone());
    assert_eq!(applied.parts, [PartOutcome::Derived(Ok(LeafIndex(3)))]);
    let leaf = &applied.leaves[0];
    assert_eq!(*leaf.record, statement.derived.encode()[..]);
    assert_eq!((leaf.stub.kind, leaf.stub.submitter.0, leaf.blind.0), (200, 0, [0; 16]));
    assert_eq!(leaf.stub.occurred_at, leaf.stub.accepted_at);
    let kept = KeptAdmission::decode(&applied.admissions[0]).unwrap();
    assert_eq!(kept, KeptAdmission::Derived(statement.clone()));
    let again = propose(&mut scene, statement);
    let superseded = DerivedRefusal::Superseded { size: TreeSize(3), newest: TreeSize(3) };
    assert_eq!(again.parts, [PartOutcome::Derived(Err(superseded))]);
}

#[test]
fn derived_values_without_q_members_signatures_become_no_leaf() {
    let mut scene = Scene::new(Suite::Blake3);
    scene.granted();
    let good = statement(&scene, &[HEFEI, WUHU]);
    let signatures = |held| DerivedRefusal::Signatures { size: TreeSize(3), held, needed: 2 };
    let mut altered = good.clone();
    altered.derived.world_digest.0[0] ^= 1;
    let beyond = Derived { size: TreeSize(4), ..good.derived };
    let beyond_log = Derived { log_index: LogIndex(99), ..good.derived };
    let stranger = SigningKey::from_seed(&[1; 32]);
    let mut with_stranger = statement(&scene, &[HEFEI]);
    with_stranger.signatures.push(good.derived.sign(ORIGIN, &stranger));
    with_stranger.signatures.sort_unstable_by_key(|signature| signature.public_key);
    let cases = [
        ("one signature", statement(&scene, &[HEFEI]), signatures(1)),
        ("one of a stranger", with_stranger, signatures(1)),
        ("other values", altered, signatures(0)),
        (
            "a size to come",
            DerivedStatement { derived: beyond, ..good.clone() },
            DerivedRefusal::Beyond { size: TreeSize(4), log_index: beyond.log_index },
        ),
        (
            "an entry to come",
            DerivedStatement { derived: beyond_log, ..good },
            DerivedRefusal::Beyond { size: TreeSize(3), log_index: LogIndex(99) },
        ),
    ];
    for (name, statement, refusal) in cases {
        let applied = propose(&mut scene, statement);
        assert_eq!(applied.parts, [PartOutcome::Derived(Err(refusal))], "{name}");
        assert!(applied.leaves.is_empty() && applied.admissions.is_empty(), "{name}");
        assert!(matches!(applied.alarms[..], [Alarm::DerivedRefused { .. }]), "{name}");
    }
}

#[test]
fn outcomes_say_which_leaf_a_reused_id_wrote() {
    let mut scene = Scene::new(Suite::Blake3);
    let id = scene.id();
    let records = ["a", "b"].map(|exchange| scene.record(BOZHOU, access(exchange, None)));
    scene.submit_as(BOZHOU, id, &records[..1]);
    let second = scene.submit_as(BOZHOU, id, &records[1..]).remove(0);
    let verdict = Verdict::NONE.with(Flag::A01).with(Flag::I01);
    assert_eq!(second, Outcome::Appended { leaf: LeafIndex(1), verdict, reused_request_id: true });
}
