//! Look-ups by record digest and by submission, and counts over all leaves: what the evidence files don't answer by address.
//!
//! Everything here follows from the leaves, is filled by reading them in order on a thread of its own, and may be thrown
//! away at any time. Rows hold no answers but candidates: each is held against the evidence files before it is one. Not
//! found is said only when the leaves read reach the view that the caller must see.

mod counts;
mod filler;
mod open;
mod rows;
mod tail;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muniment_core::{BureauNumber, Hash, LeafIndex, LedgerId, Reason, RequestId, Suite, TreeSize};
use muniment_raft::{Handle, LedgerView, SystemEnvironment};
use tokio::sync::watch;
use tokio::time::timeout;

pub(crate) use self::counts::Counts;
use self::filler::Filler;
use self::rows::Rows;
use self::tail::Tail;
use crate::deadline::Deadline;
use crate::refused::{Answer, Refused};

/// How long a caller waits for the look-ups to come as far as its view.
const CATCH_UP: Duration = Duration::from_secs(2);
/// From here on an operation of the database is taken to be stuck: it has been seen to wait for itself for ever.
const STUCK: Duration = Duration::from_secs(60);
/// How long a question waits for the database.
const QUESTION: Duration = Duration::from_secs(5);
/// How long a stop waits for a block that is being written.
const STOP: Duration = Duration::from_secs(5);

/// What is looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Query {
    /// The first leaf whose record has this digest.
    Digest(Hash),
    /// The leaf of a record of a submission.
    Submission {
        /// Its submitter.
        submitter: BureauNumber,
        /// Its id.
        request_id: RequestId,
        /// The record's position in it.
        position: u32,
    },
}

/// The look-ups of one node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lookups {
    shared: Arc<Shared>,
}

/// Whether there is a database.
enum State {
    Opening,
    Open(Arc<Rows>),
    /// Why there is none.
    Absent(String),
}

/// What the filler and those who ask share.
struct Shared {
    suite: Suite,
    ledger_id: LedgerId,
    dir: Option<PathBuf>,
    /// Leaves of a block.
    block_leaves: u64,
    /// Leaves read: counted, and in the database if there is one.
    size: watch::Sender<TreeSize>,
    /// Rows of the newest of them that are not yet in the database.
    tail: Tail,
    /// Counts over those leaves. Held for a copy.
    counts: Mutex<(TreeSize, Counts)>,
    /// Held for a clone of a pointer.
    state: Mutex<State>,
    /// Since when the filler waits for the database. Held for two words.
    busy_since: Mutex<Option<Instant>>,
    is_stuck: AtomicBool,
    is_stopping: AtomicBool,
    doorbell: SyncSender<()>,
    /// Closed when the filler has ended.
    ended: Mutex<Receiver<()>>,
}

impl Lookups {
    /// Opens the look-ups and fills them, on a thread of its own.
    pub(crate) fn start(
        dir: Option<PathBuf>,
        block_leaves: u64,
        suite: Suite,
        ledger_id: LedgerId,
        node: Handle<SystemEnvironment>,
    ) -> Self {
        let (doorbell, rings) = sync_channel(1);
        let (running, ended) = sync_channel(0);
        let shared = Arc::new(Shared {
            suite,
            ledger_id,
            dir,
            block_leaves,
            size: watch::channel(TreeSize(0)).0,
            tail: Tail::default(),
            counts: Mutex::new((TreeSize(0), Counts::default())),
            state: Mutex::new(State::Opening),
            busy_since: Mutex::new(None),
            is_stuck: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            doorbell,
            ended: Mutex::new(ended),
        });
        let filler = Filler::new(Arc::clone(&shared), node, rings);
        let thread = std::thread::Builder::new().name("muniment-lookup".to_owned());
        let started = thread.spawn(move || {
            filler.run();
            drop(running);
        });
        if let Err(error) = started {
            shared.set_state(State::Absent(format!("its thread was not started: {error}")));
        }
        Self { shared }
    }

    /// What the filler listens to: ring when there may be new leaves.
    pub(crate) fn doorbell(&self) -> SyncSender<()> {
        self.shared.doorbell.clone()
    }

    /// Leaves that the look-ups know.
    pub(crate) fn size(&self) -> TreeSize {
        *self.shared.size.borrow()
    }

    /// Looks a leaf up. `None`: there is none in a tree that has all of `view`.
    ///
    /// # Errors
    /// MEMBER_NOT_CAUGHT_UP while the look-ups can't tell.
    pub(crate) async fn find(
        &self,
        query: Query,
        view: &Arc<LedgerView>,
        deadline: Deadline,
    ) -> Answer<Option<LeafIndex>> {
        if matches!(*lock(&self.shared.state), State::Opening) {
            self.wait(view.size, deadline).await?;
        }
        let reached = self.size() >= view.size;
        let found = self.ask(query, view).await?;
        if found.is_some() || reached {
            return Ok(found);
        }
        self.wait(view.size, deadline).await?;
        self.ask(query, view).await
    }

    /// Counts over all leaves of a tree of at least `size`.
    ///
    /// # Errors
    /// MEMBER_NOT_CAUGHT_UP if they are not counted in time.
    pub(crate) async fn counts(&self, size: TreeSize, deadline: Deadline) -> Answer<(TreeSize, Counts)> {
        self.wait(size, deadline).await?;
        Ok(lock(&self.shared.counts).clone())
    }

    /// Looks after the filler: what waits for ever is noted, so that the next start begins anew.
    pub(crate) fn watch_over(&self) {
        let stuck = lock(&self.shared.busy_since).is_some_and(|since| since.elapsed() > STUCK);
        if stuck {
            self.shared.suspect("an operation of the database does not end");
        }
    }

    /// Ends the filler and waits, for some time, until it has. What is no block yet is read again at the next start.
    /// Blocks.
    pub(crate) fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        // Full = it was rung already.
        self.shared.doorbell.try_send(()).ok();
        // Nothing is ever sent: it is over when the other end is gone.
        if lock(&self.shared.ended).recv_timeout(STOP) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!(
                "the look-ups did not end in time; what they lack is read again at the next start"
            );
        }
    }

    async fn ask(&self, query: Query, view: &Arc<LedgerView>) -> Answer<Option<LeafIndex>> {
        let rows = match &*lock(&self.shared.state) {
            State::Open(rows) if !self.shared.is_stuck.load(Ordering::SeqCst) => Arc::clone(rows),
            State::Open(_) => return Err(unavailable("are stuck")),
            State::Opening => return Err(unavailable("are being opened")),
            State::Absent(why) => return Err(unavailable(&format!("are not there: {why}"))),
        };
        let (shared, view) = (Arc::clone(&self.shared), Arc::clone(view));
        let question = tokio::task::spawn_blocking(move || rows.find(query, &shared.tail, &view));
        match timeout(QUESTION, question).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                self.shared.suspect(&format!("a question failed: {error}"));
                Err(unavailable("failed"))
            }
            Err(_) => {
                self.shared.suspect("a question was not answered");
                Err(unavailable("do not answer"))
            }
        }
    }

    async fn wait(&self, size: TreeSize, deadline: Deadline) -> Answer<()> {
        let mut reached = self.shared.size.subscribe();
        // It is rung from time to time; somebody waits now. Full = it was rung already.
        self.shared.doorbell.try_send(()).ok();
        let wait = timeout(deadline.left().min(CATCH_UP), reached.wait_for(|reached| *reached >= size)).await;
        match wait {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                let reached = self.size();
                Err(unavailable(&format!("know {reached} leaves of the {size} that this read must see")))
            }
        }
    }
}

impl Shared {
    fn set_state(&self, state: State) {
        if let State::Absent(why) = &state {
            tracing::error!(why, "there are no look-ups by digest and submission");
        }
        *lock(&self.state) = state;
    }

    /// Runs an operation of the database under the watchdog's eyes.
    fn watched<T>(&self, operation: impl FnOnce() -> T) -> T {
        *lock(&self.busy_since) = Some(Instant::now());
        let result = operation();
        *lock(&self.busy_since) = None;
        result
    }

    /// Gives the database up until the next start, which moves it aside.
    fn suspect(&self, why: &str) {
        if self.is_stuck.swap(true, Ordering::SeqCst) {
            return;
        }
        tracing::error!(why, "the look-ups are given up; the next start rebuilds them");
        if let Some(dir) = &self.dir
            && let Err(error) = std::fs::write(open::suspect_file(dir), why)
        {
            tracing::error!(%error, "note that the look-ups are suspect");
        }
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }
}

fn unavailable(what: &str) -> Refused {
    Refused::new(Reason::MemberNotCaughtUp, format!("this node's look-ups {what}; ask another member"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
