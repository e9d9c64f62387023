//! Muniment's command line for integrators, auditors and operators.
//!
//! Owns: what may be typed, what is printed, and the exit codes. Promises: results on stdout, everything else on stderr;
//! `verify` opens the two files that it is given and nothing else. Must never: hold logic that a library should hold.

mod bench;
mod cli;
mod console;
mod demo;
mod exit;
mod generate;
mod processes;
mod utc;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use exit::Exit;

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
    };
    let exit = ended.unwrap_or_else(|error| {
        let exit = Exit::of(&error);
        // With stderr gone there is nobody left to tell; the exit code says it.
        console::note(format_args!("muniment: {error:#}")).map_or(exit, |()| exit)
    });
    exit.into()
}
