//! `muniment flag list`: what the rules found.

use clap::{Args, Subcommand};
use futures::TryStreamExt as _;
use muniment_client::{Client, ListOptions};
use muniment_core::{Flag, LeafIndex};
use muniment_proto::v1::RecordFilter;

use super::record::flag;
use super::view;
use crate::cli::RowsFormat;
use crate::console;
use crate::exit::Exit;
use crate::rows::Rows;

/// Verbs of flags.
#[derive(Debug, Subcommand)]
pub(crate) enum FlagVerb {
    /// Print the records with flags.
    List(ListArguments),
}

/// Arguments of `muniment flag list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Flags of which one at least is raised, as in `A01`; may be repeated. Default: any.
    #[arg(long = "flag", value_name = "FLAG", value_parser = flag)]
    flags: Vec<Flag>,
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

/// Runs a verb.
pub(crate) async fn run(client: &Client, verb: FlagVerb) -> anyhow::Result<Exit> {
    let FlagVerb::List(arguments) = verb;
    // Also bits that this build does not know.
    let any = if arguments.flags.is_empty() { u64::MAX } else { 0 };
    let flags_any = arguments.flags.iter().fold(any, |bits, flag| bits | 1 << flag.bit());
    let filter = Some(RecordFilter { flags_any, ..RecordFilter::default() });
    let options = ListOptions { from: LeafIndex(arguments.from), filter, ..ListOptions::default() };
    let mut records = std::pin::pin!(client.list(options));
    let mut rows = Rows::new(view::COLUMNS);
    let mut printed = 0;
    while let Some(record) = records.try_next().await? {
        if printed == arguments.limit {
            console::note(format_args!(
                "there are more: go on with --from {}, or raise --limit",
                record.leaf
            ))?;
            break;
        }
        rows.push(view::cells(&record), view::json(&record)?);
        printed += 1;
    }
    rows.print(arguments.output)?;
    Ok(Exit::Ok)
}
