//! `muniment record`: write and read records.

mod explain;
mod import;
mod read;
mod write;

pub(super) use explain::meaning;
pub(crate) use explain::revocation;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use muniment_client::Client;
use muniment_core::{BureauNumber, Flag, Hash, Kind, LeafIndex, RequestId};
use muniment_proto::record_filter::RecordName;
use muniment_proto::submission::Level;
use muniment_proto::v1;

use crate::cli::{OutputFormat, RowsFormat};
use crate::exit::Exit;

/// Verbs of records.
#[derive(Debug, Subcommand)]
pub(crate) enum RecordVerb {
    /// Encode a record from JSON canonically, with its blind and request id: nothing is sent.
    Encode(EncodeArguments),
    /// Append a record from JSON, or what `encode` printed, and print where it is.
    Submit(SubmitArguments),
    /// Print one record, checked and proven.
    Get(GetArguments),
    /// Print records by what their stubs say.
    List(ListArguments),
    /// Print records as they are sealed, without end.
    Watch(WatchArguments),
    /// Say why a record has its flags: which rule, by which version of which authorisation.
    Explain(ExplainArguments),
    /// Append the rows of files through a mapping, each file as a stream of its own.
    Import(ImportArguments),
}

/// Arguments of `muniment record encode`.
#[derive(Debug, Args)]
pub(crate) struct EncodeArguments {
    /// The record as JSON with the schema's field names; - = standard input. Ledger and submitter may be left out.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Arguments of `muniment record submit`.
#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    /// The record as JSON, or what `encode` printed; - = standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What to wait for.
    #[arg(long, value_enum, default_value_t = LevelName::Cosigned)]
    wait: LevelName,
    /// Where to write the receipt.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
}

/// Arguments of `muniment record get`.
#[derive(Debug, Args)]
pub(crate) struct GetArguments {
    /// The record: its leaf, its digest (64 hexadecimal digits), or <submitter>/<request id>[/<position>].
    #[arg(value_name = "RECORD", value_parser = record_name)]
    record: RecordName,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
}

/// Which records are printed.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Kinds, as in `access_executed`; may be repeated.
    #[arg(long = "kind", value_name = "KIND", value_parser = kind)]
    kinds: Vec<Kind>,
    /// Flags of which one at least is raised, as in `A01`; may be repeated.
    #[arg(long = "flag", value_name = "FLAG", value_parser = flag)]
    flags: Vec<Flag>,
    /// Number of the bureau that submitted; 0 = the ledger itself.
    #[arg(long, value_name = "NUMBER")]
    submitter: Option<u32>,
}

/// Arguments of `muniment record list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    filter: FilterArguments,
    /// First leaf.
    #[arg(long, value_name = "LEAF", default_value_t = 0)]
    from: u64,
    /// Leaf after the last.
    #[arg(long, value_name = "LEAF")]
    until: Option<u64>,
    /// Print so many at most.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = RowsFormat::Table)]
    output: RowsFormat,
}

/// Arguments of `muniment record watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    filter: FilterArguments,
    /// First leaf.
    #[arg(long, value_name = "LEAF", default_value_t = 0)]
    from: u64,
    /// End after so many records instead of never.
    #[arg(long, value_name = "COUNT")]
    count: Option<usize>,
    /// How to print the records: JSON comes as one object a line.
    #[arg(short, long, value_enum, default_value_t = RowsFormat::Table)]
    output: RowsFormat,
}

/// Arguments of `muniment record explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The record's leaf.
    #[arg(value_name = "LEAF")]
    leaf: u64,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
}

/// Arguments of `muniment record import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// Files, plain or gzip.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How the files' rows become records.
    #[arg(long, value_name = "FILE")]
    mapping: PathBuf,
    /// A leaf that the mapping cites; may be repeated.
    #[arg(long = "cite", value_name = "NAME=LEAF", value_parser = citation)]
    citations: Vec<(String, LeafIndex)>,
    /// End at the first bad or refused row instead of reporting it and going on.
    #[arg(long)]
    strict: bool,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
}

/// Levels by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LevelName {
    /// Durable on a majority: an acknowledgement.
    Committed,
    /// Under a cosigned checkpoint: a receipt.
    Cosigned,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Committed => Self::Committed,
            LevelName::Cosigned => Self::Cosigned,
        }
    }
}

impl FilterArguments {
    /// The filter; none where all records are meant.
    fn filter(&self) -> Option<v1::RecordFilter> {
        let filter = v1::RecordFilter {
            submitter: self.submitter,
            kinds: self.kinds.iter().map(|kind| i32::from(kind.number())).collect(),
            flags_any: self.flags.iter().fold(0, |bits, flag| bits | 1 << flag.bit()),
            ..v1::RecordFilter::default()
        };
        (filter != v1::RecordFilter::default()).then_some(filter)
    }
}

/// Runs a verb.
pub(crate) async fn run(client: &Client, verb: RecordVerb) -> anyhow::Result<Exit> {
    match verb {
        RecordVerb::Encode(arguments) => write::encode(client, &arguments),
        RecordVerb::Submit(arguments) => write::submit(client, &arguments).await,
        RecordVerb::Get(arguments) => read::get(client, &arguments).await,
        RecordVerb::List(arguments) => read::list(client, &arguments).await,
        RecordVerb::Watch(arguments) => read::watch(client, &arguments).await,
        RecordVerb::Explain(arguments) => explain::explain(client, &arguments).await,
        RecordVerb::Import(arguments) => import::import(client, arguments).await,
    }
}

/// Reads bytes in hexadecimal.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn record_name(text: &str) -> Result<RecordName, String> {
    if let Some(digest) = hex(text) {
        return Ok(RecordName::Digest(Hash(digest)));
    }
    if let Ok(leaf) = text.parse() {
        return Ok(RecordName::Leaf(LeafIndex(leaf)));
    }
    let mut parts = text.split('/');
    let submitter = parts.next().and_then(|part| part.parse().ok()).map(BureauNumber);
    let request_id = parts.next().and_then(hex).map(RequestId);
    let position = parts.next().map_or(Some(0), |part| part.parse().ok());
    match (submitter, request_id, position, parts.next()) {
        (Some(submitter), Some(request_id), Some(position), None) => {
            Ok(RecordName::Submission { submitter, request_id, position })
        }
        _ => Err("is no leaf, digest, or <submitter>/<request id>[/<position>]".to_owned()),
    }
}

pub(super) fn kind(text: &str) -> Result<Kind, String> {
    let row = Kind::TABLE.iter().find(|row| row.name == text);
    row.map(|row| row.kind).ok_or_else(|| {
        let names: Vec<&str> = Kind::TABLE.iter().map(|row| row.name).collect();
        format!("is none of: {}", names.join(", "))
    })
}

pub(super) fn flag(text: &str) -> Result<Flag, String> {
    Flag::from_code(text).ok_or_else(|| {
        let codes: Vec<&str> = Flag::ALL.iter().map(|flag| flag.code()).collect();
        format!("is none of: {}", codes.join(", "))
    })
}

fn citation(text: &str) -> Result<(String, LeafIndex), String> {
    let parts = text.split_once('=').and_then(|(name, leaf)| Some((name, leaf.parse().ok()?)));
    let (name, leaf) = parts.ok_or("is not <name>=<leaf>")?;
    Ok((name.to_owned(), LeafIndex(leaf)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_leaf_digest_or_submission() {
        assert_eq!(record_name("17"), Ok(RecordName::Leaf(LeafIndex(17))));
        assert_eq!(record_name(&"ab".repeat(32)), Ok(RecordName::Digest(Hash([0xab; 32]))));
        let id = RequestId([0x11; 16]);
        let name = |position| RecordName::Submission { submitter: BureauNumber(2), request_id: id, position };
        assert_eq!(record_name(&format!("2/{}", "11".repeat(16))), Ok(name(0)));
        assert_eq!(record_name(&format!("2/{}/5", "11".repeat(16))), Ok(name(5)));
        for text in ["", "-1", "x", "2/11", "2/+1", &format!("2/{}/5/6", "11".repeat(16))] {
            assert!(record_name(text).is_err(), "{text:?}");
        }
    }
}
