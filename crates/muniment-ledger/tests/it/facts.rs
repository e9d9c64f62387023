//! Facts: appended whatever they say, with the flags that rules version 1 judges.

use muniment_core::v1::{self, Precision, Record, Time};
use muniment_core::{LeafIndex, Suite};

use crate::fixture::*;

/// A case: what is set up after a grant at leaf 2, and what is changed in the access that cites it.
struct Case {
    name: &'static str,
    setup: fn(&mut Scene, LeafIndex),
    change: fn(&mut Record, &mut v1::AccessExecuted, LeafIndex),
    expected: &'static str,
}

fn check(case: &Case) {
    let mut scene = Scene::new(Suite::Blake3);
    let authorisation = scene.granted();
    (case.setup)(&mut scene, authorisation);
    let mut body = access("exchange 1", Some(authorisation));
    let mut record = scene.record(BOZHOU, body.clone());
    (case.change)(&mut record, &mut body, authorisation);
    record.body = Some(v1::record::Body::AccessExecuted(body));
    let outcome = scene.submit(BOZHOU, &[record]).remove(0);
    assert_eq!(told(&outcome), case.expected, "{}", case.name);
}

fn nothing(_: &mut Scene, _: LeafIndex) {}

fn same(_: &mut Record, _: &mut v1::AccessExecuted, _: LeafIndex) {}

fn occurred(record: &mut Record, unix_ms: u64, precision: Precision) {
    record.occurred_at = Some(Time { unix_ms, precision: precision.into() });
}

fn amend(scene: &mut Scene, authorisation: LeafIndex, effective_ms: u64, terms: v1::AuthorisationGranted) {
    let authorisation = at(authorisation);
    let body =
        v1::AuthorisationAmended { authorisation, effective_ms, terms: Some(terms), reason: String::new() };
    scene.append(HEFEI, body);
}

fn suspend(scene: &mut Scene, authorisation: LeafIndex, effective_ms: u64) {
    let body =
        v1::AuthorisationSuspended { authorisation: at(authorisation), effective_ms, reason: String::new() };
    scene.append(HEFEI, body);
}

fn resume(scene: &mut Scene, authorisation: LeafIndex, effective_ms: u64) {
    let body =
        v1::AuthorisationResumed { authorisation: at(authorisation), effective_ms, reason: String::new() };
    scene.append(HEFEI, body);
}

fn revoke(scene: &mut Scene, authorisation: LeafIndex, effective_ms: u64) {
    let body =
        v1::AuthorisationRevoked { authorisation: at(authorisation), effective_ms, reason: String::new() };
    scene.append(HEFEI, body);
}

#[test]
fn an_access_is_judged_by_the_authorisation_that_it_cites() {
    let cases = [
        Case { name: "covered", setup: nothing, change: same, expected: "leaf" },
        Case {
            name: "none cited",
            setup: nothing,
            change: |_, access, _| access.authorisation = None,
            expected: "leaf A01",
        },
        Case {
            name: "a leaf that is not there",
            setup: nothing,
            change: |_, access, _| access.authorisation = at(LeafIndex(99)),
            expected: "leaf A02",
        },
        Case {
            name: "a leaf that is no grant",
            setup: nothing,
            change: |_, access, _| access.authorisation = at(LeafIndex(0)),
            expected: "leaf A02",
        },
        Case {
            name: "another data set",
            setup: nothing,
            change: |_, access, _| access.data_set = OTHER_DATA_SET.to_owned(),
            expected: "leaf A05",
        },
        Case {
            name: "another recipient",
            setup: nothing,
            change: |_, access, _| access.consumer = "org:wuhu-clinic".to_owned(),
            expected: "leaf A07",
        },
        Case {
            name: "another data set and recipient",
            setup: nothing,
            change: |_, access, _| {
                access.data_set = OTHER_DATA_SET.to_owned();
                access.consumer = "org:wuhu-clinic".to_owned();
            },
            expected: "leaf A05 A07",
        },
        Case {
            name: "refused by the provider, nothing cited",
            setup: nothing,
            change: |_, access, _| {
                access.authorisation = None;
                access.outcome = v1::Outcome::Refused.into();
            },
            expected: "leaf A01",
        },
        Case {
            name: "the grantee's processor",
            setup: |scene, leaf| {
                let terms = v1::AuthorisationGranted {
                    processor: "org:cloud".to_owned(),
                    ..grant(&[DATA_SET], 0, 0)
                };
                amend(scene, leaf, 0, terms);
            },
            change: |_, access, _| access.consumer = "org:cloud".to_owned(),
            expected: "leaf",
        },
    ];
    cases.iter().for_each(check);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn an_access_is_judged_by_what_was_in_force_when_it_occurred() {
    let day = 86_400_000;
    assert_eq!(day, DAY);
    let cases = [
        Case {
            name: "before the terms begin",
            setup: |scene, leaf| amend(scene, leaf, 0, grant(&[DATA_SET], START + MINUTE, 0)),
            change: same,
            expected: "leaf A03",
        },
        Case {
            name: "in the first millisecond",
            setup: |scene, leaf| amend(scene, leaf, 0, grant(&[DATA_SET], START, 0)),
            change: same,
            expected: "leaf",
        },
        Case {
            name: "in the millisecond after the end",
            setup: |scene, leaf| amend(scene, leaf, 0, grant(&[DATA_SET], 0, START)),
            change: same,
            expected: "leaf A03",
        },
        Case {
            name: "suspended",
            setup: |s, leaf| suspend(s, leaf, START),
            change: same,
            expected: "leaf A03",
        },
        Case {
            name: "before the suspension",
            setup: |scene, leaf| suspend(scene, leaf, START + 1),
            change: same,
            expected: "leaf",
        },
        Case {
            name: "resumed",
            setup: |scene, leaf| {
                suspend(scene, leaf, START - MINUTE);
                resume(scene, leaf, START);
            },
            change: same,
            expected: "leaf",
        },
        Case {
            name: "between suspension and resumption",
            setup: |scene, leaf| {
                suspend(scene, leaf, START - MINUTE);
                resume(scene, leaf, START);
            },
            change: |record, _, _| occurred(record, START - 1, Precision::Unspecified),
            expected: "leaf A03",
        },
        Case { name: "revoked", setup: |s, leaf| revoke(s, leaf, START), change: same, expected: "leaf A03" },
        Case {
            name: "before the revocation",
            setup: |scene, leaf| revoke(scene, leaf, START + 1),
            change: same,
            expected: "leaf",
        },
        Case {
            name: "under the version before an amendment",
            setup: |scene, leaf| amend(scene, leaf, START, grant(&[OTHER_DATA_SET], 0, 0)),
            change: |record, _, _| occurred(record, START - 1, Precision::Unspecified),
            expected: "leaf",
        },
        Case {
            name: "under the amendment",
            setup: |scene, leaf| amend(scene, leaf, START, grant(&[OTHER_DATA_SET], 0, 0)),
            change: same,
            expected: "leaf A05",
        },
        Case {
            name: "on the day of the amendment, either version counts",
            setup: |scene, leaf| amend(scene, leaf, START + 1, grant(&[OTHER_DATA_SET], 0, 0)),
            change: |record, _, _| occurred(record, START, Precision::Day),
            expected: "leaf",
        },
        Case {
            name: "in a month whose last day only is in force",
            setup: |scene, leaf| amend(scene, leaf, 0, grant(&[DATA_SET], START + 30 * DAY, 0)),
            change: |record, _, _| occurred(record, START, Precision::Month),
            expected: "leaf",
        },
        Case {
            name: "in a month that ends as the authorisation begins",
            setup: |scene, leaf| amend(scene, leaf, 0, grant(&[DATA_SET], START + 31 * DAY, 0)),
            change: |record, _, _| occurred(record, START, Precision::Month),
            expected: "leaf A03",
        },
        Case {
            name: "on a day that is suspended but for its last millisecond",
            setup: |scene, leaf| {
                suspend(scene, leaf, START - DAY);
                resume(scene, leaf, START + DAY - 1);
            },
            change: |record, _, _| occurred(record, START, Precision::Day),
            expected: "leaf",
        },
        Case {
            name: "not in force and not covered",
            setup: |scene, leaf| revoke(scene, leaf, START),
            change: |_, access, _| access.data_set = OTHER_DATA_SET.to_owned(),
            expected: "leaf A03 A05",
        },
    ];
    cases.iter().for_each(check);
}

#[test]
fn late_and_future_reports_are_flagged_at_the_boundary() {
    let cases = [
        Case {
            name: "24 h late",
            setup: nothing,
            change: |record, _, _| occurred(record, START - DAY, Precision::Unspecified),
            expected: "leaf",
        },
        Case {
            name: "24 h and a millisecond late",
            setup: nothing,
            change: |record, _, _| occurred(record, START - DAY - 1, Precision::Unspecified),
            expected: "leaf T01",
        },
        Case {
            name: "historic",
            setup: nothing,
            change: |record, _, _| {
                occurred(record, START - 1000 * DAY, Precision::Unspecified);
                record.historic = true;
            },
            expected: "leaf",
        },
        Case {
            name: "the day before, to the day",
            setup: nothing,
            change: |record, _, _| occurred(record, START - DAY, Precision::Day),
            expected: "leaf",
        },
        Case {
            name: "two days before, to the day",
            setup: nothing,
            change: |record, _, _| occurred(record, START - 2 * DAY - DAY, Precision::Day),
            expected: "leaf T01",
        },
        Case {
            name: "5 min ahead",
            setup: nothing,
            change: |record, _, _| occurred(record, START + 5 * MINUTE, Precision::Unspecified),
            expected: "leaf",
        },
        Case {
            name: "5 min and a millisecond ahead",
            setup: nothing,
            change: |record, _, _| occurred(record, START + 5 * MINUTE + 1, Precision::Unspecified),
            expected: "leaf T02",
        },
    ];
    cases.iter().for_each(check);
}

#[test]
fn other_facts_are_judged_by_what_they_cite() {
    let mut scene = Scene::new(Suite::Sha256);
    let grant = scene.granted();
    let unknown = LeafIndex(77);
    let delivered = |authorisation| v1::DataDelivered {
        exchange: "delivery 1".to_owned(),
        authorisation,
        provider: PROVIDER.to_owned(),
        consumer: CONSUMER.to_owned(),
        data_set: DATA_SET.to_owned(),
        ..v1::DataDelivered::default()
    };
    let used = |authorisation| v1::LicenceUsed {
        licence: "licence:1".to_owned(),
        issuer: "org:registry".to_owned(),
        relying: CONSUMER.to_owned(),
        mode: v1::LicenceUse::Shown.into(),
        authorisation,
        ..v1::LicenceUsed::default()
    };
    let reported = |authorisation| v1::UsageReported {
        authorisation,
        consumer: CONSUMER.to_owned(),
        period: Some(v1::Period { from_ms: 1, to_ms: 2 }),
        ..v1::UsageReported::default()
    };
    let cases: Vec<(BodyOf, &str)> = vec![
        (delivered(at(grant)).into(), "leaf"),
        (v1::DataDelivered { exchange: "delivery 2".to_owned(), ..delivered(None) }.into(), "leaf A01"),
        (used(None).into(), "leaf"),
        (used(at(unknown)).into(), "leaf A02"),
        (used(at(grant)).into(), "leaf"),
        (reported(at(grant)).into(), "leaf"),
        (reported(at(unknown)).into(), "leaf A02"),
    ];
    for (body, expected) in cases {
        let record = scene.record(BOZHOU, body);
        let outcome = scene.submit(BOZHOU, std::slice::from_ref(&record)).remove(0);
        assert_eq!(told(&outcome), expected, "{}", name_of(&record));
    }

    // Once it is revoked a licence is not to be relied on under it; what was read before may still be reported on.
    revoke(&mut scene, grant, START);
    for (body, expected) in
        [(BodyOf::from(used(at(grant))), "leaf A03"), (reported(at(grant)).into(), "leaf")]
    {
        let record = scene.record(BOZHOU, body);
        let outcome = scene.submit(BOZHOU, std::slice::from_ref(&record)).remove(0);
        assert_eq!(told(&outcome), expected, "{}", name_of(&record));
    }
}

#[test]
fn an_exchange_id_used_again_with_other_content_on_one_side_is_flagged() {
    let mut scene = Scene::new(Suite::Sm3);
    let authorisation = Some(scene.granted());
    let mut tell = |change: &dyn Fn(&mut v1::AccessExecuted), later: u64| {
        scene.now += later;
        let mut body = access("exchange 1", authorisation);
        change(&mut body);
        let record = scene.record(BOZHOU, body);
        told(&scene.submit(BOZHOU, &[record]).remove(0))
    };
    assert_eq!(tell(&|_| (), 0), "leaf");
    assert_eq!(tell(&|_| (), 0), "leaf", "the same once more under another id");
    assert_eq!(tell(&|access| access.rows = 2, 0), "leaf S03");
    assert_eq!(tell(&|access| access.rows = 2, 0), "leaf S03", "held against the first");
    assert_eq!(tell(&|_| (), 1), "leaf S03", "the same at another time is another event");
    assert_eq!(tell(&|access| access.side = v1::Side::Provider.into(), 0), "leaf", "the other side");
    assert_eq!(tell(&|access| access.exchange = "exchange 2".to_owned(), 0), "leaf");
}
