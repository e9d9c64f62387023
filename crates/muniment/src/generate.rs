//! `muniment generate`: made-up records with their digests, for those who write an encoder or a client of their own.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use muniment_core::digest::record_digest;
use muniment_core::v1::Record;
use muniment_core::{Blind, Hash, LeafIndex, LedgerId, Suite, UnixMillis, record};
use muniment_intake::generator::{Options, Submission, Traffic};
use muniment_intake::specimen::{self, Specimens};
use serde::Serialize;

use crate::cli::{OutputFormat, SuiteName};
use crate::exit::{Exit, UsageError};

/// End of the made-up traffic, 2026-01-01T00:00:00Z: fixed, so that equal arguments give equal bytes on any day.
const UNTIL: UnixMillis = UnixMillis(1_767_225_600_000);
/// Bureaus that submit the traffic.
const BUREAUS: u32 = 3;

/// Arguments of `muniment generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateArguments {
    /// Records to write. The first ones are one of each kind; after these, drawn records of every kind, valid and without
    /// a meaning, take turns with the traffic of a made-up province, whose records cite each other by their number here.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    count: u32,
    /// Seed of everything that is drawn: equal arguments give equal bytes.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Hash suite of the digests.
    #[arg(long, value_enum, default_value_t = SuiteName::Blake3)]
    suite: SuiteName,
    /// Id of the ledger that the records are for, 64 hexadecimal digits. Default: 07 32 times, which is no ledger.
    #[arg(long, value_name = "ID", value_parser = ledger_id)]
    ledger: Option<LedgerId>,
    /// File to write, which must not exist. Default: stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// json: an object a line {number, kind, suite, blind, record, record_digest}, bytes in hexadecimal, `record` the
    /// canonical bytes. table: a line a record without its bytes. The blinds follow from the seed: never submit them.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Json)]
    output: OutputFormat,
}

/// One line of the result.
#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    kind: &'a str,
    suite: &'a str,
    blind: String,
    record: String,
    record_digest: String,
}

/// Writes the records.
///
/// # Errors
/// When the file exists or can't be made, or writing fails.
pub(crate) fn run(arguments: &GenerateArguments) -> anyhow::Result<Exit> {
    let mut out: Box<dyn Write> = match &arguments.out {
        Some(path) => Box::new(BufWriter::new(create(path)?)),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let suite = Suite::from(arguments.suite);
    for (number, record) in (0..u64::from(arguments.count)).zip(records(arguments)) {
        let bytes = record::encode(&record).with_context(|| format!("encode record {number}"))?;
        let blind = blind(arguments.seed, number);
        let digest = record_digest(suite, &blind, &bytes);
        let kind = record::kind(&record).context("a record has a body")?.row().name;
        match arguments.output {
            OutputFormat::Json => {
                let line = Line {
                    number,
                    kind,
                    suite: suite.name(),
                    blind: blind.to_string(),
                    record: hex(&bytes),
                    record_digest: digest.to_string(),
                };
                serde_json::to_writer(&mut out, &line).context("write a record")?;
                writeln!(out).context("write a record")?;
            }
            OutputFormat::Table => {
                writeln!(out, "{number:>8} {kind:<26} {:>6} bytes  {digest}", bytes.len())
                    .context("write a record")?;
            }
        }
    }
    out.flush().context("write the last records")?;
    Ok(Exit::Ok)
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create_new(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            UsageError(format!("{} is there already: it is not overwritten", path.display())).into()
        }
        _ => anyhow::Error::new(error).context(format!("make {}", path.display())),
    })
}

/// One of each kind, then traffic and drawn specimens in turn.
fn records(arguments: &GenerateArguments) -> impl Iterator<Item = Record> + use<> {
    let ledger_id = arguments.ledger.unwrap_or(specimen::LEDGER);
    let kinds = specimen::submitted_kinds().len();
    let mut specimens = Specimens::new(arguments.seed);
    let mut traffic = traffic(ledger_id, arguments, kinds).into_iter();
    (0_usize..).map_while(move |number| {
        let is_traffic = number >= kinds && (number - kinds).is_multiple_of(2);
        let mut record = if is_traffic { traffic.next() } else { None }.or_else(|| specimens.next())?;
        record.ledger_id = ledger_id.0.to_vec();
        Some(record)
    })
}

/// The traffic's records that the count has room for. A grant cites an application, and an access a grant, by the number
/// of its line, as if the lines were the leaves of a ledger.
fn traffic(ledger_id: LedgerId, arguments: &GenerateArguments, kinds: usize) -> Vec<Record> {
    // Both sides report each exchange, and every other line is one of the traffic's: half as many are enough.
    let exchanges = arguments.count / 2;
    let options = Options { exchanges, ..Options::small(arguments.seed, ledger_id, BUREAUS, UNTIL) };
    let traffic = Traffic::new(options);
    let mut records = Vec::new();
    let mut take = |step: &mut dyn Iterator<Item = Submission>| -> Vec<LeafIndex> {
        let before = records.len();
        records.extend(step.map(|submission| submission.record));
        (before..records.len()).map(|position| line_of(kinds, position)).collect()
    };
    take(&mut traffic.catalogue());
    let applications = take(&mut traffic.applications());
    let grants = take(&mut traffic.grants(&applications));
    let room = usize::try_from(arguments.count).unwrap_or(usize::MAX);
    take(&mut traffic.accesses(&grants).take(room));
    records
}

/// Number of the line of the traffic's record at this position.
fn line_of(kinds: usize, position: usize) -> LeafIndex {
    LeafIndex(u64::try_from(kinds + 2 * position).unwrap_or(u64::MAX))
}

/// The blind of a line: follows from seed and number.
fn blind(seed: u64, number: u64) -> Blind {
    let Hash(drawn) =
        Suite::Blake3.hash(&[b"muniment generate blind\0", &seed.to_be_bytes(), &number.to_be_bytes()]);
    let (first, _) = drawn.split_first_chunk().expect("32 bytes begin with 16");
    Blind(*first)
}

fn ledger_id(text: &str) -> Result<LedgerId, String> {
    LedgerId::from_hex(text).ok_or_else(|| "a ledger id has 64 lower-case hexadecimal digits".to_owned())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    bytes.iter().flat_map(digits).map(char::from).collect()
}
