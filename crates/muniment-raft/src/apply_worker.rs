//! The apply worker: entries in the order of the log, one after another, on a worker of its own.
//!
//! openraft's own state-machine task only hands entries over. Whatever happens here, it keeps acknowledging entries
//! and heartbeats.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use muniment_core::{LogIndex, TreeSize};
use muniment_ledger::{VerifiedBatch, WorldView};
use muniment_store::fsck::Finding;
use muniment_store::ledger::{Checkpoints, EntryPosition, SyncPointMeta};
use muniment_store::{Aborts, StorageError};
use openraft::AsyncRuntime;
use openraft::async_runtime::Instant as _;
use openraft::storage::ApplyResponder;
use tokio::sync::{mpsc, oneshot};

use crate::environment::Environment;
use crate::gauges::Gauges;
use crate::lifecycle::Lifecycle;
use crate::machine::{ApplyError, Divergence, Machine, Step};
use crate::notary::Notary;
use crate::options::{Limits, Timings};
use crate::outcome::EntryOutcome;
use crate::published::Published;
use crate::reopening::Reopening;
use crate::seal_worker::SealTask;
use crate::snapshot::{SnapshotData, encode_raft_state};
use crate::sync_pace::SyncPace;
use crate::sync_worker::SyncTask;
use crate::type_config::{EntryAnswer, RaftLogId, RaftMembership, RaftStoredMembership, TypeConfig};
use crate::verify_stage::Verifying;

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
        verifying: Verifying,
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

impl<R: Environment> ApplyWorker<R> {
    /// Applies until the node is over. A panic here is a broken invariant: the node fails.
    pub(crate) async fn run(mut self) {
        while let Some(command) = self.lifecycle.next(&mut self.commands).await {
            let done = match command {
                ApplyCommand::Entry(entry) => self.apply_guarded(entry).await,
                ApplyCommand::Tick => match self.mend_if_damaged().await {
                    Ok(()) => self.sync_if_due(),
                    failed => failed,
                },
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
            Content::Batch { bytes, verifying } => {
                let Some(verified) = verifying.finish().await else { return Ok(()) };
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
        self.pace.note(change, now);
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
        let (machine, checkpoints) = self.reopening.install(data)?;
        self.take_over(machine, checkpoints).await
    }

    /// Goes on with files that were opened again.
    async fn take_over(&mut self, machine: Machine, checkpoints: Checkpoints) -> Result<(), String> {
        self.machine = machine;
        self.point_bytes = self.machine.writer.record_bytes();
        self.pace = SyncPace::default();
        self.present(checkpoints).await
    }

    /// Shows everybody the files that were opened.
    async fn present(&mut self, checkpoints: Checkpoints) -> Result<(), String> {
        self.reopening.current.open(&self.machine.files).map_err(|error| error.to_string())?;
        let (done, taken) = oneshot::channel();
        drop(self.outputs.tasks.send(SealTask::Reopened(checkpoints, done)));
        // A seal worker that is gone belongs to a node that is over.
        taken.await.ok();
        self.published.publish(self.machine.publish());
        Ok(())
    }

    /// Works on files that were damaged at start, once they are repaired.
    pub(crate) async fn run_repaired(
        reopening: Reopening,
        found: Finding,
        make: impl FnOnce(Machine, Reopening) -> Self,
    ) {
        reopening.lifecycle.set_damage(vec![found]);
        let Some((machine, checkpoints)) = reopening.mend().await else { return };
        // The worker takes over from itself: seal worker, snapshot and readers learn of the files in the same way.
        let mut worker = make(machine, reopening);
        let taken = worker.present(checkpoints).await;
        match taken {
            Ok(()) => worker.lifecycle.clear_damage(),
            Err(error) => return worker.lifecycle.fail(format!("open the repaired files: {error}")),
        }
        worker.run().await;
    }

    /// Damage was found in files that are in use: nothing more is applied until they are repaired. Raft goes on: this
    /// node votes and keeps what is handed over.
    async fn mend_if_damaged(&mut self) -> Result<(), ApplyError> {
        if !self.machine.files.is_damaged() {
            return Ok(());
        }
        self.lifecycle.set_damage(self.machine.files.damage());
        // All that was applied is synced first: beyond the sync point there is nothing then that a repair would lose.
        let (done, made) = oneshot::channel();
        self.sync(Dump::Leave, Some(done))?;
        if let Ok(made) = made.await {
            made?;
        }
        let Some((machine, checkpoints)) = self.reopening.mend().await else { return Ok(()) };
        match self.take_over(machine, checkpoints).await {
            Ok(()) => self.lifecycle.clear_damage(),
            Err(error) => self.lifecycle.fail(format!("open the repaired files: {error}")),
        }
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
        self.pace.synced();
        let world = (dump != Dump::Leave).then(|| {
            self.pace.dumped();
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

/// What a panic said.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
