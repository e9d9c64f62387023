//! The apply worker: entries in the order of the log, one after another, on a worker of its own.
//!
//! openraft's own state-machine task only hands entries over. Whatever happens here, it keeps acknowledging entries
//! and heartbeats.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use muniment_core::founding::Founding;
use muniment_core::{LogIndex, TreeSize};
use muniment_ledger::judge::Rules;
use muniment_ledger::{VerifiedBatch, WorldView};
use muniment_store::fsck::check_leaf;
use muniment_store::ledger::{EntryPosition, SyncPointMeta};
use muniment_store::manifest::{DirectorySource, Manifest};
use muniment_store::{Aborts, DataDir, StorageError, install};
use openraft::AsyncRuntime;
use openraft::async_runtime::Instant as _;
use openraft::storage::ApplyResponder;
use tokio::sync::{mpsc, oneshot};

use crate::environment::Environment;
use crate::gauges::Gauges;
use crate::lifecycle::Lifecycle;
use crate::log_tail::LogTail;
use crate::machine::{ApplyError, Divergence, Machine, Step};
use crate::notary::Notary;
use crate::options::{Limits, Timings};
use crate::outcome::EntryOutcome;
use crate::published::Published;
use crate::recovery::open_machine;
use crate::seal_worker::SealTask;
use crate::snapshot::{CurrentSnapshot, SnapshotData, SnapshotFiles, encode_raft_state};
use crate::sync_worker::SyncTask;
use crate::type_config::{EntryAnswer, RaftLogId, RaftMembership, RaftStoredMembership, TypeConfig};

/// Panics at one entry after which a node stays up without applying it.
const ABORTS_MAX: u32 = 2;
/// This build, as `ABORTED` names it.
pub(crate) const BUILD: &str = env!("CARGO_PKG_VERSION");

/// What the apply worker is told.
pub(crate) enum ApplyCommand<Rt: AsyncRuntime> {
    /// The next committed entry.
    Entry(CommittedEntry<Rt>),
    /// Time has passed: a sync point may be due.
    Tick,
    /// Make a sync point now, with a world dump.
    SyncPoint(oneshot::Sender<Result<(), StorageError>>),
    /// Put another node's sync point in the place of this node's files.
    Install(SnapshotData, oneshot::Sender<Result<(), String>>),
}

/// An entry that openraft handed over.
pub(crate) struct CommittedEntry<Rt: AsyncRuntime> {
    pub(crate) log_id: RaftLogId,
    pub(crate) content: Content,
    /// The proposer, on the leader.
    pub(crate) responder: Option<ApplyResponder<TypeConfig<Rt>>>,
}

/// What a committed entry carries.
pub(crate) enum Content {
    Blank,
    Membership(RaftMembership),
    /// A batch on its way through the verify stage.
    Batch {
        bytes: usize,
        verified: oneshot::Receiver<VerifiedBatch>,
    },
}

/// A size that members sign, as the apply worker met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SealMark {
    pub(crate) size: TreeSize,
    /// Milliseconds of the node's life.
    pub(crate) at_ms: u64,
}

/// Where the apply worker sends what others do with its results.
pub(crate) struct ApplyOutputs {
    pub(crate) seals: mpsc::UnboundedSender<SealMark>,
    pub(crate) syncs: mpsc::UnboundedSender<SyncTask>,
    pub(crate) divergences: mpsc::UnboundedSender<Divergence>,
    /// Views to derive values of.
    pub(crate) derive: mpsc::UnboundedSender<WorldView>,
    /// To the seal worker itself.
    pub(crate) tasks: mpsc::UnboundedSender<SealTask>,
}

/// What it takes to open the evidence files again.
pub(crate) struct Reopening {
    pub(crate) data_dir: Arc<DataDir>,
    pub(crate) founding: Founding,
    pub(crate) rules: Option<Arc<dyn Rules>>,
    pub(crate) tail: LogTail,
    pub(crate) current: CurrentSnapshot,
}

/// Owns the state machine and applies what it is told.
pub(crate) struct ApplyWorker<R: Environment> {
    pub(crate) machine: Machine,
    pub(crate) commands: mpsc::UnboundedReceiver<ApplyCommand<R::Runtime>>,
    pub(crate) outputs: ApplyOutputs,
    pub(crate) published: Published,
    pub(crate) notary: Arc<dyn Notary>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) gauges: Gauges,
    pub(crate) timings: Timings,
    pub(crate) limits: Limits,
    pub(crate) clock: LifeClock<R>,
    pub(crate) pace: SyncPace,
    /// Where applying ended this node's last lives.
    pub(crate) aborts: Option<Aborts>,
    /// Record bytes at the newest derived point.
    pub(crate) point_bytes: u64,
    pub(crate) reopening: Reopening,
}

/// Milliseconds since a node started, from the runtime's monotonic clock.
pub(crate) struct LifeClock<R: Environment>(<R::Runtime as AsyncRuntime>::Instant);

impl<R: Environment> Clone for LifeClock<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Environment> Copy for LifeClock<R> {}

impl<R: Environment> LifeClock<R> {
    pub(crate) fn start() -> Self {
        Self(<R::Runtime as AsyncRuntime>::Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// How much has changed since the last sync point and the last world dump.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SyncPace {
    since_sync: Change,
    since_dump: Change,
}

#[derive(Clone, Copy, Debug, Default)]
struct Change {
    bytes: u64,
    /// When the first change happened, in the node's life.
    first: Option<Duration>,
}

impl Change {
    fn note(&mut self, bytes: u64, now: Duration) {
        self.bytes += bytes;
        self.first.get_or_insert(now);
    }

    fn is_due(&self, bytes_max: u64, age_max: Duration, now: Duration) -> bool {
        self.first.is_some_and(|first| self.bytes >= bytes_max || now.saturating_sub(first) >= age_max)
    }
}

impl<R: Environment> ApplyWorker<R> {
    /// Applies until the node is over. A panic here is a broken invariant: the node fails.
    pub(crate) async fn run(mut self) {
        while let Some(command) = self.lifecycle.next(&mut self.commands).await {
            let done = match command {
                ApplyCommand::Entry(entry) => self.apply_guarded(entry).await,
                ApplyCommand::Tick => self.sync_if_due(),
                ApplyCommand::SyncPoint(done) => self.sync(Dump::Write, Some(done)),
                ApplyCommand::Install(data, done) => {
                    let result = self.install(&data).await;
                    if let Err(error) = &result {
                        self.lifecycle.fail(format!("install a sync point: {error}"));
                    }
                    // A caller that went away has nobody to tell.
                    drop(done.send(result));
                    Ok(())
                }
            };
            match done {
                Ok(()) => {}
                Err(halt @ (ApplyError::Halt(_) | ApplyError::Aborted(_))) => {
                    self.lifecycle.halt(halt.to_string());
                    return;
                }
                // Nothing that waits may be applied to what is left: the next entry would be taken for the culprit.
                Err(ApplyError::Panicked) => return,
                Err(error @ ApplyError::Storage(_)) => {
                    self.lifecycle.fail(format!("evidence files: {error}"));
                    return;
                }
            }
        }
    }

    async fn apply_guarded(&mut self, entry: CommittedEntry<R::Runtime>) -> Result<(), ApplyError> {
        let CommittedEntry { log_id, content, responder } = entry;
        // What a restart or an installed sync point brings again is there already.
        if self.machine.position.is_some_and(|position| position.index >= log_id.index) {
            if let Content::Batch { bytes, .. } = content {
                self.gauges.sub_unapplied(bytes);
                self.published.wake();
            }
            return Ok(());
        }
        let batch = match content {
            Content::Blank => None,
            Content::Membership(membership) => {
                self.machine.membership = RaftStoredMembership::new(Some(log_id), membership);
                None
            }
            Content::Batch { bytes, verified } => {
                let Ok(verified) = verified.await else { return Ok(()) };
                Some((bytes, verified))
            }
        };
        let index = LogIndex(log_id.index);
        let ended_twice = |aborts: &&Aborts| aborts.log_index == index && aborts.count >= ABORTS_MAX;
        if let Some(aborts) = self.aborts.as_ref().filter(ended_twice) {
            return Err(ApplyError::Aborted(aborts.clone()));
        }
        // The rules have their own guard; whatever else panics must not leave a half-applied state in service.
        let applied = catch_unwind(AssertUnwindSafe(|| self.apply(log_id, batch)));
        let outcome = applied.unwrap_or_else(|panic| {
            self.abort(index, &message(&*panic));
            Err(ApplyError::Panicked)
        })?;
        if let Some(responder) = responder {
            responder.send(EntryAnswer(outcome.map(Arc::new)));
        }
        self.sync_if_due()
    }

    /// A panic outside the rules: the node ends, and remembers where.
    fn abort(&self, index: LogIndex, message: &str) {
        if let Err(error) = self.reopening.data_dir.note_abort(index, BUILD) {
            self.lifecycle.alarm(format!("note that applying log index {index} panicked: {error}"));
        }
        self.lifecycle.fail(format!("apply panicked at log index {index}: {message}"));
    }

    fn apply(
        &mut self,
        log_id: RaftLogId,
        batch: Option<(usize, VerifiedBatch)>,
    ) -> Result<Option<EntryOutcome>, ApplyError> {
        let Some((bytes, batch)) = batch else {
            self.machine.position = Some(log_id);
            self.published.publish(self.machine.publish());
            return Ok(None);
        };
        let now = self.clock.elapsed();
        let Step { mut applied, background_sync, diverged } = self.machine.apply(log_id, &batch)?;
        self.gauges.sub_unapplied(bytes);
        self.published.publish(self.machine.publish());
        for alarm in &applied.alarms {
            self.lifecycle.alarm(alarm.to_string());
        }
        let change = bytes as u64;
        self.pace.since_sync.note(change, now);
        self.pace.since_dump.note(change, now);
        // A receiver that is gone belongs to a node that is over.
        if let Some(diverged) = diverged {
            self.outputs.divergences.send(diverged).ok();
        }
        if self.notary.seals(applied.seal, applied.size) {
            let at_ms = self.clock.now_ms();
            self.gauges.mark_unsigned(at_ms);
            self.outputs.seals.send(SealMark { size: applied.size, at_ms }).ok();
        }
        if applied.derive {
            self.derive()?;
        }
        self.gauges
            .set_since_point_bytes(self.machine.writer.record_bytes().saturating_sub(self.point_bytes));
        if let Some(job) = background_sync {
            drop(self.outputs.syncs.send(SyncTask::Background(job)));
        }
        Ok(Some(EntryOutcome {
            log_index: LogIndex(log_id.index),
            accepted_at: applied.accepted_at,
            size: applied.size,
            parts: std::mem::take(&mut applied.parts),
        }))
    }

    fn sync_if_due(&mut self) -> Result<(), ApplyError> {
        let now = self.clock.elapsed();
        let (limits, timings) = (&self.limits, &self.timings);
        let dump = self.pace.since_dump.is_due(limits.world_dump_bytes, timings.world_dump, now);
        let sync = self.pace.since_sync.is_due(limits.sync_point_bytes, timings.sync_point, now);
        if dump {
            return self.sync(Dump::Write, None);
        }
        if sync { self.sync(Dump::Leave, None) } else { Ok(()) }
    }

    /// A derived point of the state as it is: its files are kept, its values derived and signed off this worker.
    fn derive(&mut self) -> Result<(), ApplyError> {
        self.sync(Dump::WriteAndKeep, None)?;
        self.point_bytes = self.machine.writer.record_bytes();
        // A receiver that is gone belongs to a node that is over.
        self.outputs.derive.send(self.machine.ledger.view()).ok();
        Ok(())
    }

    /// Checks every byte of another node's sync point, swaps the directories, and goes on from there.
    async fn install(&mut self, data: &SnapshotData) -> Result<(), String> {
        // Jobs of the old files end before these are swapped away.
        let (done, idle) = oneshot::channel();
        drop(self.outputs.syncs.send(SyncTask::Barrier(done)));
        idle.await.map_err(|_| "the sync worker has ended".to_owned())?;
        let Reopening { data_dir, founding, rules, tail, current } = &self.reopening;
        put_in_place(data_dir, &data.0)?;
        let opened = open_machine(data_dir, founding, rules.as_ref(), tail);
        let (machine, checkpoints) = opened.map_err(|error| error.to_string())?;
        current.open(&machine.files).map_err(|error| error.to_string())?;
        self.machine = machine;
        self.point_bytes = self.machine.writer.record_bytes();
        self.pace = SyncPace::default();
        drop(self.outputs.tasks.send(SealTask::Reopened(checkpoints)));
        self.published.publish(self.machine.publish());
        Ok(())
    }

    /// Prepares a sync point of the state as it is; the sync worker makes it.
    fn sync(
        &mut self,
        dump: Dump,
        done: Option<oneshot::Sender<Result<(), StorageError>>>,
    ) -> Result<(), ApplyError> {
        let Some(log_id) = self.machine.position else {
            if let Some(done) = done {
                drop(done.send(Ok(())));
            }
            return Ok(());
        };
        self.pace.since_sync = Change::default();
        let world = (dump != Dump::Leave).then(|| {
            self.pace.since_dump = Change::default();
            let (world, ledger_id) = (self.machine.ledger.view(), self.machine.ledger.ledger_id());
            Box::new(move |out: &mut dyn FnMut(&[u8])| world.dump(&ledger_id, out))
                as muniment_store::ledger::WorldDump
        });
        let position = EntryPosition {
            log_index: LogIndex(log_id.index),
            raft_term: muniment_core::RaftTerm(log_id.leader_id.term),
        };
        let membership = encode_raft_state(&log_id, &self.machine.membership);
        let mut job =
            self.machine.writer.prepare_sync_point(SyncPointMeta { position, membership }, world)?;
        if dump == Dump::WriteAndKeep {
            job = job.as_derived_point();
        }
        let job = Box::new(job);
        drop(self.outputs.syncs.send(SyncTask::Point { job, done }));
        Ok(())
    }
}

/// What a sync point does with the world state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dump {
    /// Names the dump that there is.
    Leave,
    /// Writes a new one.
    Write,
    /// Writes a new one and keeps it with the point as a derived point.
    WriteAndKeep,
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

/// What a panic said.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Bytes of a batch, for the verify stage.
pub(crate) struct ToVerify {
    pub(crate) bytes: Bytes,
    pub(crate) done: oneshot::Sender<VerifiedBatch>,
}
