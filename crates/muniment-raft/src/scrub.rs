//! Looking for damage before somebody needs what is damaged (06, "Scrub"): the newest files at start, all of them once in
//! a while.

use std::sync::Arc;
use std::time::Duration;

use muniment_store::StorageError;
use muniment_store::fsck::{Finding, check_file, newest_files, synced_files};
use muniment_store::ledger::LedgerFile;
use openraft::AsyncRuntime;

use crate::environment::Environment;
use crate::shared::Core;

/// Checks until the node is over. Nothing is signed until the newest files are checked.
pub(crate) async fn run<R: Environment>(core: Arc<Core<R>>) {
    // Files that are closed already are checked by their repair.
    if !core.lifecycle.is_damaged() {
        let newest = core.files.run(newest_files).await;
        check_all(&core, newest, Duration::ZERO).await;
    }
    core.lifecycle.set_checked();
    while !core.lifecycle.is_over() {
        let Some(Ok(files)) = core.files.run(synced_files).await else {
            pause(&core, core.timings.scrub).await;
            continue;
        };
        let count = u32::try_from(files.len()).unwrap_or(u32::MAX).max(1);
        let between = core.timings.scrub / count;
        if files.is_empty() {
            pause(&core, between).await;
        }
        check_all(&core, Some(Ok(files)), between).await;
    }
}

/// Checks files one by one, with a pause before each.
async fn check_all<R: Environment>(
    core: &Core<R>,
    files: Option<Result<Vec<LedgerFile>, StorageError>>,
    between: Duration,
) {
    let files = match files {
        None => return,
        Some(Ok(files)) => files,
        Some(Err(error)) => return core.lifecycle.alarm(format!("check evidence files: {error}")),
    };
    for file in files {
        if !between.is_zero() {
            pause(core, between).await;
        }
        if core.lifecycle.is_over() {
            return;
        }
        // A repair checks everything, and what lies there meanwhile is known to be damaged.
        if core.lifecycle.is_damaged() {
            continue;
        }
        match core.files.run(move |data| check_file(data, file)).await {
            None => return,
            Some(Ok(findings)) => core.note_damage(findings),
            Some(Err(error)) => core.lifecycle.alarm(format!("check {file}: {error}")),
        }
    }
}

async fn pause<R: Environment>(core: &Core<R>, time: Duration) {
    let over = std::pin::pin!(core.lifecycle.over());
    let time = std::pin::pin!(R::Runtime::sleep(time));
    futures::future::select(time, over).await;
}

impl<R: Environment> Core<R> {
    /// Notes what a check found: from now on these places are not read, nothing is signed, and the apply worker has them
    /// repaired.
    fn note_damage(&self, findings: Vec<Finding>) {
        let (common, own): (Vec<_>, Vec<_>) = findings.into_iter().partition(Finding::is_of_common_file);
        for finding in own {
            self.lifecycle.alarm(format!("damage that no peer can repair: {finding}"));
        }
        self.published.view().files.note_damage(common);
    }
}
