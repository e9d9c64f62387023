//! `muniment checkpoint`: the newest one, and the members held against each other.

use clap::{Args, Subcommand};
use muniment_client::{Client, MemberCheckpoint};
use muniment_core::TreeSize;
use muniment_core::checkpoint::Checkpoint;
use serde_json::{Value, json};

use crate::cli::{OutputFormat, RowsFormat};
use crate::exit::Exit;
use crate::rows::{Rows, print_one};

/// Verbs of checkpoints.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointVerb {
    /// Print the newest cosigned checkpoint: verified, and consistent with the last that was seen here.
    Show(ShowArguments),
    /// Hold every member's newest checkpoint against the last that was seen here, and so against each other.
    Compare(CompareArguments),
}

/// Arguments of `muniment checkpoint show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Wait for a checkpoint of at least so many leaves.
    #[arg(long, value_name = "LEAVES")]
    min_size: Option<u64>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
}

/// Arguments of `muniment checkpoint compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = RowsFormat::Table)]
    output: RowsFormat,
}

/// Runs a verb.
pub(crate) async fn run(client: &Client, verb: CheckpointVerb) -> anyhow::Result<Exit> {
    match verb {
        CheckpointVerb::Show(arguments) => show(client, &arguments).await,
        CheckpointVerb::Compare(arguments) => compare(client, &arguments).await,
    }
}

async fn show(client: &Client, arguments: &ShowArguments) -> anyhow::Result<Exit> {
    let checkpoint = client.checkpoint(arguments.min_size.map(TreeSize)).await?;
    let body = &checkpoint.body;
    let lines = [
        ("origin", body.origin.clone()),
        ("suite", body.suite.to_string()),
        ("size", body.size.to_string()),
        ("root", body.root.to_string()),
        ("members", format!("epoch {}", body.members_epoch)),
        ("signed by", signers(&checkpoint).join(" ")),
    ];
    print_one(arguments.output, &lines, &to_json(&checkpoint))?;
    Ok(Exit::Ok)
}

fn signers(checkpoint: &Checkpoint) -> Vec<String> {
    checkpoint.lines.iter().map(|line| line.name.clone()).collect()
}

fn to_json(checkpoint: &Checkpoint) -> Value {
    let body = &checkpoint.body;
    json!({
        "origin": body.origin,
        "suite": body.suite.name(),
        "size": body.size.0,
        "root": body.root.to_string(),
        "index_root": body.index_root.to_string(),
        "members_epoch": body.members_epoch,
        "signed_by": signers(checkpoint),
        "note": checkpoint.to_note(),
    })
}

/// Ends with the worst of what the members were found to be: a contradiction before silence.
async fn compare(client: &Client, arguments: &CompareArguments) -> anyhow::Result<Exit> {
    let mut rows = Rows::new(&["endpoint", "size", "root", "finding"]);
    let mut worst = Exit::Ok;
    for MemberCheckpoint { endpoint, checkpoint } in client.compare_checkpoints().await {
        match checkpoint {
            Ok(checkpoint) => {
                let body = &checkpoint.body;
                let cells =
                    vec![endpoint.clone(), body.size.to_string(), body.root.to_string(), "holds".to_owned()];
                rows.push(
                    cells,
                    json!({"endpoint": endpoint, "holds": true, "checkpoint": to_json(&checkpoint)}),
                );
            }
            Err(error) => {
                let exit = Exit::of_class(error.class());
                if worst != Exit::Tampered && (worst == Exit::Ok || exit == Exit::Tampered) {
                    worst = exit;
                }
                let text = error.to_string();
                rows.push(
                    vec![endpoint.clone(), String::new(), String::new(), text.clone()],
                    json!({"endpoint": endpoint, "holds": false, "error": text}),
                );
            }
        }
    }
    rows.print(arguments.output)?;
    Ok(worst)
}
