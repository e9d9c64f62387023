//! `muniment licence show`: what was recorded about one licence.

use clap::{Args, Subcommand};
use futures::TryStreamExt as _;
use muniment_client::{Client, ListOptions};
use muniment_core::Kind;
use muniment_core::v1::record::Body;
use muniment_proto::v1::RecordFilter;

use super::view;
use crate::cli::RowsFormat;
use crate::exit::{Exit, Missing};
use crate::rows::Rows;

/// Verbs of licences.
#[derive(Debug, Subcommand)]
pub(crate) enum LicenceVerb {
    /// Print the records of one licence that this caller may read: issued, changed, suspended, revoked, used.
    ///
    /// Looks through all records about licences: a look-up by licence comes with `query`.
    Show(ShowArguments),
}

/// Arguments of `muniment licence show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The licence, scheme-qualified.
    #[arg(value_name = "LICENCE")]
    licence: String,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = RowsFormat::Table)]
    output: RowsFormat,
}

const KINDS: [Kind; 5] = [
    Kind::LicenceIssued,
    Kind::LicenceChanged,
    Kind::LicenceSuspended,
    Kind::LicenceRevoked,
    Kind::LicenceUsed,
];

/// Runs a verb.
pub(crate) async fn run(client: &Client, verb: LicenceVerb) -> anyhow::Result<Exit> {
    let LicenceVerb::Show(arguments) = verb;
    let kinds = KINDS.iter().map(|kind| i32::from(kind.number())).collect();
    let filter = Some(RecordFilter { kinds, ..RecordFilter::default() });
    let mut records = std::pin::pin!(client.list(ListOptions { filter, ..ListOptions::default() }));
    let mut rows = Rows::new(view::COLUMNS);
    let (mut found, mut withheld) = (0_u64, 0_u64);
    while let Some(record) = records.try_next().await? {
        withheld += u64::from(record.is_withheld());
        let body = record.record.as_ref().and_then(|record| record.body.as_ref());
        if body.and_then(licence) == Some(&arguments.licence) {
            found += 1;
            rows.push(view::cells(&record), view::json(&record)?);
        }
    }
    if found == 0 {
        let text = format!(
            "no record about licence {:?} that this caller may read; {withheld} records about licences are withheld",
            arguments.licence
        );
        return Err(Missing(text).into());
    }
    rows.print(arguments.output)?;
    Ok(Exit::Ok)
}

const fn licence(body: &Body) -> Option<&String> {
    match body {
        Body::LicenceIssued(issued) => Some(&issued.licence),
        Body::LicenceChanged(changed) => Some(&changed.licence),
        Body::LicenceSuspended(suspended) => Some(&suspended.licence),
        Body::LicenceRevoked(revoked) => Some(&revoked.licence),
        Body::LicenceUsed(used) => Some(&used.licence),
        _ => None,
    }
}
