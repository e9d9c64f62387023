//! Opening the evidence files again under a running node: after a peer's took their place, or a repair.

use std::sync::{Arc, PoisonError};

use muniment_core::founding::Founding;
use muniment_ledger::judge::Rules;
use muniment_store::fsck::check_leaf;
use muniment_store::ledger::Checkpoints;
use muniment_store::manifest::{DirectorySource, Manifest};
use muniment_store::{DataDir, install};
use tokio::sync::{mpsc, oneshot};

use crate::lifecycle::Lifecycle;
use crate::log_tail::LogTail;
use crate::machine::Machine;
use crate::recovery::open_machine;
use crate::repair::RepairOrder;
use crate::snapshot::{CurrentSnapshot, SnapshotData, SnapshotFiles};

/// What it takes to open the evidence files again. The apply worker owns it: nobody else may write to them meanwhile.
pub(crate) struct Reopening {
    pub(crate) data_dir: Arc<DataDir>,
    pub(crate) founding: Founding,
    pub(crate) rules: Option<Arc<dyn Rules>>,
    pub(crate) tail: LogTail,
    pub(crate) current: CurrentSnapshot,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) repairs: mpsc::UnboundedSender<RepairOrder>,
}

impl Reopening {
    /// Puts another node's files in the place of this node's, and opens them.
    pub(crate) fn install(&self, data: &SnapshotData) -> Result<(Machine, Checkpoints), String> {
        put_in_place(&self.data_dir, &data.0)?;
        self.open()
    }

    /// Has the damaged files repaired, and opens them; `None` if the node is over.
    pub(crate) async fn mend(&self) -> Option<(Machine, Checkpoints)> {
        let (done, mended) = oneshot::channel();
        // A task that is gone belongs to a node that is over.
        self.repairs.send(RepairOrder { done }).ok()?;
        let over = std::pin::pin!(self.lifecycle.over());
        match futures::future::select(mended, over).await {
            futures::future::Either::Left((Ok(()), _)) => {}
            futures::future::Either::Left((Err(_), _)) | futures::future::Either::Right(_) => return None,
        }
        match self.open() {
            Ok(opened) => Some(opened),
            Err(error) => {
                self.lifecycle.fail(format!("open the repaired files: {error}"));
                None
            }
        }
    }

    fn open(&self) -> Result<(Machine, Checkpoints), String> {
        let opened = open_machine(&self.data_dir, &self.founding, self.rules.as_ref(), &self.tail);
        opened.map_err(|error| error.to_string())
    }
}

/// Another node's files in the place of this node's.
fn put_in_place(data_dir: &DataDir, files: &SnapshotFiles) -> Result<(), String> {
    let installed = match files {
        SnapshotFiles::Lying { disk, ledger_dir, expected } => Manifest::describe(&**disk, ledger_dir)
            .and_then(|manifest| {
                let source = DirectorySource::new(Arc::clone(disk), ledger_dir);
                install::install(data_dir, &manifest, *expected, &source, &check_leaf)
            }),
        SnapshotFiles::Fetched(fetched) => {
            let taken = fetched.lock().unwrap_or_else(PoisonError::into_inner).take();
            let fetched = taken.ok_or("the fetched files were installed before")?;
            fetched.install(data_dir)
        }
    };
    installed.map_err(|error| error.to_string())
}
