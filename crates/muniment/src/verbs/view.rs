//! How things of the ledger look: in cells for people, in JSON for programs.

use muniment_client::LedgerRecord;
use muniment_core::v1::record::Body;
use muniment_core::{Kind, LeafIndex, UnixMillis, Verdict};
use serde_json::{Value, json};

use crate::proto_json;
use crate::utc::utc;

/// Headings of a row of records.
pub(super) const COLUMNS: &[&str] = &["leaf", "kind", "submitter", "accepted_at", "flags", "what"];

/// A record's cells under [`COLUMNS`].
pub(super) fn cells(record: &LedgerRecord) -> Vec<String> {
    vec![
        record.leaf.to_string(),
        kind_name(record.stub.kind).to_owned(),
        record.stub.submitter.to_string(),
        utc(record.stub.accepted_at),
        flags(record.stub.verdict).join(" "),
        what(record),
    ]
}

/// A record for programs.
pub(super) fn json(record: &LedgerRecord) -> anyhow::Result<Value> {
    let body = record.record.as_ref().map(|record| proto_json::to_json("muniment.v1.Record", record));
    let stub = &record.stub;
    Ok(json!({
        "leaf": record.leaf.0,
        "kind": kind_name(stub.kind),
        "submitter": stub.submitter.0,
        "accepted_at": utc(stub.accepted_at),
        "accepted_at_ms": stub.accepted_at.0,
        "occurred_at": utc(stub.occurred_at),
        "occurred_at_ms": stub.occurred_at.0,
        "flags": flags(stub.verdict),
        "verdict_bits": stub.verdict.0,
        "rules": stub.rules.0,
        "withheld": record.is_withheld(),
        "record_digest": record.record_digest.to_string(),
        "included_in": record.included_in.map(|size| size.0),
        "record": body.transpose()?,
    }))
}

/// The name of a kind.
pub(super) fn kind_name(kind: u8) -> &'static str {
    Kind::from_number(kind).map_or("unknown to this build", |kind| kind.row().name)
}

/// The codes of a verdict's flags; a bit that this build does not know by its number.
pub(super) fn flags(verdict: Verdict) -> Vec<String> {
    let known: Vec<String> = verdict.flags().map(|flag| flag.code().to_owned()).collect();
    let named: u64 = verdict.flags().fold(0, |bits, flag| bits | 1 << flag.bit());
    let unknown = Verdict(verdict.0 & !named);
    known.into_iter().chain(unknown.bits().map(|bit| format!("bit {bit}"))).collect()
}

/// A time of the schema, or "open".
pub(super) fn end(ms: u64) -> String {
    if ms == 0 { "open".to_owned() } else { utc(UnixMillis(ms)) }
}

/// What a record is about, in a few words.
fn what(record: &LedgerRecord) -> String {
    if record.is_withheld() {
        return "(withheld)".to_owned();
    }
    match record.record.as_ref().and_then(|record| record.body.as_ref()) {
        Some(Body::AccessExecuted(access)) => format!("{} by {}", access.data_set, access.consumer),
        Some(Body::DataDelivered(delivery)) => format!("{} to {}", delivery.data_set, delivery.consumer),
        Some(Body::AuthorisationGranted(grant)) => {
            format!("{} to {}", grant.data_sets.join(" "), grant.grantee)
        }
        Some(Body::CataloguePublished(entry)) => entry.data_set.clone(),
        Some(Body::SharingApplied(application)) => {
            format!("{} for {}", application.data_sets.join(" "), application.applicant)
        }
        Some(Body::LicenceIssued(licence)) => licence.licence.clone(),
        Some(Body::LicenceUsed(used)) => format!("{} by {}", used.licence, used.relying),
        Some(body) => changed(body).map_or_else(String::new, |leaf| format!("authorisation {leaf}")),
        None => String::new(),
    }
}

/// The leaf of the authorisation that a decision changes.
pub(super) fn changed(body: &Body) -> Option<LeafIndex> {
    let leaf = match body {
        Body::AuthorisationAmended(amended) => amended.authorisation,
        Body::AuthorisationSuspended(suspended) => suspended.authorisation,
        Body::AuthorisationResumed(resumed) => resumed.authorisation,
        Body::AuthorisationRevoked(revoked) => revoked.authorisation,
        _ => None,
    };
    leaf.map(|leaf| LeafIndex(leaf.index))
}
