//! The machine under a simulated node: its clock, its power, its workers.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use muniment_core::{NodeId, UnixMillis};
use muniment_raft::Environment;
use openraft::{AsyncRuntime, Instant as _};
use openraft_rt_sim::{SimInstant, SimRuntime, SimSleep};

/// The wall clock at the start of every run.
pub const EPOCH: UnixMillis = UnixMillis(1_790_000_000_000);

/// Name of the worker that applies entries.
const APPLY: &str = "apply";
/// Name of the worker that flushes the Raft log.
const LOG: &str = "log";

/// One life of a machine: from power on to power off. Everything a node owns goes with it.
#[derive(Debug)]
pub struct Machine {
    node: NodeId,
    is_off: AtomicBool,
    is_apply_stalled: AtomicBool,
    /// How far the wall clock is off, in milliseconds.
    clock_skew_ms: AtomicI64,
    /// How long a flush of the Raft log takes.
    flush: Duration,
    workers: AtomicU64,
    /// Whom to wake when the power fails or a stall ends.
    wakers: Mutex<BTreeMap<u64, Waker>>,
}

/// Virtual time since the run's start.
#[must_use]
pub fn now() -> Duration {
    SimInstant::now().elapsed_since_start()
}

/// Waits in virtual time.
pub fn sleep(duration: Duration) -> SimSleep {
    SimRuntime::sleep(duration)
}

impl Machine {
    /// A machine that is on.
    #[must_use]
    pub fn new(node: NodeId, flush: Duration) -> Arc<Self> {
        Arc::new(Self {
            node,
            is_off: AtomicBool::new(false),
            is_apply_stalled: AtomicBool::new(false),
            clock_skew_ms: AtomicI64::new(0),
            flush,
            workers: AtomicU64::new(0),
            wakers: Mutex::default(),
        })
    }

    /// Whose it is.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// Whether the power has failed.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Relaxed)
    }

    /// Fails the power: disk and network answer nothing more, workers vanish where they are.
    pub fn switch_off(&self) {
        self.is_off.store(true, Ordering::Relaxed);
        self.wake_workers();
    }

    /// Stalls the apply worker, or lets it go on.
    pub fn stall_apply(&self, stalled: bool) {
        self.is_apply_stalled.store(stalled, Ordering::Relaxed);
        self.wake_workers();
    }

    /// Puts the wall clock off by some milliseconds.
    pub fn skew_clock(&self, milliseconds: i64) {
        self.clock_skew_ms.store(milliseconds, Ordering::Relaxed);
    }

    /// The machine's wall clock.
    #[must_use]
    pub fn wall_clock(&self) -> UnixMillis {
        let elapsed = u64::try_from(now().as_millis()).unwrap_or(u64::MAX);
        UnixMillis((EPOCH.0 + elapsed).saturating_add_signed(self.clock_skew_ms.load(Ordering::Relaxed)))
    }

    fn wake_workers(&self) {
        let wakers = std::mem::take(&mut *lock(&self.wakers));
        wakers.into_values().for_each(Waker::wake);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A node's environment on a simulated machine: virtual time, workers as tasks.
#[derive(Clone, Debug)]
pub struct SimEnvironment {
    /// The machine.
    pub machine: Arc<Machine>,
}

impl Environment for SimEnvironment {
    type Runtime = SimRuntime;

    fn now(&self) -> UnixMillis {
        self.machine.wall_clock()
    }

    fn spawn_worker(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let machine = Arc::clone(&self.machine);
        let number = machine.workers.fetch_add(1, Ordering::Relaxed);
        drop(SimRuntime::spawn(Worker { machine, number, name, work: Some(Box::pin(work)), flush: None }));
    }
}

/// A worker as a task that the machine can stall or end.
struct Worker {
    machine: Arc<Machine>,
    number: u64,
    name: &'static str,
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The time that the disk takes before the log worker's next group is durable.
    flush: Option<Pin<Box<SimSleep>>>,
}

impl Future for Worker {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.machine.is_off() {
            // The power is gone: what the worker held is dropped here, half done or not.
            self.work = None;
            return Poll::Ready(());
        }
        lock(&self.machine.wakers).insert(self.number, context.waker().clone());
        if self.name == APPLY && self.machine.is_apply_stalled.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        if self.name == LOG && !self.machine.flush.is_zero() {
            // Flushing takes no virtual time inside a poll, so it is waited for before: what arrives meanwhile joins
            // the group.
            let duration = self.machine.flush;
            let flush = self.flush.get_or_insert_with(|| Box::pin(sleep(duration)));
            if flush.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.flush = None;
        }
        match self.work.as_mut() {
            Some(work) => work.as_mut().poll(context),
            None => Poll::Ready(()),
        }
    }
}
