//! `muniment authorisation`: who may use what.

use clap::{Args, Subcommand};
use futures::TryStreamExt as _;
use muniment_client::{Client, ListOptions};
use muniment_core::v1::record::Body;
use muniment_core::{Kind, LeafIndex, Reason, UnixMillis};
use muniment_proto::header::Freshness;
use muniment_proto::v1::{AuthorisationState, RecordFilter};
use serde_json::json;

use super::view;
use crate::cli::{OutputFormat, RowsFormat};
use crate::exit::Exit;
use crate::proto_json;
use crate::rows::{Rows, print_one};
use crate::utc::utc;

/// Verbs of authorisations.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorisationVerb {
    /// Print the grants, and how each stands now as far as this caller may know.
    List(ListArguments),
    /// Print an authorisation's versions, suspensions and end.
    Show(ShowArguments),
}

/// Arguments of `muniment authorisation list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// First leaf.
    #[arg(long, value_name = "LEAF", default_value_t = 0)]
    from: u64,
    /// Print so many at most.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = RowsFormat::Table)]
    output: RowsFormat,
}

/// Arguments of `muniment authorisation show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Leaf of the grant.
    #[arg(value_name = "LEAF")]
    leaf: u64,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
}

/// Runs a verb.
pub(crate) async fn run(client: &Client, verb: AuthorisationVerb) -> anyhow::Result<Exit> {
    match verb {
        AuthorisationVerb::List(arguments) => Box::pin(list(client, &arguments)).await,
        AuthorisationVerb::Show(arguments) => show(client, &arguments).await,
    }
}

async fn list(client: &Client, arguments: &ListArguments) -> anyhow::Result<Exit> {
    let kinds = vec![i32::from(Kind::AuthorisationGranted.number())];
    let filter = Some(RecordFilter { kinds, ..RecordFilter::default() });
    let options = ListOptions { from: LeafIndex(arguments.from), filter, ..ListOptions::default() };
    let mut records = std::pin::pin!(client.list(options));
    let mut rows = Rows::new(&["leaf", "state", "grantor", "grantee", "data_sets", "from", "to"]);
    let mut printed = 0;
    while printed < arguments.limit
        && let Some(record) = records.try_next().await?
    {
        printed += 1;
        let state = match client.authorisation(record.leaf, Freshness::Linearizable).await {
            Ok(authorisation) => standing(&authorisation, record_now()),
            Err(error) if matches!(error.reason(), Some(Reason::NotPermitted | Reason::NotFound)) => {
                "not known"
            }
            Err(error) => return Err(error.into()),
        };
        let mut cells = vec![record.leaf.to_string(), state.to_owned()];
        if let Some(Body::AuthorisationGranted(grant)) =
            record.record.as_ref().and_then(|it| it.body.as_ref())
        {
            let (from, to) = grant.valid.map_or((0, 0), |valid| (valid.from_ms, valid.to_ms));
            cells.extend([grant.grantor.clone(), grant.grantee.clone(), grant.data_sets.join(" ")]);
            cells.extend([utc(UnixMillis(from)), view::end(to)]);
        } else {
            cells.push("(withheld)".to_owned());
            cells.resize(7, String::new());
        }
        let mut json = view::json(&record)?;
        json["state"] = state.into();
        rows.push(cells, json);
    }
    rows.print(arguments.output)?;
    Ok(Exit::Ok)
}

/// This machine's time: good enough to say how things stand now.
fn record_now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// How an authorisation stands at a time, in a word.
fn standing(state: &AuthorisationState, now: u64) -> &'static str {
    let within = |from: u64, to: u64| from <= now && (to == 0 || now < to);
    let is_suspended = state
        .suspensions
        .iter()
        .filter_map(|suspension| suspension.period)
        .any(|period| within(period.from_ms, period.to_ms));
    let valid = state.versions.iter().rfind(|version| version.effective_ms <= now).and_then(|it| it.valid);
    match valid {
        _ if state.revoked_from_ms.is_some_and(|from| from <= now) => "revoked",
        _ if is_suspended => "suspended",
        Some(valid) if valid.from_ms > now => "not yet",
        Some(valid) if within(valid.from_ms, valid.to_ms) => "in force",
        Some(_) => "expired",
        None => "not yet",
    }
}

async fn show(client: &Client, arguments: &ShowArguments) -> anyhow::Result<Exit> {
    let state = client.authorisation(LeafIndex(arguments.leaf), Freshness::Linearizable).await?;
    let now = standing(&state, record_now());
    let mut lines = vec![
        ("leaf", state.leaf_index.to_string()),
        ("state", now.to_owned()),
        ("submitter", state.submitter.to_string()),
        ("grantor", state.grantor.clone()),
        ("grantee", state.grantee.clone()),
    ];
    for version in &state.versions {
        let (from, to) = version.valid.map_or((0, 0), |valid| (valid.from_ms, valid.to_ms));
        let text = format!(
            "by leaf {}, valid [{}, {}): {}",
            version.leaf_index,
            utc(UnixMillis(from)),
            view::end(to),
            version.data_sets.join(" ")
        );
        lines.push(("version", text));
    }
    for suspension in &state.suspensions {
        let (from, to) = suspension.period.map_or((0, 0), |period| (period.from_ms, period.to_ms));
        let period = format!("[{}, {})", utc(UnixMillis(from)), view::end(to));
        lines.push(("suspended", format!("by leaf {}, {period}", suspension.leaf_index)));
    }
    if let Some(from) = state.revoked_from_ms {
        lines.push(("revoked", format!("from {}", utc(UnixMillis(from)))));
    }
    let state = proto_json::to_json("muniment.v1.AuthorisationState", &state)?;
    print_one(arguments.output, &lines, &json!({"state": now, "authorisation": state}))?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use muniment_core::v1::Period;
    use muniment_proto::v1::{AuthorisationVersion, Suspension};

    use super::*;

    #[test]
    fn an_authorisation_stands_as_its_versions_suspensions_and_end_say() {
        let version = |effective_ms, from_ms, to_ms| AuthorisationVersion {
            effective_ms,
            valid: Some(Period { from_ms, to_ms }),
            ..AuthorisationVersion::default()
        };
        let mut state = AuthorisationState {
            versions: vec![version(0, 10, 20), version(15, 10, 30)],
            ..Default::default()
        };
        let found = |state: &AuthorisationState| [5, 12, 25, 30].map(|now| standing(state, now));
        assert_eq!(found(&state), ["not yet", "in force", "in force", "expired"]);
        let period = Some(Period { from_ms: 12, to_ms: 25 });
        state.suspensions = vec![Suspension { leaf_index: 1, period }];
        assert_eq!(found(&state), ["not yet", "suspended", "in force", "expired"]);
        state.revoked_from_ms = Some(25);
        assert_eq!(found(&state), ["not yet", "suspended", "revoked", "revoked"]);
    }
}
