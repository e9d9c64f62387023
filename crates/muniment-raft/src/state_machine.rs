//! openraft's state machine: a thin door in front of the apply worker.

use std::io;

use bytes::Bytes;
use futures::future::Either;
use futures::{Stream, TryStreamExt as _};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{AsyncRuntime, OptionalSend};
use tokio::sync::{mpsc, oneshot};

use crate::apply_worker::{ApplyCommand, CommittedEntry, Content};
use crate::gauges::Gauges;
use crate::lifecycle::Lifecycle;
use crate::published::Published;
use crate::snapshot::{CurrentSnapshot, RaftSnapshot, RaftSnapshotMeta, SnapshotData};
use crate::type_config::{RaftLogId, RaftPayload, RaftStoredMembership, TypeConfig};
use crate::verify_stage::VerifyStage;

/// Bytes handed over and not yet applied, above which openraft's state-machine task waits. openraft itself goes on:
/// it queues commands, not entries.
const HANDED_OVER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Hands entries to the verify stage and the apply worker.
pub struct StateMachine<Rt: AsyncRuntime> {
    pub(crate) commands: mpsc::UnboundedSender<ApplyCommand<Rt>>,
    pub(crate) verify_stage: VerifyStage,
    pub(crate) gauges: Gauges,
    pub(crate) published: Published,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) current: CurrentSnapshot,
    /// The last entry handed over; at open the sync point.
    pub(crate) last: Option<RaftLogId>,
    pub(crate) membership: RaftStoredMembership,
}

/// Answers the newest sync point; asked to, makes one first.
pub struct SnapshotBuilder<Rt: AsyncRuntime> {
    current: CurrentSnapshot,
    make: Option<mpsc::UnboundedSender<ApplyCommand<Rt>>>,
}

impl<Rt: AsyncRuntime> StateMachine<Rt> {
    fn verify(&mut self, bytes: Bytes) -> Content {
        let length = bytes.len();
        let apply_is_idle = self.gauges.unapplied_bytes() == 0;
        self.gauges.add_unapplied(length);
        Content::Batch { bytes: length, verifying: self.verify_stage.take(bytes, apply_is_idle) }
    }

    /// Waits while more is handed over than memory should hold; says whether the node still runs.
    async fn wait_for_room(&self) -> io::Result<()> {
        let has_room = || (self.gauges.unapplied_bytes() <= HANDED_OVER_BYTES_MAX).then_some(());
        let room = std::pin::pin!(self.published.wait_for(has_room));
        let over = std::pin::pin!(self.lifecycle.over());
        match futures::future::select(room, over).await {
            Either::Left(((), _)) => Ok(()),
            Either::Right(((), _)) => Err(self.ended()),
        }
    }

    fn ended(&self) -> io::Error {
        let reason = self.lifecycle.reason().unwrap_or_else(|| "stopped".to_owned());
        io::Error::other(format!("the apply worker has ended: {reason}"))
    }
}

impl<Rt: AsyncRuntime> RaftStateMachine<TypeConfig<Rt>> for StateMachine<Rt> {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = SnapshotBuilder<Rt>;

    async fn applied_state(&mut self) -> Result<(Option<RaftLogId>, RaftStoredMembership), io::Error> {
        Ok((self.last, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig<Rt>>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            self.wait_for_room().await?;
            let log_id = entry.log_id;
            let content = match entry.payload {
                RaftPayload::Blank => Content::Blank,
                RaftPayload::Normal(data) => self.verify(data.0),
                RaftPayload::Membership(membership) => {
                    self.membership = RaftStoredMembership::new(Some(log_id), membership.clone());
                    Content::Membership(membership)
                }
            };
            self.last = Some(log_id);
            let command = ApplyCommand::Entry(CommittedEntry { log_id, content, responder });
            self.commands.send(command).map_err(|_| self.ended())?;
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<SnapshotBuilder<Rt>> {
        let make = force.then(|| self.commands.clone());
        (force || self.current.snapshot().is_some())
            .then(|| SnapshotBuilder { current: self.current.clone(), make })
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder<Rt> {
        SnapshotBuilder { current: self.current.clone(), make: Some(self.commands.clone()) }
    }

    async fn install_snapshot(
        &mut self,
        meta: &RaftSnapshotMeta,
        snapshot: SnapshotData,
    ) -> Result<(), io::Error> {
        let (done, installed) = oneshot::channel();
        self.commands.send(ApplyCommand::Install(snapshot, done)).map_err(|_| self.ended())?;
        installed.await.map_err(|_| self.ended())?.map_err(io::Error::other)?;
        self.last = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<RaftSnapshot>, io::Error> {
        Ok(self.current.snapshot())
    }
}

impl<Rt: AsyncRuntime> RaftSnapshotBuilder<TypeConfig<Rt>> for SnapshotBuilder<Rt> {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> Result<RaftSnapshot, io::Error> {
        if let Some(commands) = &self.make {
            let (done, made) = oneshot::channel();
            let ended = || io::Error::other("the apply worker has ended");
            commands.send(ApplyCommand::SyncPoint(done)).map_err(|_| ended())?;
            made.await.map_err(|_| ended())?.map_err(io::Error::other)?;
        }
        let nothing = || io::Error::other("the evidence files are not open");
        self.current.even_empty().ok_or_else(nothing)
    }
}
