//! Muniment's command line for integrators, auditors and operators.
//!
//! Owns: what may be typed, what is printed, and the exit codes. Promises: results on stdout, everything else on stderr;
//! `verify` opens the two files that it is given and nothing else; what a ledger answers is checked by `muniment-client`
//! before it is printed. Must never: hold logic that a library should hold.

mod bench;
mod cli;
mod console;
mod contexts;
mod demo;
mod exit;
mod generate;
mod processes;
mod proto_json;
mod rows;
mod utc;
mod verbs;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use exit::Exit;

fn main() -> ExitCode {
    let Cli { connection, command } = Cli::parse();
    let ended = match command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Context(verb) => verbs::context::run(&connection, verb),
        Command::Completions(arguments) => verbs::shell::completions(&arguments),
        Command::Man(arguments) => verbs::shell::man(&arguments),
        verb => verbs::run(&connection, verb),
    };
    let exit = ended.unwrap_or_else(|error| {
        let exit = Exit::of(&error);
        if exit == Exit::Ok {
            return exit;
        }
        // With stderr gone there is nobody left to tell; the exit code says it.
        console::note(format_args!("muniment: {error:#}")).map_or(exit, |()| exit)
    });
    exit.into()
}
