//! What a node does beside its workers: gossip, the end of recovery, ticks, what may be let go.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use muniment_core::{LogIndex, TreeSize};
use openraft::AsyncRuntime;
use tokio::sync::{Notify, mpsc};

use crate::apply_worker::ApplyCommand;
use crate::environment::Environment;
use crate::peer_messages::{Kind, SignedBody, put_signed_body, read_signed_body};
use crate::seal_worker::SealTask;
use crate::shared::Core;
use crate::sync_worker::SyncTask;
use crate::transport::Lane;

/// Between two looks at whether a sync point or a lost cosignature is due.
const TICK: Duration = Duration::from_millis(200);
/// Between two looks at what may be let go.
const RETENTION: Duration = Duration::from_secs(1);

/// Sends cosignatures to every other member; what they answer goes back to the seal worker.
pub(crate) async fn gossip<R: Environment>(
    core: Arc<Core<R>>,
    mut outgoing: mpsc::UnboundedReceiver<SignedBody>,
) {
    let mut calls = FuturesUnordered::new();
    loop {
        let next = std::pin::pin!(core.lifecycle.next(&mut outgoing));
        let signed = if calls.is_empty() {
            next.await
        } else {
            match futures::future::select(next, calls.next()).await {
                futures::future::Either::Left((signed, _)) => signed,
                futures::future::Either::Right(_) => continue,
            }
        };
        let Some(signed) = signed else { return };
        let mut message = Kind::Cosignature.message();
        put_signed_body(&mut message, &signed);
        let message = bytes::Bytes::from(message);
        for peer in &core.peers {
            let call = core.transport.call(*peer, Lane::Urgent, message.clone());
            let (call, seals) = (R::Runtime::timeout(core.timings.peer_call, call), core.seals.clone());
            calls.push(async move {
                if let Ok(Ok(answer)) = call.await
                    && let Ok(signed) = read_signed_body(&mut muniment_core::reader::Reader::new(&answer))
                    && !signed.body.is_empty()
                {
                    // A seal worker that is gone belongs to a node that is over.
                    drop(seals.send(SealTask::Lines(signed, None)));
                }
            });
        }
    }
}

/// The node runs when a leader has confirmed everything that its log held, and all of it is applied.
pub(crate) async fn recovery_end<R: Environment>(core: Arc<Core<R>>) {
    if let Ok(metrics) = core.raft.wait_for_recovery(None).await {
        if let Some(committed) = metrics.last_applied {
            core.published.wait_applied(muniment_core::LogIndex(committed.index)).await;
        }
        core.insist_on_signed_size();
        core.lifecycle.run();
    }
}

/// Wakes what works by time.
pub(crate) async fn ticks<R: Environment>(core: Arc<Core<R>>) {
    while !core.lifecycle.is_over() {
        R::Runtime::sleep(TICK).await;
        // Workers that are gone belong to a node that is over.
        drop(core.apply.send(ApplyCommand::Tick));
        drop(core.seals.send(SealTask::Tick));
    }
}

/// After each derived point that others may take over openraft learns of it.
pub(crate) async fn snapshots<R: Environment>(core: Arc<Core<R>>, made: Arc<Notify>) {
    loop {
        let over = std::pin::pin!(core.lifecycle.over());
        let made = std::pin::pin!(made.notified());
        if let futures::future::Either::Right(_) = futures::future::select(made, over).await {
            return;
        }
        // Fails only when Raft has stopped, which the loop notices next.
        drop(core.raft.trigger().snapshot().await);
    }
}

/// Confirms derived points whose leaf is in the ledger, and lets the log go behind them.
pub(crate) async fn retention<R: Environment>(core: Arc<Core<R>>, syncs: mpsc::UnboundedSender<SyncTask>) {
    let mut confirmed = TreeSize(0);
    while !core.lifecycle.is_over() {
        let view = core.published.view();
        let size = view.world.head().derived_size;
        if size != confirmed && !core.must_keep_point() {
            confirmed = size;
            // A worker that is gone belongs to a node that is over.
            drop(syncs.send(SyncTask::Confirm { files: view.files.clone(), size }));
        }
        if let Some(upto) = core.purgeable() {
            // Fails only when Raft has stopped.
            drop(core.raft.trigger().purge_log(upto.0).await);
        }
        R::Runtime::sleep(RETENTION).await;
    }
}

impl<R: Environment> Core<R> {
    /// Whether a peer is taking over the point that is offered now: a newer one would send it back to the start.
    fn must_keep_point(&self) -> bool {
        let limits = &self.limits;
        let fits = |kept: LogIndex| self.snapshot_index().is_none_or(|point| point >= kept);
        let kept = self.tail.first_index_kept(limits.log_keep_for_peer_bytes, limits.log_segment_bytes);
        self.points.server.is_leased(self.clock.now_ms()) && kept.is_none_or(fits)
    }

    /// The entry of the point that is offered now.
    fn snapshot_index(&self) -> Option<LogIndex> {
        self.current.snapshot()?.meta.last_log_id.map(|log_id| LogIndex(log_id.index))
    }

    /// The last entry that the log may lose: behind the offered point, behind the world dump that a restart replays from,
    /// and further back than what is kept for members that were away for a while.
    fn purgeable(&self) -> Option<LogIndex> {
        let limits = &self.limits;
        let kept = self.tail.first_index_kept(limits.log_keep_bytes, limits.log_segment_bytes)?;
        let dump = self.published.view().files.sync_point().dump?.position.log_index;
        let upto = LogIndex(kept.0.checked_sub(1)?).min(dump).min(self.snapshot_index()?);
        let purged = self.tail.purged().map(|log_id| LogIndex(log_id.index));
        (Some(upto) > purged).then_some(upto)
    }
}
