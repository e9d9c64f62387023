//! `muniment completions` and `muniment man`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::console;
use crate::exit::Exit;

/// Arguments of `muniment completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Arguments of `muniment man`.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Where to write `muniment.1` and a page for each command.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Prints completions: `muniment completions bash > /etc/bash_completion.d/muniment`.
pub(crate) fn completions(arguments: &CompletionsArguments) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "muniment", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Exit::Ok)
}

/// Writes man pages.
pub(crate) fn man(arguments: &ManArguments) -> anyhow::Result<Exit> {
    let dir = &arguments.dir;
    std::fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
    clap_mangen::generate_to(Cli::command(), dir)
        .with_context(|| format!("write man pages into {}", dir.display()))?;
    console::note(format_args!("wrote man pages into {}", dir.display()))?;
    Ok(Exit::Ok)
}
