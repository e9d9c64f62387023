//! Decisions around data: licences, oversight, and the keys that sign.

use muniment_core::keys::SigningKey;
use muniment_core::v1::{self, Period};
use muniment_core::{LeafIndex, Suite};
use muniment_ledger::PartOutcome;

use crate::fixture::*;

fn leaf(index: u64) -> Option<v1::Leaf> {
    at(LeafIndex(index))
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
    let steps: Vec<Told> = vec![
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
    let steps: Vec<Told> = vec![
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
    let steps: Vec<Told> = vec![
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
