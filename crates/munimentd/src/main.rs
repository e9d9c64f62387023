//! The Muniment node.
//!
//! Owns: the node's command line. So far it checks a node's data directory (`munimentd fsck`).

mod fsck;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The Muniment node.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check every byte of a stopped node's data directory. Exit code: 0 sound, 1 damaged, 2 not checked.
    Fsck(fsck::Arguments),
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    match command {
        Command::Fsck(arguments) => fsck::run(&arguments),
    }
}
