//! What a node does beside its workers: gossip, the end of recovery, ticks, news of sync points.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use openraft::AsyncRuntime;
use tokio::sync::{Notify, mpsc};

use crate::apply_worker::ApplyCommand;
use crate::environment::Environment;
use crate::node::Core;
use crate::peer_messages::{Kind, SignedBody, put_signed_body, read_signed_body};
use crate::seal_worker::SealTask;
use crate::transport::Lane;

/// Between two looks at whether a sync point or a lost cosignature is due.
const TICK: Duration = Duration::from_millis(200);

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

/// After each sync point openraft learns of it, and the log may go behind the world dump.
pub(crate) async fn snapshots<R: Environment>(core: Arc<Core<R>>, made: Arc<Notify>) {
    loop {
        let over = std::pin::pin!(core.lifecycle.over());
        let made = std::pin::pin!(made.notified());
        if let futures::future::Either::Right(_) = futures::future::select(made, over).await {
            return;
        }
        // Both fail only when Raft has stopped, which the loop notices next.
        drop(core.raft.trigger().snapshot().await);
    }
}
