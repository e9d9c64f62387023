//! Governance: bureaus, documents, rules, members and the epochs that they start.

use std::sync::Arc;

use muniment_core::batch::{BatchHeader, encode_batch};
use muniment_core::keys::SigningKey;
use muniment_core::v1;
use muniment_core::{BureauNumber, LogIndex, RaftTerm, RulesVersion, Suite, TreeSize};
use muniment_ledger::judge::{Candidate, Judgement, Rules};
use muniment_ledger::rules::V1;
use muniment_ledger::{Alarm, Applied, EntryPosition, Halt, PartOutcome, World, verify_batch};

use crate::fixture::*;

const HUAINAN: u32 = 4;

fn registered(number: u32, code: &str) -> v1::BureauRegistered {
    v1::BureauRegistered {
        number,
        code: code.to_owned(),
        name: "Data bureau".to_owned(),
        region: "gbt2260:340400".to_owned(),
        level: 2,
        roles: vec![v1::Role::Provider.into()],
    }
}

fn suspended(number: u32) -> v1::BureauSuspended {
    v1::BureauSuspended { number, reason: String::new() }
}

fn newcomer_key() -> SigningKey {
    SigningKey::from_seed(&[0xee; 32])
}

fn admitted(suite: Suite, node_id: u64) -> v1::MemberAdmitted {
    let (cosigning_key, log_key) = note_keys(suite, HUAINAN, "huainan");
    v1::MemberAdmitted {
        bureau: HUAINAN,
        node_id,
        cosigning_key: cosigning_key.to_string(),
        admission_key: newcomer_key().public_key().to_bytes().to_vec(),
        log_key: log_key.map_or_else(String::new, |key| key.to_string()),
    }
}

fn removed(bureau: u32, node_id: u64) -> v1::MemberRemoved {
    v1::MemberRemoved { bureau, node_id, reason: String::new() }
}

fn capabilities(node_id: u64, rules_max: u32) -> v1::MemberCapabilities {
    v1::MemberCapabilities { node_id, rules_max, build: "1".to_owned() }
}

fn apply_one(scene: &mut Scene, bureau: u32, body: impl Into<BodyOf>) -> Applied {
    let records = [scene.record(bureau, body)];
    let id = scene.id();
    let part = scene.part(&admission_key(bureau), &[(id, &records)]);
    scene.apply(&[part])
}

#[test]
fn bureaus_are_registered_once_and_suspended_ones_only_report_facts() {
    let mut scene = Scene::new(Suite::Blake3);
    let code = "org:huainan";
    let update = v1::BureauUpdated {
        number: HUAINAN,
        name: "New name".to_owned(),
        region: "gbt2260:340400".to_owned(),
        ..v1::BureauUpdated::default()
    };
    let in_its_name = v1::CataloguePublished { provider: code.to_owned(), ..published("dataset:theirs") };
    let fact: BodyOf = access("a", None).into();
    let steps: Vec<Told> = vec![
        ("update of the unknown", HEFEI, update.clone().into(), "DECISION_REFUSED bureau_updated.number"),
        ("registered", HEFEI, registered(HUAINAN, code).into(), "leaf"),
        (
            "the number again",
            HEFEI,
            registered(HUAINAN, "org:x").into(),
            "DECISION_REFUSED bureau_registered.number",
        ),
        ("the code again", HEFEI, registered(5, code).into(), "DECISION_REFUSED bureau_registered.code"),
        ("updated", HEFEI, update.into(), "leaf"),
        (
            "in another bureau's name",
            HEFEI,
            in_its_name.into(),
            "DECISION_REFUSED catalogue_published.provider",
        ),
        ("suspended", HEFEI, suspended(BOZHOU).into(), "leaf"),
        ("suspended again", HEFEI, suspended(BOZHOU).into(), "DECISION_REFUSED bureau_suspended.number"),
        ("a decision of the suspended", BOZHOU, published(DATA_SET).into(), "UNKNOWN_BUREAU submitter"),
        ("governance of the suspended", BOZHOU, registered(6, "org:y").into(), "UNKNOWN_BUREAU submitter"),
        ("a fact of the suspended", BOZHOU, fact, "leaf A01"),
    ];
    check(&mut scene, steps);
}

#[test]
fn documents_are_adopted_version_by_version() {
    let mut scene = Scene::new(Suite::Blake3);
    let policy = |version| v1::PolicyAdopted { version, document: b"text".to_vec() };
    let calendar = |year, version| v1::CalendarAdopted { version, year, days_off: vec![1] };
    let words =
        |name: &str, version| v1::VocabularyAdopted { name: name.to_owned(), version, words: Vec::new() };
    let steps: Vec<Told> = vec![
        ("not from 1", HEFEI, policy(2).into(), "DECISION_REFUSED policy_adopted.version"),
        ("version 1", HEFEI, policy(1).into(), "leaf"),
        ("version 1 again", WUHU, policy(1).into(), "DECISION_REFUSED policy_adopted.version"),
        ("version 2", WUHU, policy(2).into(), "leaf"),
        ("a calendar", HEFEI, calendar(2024, 1).into(), "leaf"),
        ("of another year", HEFEI, calendar(2025, 1).into(), "leaf"),
        (
            "of the first year again",
            HEFEI,
            calendar(2024, 1).into(),
            "DECISION_REFUSED calendar_adopted.version",
        ),
        ("a vocabulary", HEFEI, words("purposes", 1).into(), "leaf"),
        ("another", HEFEI, words("matters", 1).into(), "leaf"),
        (
            "a version left out",
            HEFEI,
            words("matters", 3).into(),
            "DECISION_REFUSED vocabulary_adopted.version",
        ),
        ("recovery inside a ledger", HEFEI, recovery().into(), "DECISION_REFUSED recovery"),
    ];
    check(&mut scene, steps);
}

fn recovery() -> v1::Recovery {
    v1::Recovery { previous_origin: "old".to_owned(), checkpoint: b"note".to_vec(), known_size: 1 }
}

#[test]
fn a_recovery_is_a_first_leaf() {
    check(&mut Scene::new(Suite::Blake3), vec![("first", HEFEI, recovery().into(), "leaf")]);
}

#[test]
fn a_member_record_starts_an_epoch_at_the_end_of_its_batch() {
    for suite in Suite::ALL {
        let mut scene = Scene::new(suite);
        scene.append(HEFEI, registered(HUAINAN, "org:huainan"));
        let member = scene.record(HEFEI, admitted(suite, 1 << 48));
        let after = scene.record(BOZHOU, access("a", None));
        let (first, second) = (scene.id(), scene.id());
        let parts = [
            scene.part(&admission_key(HEFEI), &[(first, &[member])]),
            scene.part(&admission_key(BOZHOU), &[(second, &[after])]),
        ];
        let applied = scene.apply(&parts);
        assert!(applied.members_changed && applied.seal, "{suite}");
        let members = scene.ledger.world().members();
        assert_eq!((members.epoch, members.from, members.q, members.f), (1, TreeSize(3), 3, 1), "{suite}");
        assert_eq!(members.by_number(BureauNumber(HUAINAN)).unwrap().code, "huainan");
        members.validate().unwrap();
        // Its key signs from now on; after it left, no more.
        let signed = |scene: &mut Scene| {
            let records = [scene.record(HUAINAN, access("b", None))];
            let id = scene.id();
            let part = scene.part(&newcomer_key(), &[(id, &records)]);
            match &scene.apply(&[part]).parts[0] {
                PartOutcome::Admission(admission) => told(&admission.outcomes[0]),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(signed(&mut scene), "leaf A01");
        assert!(apply_one(&mut scene, HEFEI, removed(HUAINAN, 1 << 48)).members_changed);
        assert_eq!(scene.ledger.world().members().epoch, 2);
        assert_eq!(scene.ledger.world().members().members.len(), 3);
        assert_eq!(signed(&mut scene), "BAD_SIGNATURE ");
    }
}

#[test]
fn impossible_members_are_refused() {
    let suite = Suite::Blake3;
    let mut scene = Scene::new(suite);
    let known_key = v1::MemberAdmitted {
        admission_key: admission_key(WUHU).public_key().to_bytes().to_vec(),
        ..admitted(suite, 9)
    };
    let no_key = v1::MemberAdmitted { cosigning_key: "none".to_owned(), ..admitted(suite, 9) };
    let steps: Vec<Told> = vec![
        ("of no bureau", HEFEI, admitted(suite, 9).into(), "DECISION_REFUSED member_admitted.bureau"),
        ("its bureau", HEFEI, registered(HUAINAN, "org:huainan").into(), "leaf"),
        (
            "a node id of another",
            HEFEI,
            admitted(suite, 2).into(),
            "DECISION_REFUSED member_admitted.node_id",
        ),
        ("a key of another", HEFEI, known_key.into(), "DECISION_REFUSED member_admitted.admission_key"),
        ("no key", HEFEI, no_key.into(), "DECISION_REFUSED member_admitted.cosigning_key"),
        (
            "a key of another suite",
            HEFEI,
            admitted(Suite::Sha256, 9).into(),
            "DECISION_REFUSED member_admitted",
        ),
        (
            "removal of no member",
            HEFEI,
            removed(HUAINAN, 9).into(),
            "DECISION_REFUSED member_removed.node_id",
        ),
        (
            "of another bureau's node",
            HEFEI,
            removed(BOZHOU, 3).into(),
            "DECISION_REFUSED member_removed.node_id",
        ),
        ("removal", HEFEI, removed(WUHU, 3).into(), "leaf"),
        ("of the same again", HEFEI, removed(WUHU, 3).into(), "DECISION_REFUSED member_removed.node_id"),
        ("of another", HEFEI, removed(BOZHOU, 2).into(), "leaf"),
        ("of the last", HEFEI, removed(HEFEI, 1).into(), "DECISION_REFUSED member_removed"),
    ];
    check(&mut scene, steps);
    // Its key left with it, so what a bureau without a member may do is asked with a bound key.
    let client = SigningKey::from_seed(&[0xdd; 32]);
    let mut scene = Scene::new(suite);
    let bound = v1::CertificateBound {
        fingerprint: vec![1; 32],
        admission_key: client.public_key().to_bytes().to_vec(),
        valid: Some(v1::Period { from_ms: 0, to_ms: 0 }),
        ..v1::CertificateBound::default()
    };
    scene.append(WUHU, bound);
    scene.append(HEFEI, removed(WUHU, 3));
    let records = [scene.record(WUHU, registered(5, "org:x")), scene.record(WUHU, published(DATA_SET))];
    let id = scene.id();
    let part = scene.part(&client, &[(id, &records)]);
    let PartOutcome::Admission(admission) = scene.apply(&[part]).parts.remove(0) else {
        panic!("an admission")
    };
    let outcomes: Vec<String> = admission.outcomes.iter().map(told).collect();
    assert_eq!(outcomes, ["NOT_PERMITTED submitter", "leaf"]);
}

#[test]
fn rules_are_raised_one_by_one_when_every_member_knows_them() {
    let mut scene = Scene::new(Suite::Blake3);
    let adopted = |rules| v1::RuleSetAdopted { rules };
    let refused = "DECISION_REFUSED rule_set_adopted.rules";
    let steps: Vec<Told> = vec![
        ("two at once", HEFEI, adopted(3).into(), refused),
        ("the same", HEFEI, adopted(1).into(), refused),
        ("known to nobody", HEFEI, adopted(2).into(), refused),
        ("another's node", HEFEI, capabilities(2, 2).into(), "DECISION_REFUSED member_capabilities.node_id"),
        ("Hefei knows", HEFEI, capabilities(1, 2).into(), "leaf"),
        ("Bozhou knows", BOZHOU, capabilities(2, 2).into(), "leaf"),
        ("known to two of three", HEFEI, adopted(2).into(), refused),
        ("Wuhu knows", WUHU, capabilities(3, 2).into(), "leaf"),
        ("known to all", HEFEI, adopted(2).into(), "leaf"),
    ];
    check(&mut scene, steps);
    assert_eq!(scene.ledger.world().head().rules.0, 2);
    // This build does not know version 2: it halts before the next entry, whatever that names.
    let batch =
        verify_batch(&scene.ledger.context(), encode_batch(&scene.header(), &[] as &[Vec<u8>]).into());
    let log_index = LogIndex(scene.log_index + 1);
    let halted = scene.ledger.apply(EntryPosition { log_index, raft_term: RaftTerm(1) }, &batch);
    let (needed, known) = (RulesVersion(2), RulesVersion(1));
    assert_eq!(halted, Err(Halt::UnknownRules { log_index, needed, known }));
}

/// Rules of a later build.
#[derive(Debug)]
struct Later;

impl Rules for Later {
    fn version(&self) -> RulesVersion {
        RulesVersion(2)
    }

    fn judge(&self, world: &World, candidate: &Candidate<'_>) -> Judgement {
        V1.judge(world, candidate)
    }
}

#[test]
fn the_rules_in_force_judge_whatever_the_leader_names() {
    let mut scene = Scene::new(Suite::Blake3);
    scene.ledger = scene.ledger.judged_by(Arc::new(Later));
    let records = [scene.record(BOZHOU, access("a", None))];
    let id = scene.id();
    let part = scene.part(&admission_key(BOZHOU), &[(id, &records)]);
    let header = BatchHeader { rules: RulesVersion(2), ..scene.header() };
    let applied = scene.apply_bytes(encode_batch(&header, &[part]));
    let alarm =
        Alarm::RulesDiffer { log_index: LogIndex(1), named: RulesVersion(2), in_force: RulesVersion(1) };
    assert_eq!(applied.alarms, [alarm]);
    assert_eq!(applied.leaves[0].stub.rules, RulesVersion(1));
}
