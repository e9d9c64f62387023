//! Decisions: refused when the ledger's state makes them impossible, appended else.

use muniment_core::v1;
use muniment_core::{LeafIndex, Suite};

use crate::fixture::*;

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
    let steps: Vec<Told> = vec![
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
    let steps: Vec<Told> = vec![
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
    let steps: Vec<Told> = vec![
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
    let steps: Vec<Told> = vec![
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
fn a_decision_from_the_future_is_refused() {
    let mut scene = Scene::new(Suite::Blake3);
    for (ahead, expected) in [(5 * MINUTE, "leaf"), (5 * MINUTE + 1, "CLIENT_CLOCK occurred_at")] {
        let mut record = scene.record(HEFEI, published(&format!("dataset:{ahead}")));
        record.occurred_at = Some(v1::Time { unix_ms: START + ahead, ..v1::Time::default() });
        assert_eq!(told(&scene.submit(HEFEI, &[record])[0]), expected, "{ahead} ms ahead");
    }
}
