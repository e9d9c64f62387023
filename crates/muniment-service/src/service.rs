//! What the methods of one server share, and what every answer begins with.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use muniment_core::founding::Founding;
use muniment_core::{BureauNumber, LedgerId, NodeId, Reason, Suite, TreeSize, UnixMillis};
use muniment_proto::header::{Freshness, Header, Leader};
use muniment_proto::{metadata, v1};
use muniment_raft::{Environment as _, Handle, LedgerView, ReadError, SystemEnvironment};
use tokio::sync::watch;
use tokio::time::timeout_at;

use crate::deadline::Deadline;
use crate::lookup::Lookups;
use crate::metrics::Metrics;
use crate::options::ServiceLimits;
use crate::pulse::Pulse;
use crate::rate_limit::DoorRates;
use crate::refused::{Answer, Refused};

/// What the methods of one server share.
pub(crate) struct Service {
    pub(crate) node: Handle<SystemEnvironment>,
    pub(crate) founding: Founding,
    pub(crate) ledger_id: LedgerId,
    /// The node's own bureau: for its clients the node signs.
    pub(crate) bureau: BureauNumber,
    pub(crate) limits: ServiceLimits,
    pub(crate) rates: DoorRates,
    pub(crate) lookups: Lookups,
    pub(crate) metrics: Metrics,
    pub(crate) pulse: Pulse,
    /// The newest view with a new seal; none before the node has recovered.
    pub(crate) sealed: watch::Receiver<Option<Arc<LedgerView>>>,
    /// True once the server is to end: streams end, too.
    pub(crate) stopping: watch::Receiver<bool>,
    /// When this node last knew that its copy was current: a linearizable read began then. Held for two words.
    current_at: Mutex<Option<Instant>>,
}

/// The parts of a [`Service`] that somebody else makes.
pub(crate) struct Made {
    pub(crate) lookups: Lookups,
    pub(crate) metrics: Metrics,
    pub(crate) pulse: Pulse,
    pub(crate) sealed: watch::Receiver<Option<Arc<LedgerView>>>,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Service {
    /// The node's bureau is the founder whose node it is.
    pub(crate) fn new(
        node: Handle<SystemEnvironment>,
        founding: Founding,
        limits: ServiceLimits,
        made: Made,
    ) -> Option<Arc<Self>> {
        let founder = founding.founders.iter().find(|founder| founder.node_id == node.node_id())?;
        let Made { lookups, metrics, pulse, sealed, stopping } = made;
        Some(Arc::new(Self {
            ledger_id: founding.ledger_id(),
            bureau: founder.number,
            rates: DoorRates::new(limits.rates),
            current_at: Mutex::new(None),
            node,
            founding,
            limits,
            lookups,
            metrics,
            pulse,
            sealed,
            stopping,
        }))
    }

    /// The ledger's hash suite.
    pub(crate) const fn suite(&self) -> Suite {
        self.founding.suite
    }

    /// This machine's clock.
    pub(crate) fn now() -> UnixMillis {
        SystemEnvironment.now()
    }

    /// The header of an answer that reflects a tree of `size` leaves.
    pub(crate) fn header_at(&self, size: TreeSize) -> v1::ResponseHeader {
        let mut status = self.pulse.beat().status;
        if status.leader.is_none() {
            // A hint saves the caller a search, and the look may be older than the election.
            status = Arc::new(self.node.status());
        }
        let cosigned_size = self.node.cosigned().map_or(TreeSize(0), |checkpoint| checkpoint.body.size);
        Header {
            ledger_id: self.ledger_id,
            node_id: self.node.node_id(),
            raft_term: status.raft_term,
            size,
            cosigned_size,
            leader: status.leader.map(|leader| self.leader(leader)),
        }
        .into()
    }

    /// The header of an answer that reflects no tree in particular: how far the node is, 0 while it recovers.
    pub(crate) fn header(&self) -> v1::ResponseHeader {
        self.header_at(self.node.view().map_or(TreeSize(0), |view| view.size))
    }

    /// Where services reach a node.
    pub(crate) fn leader(&self, node_id: NodeId) -> Leader {
        let founder = self.founding.founders.iter().find(|founder| founder.node_id == node_id);
        let client_address = founder.map(|founder| founder.contact.client_address.clone());
        Leader { node_id, client_address: client_address.unwrap_or_default() }
    }

    /// A view as fresh as the caller asks for.
    ///
    /// A stale read within a bound is answered from this node's copy if the copy was known to be current that short a time
    /// ago; else a leader is asked, and what it confirms is answered.
    pub(crate) async fn view(&self, freshness: Freshness, deadline: Deadline) -> Answer<Arc<LedgerView>> {
        match freshness {
            Freshness::Linearizable => self.linearizable(deadline).await,
            Freshness::StaleOk { max_lag: None } => Ok(self.node.view()?),
            Freshness::StaleOk { max_lag: Some(max_lag) } => {
                let known = *self.current_at.lock().unwrap_or_else(PoisonError::into_inner);
                if known.is_some_and(|known| known.elapsed() <= max_lag) {
                    return Ok(self.node.view()?);
                }
                let asked = self.linearizable(deadline).await;
                asked.map_err(|refused| match refused.reason() {
                    Reason::NoQuorum => Refused::new(
                        Reason::MemberNotCaughtUp,
                        format!("this node has not been current within {} ms", max_lag.as_millis()),
                    ),
                    _ => refused,
                })
            }
        }
    }

    async fn linearizable(&self, deadline: Deadline) -> Answer<Arc<LedgerView>> {
        let began = Instant::now();
        let waited = deadline.left();
        let view = timeout_at(deadline.soft, self.node.read_index()).await;
        let view = view.unwrap_or(Err(ReadError::NoQuorum(waited)))?;
        let mut current_at = self.current_at.lock().unwrap_or_else(PoisonError::into_inner);
        *current_at = (*current_at).max(Some(began));
        Ok(view)
    }

    /// Waits for a checkpoint of `size` leaves that q bureaus cosigned, until `deadline`; false if there is none by then.
    pub(crate) async fn is_cosigned(&self, size: TreeSize, deadline: Deadline) -> bool {
        loop {
            if self.node.cosigned().is_some_and(|checkpoint| checkpoint.body.size >= size) {
                return true;
            }
            match timeout_at(deadline.soft, self.node.wait_cosigned(size)).await {
                Ok(Ok(_)) => return true,
                Ok(Err(ReadError::TimedOut { .. })) if deadline.left() > Duration::ZERO => {}
                Ok(Err(_)) | Err(_) => return false,
            }
        }
    }

    /// A size that lies beyond the tree after a linearizable read: evidence of a rollback, if it was cosigned.
    pub(crate) fn beyond(&self, what: &str, asked: u64, size: TreeSize) -> Refused {
        self.metrics.resume_points_beyond.inc();
        tracing::error!(asked, size = size.0, what, "a caller knows a larger tree than this ledger has");
        let message = format!("{what} {asked} lies beyond the tree of {size} leaves");
        Refused::new(Reason::ResumePointUnavailable, message).with(metadata::TREE_SIZE, size)
    }

    /// Whether the server is to end.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// What a stream ends with when the server does.
    pub(crate) fn stopped() -> Refused {
        Refused::new(Reason::Halted, "this node stops; go on with another member")
    }
}
