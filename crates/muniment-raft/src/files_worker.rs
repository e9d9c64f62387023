//! Long work on the node's files that is neither log nor apply: describing a derived point for a peer, taking in a
//! peer's files. On a worker of its own, job after job, so that no task of the runtime waits for a disk.

use std::sync::Arc;

use muniment_store::DataDir;
use tokio::sync::{mpsc, oneshot};

use crate::lifecycle::Lifecycle;

type Job = Box<dyn FnOnce(&DataDir) + Send>;

/// Hands jobs to the worker. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Files {
    jobs: mpsc::UnboundedSender<Job>,
}

/// Runs jobs in order.
pub(crate) struct FilesWorker {
    jobs: mpsc::UnboundedReceiver<Job>,
    data_dir: Arc<DataDir>,
    lifecycle: Lifecycle,
}

/// The hand and its worker.
pub(crate) fn files(data_dir: Arc<DataDir>, lifecycle: Lifecycle) -> (Files, FilesWorker) {
    let (jobs, receiver) = mpsc::unbounded_channel();
    (Files { jobs }, FilesWorker { jobs: receiver, data_dir, lifecycle })
}

impl Files {
    /// Runs a job and answers what it answers; `None` if the node ends before.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&DataDir) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move |data_dir| {
            // An asker that went away has nobody to tell.
            drop(done.send(job(data_dir)));
        });
        self.jobs.send(job).ok()?;
        result.await.ok()
    }
}

impl FilesWorker {
    /// Works until the node is over.
    pub(crate) async fn run(mut self) {
        while let Some(job) = self.lifecycle.next(&mut self.jobs).await {
            job(&self.data_dir);
        }
    }
}
