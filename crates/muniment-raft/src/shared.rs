//! What the parts of one node share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use muniment_core::trust::TrustFile;
use muniment_core::verify::ReceiptVerifier;
use muniment_core::{LedgerId, NodeId};
use muniment_store::disk::Disk;
use tokio::sync::mpsc;

use crate::abstention::Abstentions;
use crate::admission_paths::AdmissionPaths;
use crate::admitter::Waiting;
use crate::apply_worker::{ApplyCommand, LifeClock};
use crate::board::Cosigned;
use crate::clocks::Clocks;
use crate::confirmation::Confirmation;
use crate::derive::Points;
use crate::environment::Environment;
use crate::files_worker::Files;
use crate::gauges::Gauges;
use crate::lags::Lags;
use crate::lifecycle::{Lifecycle, NodeState};
use crate::log_tail::LogTail;
use crate::notary::CheckpointContext;
use crate::options::{Limits, Timings};
use crate::promises::Promises;
use crate::published::Published;
use crate::router::Router;
use crate::seal_worker::SealTask;
use crate::snapshot::CurrentSnapshot;
use crate::state_machine::StateMachine;
use crate::transport::Transport;
use crate::type_config::TypeConfig;

/// openraft over this crate's types.
pub(crate) type RaftOf<R> =
    openraft::Raft<TypeConfig<<R as Environment>::Runtime>, StateMachine<<R as Environment>::Runtime>>;

/// One node, for all its parts.
pub(crate) struct Core<R: Environment> {
    pub(crate) me: NodeId,
    pub(crate) ledger_id: LedgerId,
    pub(crate) context: CheckpointContext,
    /// The other members.
    pub(crate) peers: Vec<NodeId>,
    pub(crate) raft: RaftOf<R>,
    pub(crate) router: Router<R>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) published: Published,
    pub(crate) cosigned: Cosigned,
    /// For this node's own proofs, and for what peers prove.
    pub(crate) verifier: ReceiptVerifier,
    pub(crate) admission_paths: AdmissionPaths,
    pub(crate) gauges: Gauges,
    pub(crate) lags: Lags,
    pub(crate) clocks: Clocks,
    pub(crate) promises: Promises,
    pub(crate) confirmation: Confirmation,
    pub(crate) environment: R,
    pub(crate) clock: LifeClock<R>,
    pub(crate) timings: Timings,
    pub(crate) limits: Limits,
    pub(crate) tail: LogTail,
    pub(crate) current: CurrentSnapshot,
    pub(crate) points: Points,
    pub(crate) files: Files,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) data_dir: PathBuf,
    pub(crate) submissions: mpsc::UnboundedSender<Waiting>,
    pub(crate) apply: mpsc::UnboundedSender<ApplyCommand<R::Runtime>>,
    pub(crate) seals: mpsc::UnboundedSender<SealTask>,
    /// A leader whose entries this node refuses, because a majority has another tree.
    pub(crate) refused_leader: Mutex<Option<NodeId>>,
    /// Why this node does not campaign, if it does not.
    pub(crate) abstentions: Abstentions,
    /// Ends when every worker has: nothing of the node touches the disk any more.
    pub(crate) workers: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

impl<R: Environment> Core<R> {
    /// What a verifier of this ledger's receipts needs.
    pub(crate) const fn trust(&self) -> &TrustFile {
        self.verifier.trust()
    }

    /// Whether the node takes part in Raft: a halted one keeps its data and answers reads only, and so does one that does
    /// not know yet what it promised.
    pub(crate) fn votes(&self) -> bool {
        matches!(self.lifecycle.state(), NodeState::Running | NodeState::Recovering)
            && !self.lifecycle.is_unconfirmed()
    }

    /// Whether entries of this leader are refused.
    pub(crate) fn refuses_leader(&self, leader: NodeId) -> bool {
        *self.refused_leader.lock().unwrap_or_else(PoisonError::into_inner) == Some(leader)
    }

    pub(crate) fn refuse_leader(&self, leader: Option<NodeId>) {
        *self.refused_leader.lock().unwrap_or_else(PoisonError::into_inner) = leader;
    }
}
