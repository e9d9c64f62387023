//! The thread that reads leaves in order and fills the look-ups.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use muniment_core::tree::TreeAt;
use muniment_core::{LeafIndex, Stub, Tree, TreeSize};
use muniment_raft::{Handle, LedgerView, SystemEnvironment};

use super::counts::Counts;
use super::open;
use super::rows::{NewRows, Rows, Watermark, rows_of};
use super::{Shared, State, lock};
use crate::refused::{Answer, Refused};

/// Longest time between two looks at the node.
const LOOK: Duration = Duration::from_millis(200);
/// After leaves that can't be read: they may be repaired.
const REST: Duration = Duration::from_secs(5);
/// Leaves between watermarks.
const WATERMARK_LEAVES: u64 = 65_536;
/// Longest time that rows stay without a watermark.
const WATERMARK_TIME: Duration = Duration::from_secs(30);
/// Leaves that are read before those who wait hear of it.
const PROGRESS_LEAVES: u64 = 2_048;

/// The filler.
pub(super) struct Filler {
    shared: Arc<Shared>,
    node: Handle<SystemEnvironment>,
    rings: Receiver<()>,
    rows: Option<Arc<Rows>>,
    counts: Counts,
    size: TreeSize,
    /// Size and time of the last watermark.
    marked: (TreeSize, Instant),
}

impl Filler {
    pub(super) fn new(shared: Arc<Shared>, node: Handle<SystemEnvironment>, rings: Receiver<()>) -> Self {
        Self {
            shared,
            node,
            rings,
            rows: None,
            counts: Counts::default(),
            size: TreeSize(0),
            marked: (TreeSize(0), Instant::now()),
        }
    }

    /// Opens, then fills until it is told to stop. Whatever goes wrong with the database, counting goes on.
    pub(super) fn run(mut self) {
        let Some(view) = self.first_view() else { return };
        self.open(&view);
        while !self.shared.is_stopping() {
            let wait = match self.fill() {
                Ok(true) => Duration::ZERO,
                Ok(false) => LOOK,
                Err(refused) => {
                    let reason = refused.reason();
                    tracing::error!(leaf = self.size.0, %reason, "the look-ups can't read a leaf");
                    REST
                }
            };
            self.mark_if_due(false);
            if !wait.is_zero() && self.rings.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
        self.mark_if_due(true);
    }

    /// The first view that the node shows; none if it is to stop before.
    fn first_view(&self) -> Option<Arc<LedgerView>> {
        while !self.shared.is_stopping() {
            if let Ok(view) = self.node.view() {
                return Some(view);
            }
            // A ring says that the node may have got further, a time-out that it is worth a look.
            self.rings.recv_timeout(LOOK).ok();
        }
        None
    }

    fn open(&mut self, view: &LedgerView) {
        let shared = Arc::clone(&self.shared);
        let Some(dir) = &shared.dir else {
            shared.set_state(State::Absent("this node is configured without".to_owned()));
            return;
        };
        let opened = shared.watched(|| open::open(dir, shared.suite, &shared.ledger_id, view));
        match opened {
            Ok((rows, Watermark { size, counts, .. })) => {
                let rows = Arc::new(rows);
                (self.size, self.counts, self.marked) = (size, counts, (size, Instant::now()));
                self.rows = Some(Arc::clone(&rows));
                self.publish();
                shared.set_state(State::Open(rows));
            }
            Err(why) => shared.set_state(State::Absent(why)),
        }
    }

    /// Reads what is new, up to some thousand leaves; whether there was any.
    fn fill(&mut self) -> Answer<bool> {
        let Ok(view) = self.node.view() else { return Ok(false) };
        if view.size <= self.size {
            return Ok(false);
        }
        let until = TreeSize(view.size.0.min(self.size.0.saturating_add(PROGRESS_LEAVES)));
        let (mut size, mut counts, mut rows) = (self.size, self.counts.clone(), NewRows::default());
        while size < until {
            let first = size.next_leaf();
            let leaves = rows_of(&view.files, first, &mut rows)?;
            for leaf in first.0..first.0 + leaves {
                counts.add(&stub(&view, LeafIndex(leaf))?);
            }
            size = TreeSize(size.0 + leaves);
            if rows.is_enough() {
                self.insert(std::mem::take(&mut rows));
            }
        }
        self.insert(rows);
        (self.size, self.counts) = (size, counts);
        self.publish();
        Ok(true)
    }

    fn insert(&mut self, new: NewRows) {
        self.on_rows("insert rows", |rows| rows.insert(new));
    }

    fn publish(&self) {
        *lock(&self.shared.counts) = (self.size, self.counts.clone());
        self.shared.size.send_replace(self.size);
    }

    fn mark_if_due(&mut self, at_end: bool) {
        let (size, time) = self.marked;
        let new = self.size.0 - size.0;
        let due = new >= WATERMARK_LEAVES || time.elapsed() >= WATERMARK_TIME || at_end;
        if new == 0 || !due {
            return;
        }
        let Ok(view) = self.node.view() else { return };
        let tree = TreeAt { suite: self.shared.suite, tree: Tree::Ledger, size: self.size };
        let Ok(root) = tree.root(&view.files) else { return };
        let watermark = Watermark { size: self.size, root: Some(root), counts: self.counts.clone() };
        self.on_rows("write a watermark", |rows| rows.checkpoint(&watermark));
        self.marked = (self.size, Instant::now());
    }

    /// Does something with the database, if there still is one. A failure ends it until the next start.
    fn on_rows(
        &mut self,
        action: &'static str,
        operation: impl FnOnce(&Rows) -> Result<(), super::rows::RowsError>,
    ) {
        let Some(rows) = self.rows.clone() else { return };
        // It is known to panic over its own files; it is not used after that.
        let done = self.shared.watched(|| catch_unwind(AssertUnwindSafe(|| operation(&rows))));
        let why = match done {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it panicked".to_owned(),
        };
        self.shared.suspect(&format!("{action}: {why}"));
        self.shared.set_state(State::Absent(why));
        self.rows = None;
    }
}

fn stub(view: &LedgerView, leaf: LeafIndex) -> Answer<Stub> {
    Stub::decode(&view.files.stub(leaf)?).map_err(|error| Refused::internal(error.to_string()))
}
