//! `muniment receipt get`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use muniment_client::Client;
use muniment_core::LeafIndex;
use serde_json::json;

use crate::cli::OutputFormat;
use crate::console;
use crate::exit::Exit;

/// Verbs of receipts.
#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptVerb {
    /// Print a leaf's receipt, verified; waits until it is cosigned. `muniment verify` needs nothing else.
    Get(GetArguments),
}

/// Arguments of `muniment receipt get`.
#[derive(Debug, Args)]
pub(crate) struct GetArguments {
    /// The leaf.
    #[arg(value_name = "LEAF")]
    leaf: u64,
    /// Write the receipt there instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How to print the result: table prints the receipt's text itself.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
}

/// Runs a verb.
pub(crate) async fn run(client: &Client, verb: ReceiptVerb) -> anyhow::Result<Exit> {
    let ReceiptVerb::Get(arguments) = verb;
    let receipt = client.receipt(LeafIndex(arguments.leaf)).await?;
    // Receipts are text by their format.
    let text = String::from_utf8_lossy(&receipt.text);
    if let Some(path) = &arguments.out {
        std::fs::write(path, &receipt.text).with_context(|| format!("write {}", path.display()))?;
    }
    match arguments.output {
        OutputFormat::Table if arguments.out.is_some() => {}
        OutputFormat::Table => console::result(text.strip_suffix('\n').unwrap_or(&text))?,
        OutputFormat::Json => {
            let proven = &receipt.proven;
            let json = json!({
                "leaf": proven.index.0,
                "verified": true,
                "record_digest": proven.record_digest.to_string(),
                "withheld": proven.body_withheld,
                "submitter": proven.submitter,
                "checkpoint_size": proven.checkpoint.size.0,
                "checkpoint_root": proven.checkpoint.root.to_string(),
                "receipt": text,
            });
            console::result(serde_json::to_string_pretty(&json)?)?;
        }
    }
    console::note(format_args!(
        "verified under the checkpoint of {} leaves",
        receipt.proven.checkpoint.size
    ))?;
    Ok(Exit::Ok)
}
