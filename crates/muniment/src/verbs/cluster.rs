//! `muniment cluster status`: how each member fares, by its own word.

use clap::{Args, Subcommand};
use muniment_client::Client;
use muniment_proto::admin::v1::GetStatusResponse;
use serde_json::json;

use crate::cli::RowsFormat;
use crate::console;
use crate::exit::Exit;
use crate::proto_json;
use crate::rows::Rows;

/// Verbs of a ledger's members.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterVerb {
    /// Ask every endpoint for its status. Fails if none answers.
    Status(StatusArguments),
}

/// Arguments of `muniment cluster status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = RowsFormat::Table)]
    output: RowsFormat,
}

const COLUMNS: &[&str] =
    &["endpoint", "node", "state", "role", "leader", "raft_term", "leaves", "sealed", "cosigned", "alarms"];

/// Runs a verb.
pub(crate) async fn run(client: &Client, verb: ClusterVerb) -> anyhow::Result<Exit> {
    let ClusterVerb::Status(arguments) = verb;
    let mut rows = Rows::new(COLUMNS);
    let mut failed = Vec::new();
    let mut answered = 0;
    for (endpoint, status) in client.status().await {
        match status {
            Ok(status) => {
                answered += 1;
                let json = proto_json::to_json("muniment.admin.v1.GetStatusResponse", &status)?;
                let cells = cells(&endpoint, &status);
                rows.push(cells, json!({"endpoint": endpoint, "answered": true, "status": json}));
            }
            Err(error) => {
                let mut cells = vec![endpoint.clone(), String::new(), "no answer".to_owned()];
                cells.resize(COLUMNS.len(), String::new());
                rows.push(
                    cells,
                    json!({"endpoint": endpoint, "answered": false, "error": error.to_string()}),
                );
                failed.push(error);
            }
        }
    }
    if answered > 0 {
        for error in &failed {
            console::note(format_args!("muniment: {error}"))?;
        }
        rows.print(arguments.output)?;
        return Ok(Exit::Ok);
    }
    // The first says it for all: no certificate of an administrator, or nobody there.
    match failed.into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(Exit::Ok),
    }
}

fn cells(endpoint: &str, status: &GetStatusResponse) -> Vec<String> {
    let node = status.node.clone().unwrap_or_default();
    let short = |name: &str, prefix: &str| name.strip_prefix(prefix).unwrap_or(name).to_lowercase();
    let mut state = short(node.state().as_str_name(), "NODE_STATE_");
    if !node.state_reason.is_empty() {
        state = format!("{state}: {}", node.state_reason);
    }
    vec![
        endpoint.to_owned(),
        node.node_id.to_string(),
        state,
        short(node.role().as_str_name(), "RAFT_ROLE_"),
        node.leader_id.to_string(),
        node.raft_term.to_string(),
        node.tree_size.to_string(),
        node.sealed_size.to_string(),
        node.cosigned_size.to_string(),
        node.alarms.len().to_string(),
    ]
}
