//! A bound on a run from outside: whatever happens inside, its caller hears of it.
//!
//! Virtual time bounds nothing that does not let it pass. The runtime panics when tasks go round in circles, but while it
//! holds its own lock, for which the tasks it then drops wait: it hangs where it should fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use openraft::AsyncRuntime as _;
use openraft_rt_sim::SimRuntime;

use crate::swarm::panics::Panics;

/// How long a run may take on the wall clock; one takes about a second.
const RUN_MAX: Duration = Duration::from_secs(180);
/// How long a run may take to end after the runtime itself has panicked.
const END_MAX: Duration = Duration::from_secs(2);
/// Between two looks at a run.
const LOOK: Duration = Duration::from_millis(100);
/// What panics of the runtime itself say.
const RUNTIME: &str = "rt-sim:";

/// How a bounded run ended.
#[derive(Debug)]
pub struct Ended<T> {
    /// What it answered, or why it did not.
    pub result: Result<T, String>,
    /// What panicked in it, tasks included.
    pub panics: Vec<String>,
}

/// Runs a future in a simulation of its own. One that does not end is left behind on its thread.
pub fn bounded<F>(seed: u64, future: impl FnOnce() -> F + Send + 'static) -> Ended<F::Output>
where
    F: Future,
    F::Output: Send + 'static,
{
    let panics = Panics::default();
    let (sender, receiver) = channel();
    let watched = panics.clone();
    let spawned = std::thread::Builder::new().name(format!("seed-{seed}")).spawn(move || {
        watched.watch();
        let mut runtime = SimRuntime::with_seed(seed);
        let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(future())));
        if result.is_err() {
            // Its tasks were interrupted anywhere: dropping them could wait for each other.
            std::mem::forget(runtime);
        }
        // A caller that gave up asks no more.
        sender.send(result.map_err(|_| "the run panicked".to_owned())).ok();
    });
    if let Err(error) = spawned {
        return Ended { result: Err(format!("no thread: {error}")), panics: Vec::new() };
    }
    let began = Instant::now();
    let mut end = began + RUN_MAX;
    let result = loop {
        match receiver.recv_timeout(LOOK) {
            Ok(result) => break result,
            Err(RecvTimeoutError::Disconnected) => break Err("the run vanished".to_owned()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if panics.messages().iter().any(|message| message.contains(RUNTIME)) {
            end = end.min(Instant::now() + END_MAX);
        }
        if Instant::now() >= end {
            break Err(format!("no end after {:?}", began.elapsed()));
        }
    };
    Ended { result, panics: panics.messages() }
}

#[cfg(test)]
mod tests {
    use super::bounded;
    use openraft::AsyncRuntime as _;
    use openraft_rt_sim::SimRuntime;

    #[test]
    fn a_run_that_goes_round_in_circles_fails_instead_of_hanging() {
        let ended = bounded(7, || async {
            let spinning = SimRuntime::spawn(async {
                // A timer is what hangs the runtime: it is dropped under the lock that its drop takes.
                let _timer = SimRuntime::sleep(std::time::Duration::from_secs(1));
                std::future::poll_fn(|context| -> std::task::Poll<()> {
                    context.waker().wake_by_ref();
                    std::task::Poll::Pending
                })
                .await;
            });
            drop(spinning.await);
        });
        assert!(ended.result.is_err());
        assert!(ended.panics.iter().any(|panic| panic.contains("busy-looping")), "{:?}", ended.panics);
    }
}
