//! The Muniment node.
//!
//! Owns: the node's command line, its configuration, the order in which it starts and stops. Holds no logic of the ledger.

mod cli;
mod config;
mod dev;
mod founding;
mod fsck;
mod init;
mod secrets;
mod serve;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command, ConfigCommand};

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let done = match command {
        Command::Fsck(arguments) => return fsck::run(&arguments),
        Command::Keys(arguments) => founding::make_keys(&arguments),
        Command::Founding(arguments) => founding::put_together(&arguments).and_then(|id| say(&id)),
        Command::Init { given, first } => given.config().and_then(|config| init::run(&config, first)),
        Command::Serve(given) => given.config().and_then(|config| serve::run(&config)),
        Command::Dev(arguments) => dev::run(&arguments),
        Command::Config(command) => look(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is closed.
            drop(writeln!(io::stderr(), "munimentd: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// `munimentd config`.
fn look(command: &ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check(given) => {
            given.config()?.check_files()?;
            say("the configuration holds")
        }
        ConfigCommand::Show { given, origin } => {
            for (key, value) in given.layers()?.values() {
                let Some((value, whence)) = value else { continue };
                let name = key.name;
                say(&if *origin {
                    format!("{name} = {value}    # {whence}")
                } else {
                    format!("{name} = {value}")
                })?;
            }
            Ok(())
        }
        ConfigCommand::Default => say(config::default_file().trim_end()),
    }
}

/// Prints a line for whoever asked.
fn say(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}
