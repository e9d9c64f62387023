//! The verify stage before apply: what needs no state is checked batch by batch, side by side (02, "apply").

use std::sync::Arc;

use bytes::Bytes;
use muniment_ledger::{VerifiedBatch, VerifyContext, verify_batch};
use tokio::sync::{mpsc, oneshot};

use crate::environment::Environment;
use crate::lifecycle::Lifecycle;
use crate::wiring::Workers;

/// Workers of the verify stage.
const VERIFY_WORKERS: usize = 2;

/// Takes batches in the order of the log.
pub(crate) struct VerifyStage {
    context: VerifyContext,
    /// One queue for each worker, used in turn.
    workers: Vec<mpsc::UnboundedSender<ToVerify>>,
    next: usize,
}

/// Bytes of a batch, for a worker.
struct ToVerify {
    bytes: Bytes,
    done: oneshot::Sender<VerifiedBatch>,
}

/// A batch on its way through the stage.
pub(crate) enum Verifying {
    /// A worker has it.
    ByWorker(oneshot::Receiver<VerifiedBatch>),
    /// Whoever waits for it verifies it.
    ByWaiter(VerifyContext, Bytes),
}

impl VerifyStage {
    pub(crate) fn start<R: Environment>(
        workers: &Workers<R>,
        context: VerifyContext,
        lifecycle: &Lifecycle,
    ) -> Self {
        let start = |_| {
            let (sender, mut jobs) = mpsc::unbounded_channel::<ToVerify>();
            let (context, lifecycle) = (context.clone(), lifecycle.clone());
            workers.start("verify", async move {
                while let Some(ToVerify { bytes, done }) = lifecycle.next(&mut jobs).await {
                    // The apply worker of a node that is over no longer asks.
                    drop(done.send(verify(&context, &bytes)));
                }
            });
            sender
        };
        Self { workers: (0..VERIFY_WORKERS).map(start).collect(), context, next: 0 }
    }

    /// Takes a batch in. With nothing before it (`apply_is_idle`) no other worker would be done sooner than the apply worker
    /// itself, and two wake-ups cost more than verifying a small batch.
    pub(crate) fn take(&mut self, bytes: Bytes, apply_is_idle: bool) -> Verifying {
        if apply_is_idle {
            return Verifying::ByWaiter(self.context.clone(), bytes);
        }
        let (done, verified) = oneshot::channel();
        self.next = (self.next + 1) % self.workers.len();
        // A worker that is gone drops `done`, and the apply worker of the same node is over too.
        drop(self.workers[self.next].send(ToVerify { bytes, done }));
        Verifying::ByWorker(verified)
    }
}

impl Verifying {
    /// The batch, verified; none if the node is over.
    pub(crate) async fn finish(self) -> Option<VerifiedBatch> {
        match self {
            Self::ByWorker(verified) => verified.await.ok(),
            Self::ByWaiter(context, bytes) => Some(verify(&context, &bytes)),
        }
    }
}

/// Verifies one batch.
pub(crate) fn verify(context: &VerifyContext, bytes: &Bytes) -> VerifiedBatch {
    verify_batch(context, Arc::from(&bytes[..]))
}
