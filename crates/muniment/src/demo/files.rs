//! The members' files while nobody runs: each by itself, as `munimentd fsck` checks it, and all side by side.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use muniment_store::FileDisk;
use muniment_store::disk::Disk;
use muniment_store::fsck::{check_leaf, fsck};

use super::compare::compare;
use super::stage::Stage;
use crate::console;

/// Checks every byte of every member. Findings are named one by one.
///
/// # Errors
/// When a file is damaged, or two members' evidence differs.
pub(super) fn check(stage: &mut Stage) -> anyhow::Result<()> {
    let damaged = check_each(stage)?;
    let different = compare_members(stage)?;
    if damaged > 0 || different > 0 {
        bail!("{damaged} damaged places, {different} differences in the members' files");
    }
    Ok(())
}

/// Checks each member's files by themselves; answers the number of damaged places.
fn check_each(stage: &mut Stage) -> anyhow::Result<usize> {
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    let mut damaged = 0;
    for member in 0..stage.processes.len() {
        let data_dir = stage.processes.data_dir(member);
        let report =
            fsck(&disk, &data_dir, &check_leaf).with_context(|| format!("check {}", data_dir.display()))?;
        for finding in &report.findings {
            let file = data_dir.join(&finding.file);
            console::note(format_args!("{}: offset {}: {}", file.display(), finding.offset, finding.what))?;
        }
        damaged += report.findings.len();
        if report.is_sound() {
            let line = format!("{}: {} leaves, every byte sound", stage.name(member), report.counts.leaves);
            stage.narrator.say(line)?;
        }
    }
    Ok(damaged)
}

/// Compares the members' evidence byte by byte; answers the number of differences.
fn compare_members(stage: &mut Stage) -> anyhow::Result<usize> {
    let members = 0..stage.processes.len();
    let dirs: Vec<PathBuf> = members.map(|member| stage.processes.data_dir(member).join("ledger")).collect();
    let comparison = compare(&dirs)?;
    for difference in &comparison.differences {
        console::note(difference)?;
    }
    if comparison.differences.is_empty() {
        let (files, bytes) = (comparison.files, comparison.bytes);
        let count = dirs.len();
        stage.narrator.say(format_args!("{files} files of {count} members equal, {bytes} bytes compared"))?;
    }
    Ok(comparison.differences.len())
}
