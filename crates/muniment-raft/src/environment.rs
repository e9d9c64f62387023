//! What a node takes from the machine it runs on: a runtime, a clock, workers.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muniment_core::UnixMillis;
use openraft::AsyncRuntime;
use openraft_rt_tokio::TokioRuntime;

/// The machine under a node: production runs on tokio and OS threads, the simulation on virtual time and tasks.
///
/// The same [`crate::Node`] runs on both; nothing in this crate names a clock, a thread or a runtime except through
/// this trait.
pub trait Environment: Clone + Send + Sync + 'static {
    /// The runtime that openraft and the node's tasks run on.
    type Runtime: AsyncRuntime;

    /// The wall clock. It goes into entry headers and cosignatures, never into `apply`.
    fn now(&self) -> UnixMillis;

    /// Starts a worker that may block on disk or computation: an OS thread in production, a task in simulation.
    ///
    /// A worker awaits nothing but channels, so it needs no reactor.
    fn spawn_worker(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static);
}

/// Production: tokio, the machine's clock, OS threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    type Runtime = TokioRuntime;

    fn now(&self) -> UnixMillis {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    fn spawn_worker(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let started = std::thread::Builder::new()
            .name(format!("muniment-{name}"))
            .spawn(move || futures::executor::block_on(work));
        if let Err(error) = started {
            // Without its worker the channel closes, which every caller reports as a stopped node.
            tracing::error!(worker = name, %error, "start worker thread");
        }
    }
}
