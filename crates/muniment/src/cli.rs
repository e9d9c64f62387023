//! What may be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bench::BenchArguments;
use crate::demo::Scenes;
use crate::generate::GenerateArguments;
use crate::verbs::access::AccessVerb;
use crate::verbs::authorisation::AuthorisationVerb;
use crate::verbs::checkpoint::CheckpointVerb;
use crate::verbs::cluster::ClusterVerb;
use crate::verbs::context::ContextVerb;
use crate::verbs::flag::FlagVerb;
use crate::verbs::licence::LicenceVerb;
use crate::verbs::receipt::ReceiptVerb;
use crate::verbs::record::RecordVerb;
use crate::verbs::shell::{CompletionsArguments, ManArguments};

/// Muniment: a tamper-evident ledger of data-sharing actions.
///
/// Exit codes: 0 ok, 1 other, 2 usage or malformed, 3 verification failed: tampering, 4 not found, 5 unavailable, time-out or
/// not decidable, 6 not permitted, 7 conflict, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "muniment", version)]
pub(crate) struct Cli {
    /// Which ledger to call, and how.
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play a ledger of three bureaus in seven scenes, three processes on this machine; each scene can fail.
    Demo(DemoArguments),
    /// Measure three members on this machine's disk, with the load beside them.
    Bench(BenchArguments),
    /// Write made-up records of every kind with their digests, to hold an encoder of one's own against.
    Generate(GenerateArguments),
    /// Verify a receipt offline, against the keys of a trust file and nothing else.
    Verify(VerifyArguments),
    /// Write and read records.
    #[command(subcommand)]
    Record(RecordVerb),
    /// Ask the rules before an access.
    #[command(subcommand)]
    Access(AccessVerb),
    /// Get evidence that needs no ledger to be verified.
    #[command(subcommand)]
    Receipt(ReceiptVerb),
    /// Look at checkpoints, and hold the members against each other.
    #[command(subcommand)]
    Checkpoint(CheckpointVerb),
    /// Look at who may use what.
    #[command(subcommand)]
    Authorisation(AuthorisationVerb),
    /// Look at licences.
    #[command(subcommand)]
    Licence(LicenceVerb),
    /// Look at what the rules found.
    #[command(subcommand)]
    Flag(FlagVerb),
    /// Look at the members. Needs an administrator's certificate.
    #[command(subcommand)]
    Cluster(ClusterVerb),
    /// Name ledgers and ways to call them.
    #[command(subcommand)]
    Context(ContextVerb),
    /// Print completions for a shell.
    Completions(CompletionsArguments),
    /// Write man pages into a directory.
    Man(ManArguments),
}

/// Which ledger to call, and how.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// File of contexts. Default: muniment/contexts.toml in the user's configuration directory.
    #[arg(long, global = true, value_name = "FILE", env = "MUNIMENT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Context to use instead of the current one.
    #[arg(long, global = true, value_name = "NAME", env = "MUNIMENT_CONTEXT")]
    pub(crate) context: Option<String>,
    /// How long a call may take with all its retries, in seconds; of a stream, how long it may make no progress.
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) deadline: Option<u64>,
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
    /// Directory for the members' files, made anew by scene 1. Default: one in the system's temporary directory; kept.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Scenes to play, such as 1-4, and then 5-7 in the same --dir.
    #[arg(long, value_name = "SCENES", default_value = "1-7")]
    pub(crate) scenes: Scenes,
    /// The node's program. Default: munimentd beside this program.
    #[arg(long, value_name = "FILE")]
    pub(crate) munimentd: Option<PathBuf>,
    /// Print one JSON document at the end instead of lines as they come, which go to stderr then.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where to write the receipt. Default: receipt.txt in the directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    /// Where to write the trust file. Default: trust.json in the directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
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

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowsFormat {
    /// For people.
    Table,
    /// For programs: one JSON array, or one object a line where rows come without end.
    Json,
    /// For spreadsheets (RFC 4180).
    Csv,
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
