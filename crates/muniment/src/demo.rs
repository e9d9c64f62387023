//! `muniment demo`: a ledger of three bureaus in seven scenes, each of which fails if what it shows does not hold.
//!
//! The members are processes of their own. What is said of the ledger is asked of it, over its public API; a directory is
//! kept, so that scenes can be played one after another, by several runs.

mod act;
mod compare;
mod damage;
mod decisions;
mod figures;
mod files;
mod import;
mod kills;
mod ledger;
mod licence;
mod members;
mod narrator;
mod offline;
mod scenario;
mod sent;
mod stage;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context as _, anyhow};
use muniment_core::LedgerId;
use muniment_core::UnixMillis;
use muniment_intake::{Import, Rows};
use tracing_subscriber::EnvFilter;

use crate::cli::DemoArguments;
use crate::console;
use crate::exit::{Exit, UsageError};
use narrator::Narrator;
use scenario::{Scenario, Source, importer};
use stage::{Stage, now};

pub(crate) use act::Scenes;

/// Plays the scenes asked for, and ends with what was found.
///
/// # Errors
/// Whatever ends a scene early, and every check that fails.
pub(crate) fn run(arguments: &DemoArguments) -> anyhow::Result<Exit> {
    insist_on_sense(arguments)?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.try_init().map_err(|error| anyhow!("start logging: {error}"))?;
    let dir = match &arguments.dir {
        Some(dir) => absolute(dir).with_context(|| format!("find {}", dir.display()))?,
        None => std::env::temp_dir().join(format!("muniment-demo-{:x}", now().0)),
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the run time")?;
    let program = arguments.munimentd.as_deref();
    let narrator = Narrator::new(arguments.json);
    let mut stage = if arguments.scenes.begin() {
        let scenario = scenario(arguments, &dir)?;
        Stage::found(program, dir.clone(), arguments.suite.into(), scenario, narrator)?
    } else {
        let scenario = Scenario::read(&dir)?;
        Stage::open(program, dir.clone(), scenario, narrator)?
    };
    stage.strict = arguments.strict;
    let played = runtime.block_on(act::play(&mut stage, &arguments.scenes));
    stage.narrator.finish(&dir)?;
    played?;
    invite(&stage, &dir)?;
    Ok(Exit::Ok)
}

/// Refuses combinations that would be passed over in silence, or give two files one stream.
fn insist_on_sense(arguments: &DemoArguments) -> Result<(), UsageError> {
    let DemoArguments { input, receipt, trust, scenes, dir, .. } = arguments;
    if !scenes.begin() {
        if dir.is_none() {
            return Err(UsageError("name the --dir in which scene 1 was played, or play it, too".to_owned()));
        }
        if !input.is_empty() || receipt.is_some() || trust.is_some() {
            let what = "--input, --receipt and --trust are what scene 1 was played with: leave them out";
            return Err(UsageError(what.to_owned()));
        }
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

/// What was meant by what was typed. Inputs are opened, so that one which can't be used leaves nothing behind.
fn scenario(arguments: &DemoArguments, dir: &Path) -> anyhow::Result<Scenario> {
    let full = |path: &PathBuf| absolute(path).with_context(|| format!("find {}", path.display()));
    let or_in_dir =
        |path: &Option<PathBuf>, name: &str| path.as_ref().map_or_else(|| Ok(dir.join(name)), full);
    let source = if arguments.input.is_empty() {
        Source::Generated { seed: arguments.seed, until_ms: now().0 }
    } else {
        let inputs = arguments.input.iter().map(full).collect::<anyhow::Result<Vec<_>>>()?;
        let file = arguments.mapping.as_ref().map(full).transpose()?;
        let mapping = scenario::mapping(file.as_deref())?;
        for (position, input) in inputs.iter().enumerate() {
            let citations = sent::any_citations(&mapping);
            let import = Import { ledger_id: LedgerId([0; 32]), submitter: importer(position), citations };
            drop(Rows::open(input, &mapping, import)?);
        }
        Source::Files { inputs, mapping: file }
    };
    Ok(Scenario {
        source,
        receipt: or_in_dir(&arguments.receipt, "receipt.txt")?,
        trust: or_in_dir(&arguments.trust, "trust.json")?,
        licence: None,
        imported: false,
    })
}

/// Names the files to play with.
fn invite(stage: &Stage, dir: &Path) -> anyhow::Result<()> {
    let Scenario { receipt, trust, .. } = &stage.scenario;
    let (receipt, trust, dir) = (receipt.display(), trust.display(), dir.display());
    console::note(format_args!("the receipt: {receipt}, the bureaus' keys: {trust}"))?;
    for member in 0..stage.processes.len() {
        let data = stage.processes.data_dir(member);
        console::note(format_args!("{}'s evidence: {}", stage.name(member), data.join("ledger").display()))?;
    }
    console::note(format_args!("change a byte of them and run: muniment demo --scenes 5 --dir {dir}"))?;
    console::note(format_args!("verify offline:  muniment verify {receipt} --trust {trust}"))?;
    console::note(format_args!("keep it running:  munimentd dev --data {dir}"))?;
    Ok(())
}

/// A time for people.
fn at(ms: u64) -> String {
    crate::utc::utc(UnixMillis(ms))
}
