//! `munimentd dev`: a ledger to try things on: some bureaus in one process, each with a CA, keys and a directory of its own.
//!
//! Everything lies in files, the way a real bureau has them: stop it, and run a member by
//! `munimentd serve --config <dir>/<bureau>/munimentd.toml`.

mod authority;
mod bureau;
mod contexts;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use muniment_core::Suite;

use crate::config::{Config, Layers};
use crate::founding::suite;
use crate::init;
use crate::serve::logging;
use crate::serve::node::Running;
use crate::serve::signals::{Signal, Signals};
use bureau::{BUREAUS, Bureau};

/// Arguments of `munimentd dev`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Members, 1 to 7.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=7))]
    nodes: u8,
    /// Keep the ledger here, and go on with the one that is there. Without it, it is gone when the process ends.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The hash suite of a new ledger: blake3, sha256 or sm3.
    #[arg(long, default_value = "blake3", value_parser = suite)]
    suite: Suite,
    /// Make the files of a new ledger and end: its members are then run by `munimentd serve`.
    #[arg(long, requires = "data")]
    files_only: bool,
}

/// Runs a ledger until the process is told to stop.
///
/// # Errors
/// What keeps a member from starting.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    logging::start_quietly();
    let scratch = tempfile::tempdir().context("make a directory")?;
    let dir = arguments.data.clone().unwrap_or_else(|| scratch.path().to_owned());
    let bureaus: Vec<Bureau> =
        BUREAUS.iter().take(usize::from(arguments.nodes)).map(|about| Bureau::new(&dir, *about)).collect();
    let configured: Vec<bool> = bureaus.iter().map(|bureau| bureau.config_file().exists()).collect();
    if configured.iter().all(|there| !there) {
        bureau::found(&dir, &bureaus, arguments.suite)?;
        for (position, bureau) in bureaus.iter().enumerate() {
            init::run(&config(bureau)?, position == 0)?;
        }
    } else if configured.iter().any(|there| !there) {
        bail!("{} holds a ledger of fewer than {} members", dir.display(), bureaus.len());
    }
    if arguments.files_only {
        return Ok(());
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start threads")?;
    let done = runtime.block_on(serve(&dir, &bureaus));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}

async fn serve(dir: &Path, bureaus: &[Bureau]) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let mut members = Vec::with_capacity(bureaus.len());
    for bureau in bureaus {
        let started = Running::start(&config(bureau)?).await;
        members.push(started.with_context(|| format!("start the member of {}", bureau.about.name))?);
    }
    for member in &members {
        member.wait_running().await?;
    }
    introduce(dir, bureaus, &members).context("print where the ledger is")?;
    while signals.next().await != Signal::Stop {
        for member in &members {
            member.reload().await;
        }
    }
    for member in members {
        member.stop().await;
    }
    Ok(())
}

fn config(bureau: &Bureau) -> anyhow::Result<Config> {
    let file = bureau.config_file();
    Config::read(&Layers::load(Some(&file), std::iter::empty(), &[])?)
}

/// Says where the members are, and what can be done now.
fn introduce(root: &Path, bureaus: &[Bureau], members: &[Running]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "A ledger of {} members is up.\n", members.len())?;
    for (bureau, member) in bureaus.iter().zip(members) {
        let address = member.public_address();
        writeln!(out, "{:<8} {address}   files {}", bureau.about.name, bureau.dir.display())?;
    }
    let (Some(first), Some(member)) = (bureaus.first(), members.first()) else { return Ok(()) };
    let (dir, address) = (first.dir.display(), member.public_address());
    // A node's certificate names a node, not a host: grpcurl is told to ask for nothing else.
    let call = format!("grpcurl -insecure -cert {dir}/client.pem -key {dir}/client.key {address}");
    writeln!(out, "\nTry (every bureau has a context, and one named <bureau>-admin):\n")?;
    let contexts = contexts::file(root);
    let muniment = format!("muniment --config {}", contexts.display());
    writeln!(out, "  {muniment} record list")?;
    writeln!(out, "  {muniment} --context {}-admin cluster status", first.about.code)?;
    writeln!(out, "\nOr (grpcurl does not check SPIFFE names; Muniment's own clients do):\n")?;
    writeln!(out, "  {call} list")?;
    writeln!(out, "  {call} muniment.v1.LedgerService/GetStatistics")?;
    writeln!(out, "  {call} muniment.v1.LedgerService/GetCheckpoint")?;
    writeln!(out, "\nCtrl-C ends it.")?;
    out.flush()
}
