//! `muniment record import`: rows of foreign files through a mapping, each file as a stream. Imported again from the same
//! state directory, a file doubles nothing.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, anyhow};
use futures::StreamExt as _;
use futures::channel::mpsc;
use indicatif::{ProgressBar, ProgressStyle};
use muniment_client::{Answered, Client, Prepared, StreamOptions};
use muniment_core::{Blind, Suite};
use muniment_intake::{Import, IntakeError, Mapping, Rows};
use muniment_proto::submission::Level;
use serde_json::json;

use super::ImportArguments;
use crate::console;
use crate::exit::{Exit, UsageError};
use crate::rows::print_one;

/// Rows that are read ahead of what is sent.
const AHEAD: usize = 1_024;

/// Where the key of the blinds is, in the state directory.
const KEY_FILE: &str = "import.key";

/// Makes blinds that nobody else can guess, and that are the same when a file is imported again: with another blind a row
/// would be another record in the same place of its stream (S02).
#[derive(Clone)]
struct Blinding([u8; 32]);

impl Blinding {
    /// Reads the key, or draws it at the first import.
    fn open(dir: &Path) -> anyhow::Result<Self> {
        let file = dir.join(KEY_FILE);
        if !file.exists() {
            fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
            let mut key = [0; 32];
            getrandom::fill(&mut key).map_err(|error| anyhow!("draw the key of the blinds: {error}"))?;
            // For its owner's eyes only, and whole or not there.
            let draft = tempfile::NamedTempFile::new_in(dir).and_then(|mut draft| {
                draft.write_all(&key)?;
                draft.as_file().sync_all()?;
                Ok(draft)
            });
            let draft = draft.with_context(|| format!("write {}", file.display()))?;
            match draft.persist_noclobber(&file) {
                Ok(_) => {}
                // Another import was faster: its key is the key.
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.error).with_context(|| format!("write {}", file.display())),
            }
        }
        let key = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        let key = key.try_into().map_err(|_| anyhow!("{} is no key of 32 bytes", file.display()))?;
        Ok(Self(key))
    }

    /// The blind of a record: a keyed hash of its bytes, which hold its stream and its place there.
    fn blind(&self, record: &[u8]) -> Blind {
        let digest = Suite::Blake3.hash(&[b"muniment/v1/import-blind\0", &self.0, record]);
        let mut blind = [0; 16];
        blind.copy_from_slice(&digest.0[..16]);
        Blind(blind)
    }
}

/// What became of the rows, as the ledger answered them.
#[derive(Default)]
struct Counts {
    appended: u64,
    duplicates: u64,
    flagged: u64,
    refused: u64,
    bad: u64,
    first_leaf: Option<u64>,
    last_leaf: Option<u64>,
}

/// Imports files one after another.
pub(super) async fn import(client: &Client, arguments: ImportArguments) -> anyhow::Result<Exit> {
    let mapping = Mapping::read(&arguments.mapping)?;
    let submitter = client.bureau().ok_or_else(|| {
        UsageError("the context names no bureau: `muniment context set NAME --bureau NUMBER`".to_owned())
    })?;
    let citations: BTreeMap<_, _> = arguments.citations.iter().cloned().collect();
    let import = Import { ledger_id: client.trust().ledger_id, submitter, citations };
    let mut files = Vec::with_capacity(arguments.files.len());
    for file in &arguments.files {
        files.push((file.clone(), Rows::open(file, &mapping, import.clone())?));
    }
    let dir = client.state_dir().context("the client has no state directory")?;
    let blinding = Blinding::open(dir)?;
    let bar = progress_bar(files.iter().map(|(_, rows)| rows.progress().1).sum());
    let mut counts = Counts::default();
    for (file, rows) in files {
        let imported = import_file(client, &blinding, rows, arguments.strict, &bar, &mut counts).await;
        imported.with_context(|| format!("import {}", file.display()))?;
    }
    bar.finish_and_clear();
    report(&arguments, &counts)?;
    Ok(if counts.refused + counts.bad > 0 && arguments.strict { Exit::Malformed } else { Exit::Ok })
}

/// Imports one file: rows are read on a thread of their own, and answered here.
async fn import_file(
    client: &Client,
    blinding: &Blinding,
    rows: Rows,
    strict: bool,
    bar: &ProgressBar,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    let (sender, prepared) = mpsc::channel(AHEAD);
    let name = rows.stream().to_owned();
    let reader = Reader {
        client: client.clone(),
        blinding: blinding.clone(),
        strict,
        bar: bar.clone(),
        sender,
        bad: 0,
        numbers: Vec::new(),
    };
    let reading = tokio::task::spawn_blocking(move || reader.read(rows));
    let options = StreamOptions { wait_for: Level::Committed, skip_refused: !strict };
    let mut answers = std::pin::pin!(client.submit_stream(prepared, options));
    let mut refused = Vec::new();
    while let Some(answer) = answers.next().await {
        let Answered { position, result, .. } = answer?;
        match result {
            Ok(submitted) => counts.take(&submitted),
            Err(error) => {
                counts.refused += 1;
                refused.push((position, error));
            }
        }
    }
    let (bad, numbers) = reading.await.context("the reader of rows ended early")??;
    counts.bad += bad;
    for (position, error) in refused {
        let row = usize::try_from(position).ok().and_then(|position| numbers.get(position).copied());
        let row = row.map_or_else(String::new, |row| format!(": row {row}"));
        bar.suspend(|| console::note(format_args!("{name}{row}: {error}")))?;
    }
    Ok(())
}

/// Reads rows and hands on the good ones.
struct Reader {
    client: Client,
    blinding: Blinding,
    strict: bool,
    bar: ProgressBar,
    sender: mpsc::Sender<Prepared>,
    bad: u64,
    /// The row of each record that was handed on, for those that are refused.
    numbers: Vec<u64>,
}

impl Reader {
    /// Answers how many rows were bad, and the rows of the others.
    fn read(mut self, mut rows: Rows) -> anyhow::Result<(u64, Vec<u64>)> {
        let mut seen = 0;
        while let Some(row) = rows.next() {
            match row {
                Ok(row) => {
                    let blind = self.blinding.blind(&row.bytes);
                    let prepared = self.client.prepare_bytes(row.bytes.into(), blind)?;
                    self.numbers.push(row.number);
                    let sent =
                        futures::executor::block_on(futures::SinkExt::send(&mut self.sender, prepared));
                    if sent.is_err() {
                        // The stream ended, and says why.
                        break;
                    }
                }
                Err(IntakeError::Row(error)) if !self.strict => {
                    self.bad += 1;
                    self.bar.suspend(|| console::note(&error))?;
                }
                Err(IntakeError::Row(error)) => return Err(UsageError(error.to_string()).into()),
                Err(error) => return Err(error.into()),
            }
            let (now, _) = rows.progress();
            self.bar.inc(now - seen);
            seen = now;
        }
        Ok((self.bad, self.numbers))
    }
}

impl Counts {
    fn take(&mut self, submitted: &muniment_client::Submitted) {
        if submitted.duplicate {
            self.duplicates += 1;
        } else {
            self.appended += 1;
        }
        if let Some(place) = submitted.place {
            self.flagged += u64::from(place.verdict.0 != 0);
            self.first_leaf = Some(self.first_leaf.map_or(place.leaf.0, |leaf| leaf.min(place.leaf.0)));
            self.last_leaf = self.last_leaf.max(Some(place.leaf.0));
        }
    }
}

fn report(arguments: &ImportArguments, counts: &Counts) -> anyhow::Result<()> {
    let files: Vec<String> =
        arguments.files.iter().map(PathBuf::as_path).map(|file| file.display().to_string()).collect();
    let json = json!({
        "files": files,
        "appended": counts.appended,
        "duplicates": counts.duplicates,
        "flagged": counts.flagged,
        "refused": counts.refused,
        "bad_rows": counts.bad,
        "first_leaf": counts.first_leaf,
        "last_leaf": counts.last_leaf,
    });
    let leaf = |leaf: Option<u64>| leaf.map_or_else(|| "-".to_owned(), |leaf| leaf.to_string());
    let lines = [
        ("appended", counts.appended.to_string()),
        ("were there", counts.duplicates.to_string()),
        ("flagged", counts.flagged.to_string()),
        ("refused", counts.refused.to_string()),
        ("bad rows", counts.bad.to_string()),
        ("leaves", format!("{} to {}", leaf(counts.first_leaf), leaf(counts.last_leaf))),
    ];
    print_one(arguments.output, &lines, &json)
}

/// A bar on stderr, drawn only on a terminal.
fn progress_bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    match ProgressStyle::with_template("importing {wide_bar} {bytes} of {total_bytes}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
