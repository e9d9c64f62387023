//! The thread that reads leaves in order and fills the look-ups.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use muniment_core::admission::{KeptAdmission, Submission};
use muniment_core::tree::TreeAt;
use muniment_core::{LeafIndex, RequestId, Stub, Tree, TreeSize};
use muniment_raft::{Handle, LedgerView, SystemEnvironment};
use muniment_store::ledger::{AdmissionPlace, AdmissionSeat, LeafPlace, View};

use super::counts::Counts;
use super::open;
use super::rows::{Rows, Watermark, request_name};
use super::tail::REQUEST_NAME;
use super::{Shared, State, lock};
use crate::proofs::prove_error;
use crate::refused::{Answer, Refused};

/// Longest time between two looks at the node.
const LOOK: Duration = Duration::from_millis(200);
/// After leaves that can't be read: they may be repaired.
const REST: Duration = Duration::from_secs(5);
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
    /// Size of the last watermark: where the block begins that is not yet in the database.
    marked: TreeSize,
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
            marked: TreeSize(0),
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
            if !wait.is_zero() && self.rings.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
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
                (self.size, self.counts, self.marked) = (size, counts, size);
                self.rows = Some(Arc::clone(&rows));
                // In this order: who waits for a size may ask when it is reached.
                shared.set_state(State::Open(rows));
                self.publish();
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
        let block_end = self.marked.0.saturating_add(self.shared.block_leaves);
        let until = view.size.0.min(self.size.0.saturating_add(PROGRESS_LEAVES)).min(block_end);
        let leaves = self.size.next_leaf()..LeafIndex(until);
        let stubs = view.files.stubs(leaves.clone())?;
        let stubs: Result<Vec<Stub>, _> = stubs.iter().map(Stub::decode).collect();
        let stubs = stubs.map_err(|error| Refused::internal(error.to_string()))?;
        if self.rows.is_some() {
            let places = view.files.places(leaves.clone())?;
            let begun = submissions_begun(&view.files, leaves.clone(), &places, &stubs)?;
            self.shared.tail.add(|rows| {
                for (leaf, place) in (leaves.start.0..).zip(&places) {
                    rows.digest(&place.record_digest, LeafIndex(leaf));
                }
                for (name, first) in &begun {
                    rows.request(name, *first);
                }
            });
        }
        stubs.iter().for_each(|stub| self.counts.add(stub));
        self.size = TreeSize(until);
        if until == block_end {
            self.end_block(&view)?;
        }
        self.publish();
        Ok(true)
    }

    /// Moves the tail into the database and says so by a watermark.
    fn end_block(&mut self, view: &LedgerView) -> Answer<()> {
        let tree = TreeAt { suite: self.shared.suite, tree: Tree::Ledger, size: self.size };
        let root = tree.root(&view.files).map_err(prove_error)?;
        let watermark = Watermark { size: self.size, root: Some(root), counts: self.counts.clone() };
        let (first, block) = (self.marked.next_leaf(), self.shared.tail.close());
        self.on_rows("insert rows", |rows| rows.insert(first, &block));
        self.on_rows("write a watermark", |rows| rows.checkpoint(&watermark));
        self.shared.tail.forget_closed();
        self.marked = self.size;
        Ok(())
    }

    fn publish(&self) {
        *lock(&self.shared.counts) = (self.size, self.counts.clone());
        self.shared.size.send_replace(self.size);
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

/// The submissions whose first leaf is among `leaves`, with that leaf.
fn submissions_begun(
    files: &View,
    leaves: Range<LeafIndex>,
    places: &[LeafPlace],
    stubs: &[Stub],
) -> Answer<Vec<([u8; REQUEST_NAME], LeafIndex)>> {
    let mut begun = Vec::new();
    // Leaves of one admission are neighbours.
    let mut last: Option<(AdmissionPlace, Vec<(u32, RequestId)>)> = None;
    for ((leaf, place), stub) in (leaves.start.0..).zip(places).zip(stubs) {
        let Some(AdmissionSeat { place, position }) = place.seat else { continue };
        let firsts = match last.take() {
            Some((known, firsts)) if known == place => firsts,
            _ => first_positions(&files.kept_admission(place)?),
        };
        if let Ok(found) = firsts.binary_search_by_key(&position, |(first, _)| *first) {
            begun.push((request_name(stub.submitter, &firsts[found].1), LeafIndex(leaf)));
        }
        last = Some((place, firsts));
    }
    Ok(begun)
}

/// For each submission of an admission, ascending: the position of its first record that became a leaf, if any did.
fn first_positions(kept: &KeptAdmission) -> Vec<(u32, RequestId)> {
    let KeptAdmission::Admission { admission, absent } = kept else { return Vec::new() };
    let is_leaf = |position: &u32| absent.binary_search_by_key(position, |(at, _)| *at).is_err();
    let mut start = 0;
    let first = |submission: &Submission| {
        let positions = start..start + submission.count;
        start = positions.end;
        positions.into_iter().find(is_leaf).map(|position| (position, submission.request_id))
    };
    admission.submissions.iter().filter_map(first).collect()
}
