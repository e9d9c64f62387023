//! `muniment record explain`: which rule, which version of which authorisation, from when to when, by which leaf.

use futures::TryStreamExt as _;
use muniment_client::{Client, Error, LedgerRecord, ListOptions};
use muniment_core::v1::record::Body;
use muniment_core::{Flag, Kind, LeafIndex, Reason, UnixMillis};
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::RecordName;
use muniment_proto::v1::{AuthorisationState, AuthorisationVersion, RecordFilter};
use serde_json::{Value, json};

use super::super::view;
use super::ExplainArguments;
use crate::exit::Exit;
use crate::rows::print_one;
use crate::utc::utc;

/// Explains one record's flags.
pub(super) async fn explain(client: &Client, arguments: &ExplainArguments) -> anyhow::Result<Exit> {
    let name = RecordName::Leaf(LeafIndex(arguments.leaf));
    let record = client.get(name, Freshness::Linearizable).await?;
    let stub = &record.stub;
    let known: Vec<Flag> = stub.verdict.flags().collect();
    let mut lines = vec![
        ("leaf", format!("{}, {}", record.leaf, view::kind_name(stub.kind))),
        ("occurred at", utc(stub.occurred_at)),
        ("accepted at", utc(stub.accepted_at)),
        ("judged by", format!("rules version {}", stub.rules)),
    ];
    for flag in &known {
        lines.push(("rule", format!("{}: {}", flag.code(), meaning(*flag))));
    }
    if view::flags(stub.verdict).is_empty() {
        lines.push(("rule", "none that this version judges was broken".to_owned()));
    }
    let cited = cited(&record);
    let authorisation = match cited {
        Some(leaf) => explain_authorisation(client, leaf, stub.occurred_at, &mut lines).await?,
        None => {
            let why = if record.is_withheld() { "the body is withheld" } else { "none is cited" };
            lines.push(("authorisation", why.to_owned()));
            Value::Null
        }
    };
    let flags: Vec<Value> =
        known.iter().map(|flag| json!({"code": flag.code(), "meaning": meaning(*flag)})).collect();
    let json = json!({
        "leaf": record.leaf.0,
        "kind": view::kind_name(stub.kind),
        "occurred_at_ms": stub.occurred_at.0,
        "accepted_at_ms": stub.accepted_at.0,
        "rules": stub.rules.0,
        "flags": flags,
        "verdict_bits": stub.verdict.0,
        "withheld": record.is_withheld(),
        "cited": cited.map(|leaf| leaf.0),
        "authorisation": authorisation,
    });
    print_one(arguments.output, &lines, &json)?;
    Ok(Exit::Ok)
}

/// The leaf of the authorisation on which a record relies.
fn cited(record: &LedgerRecord) -> Option<LeafIndex> {
    let leaf = match record.record.as_ref()?.body.as_ref()? {
        Body::AccessExecuted(access) => access.authorisation,
        Body::DataDelivered(delivery) => delivery.authorisation,
        Body::LicenceUsed(used) => used.authorisation,
        Body::UsageReported(report) => report.authorisation,
        _ => None,
    };
    leaf.map(|leaf| LeafIndex(leaf.index))
}

/// Says how the authorisation stood when the record's action occurred.
async fn explain_authorisation(
    client: &Client,
    leaf: LeafIndex,
    occurred: UnixMillis,
    lines: &mut Vec<(&'static str, String)>,
) -> anyhow::Result<Value> {
    let state = match client.authorisation(leaf, Freshness::Linearizable).await {
        Ok(state) => state,
        Err(error) if matches!(error.reason(), Some(Reason::NotFound | Reason::NotPermitted)) => {
            lines.push(("authorisation", format!("leaf {leaf}: {}", said(&error))));
            return Ok(json!({"leaf": leaf.0, "error": error.reason().map(Reason::name)}));
        }
        Err(error) => return Err(error.into()),
    };
    lines.push(("authorisation", format!("leaf {leaf}: {} to {}", state.grantor, state.grantee)));
    let version = in_force(&state, occurred);
    if let Some((version, until)) = &version {
        let effective = if version.effective_ms == 0 {
            "the beginning".to_owned()
        } else {
            utc(UnixMillis(version.effective_ms))
        };
        let until = until.map_or_else(|| "now on".to_owned(), |until| utc(UnixMillis(until)));
        let (from, to) = version.valid.map_or((0, 0), |valid| (valid.from_ms, valid.to_ms));
        lines.push(("version", format!("by leaf {}, from {effective} to {until}", version.leaf_index)));
        lines.push(("valid", format!("[{}, {})", utc(UnixMillis(from)), view::end(to))));
        lines.push(("covers", covers(version)));
    }
    for suspension in &state.suspensions {
        let (from, to) = suspension.period.map_or((0, 0), |period| (period.from_ms, period.to_ms));
        let by = suspension.leaf_index;
        lines.push(("suspended", format!("by leaf {by}, [{}, {})", utc(UnixMillis(from)), view::end(to))));
    }
    let revoked_by = match state.revoked_from_ms {
        Some(from) => {
            let by = revocation(client, leaf).await?;
            let text = by.map_or_else(|| "a leaf that is withheld".to_owned(), |by| format!("leaf {by}"));
            lines.push(("revoked", format!("by {text}, from {}", utc(UnixMillis(from)))));
            by
        }
        None => None,
    };
    let state_json = crate::proto_json::to_json("muniment.v1.AuthorisationState", &state)?;
    Ok(json!({
        "leaf": leaf.0,
        "in_force": version.map(|(version, until)| json!({
            "leaf": version.leaf_index,
            "effective_ms": version.effective_ms,
            "until_ms": until,
            "valid_from_ms": version.valid.map(|valid| valid.from_ms),
            "valid_to_ms": version.valid.map(|valid| valid.to_ms),
        })),
        "revoked_by": revoked_by.map(|leaf| leaf.0),
        "state": state_json,
    }))
}

fn said(error: &Error) -> String {
    match error {
        Error::Refused(refusal) => format!("{}: {}", refusal.report.reason, refusal.report.message),
        other => other.to_string(),
    }
}

/// The version that judged an action at that time, and from when the next one did.
fn in_force(state: &AuthorisationState, at: UnixMillis) -> Option<(AuthorisationVersion, Option<u64>)> {
    let begun = state.versions.iter().rposition(|version| version.effective_ms <= at.0)?;
    let next = state.versions.get(begun + 1).map(|version| version.effective_ms);
    Some((state.versions.get(begun)?.clone(), next))
}

fn covers(version: &AuthorisationVersion) -> String {
    let list = |what: &str, values: &[String], none: &str| {
        if values.is_empty() { format!("{none} {what}") } else { format!("{what} {}", values.join(" ")) }
    };
    let quota = if version.quota_rows == 0 {
        "no row limit".to_owned()
    } else {
        format!("{} rows", version.quota_rows)
    };
    let parts = [
        list("data sets", &version.data_sets, "no"),
        list("items", &version.items, "all"),
        list("purposes", &version.purposes, "any"),
        quota,
    ];
    parts.join("; ")
}

/// The leaf of the record that revoked an authorisation: its state says when, not by which leaf.
pub(crate) async fn revocation(
    client: &Client,
    authorisation: LeafIndex,
) -> Result<Option<LeafIndex>, Error> {
    let kinds = vec![i32::from(Kind::AuthorisationRevoked.number())];
    let filter = Some(RecordFilter { kinds, ..RecordFilter::default() });
    let options = ListOptions { from: authorisation, filter, ..ListOptions::default() };
    let mut records = std::pin::pin!(client.list(options));
    while let Some(record) = records.try_next().await? {
        let body = record.record.as_ref().and_then(|record| record.body.as_ref());
        if body.and_then(view::changed) == Some(authorisation) {
            return Ok(Some(record.leaf));
        }
    }
    Ok(None)
}

/// What a flag says.
pub(in crate::verbs) const fn meaning(flag: Flag) -> &'static str {
    match flag {
        Flag::A01 => "no authorisation is cited",
        Flag::A02 => "the authorisation cited is unknown",
        Flag::A03 => "the authorisation was not in force when the action occurred",
        Flag::A04 => "the authorisation was recorded after the action",
        Flag::A05 => "the data set is not covered",
        Flag::A06 => "an item is not covered",
        Flag::A07 => "the recipient is not covered",
        Flag::A08 => "the purpose is not covered",
        Flag::A09 => "the quota is exceeded",
        Flag::A10 => "the data set is withdrawn or not shared",
        Flag::A11 => "onward transfer without consent",
        Flag::C01 => "the certificate was not bound, expired or revoked",
        Flag::C02 => "one certificate from many terminals",
        Flag::T01 => "reported late",
        Flag::T02 => "dated in the future",
        Flag::T03 => "the clock went back in its stream",
        Flag::S01 => "a gap in the stream's sequence",
        Flag::S02 => "a sequence reused with other content",
        Flag::S03 => "an exchange id reused with other content on one side",
        Flag::I01 => "a request id reused with other content",
        Flag::L01 => "a licence used while suspended, revoked or expired",
        Flag::L02 => "a licence used without the consent that it requires",
        Flag::V01 => "hidden or deferred visibility without the entitlement",
        Flag::X01 => "a rule failed: appended without effects",
    }
}
