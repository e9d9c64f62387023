//! Decisions: refused when the ledger's state makes them impossible, appended else.

use muniment_core::keys::SigningKey;
use muniment_core::v1::{self, Period};
use muniment_core::{LeafIndex, Suite};
use muniment_ledger::PartOutcome;

use crate::fixture::*;

/// Submits each body in turn and compares how it ended.
fn check(scene: &mut Scene, steps: Vec<(&str, u32, BodyOf, &str)>) {
    for (name, bureau, body, expected) in steps {
        let record = scene.record(bureau, body);
        let outcome = scene.submit(bureau, &[record]).remove(0);
        assert_eq!(told(&outcome), expected, "{name}");
    }
}

fn leaf(index: u64) -> Option<v1::Leaf> {
    at(LeafIndex(index))
}

#[test]
fn the_catalogue_changes_version_by_version_and_by_its_publisher_alone() {
    let mut scene = Scene::new(Suite::Blake3);
    let update = |version, provider: &str| {
        let entry = v1::CataloguePublished { version, provider: provider.to_owned(), ..published(DATA_SET) };
        v1::CatalogueUpdated { entry: Some(entry) }
    };
    let withdrawal = || v1::CatalogueWithdrawn { data_set: DATA_SET.to_owned(), reason: String::new() };
    let second = v1::CataloguePublished { version: 2, ..published(DATA_SET) };
    let steps: Vec<(&str, u32, BodyOf, &str)> = vec![
        (
            "update of the unknown",
            HEFEI,
            update(2, PROVIDER).into(),
            "DECISION_REFUSED catalogue_updated.entry.data_set",
        ),
        ("not from version 1", HEFEI, second.into(), "DECISION_REFUSED catalogue_published.version"),
        ("published", HEFEI, published(DATA_SET).into(), "leaf"),
        (
            "published again",
            HEFEI,
            published(DATA_SET).into(),
            "DECISION_REFUSED catalogue_published.data_set",
        ),
        (
            "a version left out",
            HEFEI,
            update(3, PROVIDER).into(),
            "DECISION_REFUSED catalogue_updated.entry.version",
        ),
        (
            "the same version",
            HEFEI,
            update(1, PROVIDER).into(),
            "DECISION_REFUSED catalogue_updated.entry.version",
        ),
        (
            "by another bureau",
            BOZHOU,
            update(2, PROVIDER).into(),
            "DECISION_REFUSED catalogue_updated.entry.data_set",
        ),
        (
            "another provider",
            HEFEI,
            update(2, CONSUMER).into(),
            "DECISION_REFUSED catalogue_updated.entry.provider",
        ),
        ("the next version", HEFEI, update(2, PROVIDER).into(), "leaf"),
        ("withdrawn by another", WUHU, withdrawal().into(), "DECISION_REFUSED catalogue_withdrawn.data_set"),
        ("withdrawn", HEFEI, withdrawal().into(), "leaf"),
        ("withdrawn again", HEFEI, withdrawal().into(), "DECISION_REFUSED catalogue_withdrawn.data_set"),
        (
            "updated after that",
            HEFEI,
            update(3, PROVIDER).into(),
            "DECISION_REFUSED catalogue_updated.entry.data_set",
        ),
        (
            "published after that",
            HEFEI,
            published(DATA_SET).into(),
            "DECISION_REFUSED catalogue_published.data_set",
        ),
        (
            "granted after that",
            HEFEI,
            grant(&[DATA_SET], 0, 0).into(),
            "DECISION_REFUSED authorisation_granted.grantor",
        ),
    ];
    check(&mut scene, steps);
}

#[test]
fn an_application_is_decided_once() {
    let mut scene = Scene::new(Suite::Blake3);
    scene.append(HEFEI, published(DATA_SET));
    let mut applied = || scene.append(BOZHOU, application(&[DATA_SET])).0;
    let (first, second, third) = (applied(), applied(), applied());
    let granted =
        |application| v1::AuthorisationGranted { application: leaf(application), ..grant(&[DATA_SET], 0, 0) };
    let denied = |application, grantor: &str| v1::AuthorisationDenied {
        application: leaf(application),
        grantor: grantor.to_owned(),
        reason: String::new(),
    };
    let withdrawn =
        |application| v1::ApplicationWithdrawn { application: leaf(application), reason: String::new() };
    let other_grantee = v1::AuthorisationGranted { grantee: "org:other".to_owned(), ..granted(first) };
    let refused = "DECISION_REFUSED authorisation_granted.application";
    let steps: Vec<(&str, u32, BodyOf, &str)> = vec![
        (
            "unknown data set",
            BOZHOU,
            application(&[OTHER_DATA_SET]).into(),
            "DECISION_REFUSED sharing_applied.data_sets",
        ),
        ("no application", HEFEI, granted(0).into(), refused),
        ("another applicant", HEFEI, other_grantee.into(), refused),
        ("granted", HEFEI, granted(first).into(), "leaf"),
        ("granted again", HEFEI, granted(first).into(), refused),
        (
            "denied after that",
            HEFEI,
            denied(first, PROVIDER).into(),
            "DECISION_REFUSED authorisation_denied.application",
        ),
        (
            "denied by no provider",
            HEFEI,
            denied(second, CONSUMER).into(),
            "DECISION_REFUSED authorisation_denied.grantor",
        ),
        (
            "denied by another bureau",
            WUHU,
            denied(second, PROVIDER).into(),
            "DECISION_REFUSED authorisation_denied.grantor",
        ),
        ("denied", HEFEI, denied(second, PROVIDER).into(), "leaf"),
        ("granted after that", HEFEI, granted(second).into(), refused),
        (
            "withdrawn by another",
            HEFEI,
            withdrawn(third).into(),
            "DECISION_REFUSED application_withdrawn.application",
        ),
        ("withdrawn", BOZHOU, withdrawn(third).into(), "leaf"),
        ("granted after that", HEFEI, granted(third).into(), refused),
        (
            "withdrawn again",
            BOZHOU,
            withdrawn(third).into(),
            "DECISION_REFUSED application_withdrawn.application",
        ),
    ];
    check(&mut scene, steps);
}

#[test]
fn only_the_provider_of_every_data_set_grants() {
    let mut scene = Scene::new(Suite::Blake3);
    let foreign = "dataset:foreign";
    scene.append(HEFEI, published(DATA_SET));
    let entry = v1::CataloguePublished { provider: "org:wuhu-police".to_owned(), ..published(foreign) };
    scene.append(WUHU, entry);
    let by_consumer = v1::AuthorisationGranted { grantor: CONSUMER.to_owned(), ..grant(&[DATA_SET], 0, 0) };
    let refused = "DECISION_REFUSED authorisation_granted.grantor";
    let steps: Vec<(&str, u32, BodyOf, &str)> = vec![
        ("unknown data set", HEFEI, grant(&["dataset:unknown"], 0, 0).into(), refused),
        ("another grantor", HEFEI, by_consumer.into(), refused),
        ("one data set of another", HEFEI, grant(&[foreign, DATA_SET], 0, 0).into(), refused),
        ("in the provider's name, by another bureau", BOZHOU, grant(&[DATA_SET], 0, 0).into(), refused),
        ("by the provider", HEFEI, grant(&[DATA_SET], 0, 0).into(), "leaf"),
    ];
    check(&mut scene, steps);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn an_authorisation_changes_only_as_its_life_cycle_allows() {
    let mut scene = Scene::new(Suite::Blake3);
    let granted = scene.granted().0;
    let suspended = |leaf_index, effective_ms| v1::AuthorisationSuspended {
        authorisation: leaf(leaf_index),
        effective_ms,
        reason: String::new(),
    };
    let resumed = |leaf_index, effective_ms| v1::AuthorisationResumed {
        authorisation: leaf(leaf_index),
        effective_ms,
        reason: String::new(),
    };
    let revoked = |leaf_index| v1::AuthorisationRevoked {
        authorisation: leaf(leaf_index),
        effective_ms: START,
        reason: String::new(),
    };
    let amended = |effective_ms, terms| v1::AuthorisationAmended {
        authorisation: leaf(granted),
        effective_ms,
        terms: Some(terms),
        reason: String::new(),
    };
    let other_grantee =
        v1::AuthorisationGranted { grantee: "org:other".to_owned(), ..grant(&[DATA_SET], 0, 0) };
    let same = || grant(&[DATA_SET], 0, 0);
    let recall = |bureau_leaf| v1::DataRecalled {
        authorisation: leaf(bureau_leaf),
        provider: PROVIDER.to_owned(),
        due_ms: START + DAY,
        reason: String::new(),
    };
    let no_resume = "DECISION_REFUSED authorisation_resumed.authorisation";
    let no_suspension = "DECISION_REFUSED authorisation_suspended.authorisation";
    let steps: Vec<(&str, u32, BodyOf, &str)> = vec![
        ("suspension of the unknown", HEFEI, suspended(0, START).into(), no_suspension),
        (
            "revocation of the unknown",
            HEFEI,
            revoked(99).into(),
            "DECISION_REFUSED authorisation_revoked.authorisation",
        ),
        ("suspension by another", BOZHOU, suspended(granted, START).into(), no_suspension),
        ("resumption of what is not suspended", HEFEI, resumed(granted, START).into(), no_resume),
        ("suspended", HEFEI, suspended(granted, START).into(), "leaf"),
        ("suspended again", HEFEI, suspended(granted, START).into(), no_suspension),
        (
            "resumed before its suspension",
            HEFEI,
            resumed(granted, START - 1).into(),
            "DECISION_REFUSED authorisation_resumed.effective_ms",
        ),
        ("resumed", HEFEI, resumed(granted, START + 5).into(), "leaf"),
        ("resumed again", HEFEI, resumed(granted, START + 5).into(), no_resume),
        (
            "suspended inside the suspension before",
            HEFEI,
            suspended(granted, START + 4).into(),
            "DECISION_REFUSED authorisation_suspended.effective_ms",
        ),
        (
            "another grantee",
            HEFEI,
            amended(START, other_grantee).into(),
            "DECISION_REFUSED authorisation_amended.terms",
        ),
        (
            "a data set of nobody",
            HEFEI,
            amended(START, grant(&["dataset:unknown"], 0, 0)).into(),
            "DECISION_REFUSED authorisation_amended.terms.data_sets",
        ),
        ("amended", HEFEI, amended(START, same()).into(), "leaf"),
        (
            "amended before the version that it replaces",
            HEFEI,
            amended(START - 1, same()).into(),
            "DECISION_REFUSED authorisation_amended.effective_ms",
        ),
        ("recalled by another", WUHU, recall(granted).into(), "DECISION_REFUSED data_recalled.authorisation"),
        ("recalled", HEFEI, recall(granted).into(), "leaf"),
        ("revoked", HEFEI, revoked(granted).into(), "leaf"),
        (
            "revoked again",
            HEFEI,
            revoked(granted).into(),
            "DECISION_REFUSED authorisation_revoked.authorisation",
        ),
        (
            "amended after that",
            HEFEI,
            amended(START, same()).into(),
            "DECISION_REFUSED authorisation_amended.authorisation",
        ),
    ];
    check(&mut scene, steps);
}

#[test]
fn a_licence_is_changed_by_its_issuer_until_it_is_revoked() {
    let mut scene = Scene::new(Suite::Blake3);
    let (licence, issuer) = ("licence:food-1", "org:hefei-market");
    let valid = Some(Period { from_ms: 1, to_ms: 0 });
    let issued = || v1::LicenceIssued {
        licence: licence.to_owned(),
        r#type: "food".to_owned(),
        issuer: issuer.to_owned(),
        holder_tag: vec![1; 32],
        valid,
        digest: vec![2; 32],
        consent_required: true,
    };
    let changed = |issuer: &str| v1::LicenceChanged {
        licence: licence.to_owned(),
        issuer: issuer.to_owned(),
        valid,
        digest: vec![3; 32],
        consent_required: false,
    };
    let suspended = || v1::LicenceSuspended {
        licence: licence.to_owned(),
        issuer: issuer.to_owned(),
        period: valid,
        reason: String::new(),
    };
    let revoked = || v1::LicenceRevoked {
        licence: licence.to_owned(),
        issuer: issuer.to_owned(),
        effective_ms: START,
        reason: String::new(),
    };
    let steps: Vec<(&str, u32, BodyOf, &str)> = vec![
        ("change of the unknown", HEFEI, changed(issuer).into(), "DECISION_REFUSED licence_changed.licence"),
        ("issued", HEFEI, issued().into(), "leaf"),
        ("issued again", HEFEI, issued().into(), "DECISION_REFUSED licence_issued.licence"),
        ("another issuer", HEFEI, changed("org:other").into(), "DECISION_REFUSED licence_changed.issuer"),
        ("another bureau", BOZHOU, changed(issuer).into(), "DECISION_REFUSED licence_changed.licence"),
        ("changed", HEFEI, changed(issuer).into(), "leaf"),
        ("suspended", HEFEI, suspended().into(), "leaf"),
        ("revoked", HEFEI, revoked().into(), "leaf"),
        ("revoked again", HEFEI, revoked().into(), "DECISION_REFUSED licence_revoked.licence"),
        ("suspended after that", HEFEI, suspended().into(), "DECISION_REFUSED licence_suspended.licence"),
    ];
    check(&mut scene, steps);
}

#[test]
fn oversight_goes_tier_by_tier_and_ends_once() {
    let mut scene = Scene::new(Suite::Blake3);
    let upheld = v1::Result::Upheld.into();
    let raised = v1::ObjectionRaised {
        data_set: DATA_SET.to_owned(),
        provider: PROVIDER.to_owned(),
        ..v1::ObjectionRaised::default()
    };
    let answered = |objection| v1::ObjectionAnswered {
        objection: leaf(objection),
        result: upheld,
        answer: String::new(),
    };
    let disputed = |objection| v1::DisputeOpened { objection: leaf(objection), ground: String::new() };
    let escalated = |dispute, tier| v1::DisputeEscalated { dispute: leaf(dispute), tier };
    let decided = |dispute, tier| v1::DisputeDecided {
        dispute: leaf(dispute),
        tier,
        result: upheld,
        decision: String::new(),
    };
    let case = |leaves| v1::CaseOpened { leaves, ground: String::new(), due_ms: 0 };
    let closed = |case| v1::CaseClosed { case: leaf(case), result: upheld, finding: String::new() };
    let hold = |leaves| v1::LegalHoldSet { leaves, ..v1::LegalHoldSet::default() };
    let lifted = |hold| v1::LegalHoldLifted { hold: leaf(hold), ground: String::new() };
    let disclosed =
        |target| v1::Disclosed { target: leaf(target), holder_tag: vec![1; 32], ..v1::Disclosed::default() };
    let steps: Vec<(&str, u32, BodyOf, &str)> = vec![
        ("leaf 0: an objection", BOZHOU, raised.into(), "leaf"),
        (
            "a dispute before the answer",
            BOZHOU,
            disputed(0).into(),
            "DECISION_REFUSED dispute_opened.objection",
        ),
        ("an answer to nothing", HEFEI, answered(9).into(), "DECISION_REFUSED objection_answered.objection"),
        ("leaf 1: the answer", HEFEI, answered(0).into(), "leaf"),
        ("a second answer", HEFEI, answered(0).into(), "DECISION_REFUSED objection_answered.objection"),
        ("leaf 2: a dispute", BOZHOU, disputed(0).into(), "leaf"),
        ("up before a decision", BOZHOU, escalated(2, 2).into(), "DECISION_REFUSED dispute_escalated.tier"),
        ("decided at another tier", WUHU, decided(2, 2).into(), "DECISION_REFUSED dispute_decided.tier"),
        ("leaf 3: decided", WUHU, decided(2, 1).into(), "leaf"),
        ("decided again", WUHU, decided(2, 1).into(), "DECISION_REFUSED dispute_decided.tier"),
        ("up two tiers", BOZHOU, escalated(2, 3).into(), "DECISION_REFUSED dispute_escalated.tier"),
        ("leaf 4: up one tier", BOZHOU, escalated(2, 2).into(), "leaf"),
        (
            "a case over what is not there",
            WUHU,
            case(vec![0, 5]).into(),
            "DECISION_REFUSED case_opened.leaves",
        ),
        ("leaf 5: a case", WUHU, case(vec![0, 4]).into(), "leaf"),
        ("closed by another", HEFEI, closed(5).into(), "DECISION_REFUSED case_closed.case"),
        ("leaf 6: closed", WUHU, closed(5).into(), "leaf"),
        ("closed again", WUHU, closed(5).into(), "DECISION_REFUSED case_closed.case"),
        ("leaf 7: a hold", WUHU, hold(vec![1]).into(), "leaf"),
        ("a case is no hold", WUHU, lifted(5).into(), "DECISION_REFUSED legal_hold_lifted.hold"),
        ("leaf 8: lifted", WUHU, lifted(7).into(), "leaf"),
        ("lifted again", WUHU, lifted(7).into(), "DECISION_REFUSED legal_hold_lifted.hold"),
        ("disclosing what is not there", HEFEI, disclosed(9).into(), "DECISION_REFUSED disclosed.leaves"),
        ("leaf 9: disclosed", HEFEI, disclosed(8).into(), "leaf"),
    ];
    check(&mut scene, steps);
}

#[test]
fn a_bound_key_signs_for_its_bureau_until_its_certificate_ends() {
    let mut scene = Scene::new(Suite::Blake3);
    let client = SigningKey::from_seed(&[0xcc; 32]);
    let bound = |fingerprint: u8| v1::CertificateBound {
        fingerprint: vec![fingerprint; 32],
        admission_key: client.public_key().to_bytes().to_vec(),
        valid: Some(Period { from_ms: START, to_ms: START + 10 * MINUTE }),
        ..v1::CertificateBound::default()
    };
    let revoked = v1::CertificateRevoked {
        fingerprint: vec![1; 32],
        effective_ms: START + 5 * MINUTE,
        reason: String::new(),
    };
    let signed = |scene: &mut Scene| {
        let records = [scene.record(BOZHOU, access("by client", None))];
        let id = scene.id();
        let part = scene.part(&client, &[(id, &records)]);
        let applied = scene.apply(&[part]);
        match &applied.parts[0] {
            PartOutcome::Admission(admission) => told(&admission.outcomes[0]),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(signed(&mut scene), "BAD_SIGNATURE ", "not bound yet");
    check(&mut scene, vec![("bound", BOZHOU, bound(1).into(), "leaf")]);
    assert_eq!(signed(&mut scene), "leaf A01");
    let steps: Vec<(&str, u32, BodyOf, &str)> = vec![
        ("another's certificate", HEFEI, bound(1).into(), "DECISION_REFUSED certificate_bound.fingerprint"),
        ("another's key", HEFEI, bound(2).into(), "DECISION_REFUSED certificate_bound.admission_key"),
        (
            "another's revocation",
            HEFEI,
            revoked.clone().into(),
            "DECISION_REFUSED certificate_revoked.fingerprint",
        ),
        ("revoked", BOZHOU, revoked.clone().into(), "leaf"),
        ("revoked again", BOZHOU, revoked.into(), "DECISION_REFUSED certificate_revoked.fingerprint"),
        ("bound again", BOZHOU, bound(1).into(), "DECISION_REFUSED certificate_bound.fingerprint"),
    ];
    check(&mut scene, steps);
    scene.now = START + 5 * MINUTE - 1;
    assert_eq!(signed(&mut scene), "leaf A01 S03", "not revoked yet");
    scene.now += 1;
    assert_eq!(signed(&mut scene), "BAD_SIGNATURE ", "revoked");
}

#[test]
fn a_bound_key_signs_within_its_certificates_validity() {
    let mut scene = Scene::new(Suite::Blake3);
    let client = SigningKey::from_seed(&[0xcc; 32]);
    let bound = v1::CertificateBound {
        fingerprint: vec![1; 32],
        admission_key: client.public_key().to_bytes().to_vec(),
        valid: Some(Period { from_ms: START + 1, to_ms: START + MINUTE }),
        ..v1::CertificateBound::default()
    };
    scene.append(BOZHOU, bound);
    let cases = [
        (START, "BAD_SIGNATURE "),
        (START + 1, "leaf A01"),
        (START + MINUTE - 1, "leaf A01"),
        (START + MINUTE, "BAD_SIGNATURE "),
    ];
    for (now, expected) in cases {
        scene.now = now;
        let records = [scene.record(BOZHOU, access(&format!("at {now}"), None))];
        let id = scene.id();
        let part = scene.part(&client, &[(id, &records)]);
        match &scene.apply(&[part]).parts[0] {
            PartOutcome::Admission(admission) => assert_eq!(told(&admission.outcomes[0]), expected, "{now}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_decision_from_the_future_is_refused() {
    let mut scene = Scene::new(Suite::Blake3);
    for (ahead, expected) in [(5 * MINUTE, "leaf"), (5 * MINUTE + 1, "CLIENT_CLOCK occurred_at")] {
        let mut record = scene.record(HEFEI, published(&format!("dataset:{ahead}")));
        record.occurred_at = Some(v1::Time { unix_ms: START + ahead, ..v1::Time::default() });
        assert_eq!(told(&scene.submit(HEFEI, &[record])[0]), expected, "{ahead} ms ahead");
    }
}
