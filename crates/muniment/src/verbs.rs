//! The verbs that call a ledger, all over `muniment-client`.

pub(crate) mod access;
pub(crate) mod authorisation;
pub(crate) mod checkpoint;
pub(crate) mod cluster;
pub(crate) mod context;
pub(crate) mod flag;
pub(crate) mod licence;
pub(crate) mod receipt;
pub(crate) mod record;
pub(crate) mod shell;
mod view;

use anyhow::Context as _;
use muniment_client::Client;

use crate::cli::{Command, Connection};
use crate::console;
use crate::contexts;
use crate::exit::Exit;

/// Runs a verb until it is done, or the user interrupts it.
///
/// # Errors
/// What ended it; a failed call says first what to do about it.
pub(crate) fn run(connection: &Connection, command: Command) -> anyhow::Result<Exit> {
    let client = Client::new(&contexts::options(connection)?)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start threads")?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = verb(&client, command) => done,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        }
    });
    // A read of standard input can't be cancelled, and is not waited for.
    runtime.shutdown_background();
    if let Err(error) = &done
        && let Some(error) = error.downcast_ref::<muniment_client::Error>()
    {
        console::note(format_args!("muniment: what to do: {}", error.advice()))?;
    }
    done
}

async fn verb(client: &Client, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Record(verb) => record::run(client, verb).await,
        Command::Access(verb) => access::run(client, verb).await,
        Command::Receipt(verb) => receipt::run(client, verb).await,
        Command::Checkpoint(verb) => checkpoint::run(client, verb).await,
        Command::Authorisation(verb) => authorisation::run(client, verb).await,
        Command::Licence(verb) => licence::run(client, verb).await,
        Command::Flag(verb) => flag::run(client, verb).await,
        Command::Cluster(verb) => cluster::run(client, verb).await,
        Command::Demo(_)
        | Command::Bench(_)
        | Command::Generate(_)
        | Command::Verify(_)
        | Command::Context(_)
        | Command::Completions(_)
        | Command::Man(_) => anyhow::bail!("this command calls no ledger"),
    }
}
