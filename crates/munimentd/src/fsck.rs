//! `munimentd fsck`: prints what a check of a data directory finds.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use muniment_store::FileDisk;
use muniment_store::disk::Disk;
use muniment_store::fsck::{Finding, Report, check_leaf, fsck};
use serde_json::json;

/// Arguments of `munimentd fsck`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The node's data directory: the one with the file `identity`.
    dir: PathBuf,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// The directory could not be checked.
const NOT_CHECKED: u8 = 2;

/// Checks and prints. Exit code 0 sound, 1 damaged, 2 not checked.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if !arguments.dir.is_dir() {
        return not_checked(&format!("{} is no directory", arguments.dir.display()));
    }
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    let report = match fsck(&disk, &arguments.dir, &check_leaf) {
        Ok(report) => report,
        Err(error) => return not_checked(&error.to_string()),
    };
    let written = if arguments.json { print_json(&report) } else { print_text(&report) };
    match written {
        // The exit code would be all that is left of the report: say so with it.
        Err(_) => ExitCode::from(NOT_CHECKED),
        Ok(()) if report.is_sound() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
    }
}

fn not_checked(why: &str) -> ExitCode {
    // Nobody is left to tell if standard error is closed.
    drop(writeln!(io::stderr(), "not checked: {why}"));
    ExitCode::from(NOT_CHECKED)
}

fn print_text(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for finding in &report.findings {
        writeln!(out, "damaged: {finding}")?;
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    let counts = &report.counts;
    let outcome = match report.findings.len() {
        0 => "sound".to_owned(),
        findings => format!("{findings} findings"),
    };
    writeln!(
        out,
        "{outcome}: {} leaves, {} admissions, {} tree nodes, {} checkpoints, {} log frames",
        counts.leaves, counts.admissions, counts.nodes, counts.checkpoints, counts.log_frames
    )
}

fn print_json(report: &Report) -> io::Result<()> {
    let finding = |finding: &Finding| {
        let Finding { file, offset, length, what } = finding;
        json!({ "file": file, "offset": offset, "length": length, "what": what })
    };
    let counts = &report.counts;
    let value = json!({
        "sound": report.is_sound(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "notes": report.notes,
        "leaves": counts.leaves,
        "admissions": counts.admissions,
        "nodes": counts.nodes,
        "checkpoints": counts.checkpoints,
        "log_frames": counts.log_frames,
    });
    writeln!(io::stdout().lock(), "{value:#}")
}
