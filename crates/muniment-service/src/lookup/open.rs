//! Opening the look-ups' directory: what a kill has left behind is cleared away, and whatever is doubtful is moved aside.

use std::ffi::OsString;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use muniment_core::{LedgerId, Suite};
use muniment_raft::LedgerView;

use super::rows::{Rows, RowsError, Watermark};

/// The file beside the directory that says: do not trust it.
pub(super) fn suspect_file(dir: &Path) -> PathBuf {
    beside(dir, ".suspect")
}

fn beside(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.file_name().map_or_else(|| OsString::from("lookup"), OsString::from);
    name.push(suffix);
    dir.with_file_name(name)
}

/// Opens the look-ups and holds them against the ledger; in any doubt they begin anew.
///
/// # Errors
/// Why there are none: also anew they could not be opened.
pub(super) fn open(
    dir: &Path,
    suite: Suite,
    ledger_id: &LedgerId,
    view: &LedgerView,
) -> Result<(Rows, Watermark), String> {
    let suspect = suspect_file(dir);
    if suspect.exists() {
        move_aside(dir, "the last run found them stuck").map_err(|error| error.to_string())?;
        std::fs::remove_file(&suspect).map_err(|error| error.to_string())?;
    }
    match try_open(dir, suite, ledger_id, view) {
        Ok(opened) => Ok(opened),
        Err(why) => {
            move_aside(dir, &why).map_err(|error| error.to_string())?;
            try_open(dir, suite, ledger_id, view)
        }
    }
}

fn try_open(
    dir: &Path,
    suite: Suite,
    ledger_id: &LedgerId,
    view: &LedgerView,
) -> Result<(Rows, Watermark), String> {
    clear_half_made_snapshots(dir).map_err(|error| error.to_string())?;
    // The database is known to panic over its own files; nothing that it touched is used after that.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let rows = Rows::open(dir, suite, ledger_id)?;
        let watermark = rows.watermark()?;
        rows.insist_on_ledger(&watermark, view)?;
        Ok::<_, RowsError>((rows, watermark))
    }));
    match opened {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("opening the database panicked".to_owned()),
    }
}

/// A kill during start left the directory unopenable for ever, 3 times of 5, for want of this.
fn clear_half_made_snapshots(dir: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Keeps the doubtful directory for whoever wants to know, one of them.
fn move_aside(dir: &Path, why: &str) -> io::Result<()> {
    let aside = beside(dir, ".aside");
    tracing::warn!(why, aside = %aside.display(), "the look-ups are moved aside and rebuilt");
    if aside.exists() {
        std::fs::remove_dir_all(&aside)?;
    }
    if dir.exists() { std::fs::rename(dir, aside) } else { Ok(()) }
}
