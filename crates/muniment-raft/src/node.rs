//! One member of a ledger: starting it. Longer than other files because it is the one
//! place where every part is joined to the others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muniment_core::trust::TrustFile;
use muniment_core::verify::ReceiptVerifier;
use muniment_ledger::WorldView;
use muniment_store::ledger::Checkpoints;
use openraft::{AsyncRuntime, Config, SnapshotPolicy};
use tokio::sync::{Notify, mpsc};

use crate::abstention::Abstentions;
use crate::admission_paths::AdmissionPaths;
use crate::admitter::{Admitter, Waiting};
use crate::apply_worker::{ApplyCommand, ApplyOutputs, ApplyWorker, BUILD, LifeClock, SealMark};
use crate::board::{Board, Cosigned};
use crate::catch_up::{self, Order};
use crate::clocks::{self, Clocks};
use crate::confirmation::{self, Confirmation};
use crate::derive::{self, DeriveTask, DeriveWorker, Points};
use crate::disk_watch;
use crate::divergence;
use crate::environment::Environment;
use crate::files_worker::{Files, files};
use crate::gauges::Gauges;
use crate::handle::Handle;
use crate::lags::Lags;
use crate::lifecycle::Lifecycle;
use crate::log_queue::{LogQueue, LogWorker, log_queue};
use crate::log_storage::LogStorage;
use crate::log_tail::LogTail;
use crate::machine::{Divergence, Machine};
use crate::network::NetworkFactory;
use crate::notary::CheckpointContext;
use crate::options::{Options, Timings};
use crate::peer_messages::SignedBody;
use crate::point_server::PointServer;
use crate::promises::Promises;
use crate::proposer::Proposer;
use crate::published::Published;
use crate::recovery::{Opened, Recovered, StartError, recover};
use crate::reopening::Reopening;
use crate::repair::{self, RepairOrder};
use crate::router::Router;
use crate::scrub;
use crate::seal_worker::{SealTask, SealWorker};
use crate::shared::{Core, RaftOf};
use crate::snapshot::{CurrentSnapshot, SnapshotPoints};
use crate::state_machine::StateMachine;
use crate::sync_pace::SyncPace;
use crate::sync_worker::{SyncTask, SyncWorker};
use crate::tasks;
use crate::verify_stage::VerifyStage;
use crate::wiring::{Outboxes, Workers, boxes};

/// What openraft drives: the log, and the door to the apply worker.
pub type Storages<Rt> = (LogStorage<Rt>, StateMachine<Rt>);

/// One member of a ledger.
#[derive(Debug)]
pub struct Node;

impl Node {
    /// Opens the node's directory, replays its own log, and takes part in Raft. The node is `Recovering` until a leader
    /// has confirmed what its log holds; no read is answered before.
    ///
    /// # Errors
    /// [`StartError`] says what does not fit together; nothing was changed that the next start would miss.
    pub async fn start<R: Environment>(options: Options<R>) -> Result<Handle<R>, StartError> {
        let (parts, state_machine, outboxes, ends) = prepare(options, SnapshotPoints::Derived)?;
        let raft = parts.start_raft(state_machine).await?;
        Ok(Handle::new(parts.start_tasks(raft, outboxes, ends)))
    }

    /// The two storages under openraft, on the node's real files, without a Raft: for openraft's own test suite.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn storage<R: Environment>(options: Options<R>) -> Result<Storages<R::Runtime>, StartError> {
        let (parts, state_machine, ..) = prepare(options, SnapshotPoints::Every)?;
        Ok((LogStorage::new(parts.queue, parts.tail), state_machine))
    }
}

type Prepared<R> = (Parts<R>, StateMachine<<R as Environment>::Runtime>, Outboxes<R>, TaskEnds);

/// Opens the directory, replays, and starts every worker.
fn prepare<R: Environment>(options: Options<R>, points: SnapshotPoints) -> Result<Prepared<R>, StartError> {
    let recovered = recover(&options)?;
    let lifecycle = Lifecycle::new();
    let clock = LifeClock::<R>::start();
    let gauges = Gauges::default();
    let (outboxes, inboxes) = boxes::<R>();
    let (running, ended) = mpsc::channel(1);
    let Recovered { data_dir, log_writer, log_files, tail, opened, checkpoints, log_id, membership } =
        recovered;
    let current = CurrentSnapshot::new(points, data_dir.disk(), data_dir.ledger_dir());
    current.open(opened.files())?;
    let workers = Workers { environment: options.environment.clone(), data_dir, running };
    let published = Published::new(opened.view());
    let (queue, log_worker) = log_queue(log_writer, tail.clone(), lifecycle.clone(), gauges.clone());
    workers.start("log", LogWorker::run(log_worker));
    let state_machine = StateMachine {
        commands: outboxes.apply.clone(),
        verify_stage: VerifyStage::start(&workers, opened.context(), &lifecycle),
        gauges: gauges.clone(),
        published: published.clone(),
        lifecycle: lifecycle.clone(),
        current: current.clone(),
        last: log_id,
        membership,
    };
    let (files, files_worker) = files(Arc::clone(&workers.data_dir), lifecycle.clone());
    workers.start("files", files_worker.run());
    let server = PointServer::default();
    let promises = Promises::restore(workers.data_dir.promises()?.as_deref());
    let parts = Parts {
        options,
        lifecycle,
        clock,
        gauges,
        published,
        queue,
        tail,
        current,
        files,
        server,
        lags: Lags::default(),
        promises,
    };
    let made = Arc::new(Notify::new());
    let sealing = (inboxes.seals, inboxes.marks);
    let cosigned =
        parts.start_sealing(&workers, &outboxes, sealing, &checkpoints, log_files.last_intent())?;
    parts.start_apply(&workers, &outboxes, opened, inboxes.apply)?;
    parts.start_sync(&workers, inboxes.syncs, &made);
    parts.start_deriving(&workers, &outboxes, inboxes.views);
    let ends = TaskEnds {
        submissions: inboxes.submissions,
        proposals: inboxes.proposals,
        divergences: inboxes.divergences,
        gossip: inboxes.gossip,
        derive: inboxes.derive,
        orders: inboxes.orders,
        repairs: inboxes.repairs,
        made,
        cosigned,
        ended,
    };
    Ok((parts, state_machine, outboxes, ends))
}

/// What [`Node::start`] has put together so far.
struct Parts<R: Environment> {
    options: Options<R>,
    lifecycle: Lifecycle,
    clock: LifeClock<R>,
    gauges: Gauges,
    published: Published,
    queue: LogQueue,
    tail: LogTail,
    current: CurrentSnapshot,
    files: Files,
    server: PointServer,
    lags: Lags,
    promises: Promises,
}

/// What the node's tasks receive.
struct TaskEnds {
    submissions: mpsc::UnboundedReceiver<Waiting>,
    proposals: mpsc::UnboundedReceiver<crate::proposer::Proposal>,
    divergences: mpsc::UnboundedReceiver<Divergence>,
    gossip: mpsc::UnboundedReceiver<SignedBody>,
    derive: mpsc::UnboundedReceiver<DeriveTask>,
    orders: mpsc::UnboundedReceiver<Order>,
    repairs: mpsc::UnboundedReceiver<RepairOrder>,
    made: Arc<Notify>,
    cosigned: Cosigned,
    ended: mpsc::Receiver<()>,
}

impl<R: Environment> Parts<R> {
    /// Whether there is anybody to whom this node could have promised anything.
    fn has_peers(&self) -> bool {
        self.options.founding.founders.len() > 1
    }

    fn context(&self) -> CheckpointContext {
        let founding = &self.options.founding;
        CheckpointContext { suite: founding.suite, members: founding.members() }
    }

    fn start_sealing(
        &self,
        workers: &Workers<R>,
        outboxes: &Outboxes<R>,
        (tasks, mut marks): (mpsc::UnboundedReceiver<SealTask>, mpsc::UnboundedReceiver<SealMark>),
        checkpoints: &Checkpoints,
        last_intent: Option<muniment_store::raft_log::Intent>,
    ) -> Result<Cosigned, StartError> {
        let context = self.context();
        let cosigned = Cosigned::default();
        if let Some((_, note)) = checkpoints.latest()? {
            let checkpoint = muniment_core::checkpoint::Checkpoint::parse(&note);
            let checkpoint = checkpoint.map_err(|error| StartError::Replay(error.to_string()))?;
            cosigned.set(Arc::new(checkpoint));
        }
        let worker = SealWorker {
            tasks,
            gossip: outboxes.gossip.clone(),
            environment: self.options.environment.clone(),
            clock: self.clock,
            board: Board::new(context.members.clone(), cosigned.size(), self.promises.clone()),
            context,
            notary: Arc::clone(&self.options.notary),
            keys: self.options.keys.clone(),
            log: self.queue.clone(),
            cosigned: cosigned.clone(),
            checkpoints: checkpoints.clone(),
            published: self.published.clone(),
            gauges: self.gauges.clone(),
            lifecycle: self.lifecycle.clone(),
            last_intent,
            postponed: None,
            intent_unproven: last_intent.is_some(),
        };
        workers.start("seal", worker.run());
        let (seals, lifecycle) = (outboxes.seals.clone(), self.lifecycle.clone());
        drop(R::Runtime::spawn(async move {
            while let Some(mark) = lifecycle.next(&mut marks).await {
                drop(seals.send(SealTask::Mark(mark)));
            }
        }));
        Ok(cosigned)
    }

    fn start_apply(
        &self,
        workers: &Workers<R>,
        outboxes: &Outboxes<R>,
        opened: Opened,
        commands: mpsc::UnboundedReceiver<ApplyCommand<R::Runtime>>,
    ) -> Result<(), StartError> {
        let outputs = ApplyOutputs {
            seals: outboxes.marks.clone(),
            syncs: outboxes.syncs.clone(),
            divergences: outboxes.divergences.clone(),
            derive: outboxes.views.clone(),
            tasks: outboxes.seals.clone(),
        };
        let reopening = Reopening {
            data_dir: Arc::clone(&workers.data_dir),
            founding: self.options.founding.clone(),
            rules: self.options.rules.clone(),
            tail: self.tail.clone(),
            current: self.current.clone(),
            lifecycle: self.lifecycle.clone(),
            repairs: outboxes.repairs.clone(),
        };
        let aborts = workers.data_dir.aborts(BUILD)?;
        let make = {
            let (published, notary) = (self.published.clone(), Arc::clone(&self.options.notary));
            let (lifecycle, gauges) = (self.lifecycle.clone(), self.gauges.clone());
            let (timings, limits) = (self.options.timings.clone(), self.options.limits.clone());
            let clock = self.clock;
            move |machine: Machine, reopening: Reopening| ApplyWorker {
                point_bytes: machine.files.derived_point().map_or(0, |point| point.record_bytes),
                machine,
                commands,
                outputs,
                published,
                notary,
                lifecycle,
                gauges,
                timings,
                limits,
                clock,
                pace: SyncPace::default(),
                aborts,
                reopening,
            }
        };
        match opened {
            Opened::Sound(machine) => workers.start("apply", make(*machine, reopening).run()),
            Opened::Damaged(closed) => {
                workers.start("apply", ApplyWorker::run_repaired(reopening, closed.found, make));
            }
        }
        Ok(())
    }

    fn start_sync(&self, workers: &Workers<R>, syncs: mpsc::UnboundedReceiver<SyncTask>, made: &Arc<Notify>) {
        let sync = SyncWorker {
            tasks: syncs,
            log: self.queue.clone(),
            current: self.current.clone(),
            lifecycle: self.lifecycle.clone(),
            made: Arc::clone(made),
        };
        workers.start("sync", sync.run());
    }

    fn start_deriving(
        &self,
        workers: &Workers<R>,
        outboxes: &Outboxes<R>,
        views: mpsc::UnboundedReceiver<WorldView>,
    ) {
        let worker = DeriveWorker {
            views,
            context: self.context(),
            notary: Arc::clone(&self.options.notary),
            key: self.options.keys.admission.clone(),
            lifecycle: self.lifecycle.clone(),
            tasks: outboxes.derive.clone(),
        };
        workers.start("derive", worker.run());
    }

    async fn start_raft(&self, state_machine: StateMachine<R::Runtime>) -> Result<RaftOf<R>, StartError> {
        let refused = |error: &dyn std::fmt::Display| StartError::Raft(error.to_string());
        let config = raft_config(&self.options.timings, self.has_peers()).map_err(|error| refused(&error))?;
        let network = NetworkFactory::<R>::new(
            Arc::clone(&self.options.transport),
            self.server.clone(),
            self.lags.clone(),
            self.promises.clone(),
        );
        let log = LogStorage::new(self.queue.clone(), self.tail.clone());
        let node_id = self.options.node_id.0;
        let raft = RaftOf::<R>::new(node_id, Arc::new(config), network, log, state_machine).await;
        raft.map_err(|error| refused(&error))
    }

    fn start_tasks(self, raft: RaftOf<R>, outboxes: Outboxes<R>, ends: TaskEnds) -> Arc<Core<R>> {
        let context = self.context();
        let has_peers = self.has_peers();
        let options = self.options;
        let points = Points::new(outboxes.derive, self.server, outboxes.orders);
        let me = options.node_id;
        let router = Router {
            me,
            raft: raft.clone(),
            transport: Arc::clone(&options.transport),
            proposals: outboxes.proposals,
            lifecycle: self.lifecycle.clone(),
            timings: options.timings.clone(),
        };
        let peers =
            context.members.members.iter().map(|member| member.node_id).filter(|id| *id != me).collect();
        let core = Arc::new(Core {
            me,
            ledger_id: options.founding.ledger_id(),
            peers,
            context,
            raft,
            router,
            transport: options.transport,
            lifecycle: self.lifecycle,
            published: self.published,
            cosigned: ends.cosigned,
            verifier: ReceiptVerifier::new(TrustFile::of_founding(&options.founding)),
            admission_paths: AdmissionPaths::default(),
            gauges: self.gauges,
            lags: self.lags,
            clocks: Clocks::default(),
            promises: self.promises,
            confirmation: Confirmation::default(),
            environment: options.environment.clone(),
            clock: self.clock,
            timings: options.timings,
            limits: options.limits,
            tail: self.tail,
            current: self.current,
            points,
            files: self.files,
            disk: options.disk,
            data_dir: options.data_dir,
            submissions: outboxes.submissions,
            apply: outboxes.apply,
            seals: outboxes.seals,
            refused_leader: Mutex::new(None),
            abstentions: Abstentions::at_start(has_peers),
            workers: tokio::sync::Mutex::new(ends.ended),
        });
        let proposer = Proposer::new(&core, options.environment.clone(), ends.proposals);
        let admitter = Admitter {
            submissions: ends.submissions,
            router: core.router.clone(),
            lifecycle: core.lifecycle.clone(),
            key: options.keys.admission,
            suite: core.context.suite,
            origin: core.context.members.origin.clone(),
            queue: VecDeque::new(),
        };
        drop(R::Runtime::spawn(proposer.run()));
        drop(R::Runtime::spawn(admitter.run()));
        drop(R::Runtime::spawn(catch_up::run(Arc::clone(&core), options.founding, ends.orders)));
        drop(R::Runtime::spawn(repair::run(Arc::clone(&core), ends.repairs)));
        drop(R::Runtime::spawn(scrub::run(Arc::clone(&core))));
        drop(R::Runtime::spawn(clocks::run(Arc::clone(&core))));
        drop(R::Runtime::spawn(disk_watch::run(Arc::clone(&core))));
        start_side_tasks(&core, outboxes.syncs, (ends.gossip, ends.divergences, ends.derive, ends.made));
        core
    }
}

/// What needs nothing but the core.
fn start_side_tasks<R: Environment>(
    core: &Arc<Core<R>>,
    syncs: mpsc::UnboundedSender<SyncTask>,
    (gossip, divergences, derive, made): (
        mpsc::UnboundedReceiver<SignedBody>,
        mpsc::UnboundedReceiver<Divergence>,
        mpsc::UnboundedReceiver<DeriveTask>,
        Arc<Notify>,
    ),
) {
    drop(R::Runtime::spawn(tasks::gossip(Arc::clone(core), gossip)));
    drop(R::Runtime::spawn(divergence::run(Arc::clone(core), divergences)));
    drop(R::Runtime::spawn(derive::run(Arc::clone(core), derive)));
    drop(R::Runtime::spawn(confirmation::run(Arc::clone(core))));
    drop(R::Runtime::spawn(confirmation::keep(Arc::clone(core))));
    drop(R::Runtime::spawn(tasks::recovery_end(Arc::clone(core))));
    drop(R::Runtime::spawn(tasks::ticks(Arc::clone(core))));
    drop(R::Runtime::spawn(tasks::snapshots(Arc::clone(core), made)));
    drop(R::Runtime::spawn(tasks::retention(Arc::clone(core), syncs)));
}

/// openraft's settings (02, "Raft rules").
fn raft_config(timings: &Timings, asks_first: bool) -> Result<Config, openraft::ConfigError> {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let config = Config {
        cluster_name: "muniment".to_owned(),
        heartbeat_interval: millis(timings.heartbeat),
        election_timeout_min: millis(timings.election_min),
        election_timeout_max: millis(timings.election_max),
        install_snapshot_timeout: 600_000,
        max_payload_entries: 64,
        snapshot_policy: SnapshotPolicy::Never,
        // openraft would purge behind each snapshot; the log is purged behind world dumps, by us.
        max_in_snapshot_log_to_keep: u64::MAX,
        state_machine_channel_size: Some(65_536),
        quorum_loss_probe_interval: Some(2 * millis(timings.election_max)),
        enable_pre_vote: Some(true),
        // Campaigns wait until the members have told what this node promised them.
        enable_elect: !asks_first,
        enable_leader_restore: Some(false),
        allow_log_reversion: Some(false),
        ..Config::default()
    };
    config.validate()
}
