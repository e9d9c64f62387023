//! `muniment access check`: what the rules would find.

use clap::{Args, Subcommand};
use muniment_client::Client;
use muniment_core::Verdict;
use muniment_core::v1::{AccessExecuted, Actor, Leaf, Side, Time};
use muniment_proto::v1::CheckAccessRequest;
use muniment_proto::v1::check_access_request::Access;
use serde_json::json;

use super::record::meaning;
use super::view;
use crate::cli::OutputFormat;
use crate::exit::Exit;
use crate::rows::print_one;
use crate::utc::utc;

/// Verbs of accesses.
#[derive(Debug, Subcommand)]
pub(crate) enum AccessVerb {
    /// Print the flags that an access would get if it were recorded now. Nothing is written, and nothing is promised.
    Check(CheckArguments),
}

/// Arguments of `muniment access check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The data set, scheme-qualified.
    #[arg(long, value_name = "CODE")]
    data_set: String,
    /// Its provider, scheme-qualified.
    #[arg(long, value_name = "CODE")]
    provider: String,
    /// Who would get the data, scheme-qualified.
    #[arg(long, value_name = "CODE")]
    consumer: String,
    /// Leaf of the authorisation relied on.
    #[arg(long, value_name = "LEAF")]
    authorisation: Option<u64>,
    /// Items asked for, ascending; may be repeated.
    #[arg(long = "item", value_name = "CODE")]
    items: Vec<String>,
    /// Purpose.
    #[arg(long, value_name = "CODE", default_value = "")]
    purpose: String,
    /// Rows that would be read.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    rows: u64,
    /// System that would act, scheme-qualified: for rules about certificates.
    #[arg(long, value_name = "CODE")]
    system: Option<String>,
    /// When, milliseconds since 1970 UTC. Default: now, by the ledger's time.
    #[arg(long, value_name = "MS")]
    at: Option<u64>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
}

/// Runs a verb.
pub(crate) async fn run(client: &Client, verb: AccessVerb) -> anyhow::Result<Exit> {
    let AccessVerb::Check(arguments) = verb;
    let access = AccessExecuted {
        side: Side::Provider.into(),
        authorisation: arguments.authorisation.map(|index| Leaf { index }),
        provider: arguments.provider,
        consumer: arguments.consumer,
        data_set: arguments.data_set,
        items: arguments.items,
        purpose: arguments.purpose,
        rows: arguments.rows,
        ..AccessExecuted::default()
    };
    let request = CheckAccessRequest {
        access: Some(Access::AccessExecuted(access)),
        occurred_at: arguments.at.map(|unix_ms| Time { unix_ms, precision: 0 }),
        actor: arguments.system.map(|system| Actor { system, ..Actor::default() }),
        stale_ok: None,
    };
    let answer = client.check_access(request).await?;
    let verdict = Verdict(answer.verdict.as_ref().map_or(0, |verdict| verdict.bits));
    let judged_at = utc(muniment_core::UnixMillis(answer.judged_at_ms));
    let flags = view::flags(verdict);
    let mut lines = vec![
        ("covered", if flags.is_empty() { "yes".to_owned() } else { "no".to_owned() }),
        ("rules", format!("version {}", answer.rules)),
        ("judged at", judged_at.clone()),
    ];
    lines.extend(verdict.flags().map(|flag| ("flag", format!("{}: {}", flag.code(), meaning(flag)))));
    let json = json!({
        "covered": flags.is_empty(),
        "flags": flags,
        "rules": answer.rules,
        "judged_at": judged_at,
        "judged_at_ms": answer.judged_at_ms,
    });
    print_one(arguments.output, &lines, &json)?;
    Ok(Exit::Ok)
}
