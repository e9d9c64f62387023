//! `muniment demo`: three bureaus' ledger from its founding to a receipt, then a check that trusts nothing of it.
//!
//! Two halves, which may run in two processes: the import fills a directory, the check reads it.

mod bureaus;
mod check;
mod cluster;
mod compare;
mod decisions;
mod figures;
mod import;
mod ledger;
mod scenario;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use muniment_core::Suite;
use muniment_core::trust::TrustFile;
use tracing_subscriber::EnvFilter;

use crate::cli::{DemoArguments, Half};
use crate::console;
use crate::exit::{Exit, UsageError};
use bureaus::BUREAUS;
use cluster::{Cluster, now};
use scenario::{FOUNDING_FILE, Scenario, Source};

/// What an import is to do.
struct Plan {
    dir: PathBuf,
    suite: Suite,
    scenario: Scenario,
    strict: bool,
}

/// Runs the halves asked for.
///
/// # Errors
/// Whatever ends a half early.
pub(crate) fn run(arguments: &DemoArguments) -> anyhow::Result<Exit> {
    insist_on_sense(arguments)?;
    let dir = match &arguments.dir {
        Some(dir) => absolute(dir).with_context(|| format!("find {}", dir.display()))?,
        None => std::env::temp_dir().join(format!("muniment-demo-{:x}", now().0)),
    };
    if arguments.only != Some(Half::Check) {
        import(&Plan::of(arguments, dir.clone())?)?;
    }
    if arguments.only == Some(Half::Import) {
        return Ok(Exit::Ok);
    }
    let exit = check::check(&dir)?;
    if exit == Exit::Ok {
        invite(&dir)?;
    }
    Ok(exit)
}

/// Refuses combinations that would be passed over in silence, or give two files one stream.
fn insist_on_sense(arguments: &DemoArguments) -> Result<(), UsageError> {
    let DemoArguments { input, receipt, trust, only, .. } = arguments;
    if *only == Some(Half::Check) && (!input.is_empty() || receipt.is_some() || trust.is_some()) {
        let what = "`--only check` reads what the import left: leave out --input, --receipt and --trust";
        return Err(UsageError(what.to_owned()));
    }
    let mut names = BTreeSet::new();
    match input.iter().find(|path| !names.insert(path.file_name())) {
        None => Ok(()),
        Some(path) => {
            let what = "a file's name names its stream, and another input has the same: rename one";
            Err(UsageError(format!("{}: {what}", path.display())))
        }
    }
}

impl Plan {
    /// What was meant by what was typed; nothing is touched yet.
    fn of(arguments: &DemoArguments, dir: PathBuf) -> anyhow::Result<Self> {
        let full = |path: &PathBuf| absolute(path).with_context(|| format!("find {}", path.display()));
        let or_in_dir =
            |path: &Option<PathBuf>, name: &str| path.as_ref().map_or_else(|| Ok(dir.join(name)), full);
        let source = if arguments.input.is_empty() {
            Source::Generated { seed: arguments.seed, until_ms: now().0 }
        } else {
            let inputs = arguments.input.iter().map(full).collect::<anyhow::Result<_>>()?;
            Source::Files { inputs, mapping: arguments.mapping.as_ref().map(full).transpose()? }
        };
        let scenario = Scenario {
            source,
            receipt: or_in_dir(&arguments.receipt, "receipt.txt")?,
            trust: or_in_dir(&arguments.trust, "trust.json")?,
        };
        Ok(Self { dir, suite: arguments.suite.into(), scenario, strict: arguments.strict })
    }
}

/// The first half: founds the ledger, imports, writes receipt and trust file, stops every member.
fn import(plan: &Plan) -> anyhow::Result<()> {
    // Read before anything is made, so that a bad mapping leaves nothing behind.
    let mapping = match &plan.scenario.source {
        Source::Files { mapping, .. } => Some(scenario::mapping(mapping.as_deref())?),
        Source::Generated { .. } => None,
    };
    scenario::make_dir(&plan.dir)?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.try_init().map_err(|error| anyhow!("start logging: {error}"))?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the run time")?;
    runtime.block_on(import_into(plan, mapping))
}

async fn import_into(plan: &Plan, mapping: Option<muniment_intake::Mapping>) -> anyhow::Result<()> {
    let (founding, secrets) = bureaus::found(plan.suite)?;
    write(&plan.dir.join(FOUNDING_FILE), &founding.encode())?;
    let trust = TrustFile::of_founding(&founding).to_json();
    write(&plan.scenario.trust, trust.as_ref())?;
    plan.scenario.write(&plan.dir)?;
    let names: Vec<_> = BUREAUS.iter().map(|bureau| bureau.name).collect();
    console::note(format_args!(
        "ledger {} of {}, suite {}",
        founding.ledger_id(),
        names.join(", "),
        plan.suite
    ))?;

    let cluster = Arc::new(Cluster::start(&plan.dir, &founding, secrets).await?);
    let imported = match (&plan.scenario.source, mapping) {
        (Source::Files { inputs, .. }, Some(mapping)) => {
            import::import_files(&cluster, &founding, inputs, &mapping, plan.strict).await?
        }
        (Source::Files { .. }, None) => return Err(anyhow!("files without a mapping")),
        (Source::Generated { seed, until_ms }, _) => {
            let until = muniment_core::UnixMillis(*until_ms);
            let traffic = scenario::traffic(founding.ledger_id(), *seed, until);
            import::import_traffic(&cluster, &traffic).await?
        }
    };
    let (bureau, leaf) = imported.sample.context("no record without a flag to write a receipt for")?;
    let receipt = cluster.receipt(bureau, leaf).await?;
    write(&plan.scenario.receipt, &receipt)?;
    let cluster = Arc::into_inner(cluster).context("an import still runs")?;
    cluster.stop(imported.size).await
}

/// Names the files to play with.
fn invite(dir: &Path) -> anyhow::Result<()> {
    let scenario = Scenario::read(dir)?;
    let (receipt, trust) = (scenario.receipt.display(), scenario.trust.display());
    console::note(format_args!("the receipt: {receipt}, the bureaus' keys: {trust}"))?;
    console::note(format_args!("the members' files: {}", dir.display()))?;
    console::note(format_args!(
        "change a byte of them and run: muniment demo --only check --dir {}",
        dir.display()
    ))?;
    console::note(format_args!("verify offline:  muniment verify {receipt} --trust {trust}"))?;
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}
