//! The bounds of the schema, each broken on its own: reason and path of the field.

use muniment_core::v1::record::Body;
use muniment_core::v1::*;
use muniment_core::{Kind, Reason, record};

use crate::draw::example;

/// Breaks one thing in a valid record of a kind, and expects the reason and the field.
#[track_caller]
fn check(kind: Kind, field: &str, reason: Reason, change: impl FnOnce(&mut Record)) {
    let mut changed = example(kind);
    change(&mut changed);
    let error = record::check(&changed, None).expect_err(field);
    assert_eq!((error.reason, error.field.as_str()), (reason, field), "{error}");
}

/// Breaks one thing in a valid body.
macro_rules! check_body {
    ($kind:ident, $field:literal, $reason:ident, |$body:ident| $change:expr) => {
        check(Kind::$kind, $field, Reason::$reason, |record| {
            let Some(Body::$kind($body)) = &mut record.body else { panic!("the example is of its kind") };
            $change;
        })
    };
}

#[test]
fn the_envelope_keeps_its_bounds() {
    let check = |field: &str, change: fn(&mut Record)| {
        check(Kind::AccessExecuted, field, Reason::InvalidRecord, change);
    };
    check("schema_version", |record| record.schema_version = 0);
    check("schema_version", |record| record.schema_version = 2);
    check("ledger_id", |record| record.ledger_id.clear());
    check("ledger_id", |record| record.ledger_id.push(0));
    check("submitter", |record| record.submitter = 0);
    check("actor", |record| record.actor = None);
    check("actor.system", |record| record.actor.get_or_insert_default().system.clear());
    check("actor.tag", |record| record.actor.get_or_insert_default().tag = vec![1; 31]);
    check("actor.certificate", |record| record.actor.get_or_insert_default().certificate = vec![1; 33]);
    check("actor.terminal", |record| record.actor.get_or_insert_default().terminal = "a\nb".to_owned());
    check("actor.authentication", |record| record.actor.get_or_insert_default().authentication = 6);
    check("actor.authentication", |record| record.actor.get_or_insert_default().authentication = -1);
    check("actor.assurance_level", |record| record.actor.get_or_insert_default().assurance_level = 5);
    check("occurred_at", |record| record.occurred_at = None);
    check("stream.id", |record| record.stream = Some(Stream { id: String::new(), sequence: 0 }));
    check("stream.id", |record| record.stream = Some(Stream { id: "\u{7f}".to_owned(), sequence: 0 }));
    check("references[1]", |record| record.references = vec![4, 4]);
    check("references[2]", |record| record.references = vec![1, 5, 3]);
    check("visibility", |record| record.visibility = 3);
    check("body", |record| record.body = None);
}

#[test]
fn what_is_too_long_is_called_too_large() {
    let check = |field: &str, change: fn(&mut Record)| {
        check(Kind::AccessExecuted, field, Reason::RecordTooLarge, change);
    };
    check("region", |record| record.region = format!("nhs:{}", "a".repeat(253)));
    check("actor.terminal", |record| record.actor.get_or_insert_default().terminal = "a".repeat(65));
    check("stream.id", |record| record.stream = Some(Stream { id: "a".repeat(129), sequence: 0 }));
    check("references", |record| record.references = (0..65).collect());
}

#[test]
fn a_decision_may_leave_its_actor_out() {
    let mut grant = example(Kind::AuthorisationGranted);
    grant.actor = None;
    assert_eq!(record::check(&grant, None), Ok(()));
}

#[test]
fn a_sealed_record_names_its_supervisor_and_no_other_does() {
    let sealed = |visibility: Visibility, supervisor| {
        move |record: &mut Record| (record.visibility, record.supervisor) = (visibility.into(), supervisor)
    };
    let refuse = |visibility, supervisor| {
        let change = sealed(visibility, supervisor);
        check(Kind::AccessExecuted, "supervisor", Reason::InvalidRecord, change);
    };
    refuse(Visibility::Deferred, 0);
    refuse(Visibility::Hidden, 0);
    refuse(Visibility::Unspecified, 1);
    for visibility in [Visibility::Deferred, Visibility::Hidden] {
        let mut record = example(Kind::AccessExecuted);
        sealed(visibility, 4)(&mut record);
        assert_eq!(record::check(&record, None), Ok(()));
    }
}

/// Whether a record may have occurred then.
fn may_occur_at(unix_ms: u64, precision: Precision) -> bool {
    let mut record = example(Kind::AccessExecuted);
    record.occurred_at = Some(Time { unix_ms, precision: precision.into() });
    match record::check(&record, None) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!((error.reason, error.field.as_str()), (Reason::InvalidRecord, "occurred_at.unix_ms"));
            false
        }
    }
}

#[test]
fn times_reach_to_the_end_of_the_year_9999() {
    assert!(may_occur_at(0, Precision::Unspecified));
    assert!(may_occur_at(253_402_300_799_999, Precision::Unspecified));
    assert!(!may_occur_at(253_402_300_800_000, Precision::Unspecified));
    assert!(!may_occur_at(u64::MAX, Precision::Month));
}

#[test]
fn an_imprecise_time_is_the_start_of_its_unit() {
    let (second, day) = (1_000, 86_400_000);
    assert!(may_occur_at(5 * second, Precision::Second));
    assert!(!may_occur_at(5 * second + 1, Precision::Second));
    assert!(may_occur_at(5 * day, Precision::Day));
    assert!(!may_occur_at(5 * day + second, Precision::Day));
}

#[test]
fn the_first_of_every_month_of_400_years_and_no_other_day_starts_a_month() {
    let day_ms = 86_400_000;
    let mut day = 0;
    for year in 1970..2370 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for days in [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            for day_of_month in [0, 1, 14, days - 1] {
                let starts = may_occur_at((day + day_of_month) * day_ms, Precision::Month);
                assert_eq!(starts, day_of_month == 0, "year {year}, day {day_of_month}");
            }
            day += days;
        }
    }
    assert!(!may_occur_at(1, Precision::Month));
}

#[test]
fn a_period_ends_after_it_starts_or_stays_open() {
    let valid = |from_ms, to_ms| {
        let mut grant = example(Kind::AuthorisationGranted);
        let Some(Body::AuthorisationGranted(body)) = &mut grant.body else { panic!("a grant") };
        body.valid = Some(Period { from_ms, to_ms });
        record::check(&grant, None).map_err(|error| error.field)
    };
    let refused = |field: &str| Err(format!("authorisation_granted.valid.{field}"));
    assert_eq!(valid(5, 0), Ok(()));
    assert_eq!(valid(5, 6), Ok(()));
    assert_eq!(valid(5, 5), refused("to_ms"));
    assert_eq!(valid(5, 4), refused("to_ms"));
    assert_eq!(valid(u64::MAX, 0), refused("from_ms"));
    assert_eq!(valid(0, u64::MAX), refused("to_ms"));
}

#[test]
fn identifiers_are_checked_in_place() {
    check(Kind::AccessExecuted, "region", Reason::InvalidIdentifier, |record| {
        record.region = "gbt2260:990000".to_owned();
    });
    check_body!(AccessExecuted, "access_executed.provider", InvalidIdentifier, |body| {
        body.provider = "uscc:91350100M000100Y4Z".to_owned()
    });
    check_body!(AccessExecuted, "access_executed.consumer", InvalidRecord, |body| body.consumer.clear());
    check_body!(AccessExecuted, "access_executed.data_set", InvalidIdentifier, |body| {
        body.data_set = "RestTest".to_owned()
    });
    check_body!(SharingApplied, "sharing_applied.data_sets[1]", InvalidIdentifier, |body| {
        body.data_sets = vec!["nhs:a".to_owned(), "nhs:".to_owned()]
    });
    check_body!(LicenceUsed, "licence_used.licence", PersonalData, |body| {
        body.licence = "driving:340104199001010017".to_owned()
    });
}

#[test]
fn accesses_and_deliveries_keep_their_bounds() {
    check_body!(AccessExecuted, "access_executed.side", InvalidRecord, |body| body.side = 0);
    check_body!(AccessExecuted, "access_executed.side", InvalidRecord, |body| body.side = 3);
    check_body!(AccessExecuted, "access_executed.outcome", InvalidRecord, |body| body.outcome = 4);
    check_body!(AccessExecuted, "access_executed.exchange", InvalidRecord, |body| body.exchange.clear());
    check_body!(AccessExecuted, "access_executed.exchange", RecordTooLarge, |body| {
        body.exchange = "e".repeat(129)
    });
    check_body!(AccessExecuted, "access_executed.items[1]", InvalidRecord, |body| {
        body.items = vec!["b".to_owned(), "a".to_owned()]
    });
    check_body!(AccessExecuted, "access_executed.items[0]", InvalidRecord, |body| {
        body.items = vec![String::new()]
    });
    check_body!(AccessExecuted, "access_executed.purpose", RecordTooLarge, |body| {
        body.purpose = "p".repeat(65)
    });
    check_body!(AccessExecuted, "access_executed.subject_tags", RecordTooLarge, |body| {
        body.subject_tags = (0..9).map(|tag| vec![tag; 32]).collect()
    });
    check_body!(AccessExecuted, "access_executed.subject_tags[1]", InvalidRecord, |body| {
        body.subject_tags = vec![vec![1; 32]; 2]
    });
    check_body!(AccessExecuted, "access_executed.subject_tags[0]", InvalidRecord, |body| {
        body.subject_tags = vec![vec![1; 20]]
    });
    check_body!(AccessExecuted, "access_executed.subject_set", InvalidRecord, |body| {
        (body.subject_tags, body.subject_set) = (vec![vec![1; 32]], vec![2; 32])
    });
    check_body!(SubjectsListed, "subjects_listed.subject_tags", InvalidRecord, |body| {
        body.subject_tags.clear()
    });
    check_body!(SubjectsListed, "subjects_listed.subject_set", InvalidRecord, |body| body
        .subject_set
        .clear());
    check_body!(DataDelivered, "data_delivered.digest", InvalidRecord, |body| body.digest = vec![0; 64]);
    check_body!(DeliveryAcknowledged, "delivery_acknowledged.digest", InvalidRecord, |body| {
        body.digest.clear()
    });
    check_body!(UsageReported, "usage_reported.authorisation", InvalidRecord, |body| {
        body.authorisation = None
    });
    check_body!(DataRecalled, "data_recalled.due_ms", InvalidRecord, |body| body.due_ms = u64::MAX);
}

#[test]
fn decisions_keep_their_bounds() {
    check_body!(BureauRegistered, "bureau_registered.number", InvalidRecord, |body| body.number = 0);
    check_body!(BureauRegistered, "bureau_registered.name", InvalidRecord, |body| body.name.clear());
    check_body!(BureauRegistered, "bureau_registered.level", InvalidRecord, |body| body.level = 4);
    check_body!(BureauRegistered, "bureau_registered.roles[0]", InvalidRecord, |body| body.roles = vec![0]);
    check_body!(BureauRegistered, "bureau_registered.roles[1]", InvalidRecord, |body| body.roles =
        vec![2, 1]);
    check_body!(CertificateBound, "certificate_bound.chain", RecordTooLarge, |body| {
        body.chain = vec![vec![1]; 9]
    });
    check_body!(CertificateBound, "certificate_bound.chain[1]", RecordTooLarge, |body| {
        body.chain = vec![vec![1], vec![1; 8 * 1024 + 1]]
    });
    check_body!(CertificateBound, "certificate_bound.chain[0]", InvalidRecord, |body| {
        body.chain = vec![vec![]]
    });
    check_body!(CataloguePublished, "catalogue_published.share_class", InvalidRecord, |body| {
        body.share_class = 0
    });
    check_body!(CataloguePublished, "catalogue_published.version", InvalidRecord, |body| body.version = 0);
    check_body!(CataloguePublished, "catalogue_published.items[1]", InvalidRecord, |body| {
        let item = |code: &str| Item { code: code.to_owned(), ..Item::default() };
        body.items = vec![item("b"), item("a")]
    });
    check_body!(CataloguePublished, "catalogue_published.items[0].sensitivity", InvalidRecord, |body| {
        body.items = vec![Item { code: "a".to_owned(), sensitivity: 5, ..Item::default() }]
    });
    check_body!(CatalogueUpdated, "catalogue_updated.entry", InvalidRecord, |body| body.entry = None);
    check_body!(CatalogueUpdated, "catalogue_updated.entry.title", InvalidRecord, |body| {
        body.entry.get_or_insert_default().title.clear()
    });
    check_body!(SharingApplied, "sharing_applied.purposes", InvalidRecord, |body| body.purposes.clear());
    check_body!(AuthorisationGranted, "authorisation_granted.data_sets", InvalidRecord, |body| {
        body.data_sets.clear()
    });
    check_body!(AuthorisationGranted, "authorisation_granted.data_sets", RecordTooLarge, |body| {
        body.data_sets = (10..19).map(|n| format!("nhs:{n}")).collect()
    });
    check_body!(AuthorisationGranted, "authorisation_granted.valid", InvalidRecord, |body| body.valid = None);
    check_body!(AuthorisationAmended, "authorisation_amended.terms.grantee", InvalidRecord, |body| {
        body.terms.get_or_insert_default().grantee.clear()
    });
    check_body!(LicenceIssued, "licence_issued.type", InvalidRecord, |body| body.r#type.clear());
    check_body!(DisputeEscalated, "dispute_escalated.tier", InvalidRecord, |body| body.tier = 1);
    check_body!(DisputeDecided, "dispute_decided.result", InvalidRecord, |body| body.result = 0);
    check_body!(CaseOpened, "case_opened.leaves", InvalidRecord, |body| body.leaves.clear());
    check_body!(CaseClosed, "case_closed.case", InvalidRecord, |body| body.case = None);
    check_body!(Annotated, "annotated.note", InvalidRecord, |body| body.note.clear());
    check_body!(Annotated, "annotated.note", RecordTooLarge, |body| body.note = "n".repeat(2_049));
}

#[test]
fn bodies_that_state_nothing_are_refused() {
    check_body!(ObjectionRaised, "objection_raised", InvalidRecord, |body| {
        (body.target, body.data_set) = (None, String::new())
    });
    check_body!(LegalHoldSet, "legal_hold_set", InvalidRecord, |body| {
        *body = LegalHoldSet { ground: "g".to_owned(), ..LegalHoldSet::default() }
    });
    check_body!(Disclosed, "disclosed", InvalidRecord, |body| {
        *body = Disclosed { target: Some(Leaf { index: 1 }), ..Disclosed::default() }
    });
    check_body!(Anchor, "anchor.anchored", InvalidRecord, |body| body.anchored = None);
}

#[test]
fn governance_keeps_its_bounds() {
    check_body!(PolicyAdopted, "policy_adopted.document", InvalidRecord, |body| body.document.clear());
    check_body!(PolicyAdopted, "policy_adopted.document", RecordTooLarge, |body| {
        body.document = vec![1; 32 * 1024 + 1]
    });
    check_body!(CalendarAdopted, "calendar_adopted.year", InvalidRecord, |body| body.year = 1969);
    check_body!(CalendarAdopted, "calendar_adopted.days_off[0]", InvalidRecord, |body| body.days_off =
        vec![0]);
    check_body!(CalendarAdopted, "calendar_adopted.days_off[1]", InvalidRecord, |body| {
        body.days_off = vec![1, 367]
    });
    check_body!(VocabularyAdopted, "vocabulary_adopted.words", RecordTooLarge, |body| {
        body.words = (0..513).map(|n| Word { code: format!("{n:04}"), ..Word::default() }).collect()
    });
    check_body!(RuleSetAdopted, "rule_set_adopted.rules", InvalidRecord, |body| body.rules = 256);
    check_body!(MemberAdmitted, "member_admitted.node_id", InvalidRecord, |body| body.node_id = 0);
    check_body!(MemberAdmitted, "member_admitted.admission_key", InvalidRecord, |body| {
        body.admission_key.clear()
    });
    check_body!(Recovery, "recovery.checkpoint", RecordTooLarge, |body| {
        body.checkpoint = vec![1; 8 * 1024 + 1]
    });
    check_body!(Anchor, "anchor.checkpoint", RecordTooLarge, |body| {
        body.anchored = Some(anchor::Anchored::Checkpoint(vec![1; 16 * 1024 + 1]))
    });
    check_body!(Anchor, "anchor.timestamp_token", InvalidRecord, |body| {
        body.anchored = Some(anchor::Anchored::TimestampToken(Vec::new()))
    });
}

#[test]
fn a_record_of_bounded_fields_may_still_be_too_large() {
    let mut bound = example(Kind::CertificateBound);
    let Some(Body::CertificateBound(body)) = &mut bound.body else { panic!("a certificate") };
    body.chain = vec![vec![1; 8 * 1024]; 8];
    let error = record::encode(&bound).expect_err("64 KiB of certificates, and an envelope");
    assert_eq!((error.reason, error.field.as_str()), (Reason::RecordTooLarge, ""));
}

#[test]
fn an_error_says_what_is_wrong_where_and_what_to_do() {
    let mut access = example(Kind::AccessExecuted);
    let Some(Body::AccessExecuted(body)) = &mut access.body else { panic!("an access") };
    body.provider = "uscc:91350100M000100Y44".to_owned();
    let error = record::check(&access, None).expect_err("the check character is wrong");
    assert_eq!(
        error.to_string(),
        "INVALID_IDENTIFIER: access_executed.provider: unified social credit code fails its check: its last character \
         would have to be 3; copy the code anew from the certificate"
    );
}
