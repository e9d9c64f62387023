//! `muniment bench`: three members as processes of this machine and the load beside them, over mutual TLS and on a real disk.
//!
//! A figure counts as a ratio to another system measured on the same machine in the same hour, never by itself.

mod disk;
mod load;
mod processes_cost;
mod records;
mod report;
mod tree;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use muniment_core::Suite;

use crate::cli::{OutputFormat, SuiteName};
use crate::console;
use crate::exit::{Exit, UsageError};
use crate::processes::Processes;
use load::{LOADS, Load};
use report::Report;

/// How long the members may take to be ready.
const READY_PATIENCE: Duration = Duration::from_secs(30);

/// Arguments of `muniment bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// Directory for the members' files, on a real disk; a directory is made in it and removed at the end.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The node's program. Default: munimentd beside this program.
    #[arg(long, value_name = "FILE")]
    munimentd: Option<PathBuf>,
    /// Hash suite of the ledger.
    #[arg(long, value_enum, default_value_t = SuiteName::Blake3)]
    suite: SuiteName,
    /// Seconds that each load is measured for.
    #[arg(long, value_name = "SECONDS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=600))]
    window: u64,
    /// Seconds that each load runs before it is measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up: u64,
    /// Only the loads whose name contains this; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Leaves that the ledger is filled up to before proofs, memory and restart are measured; 0 leaves that part out.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
    leaves: u64,
    /// Bytes of a record.
    #[arg(long, value_name = "NUMBER", default_value_t = 512, value_parser = clap::value_parser!(u64).range(400..=2_000))]
    record_bytes: u64,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
}

/// Measures, prints, and removes what it made.
///
/// # Errors
/// On a file system in memory, without the node's program, or when a member or a call fails.
pub(crate) fn run(arguments: &BenchArguments) -> anyhow::Result<Exit> {
    let parent = arguments.dir.clone().unwrap_or_else(std::env::temp_dir);
    let device = disk::insist_on_a_disk(&parent)?;
    arguments.insist_on_names()?;
    let loads: Vec<&Load> = LOADS.iter().filter(|load| arguments.wants(load.name)).collect();
    let scratch = disk::Scratch::make(&parent)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start threads")?;
    let program = arguments.munimentd.as_deref();
    let mut processes = Processes::found(program, &scratch.path, Suite::from(arguments.suite))?;
    let mut report = Report::new(device, arguments.record_bytes, &scratch.path)?;
    let measured = runtime.block_on(measure(arguments, &loads, &mut processes, &mut report));
    drop(processes);
    measured?;
    report.flush_after = Some(disk::probe(&scratch.path)?);
    match arguments.output {
        OutputFormat::Table => console::result(report.to_table())?,
        OutputFormat::Json => console::result(serde_json::to_string_pretty(&report)?)?,
    }
    Ok(Exit::Ok)
}

impl BenchArguments {
    /// Without it a slip of the pen would measure for minutes, and leave out what was asked for.
    fn insist_on_names(&self) -> Result<(), UsageError> {
        let is_none = |part: &&String| LOADS.iter().all(|load| !load.name.contains(part.as_str()));
        let Some(unknown) = self.only.iter().find(is_none) else { return Ok(()) };
        let names: Vec<&str> = LOADS.iter().map(|load| load.name).collect();
        Err(UsageError(format!("no load's name contains {unknown:?}; there are {}", names.join(", "))))
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}

async fn measure(
    arguments: &BenchArguments,
    loads: &[&Load],
    processes: &mut Processes,
    report: &mut Report,
) -> anyhow::Result<()> {
    for member in 0..processes.len() {
        processes.start(member)?;
    }
    let members: Vec<usize> = (0..processes.len()).collect();
    let leader = processes.leader(&members, READY_PATIENCE).await?;
    report.idle_rss_bytes = processes_cost::rss(processes)?;
    let window = Duration::from_secs(arguments.window);
    let warm_up = Duration::from_secs(arguments.warm_up);
    let record_bytes = usize::try_from(arguments.record_bytes).context("the size of a record")?;
    for load in loads {
        console::note(format_args!("{} ...", load.name))?;
        let row = load::run(load, processes, leader, record_bytes, (warm_up, window)).await?;
        if processes.leader(&members, READY_PATIENCE).await? != leader {
            bail!("{}: another member leads now; the machine is too busy to measure", load.name);
        }
        report.loads.push(row);
    }
    if arguments.leaves > 0 {
        report.tree = Some(tree::measure(processes, leader, arguments.leaves, record_bytes).await?);
    }
    Ok(())
}
