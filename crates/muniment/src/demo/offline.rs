//! Scene 5: what the evidence is worth when no member runs.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use muniment_core::verify::Outcome;

use super::files;
use super::stage::Stage;
use crate::exit::UsageError;
use crate::verify::verify_files;

/// Name of the receipt with a wrong byte, in the demo's directory.
const CHANGED: &str = "receipt-changed.txt";

/// Stops all, checks the files, verifies the receipt, and has a changed one refused.
///
/// # Errors
/// When a file is damaged, the receipt does not verify, or the changed one does.
pub(super) async fn check(stage: &mut Stage) -> anyhow::Result<()> {
    if stage.is_running() {
        stage.settle().await?;
        stage.stop_all()?;
    }
    files::check(stage)?;
    if stage.scenario.licence.is_none() {
        return Err(UsageError("scene 5 verifies the receipt of scene 2: play that first".to_owned()).into());
    }
    let (receipt, trust) = (stage.scenario.receipt.clone(), stage.scenario.trust.clone());
    let verification = verify_files(&receipt, &trust)?;
    if let Some(failure) = verification.failure {
        let (outcome, step) = (failure.outcome.name(), failure.step.name());
        bail!("{}: {outcome} at step {step}: {}", receipt.display(), failure.reason);
    }
    let proven = verification.proven.context("a verified receipt proves something")?;
    stage.narrator.say(format_args!(
        "{}: verified without a ledger: leaf {} of {}, cosigned by {} of {} bureaus",
        receipt.display(),
        proven.index,
        proven.checkpoint.size,
        proven.cosigned.times.len(),
        proven.members.members.len(),
    ))?;
    let changed = stage.dir.join(CHANGED);
    let at = change_byte(&receipt, &changed)?;
    let verification = verify_files(&changed, &trust)?;
    match (verification.outcome, verification.failure) {
        (Outcome::Tampered | Outcome::Malformed, Some(failure)) => stage.narrator.say(format_args!(
            "{}: byte {at} changed: {} at step {}: {}",
            changed.display(),
            failure.outcome.name(),
            failure.step.name(),
            failure.reason
        )),
        (outcome, _) => bail!("byte {at} of the receipt changed, and it is {}", outcome.name()),
    }
}

/// Copies a file with its middle byte changed; answers which one.
fn change_byte(from: &Path, to: &Path) -> anyhow::Result<usize> {
    let mut bytes = fs::read(from).with_context(|| format!("read {}", from.display()))?;
    let at = bytes.len() / 2;
    let byte = bytes.get_mut(at).with_context(|| format!("{} is empty", from.display()))?;
    // A letter or digit stays one, so that it is no mere damage of the text.
    *byte = if *byte == b'A' { b'B' } else { b'A' };
    fs::write(to, bytes).with_context(|| format!("write {}", to.display()))?;
    Ok(at)
}
