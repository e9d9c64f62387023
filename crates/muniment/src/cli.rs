//! What may be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bench::BenchArguments;
use crate::generate::GenerateArguments;

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
    /// Run three bureaus' ledger in this process, import records, write a receipt, and check every member.
    Demo(DemoArguments),
    /// Measure three members on this machine's disk, with the load beside them.
    Bench(BenchArguments),
    /// Write made-up records of every kind with their digests, to hold an encoder of one's own against.
    Generate(GenerateArguments),
    /// Verify a receipt offline, against the keys of a trust file and nothing else.
    Verify(VerifyArguments),
}

/// Arguments of `muniment demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// File to import, plain or gzip; may be repeated: each file is a stream of one bureau. Without it, made-up traffic.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// How the files' rows become records. Default: X-Road operational monitoring.
    #[arg(long, value_name = "FILE", requires = "input")]
    pub(crate) mapping: Option<PathBuf>,
    /// Hash suite of the ledger.
    #[arg(long, value_enum, default_value_t = SuiteName::Blake3)]
    pub(crate) suite: SuiteName,
    /// Directory for the members' files, made anew. Default: one in the system's temporary directory; kept.
    #[arg(long, value_name = "DIR", required_if_eq("only", "check"))]
    pub(crate) dir: Option<PathBuf>,
    /// Where to write the receipt. Default: receipt.txt in the directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    /// Where to write the trust file. Default: trust.json in the directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Do only one half: import into the directory, or check what an import left there.
    #[arg(long, value_enum)]
    pub(crate) only: Option<Half>,
    /// End the import at the first bad row instead of reporting it and going on.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Seed of the made-up traffic.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, conflicts_with = "input")]
    pub(crate) seed: u64,
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

/// Halves of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Half {
    /// Found the ledger, import, write receipt and trust file.
    Import,
    /// Check the members' files.
    Check,
}

/// Hash suites by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuiteName {
    /// BLAKE3.
    Blake3,
    /// SHA-256 (RFC 9162, C2SP).
    Sha256,
    /// SM3 (Chinese commercial cryptography).
    Sm3,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl From<SuiteName> for muniment_core::Suite {
    fn from(name: SuiteName) -> Self {
        match name {
            SuiteName::Blake3 => Self::Blake3,
            SuiteName::Sha256 => Self::Sha256,
            SuiteName::Sm3 => Self::Sm3,
        }
    }
}
