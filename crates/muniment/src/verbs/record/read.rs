//! `muniment record get`, `list` and `watch`.

use futures::{StreamExt as _, TryStreamExt as _};
use muniment_client::{Client, LedgerRecord, ListOptions, WatchOptions, Watched};
use muniment_core::LeafIndex;
use muniment_proto::header::Freshness;

use super::super::view;
use super::{GetArguments, ListArguments, WatchArguments};
use crate::cli::RowsFormat;
use crate::console;
use crate::exit::Exit;
use crate::rows::{Rows, csv_line, print_one};
use crate::utc::utc;

/// Prints one record.
pub(super) async fn get(client: &Client, arguments: &GetArguments) -> anyhow::Result<Exit> {
    let record = client.get(arguments.record, Freshness::Linearizable).await?;
    let json = view::json(&record)?;
    let stub = &record.stub;
    let proven = record.included_in.map(|size| format!("in the tree of the cosigned checkpoint of {size}"));
    let mut lines = vec![
        ("leaf", record.leaf.to_string()),
        ("kind", view::kind_name(stub.kind).to_owned()),
        ("submitter", stub.submitter.to_string()),
        ("accepted at", utc(stub.accepted_at)),
        ("occurred at", utc(stub.occurred_at)),
        ("flags", none_or(view::flags(stub.verdict).join(" "))),
        ("rules", stub.rules.to_string()),
        ("record digest", record.record_digest.to_string()),
        ("proven", proven.unwrap_or_else(|| "not yet: no checkpoint covers it".to_owned())),
    ];
    let body = match &json["record"] {
        serde_json::Value::Null if record.is_withheld() => "withheld".to_owned(),
        serde_json::Value::Null => "written by the ledger".to_owned(),
        body => serde_json::to_string_pretty(body)?,
    };
    lines.push(("record", body));
    print_one(arguments.output, &lines, &json)?;
    Ok(Exit::Ok)
}

fn none_or(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

/// Prints records up to a limit.
pub(super) async fn list(client: &Client, arguments: &ListArguments) -> anyhow::Result<Exit> {
    let options = ListOptions {
        from: LeafIndex(arguments.from),
        until: arguments.until.map(LeafIndex),
        filter: arguments.filter.filter(),
        page_size: u32::try_from(arguments.limit.saturating_add(1)).ok(),
        ..ListOptions::default()
    };
    let mut records = std::pin::pin!(client.list(options));
    let mut rows = Rows::new(view::COLUMNS);
    let mut printed = 0;
    let mut next = None;
    while let Some(record) = records.try_next().await? {
        if printed == arguments.limit {
            next = Some(record.leaf);
            break;
        }
        rows.push(view::cells(&record), view::json(&record)?);
        printed += 1;
    }
    rows.print(arguments.output)?;
    if let Some(next) = next {
        console::note(format_args!("there are more: go on with --from {next}, or raise --limit"))?;
    }
    Ok(Exit::Ok)
}

/// Prints records as they come.
pub(super) async fn watch(client: &Client, arguments: &WatchArguments) -> anyhow::Result<Exit> {
    let options = WatchOptions { from: LeafIndex(arguments.from), filter: arguments.filter.filter() };
    let mut watch = std::pin::pin!(client.watch(options));
    if arguments.output == RowsFormat::Csv {
        console::result(csv_line(view::COLUMNS))?;
    }
    let mut left = arguments.count;
    while left != Some(0) {
        match watch.next().await {
            None => break,
            Some(watched) => match watched? {
                Watched::Progress { .. } => {}
                Watched::Record(record) => {
                    print(arguments.output, &record)?;
                    left = left.map(|left| left - 1);
                }
            },
        }
    }
    Ok(Exit::Ok)
}

/// Prints one record of many that come without end: no width is known.
fn print(format: RowsFormat, record: &LedgerRecord) -> anyhow::Result<()> {
    match format {
        RowsFormat::Json => console::result(view::json(record)?)?,
        RowsFormat::Csv => console::result(csv_line(&view::cells(record)))?,
        RowsFormat::Table => console::result(view::cells(record).join("  ").trim_end())?,
    }
    Ok(())
}
