//! What may be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Muniment: a tamper-evident ledger of data-sharing actions.
///
/// Exit codes: 0 ok, 1 other, 2 usage or malformed, 3 verification failed: tampering, 5 not decidable.
#[derive(Debug, Parser)]
#[command(name = "muniment", version)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify a receipt offline, against the keys of a trust file and nothing else.
    Verify(VerifyArguments),
}

/// Arguments of `muniment verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The receipt.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The trust file: the bureaus' keys, from a source that you trust.
    #[arg(long, value_name = "TRUST")]
    pub(crate) trust: PathBuf,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    pub(crate) output: OutputFormat,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}
