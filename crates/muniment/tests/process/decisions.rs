//! Authorisations and licences: what may be asked of them, and why a record has its flags.

use serde_json::{Value, json};

use crate::ledger::{Ledger, json, ledger, now_ms};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A decision or fact of this moment.
fn record(body: &str, value: Value) -> Value {
    json!({
        "actor": {"system": "system:exchange-gateway"},
        "occurred_at": {"unix_ms": now_ms()},
        body: value,
    })
}

/// A published data set, applied for and granted from yesterday on; the leaf of the grant.
fn granted(ledger: &Ledger, data_set: &str) -> u64 {
    let valid = json!({"from_ms": now_ms() - DAY_MS, "to_ms": now_ms() + 30 * DAY_MS});
    ledger.submit(
        "hefei",
        &record(
            "catalogue_published",
            json!({
                "data_set": data_set, "provider": "org:hefei-health", "title": "Vaccinations",
                "share_class": "SHARE_CLASS_CONDITIONAL", "modes": ["SHARING_MODE_INTERFACE"], "version": 1,
            }),
        ),
    );
    let application = ledger.submit(
        "bozhou",
        &record(
            "sharing_applied",
            json!({
                "applicant": "org:bozhou-clinic", "data_sets": [data_set], "basis": "agreement",
                "period": valid, "purposes": ["care"],
            }),
        ),
    );
    let grant = ledger.submit(
        "hefei",
        &record(
            "authorisation_granted",
            json!({
                "application": {"index": application["leaf"]}, "grantor": "org:hefei-health",
                "grantee": "org:bozhou-clinic", "data_sets": [data_set], "purposes": ["care"],
                "legal_basis": "agreement", "valid": valid,
            }),
        ),
    );
    assert_eq!(grant["flags"], json!([]), "{grant}");
    grant["leaf"].as_u64().unwrap()
}

fn access(data_set: &str, exchange: &str, authorisation: u64) -> Value {
    record(
        "access_executed",
        json!({
            "side": "SIDE_PROVIDER", "exchange": exchange, "provider": "org:hefei-health",
            "consumer": "org:bozhou-clinic", "data_set": data_set, "purpose": "care", "rows": 3,
            "authorisation": {"index": authorisation},
        }),
    )
}

#[test]
fn an_access_is_checked_before_and_explained_after() {
    let ledger = ledger();
    let grant = granted(ledger, "dataset:vaccinations");
    let leaf = grant.to_string();
    let check = [
        "access",
        "check",
        "--data-set",
        "dataset:vaccinations",
        "--provider",
        "org:hefei-health",
        "--consumer",
        "org:bozhou-clinic",
        "--purpose",
        "care",
        "-o",
        "json",
    ];
    let covered = [&check[..], &["--authorisation", &leaf]].concat();
    let covered = json(&ledger.run("hefei", &covered).expect_code(0));
    assert_eq!((covered["covered"].clone(), covered["flags"].clone()), (true.into(), json!([])));
    let uncited = json(&ledger.run("hefei", &check).expect_code(0));
    assert_eq!((uncited["covered"].clone(), uncited["flags"].clone()), (false.into(), json!(["A01"])));

    let fine = ledger.submit("hefei", &access("dataset:vaccinations", "fine", grant));
    assert_eq!(fine["flags"], json!([]));
    let fine = fine["leaf"].to_string();
    let explained = json(&ledger.run("hefei", &["record", "explain", &fine, "-o", "json"]).expect_code(0));
    assert_eq!(explained["flags"], json!([]));
    assert_eq!(explained["authorisation"]["in_force"]["leaf"], grant);

    let revoked = ledger.submit(
        "hefei",
        &record(
            "authorisation_revoked",
            json!({
                "authorisation": {"index": grant}, "effective_ms": now_ms(), "reason": "the agreement ended",
            }),
        ),
    );
    let late = ledger.submit("hefei", &access("dataset:vaccinations", "late", grant));
    assert_eq!(late["flags"], json!(["A03"]));
    let late = late["leaf"].to_string();
    let explained = json(&ledger.run("hefei", &["record", "explain", &late, "-o", "json"]).expect_code(0));
    assert_eq!(explained["flags"][0]["code"], "A03");
    assert_eq!(explained["authorisation"]["revoked_by"], revoked["leaf"]);
    let table = ledger.run("hefei", &["record", "explain", &late]).expect_code(0);
    assert!(table.stdout.contains(&format!("by leaf {}", revoked["leaf"])), "{}", table.stdout);
    let withheld = ledger.run("wuhu", &["record", "explain", &late, "-o", "json"]).expect_code(0);
    assert_eq!(json(&withheld)["withheld"], true);
}

#[test]
fn authorisations_are_listed_with_their_standing_and_shown_to_their_parties_only() {
    let ledger = ledger();
    let grant = granted(ledger, "dataset:births");
    let leaf = grant.to_string();
    let list = ["authorisation", "list", "--from", &leaf, "-o", "json"];
    let listed = json(&ledger.run("hefei", &list).expect_code(0));
    assert_eq!((listed[0]["leaf"].clone(), listed[0]["state"].clone()), (grant.into(), "in force".into()));
    let foreign = json(&ledger.run("wuhu", &list).expect_code(0));
    assert_eq!(
        (foreign[0]["state"].clone(), foreign[0]["withheld"].clone()),
        ("not known".into(), true.into())
    );
    let shown = json(&ledger.run("hefei", &["authorisation", "show", &leaf, "-o", "json"]).expect_code(0));
    assert_eq!(shown["state"], "in force");
    assert_eq!(shown["authorisation"]["versions"][0]["data_sets"], json!(["dataset:births"]));
    ledger.run("wuhu", &["authorisation", "show", &leaf]).expect_code(6);
    ledger.run("hefei", &["authorisation", "show", "0"]).expect_code(4);
}

#[test]
fn a_licence_is_shown_by_its_records() {
    let ledger = ledger();
    let issued = ledger.submit(
        "hefei",
        &record(
            "licence_issued",
            json!({
                "licence": "licence:340100-1", "type": "food", "issuer": "org:hefei-market",
                "holder_tag": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
                "valid": {"from_ms": now_ms() - DAY_MS},
                "digest": "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=",
            }),
        ),
    );
    let shown = ledger.run("hefei", &["licence", "show", "licence:340100-1", "-o", "json"]).expect_code(0);
    let shown = json(&shown);
    assert_eq!(
        (shown[0]["leaf"].clone(), shown[0]["kind"].clone()),
        (issued["leaf"].clone(), "licence_issued".into())
    );
    assert_eq!(shown.as_array().unwrap().len(), 1);
}
