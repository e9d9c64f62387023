//! Makes sync points off the apply worker, and lets the Raft log go behind them.

use std::sync::Arc;

use muniment_core::TreeSize;
use muniment_store::StorageError;
use muniment_store::ledger::{BackgroundSync, SyncPointJob, View};
use tokio::sync::{mpsc, oneshot};

use crate::codec::CodecError;
use crate::lifecycle::Lifecycle;
use crate::log_queue::{LogQueue, Write};
use crate::snapshot::CurrentSnapshot;

/// What the sync worker does.
pub(crate) enum SyncTask {
    /// Flushes what was written, so that dirty pages don't pile up.
    Background(BackgroundSync),
    /// The derived leaf of a size is in the ledger: the point made there is kept for others, and the log may go behind it.
    Confirm { files: View, size: TreeSize },
    /// Tells when everything before it is done.
    Barrier(oneshot::Sender<()>),
    /// Makes a sync point.
    Point {
        job: Box<SyncPointJob>,
        /// Told when it is durable.
        done: Option<oneshot::Sender<Result<(), StorageError>>>,
    },
}

/// Does sync tasks in order, on a worker of its own.
pub(crate) struct SyncWorker {
    pub(crate) tasks: mpsc::UnboundedReceiver<SyncTask>,
    pub(crate) log: LogQueue,
    pub(crate) current: CurrentSnapshot,
    pub(crate) lifecycle: Lifecycle,
    /// Told after each derived point that others may take over.
    pub(crate) made: Arc<tokio::sync::Notify>,
}

impl SyncWorker {
    /// Works until the node is over.
    pub(crate) async fn run(mut self) {
        while let Some(task) = self.lifecycle.next(&mut self.tasks).await {
            let result = match task {
                SyncTask::Background(job) => job.run(),
                SyncTask::Confirm { files, size } => self.confirm(&files, size),
                SyncTask::Barrier(done) => {
                    // A caller that went away has nobody to tell.
                    done.send(()).ok();
                    Ok(())
                }
                SyncTask::Point { job, done } => {
                    let result = self.make(*job).await;
                    if let Some(done) = done {
                        // A caller that went away has nobody to tell.
                        drop(done.send(result.clone()));
                    }
                    result
                }
            };
            if let Err(error) = result {
                self.lifecycle.fail(format!("sync point: {error}"));
            }
        }
    }

    async fn make(&self, job: SyncPointJob) -> Result<(), StorageError> {
        // An entry may be committed and applied here before this node's own log has flushed it. A sync point behind the
        // log's end could not be rebuilt from that log, so the log is made durable first.
        self.log.write(Write::Entries(Vec::new())).await?;
        let point = job.run()?;
        self.current.note_sync_point(&point).map_err(unreadable)
    }

    fn confirm(&self, files: &View, size: TreeSize) -> Result<(), StorageError> {
        if let Some(point) = files.confirm_derived_point(size)? {
            self.current.set(&point).map_err(unreadable)?;
            self.made.notify_one();
        }
        Ok(())
    }
}

/// What this node wrote for Raft with a sync point can't be read back.
fn unreadable(error: CodecError) -> StorageError {
    StorageError::Refused { what: error.to_string() }
}
