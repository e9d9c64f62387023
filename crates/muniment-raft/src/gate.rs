//! What this node takes in, and what it refuses before Raft sees it: one append that fails ends openraft for good, and an
//! entry that is in the log can't be taken back.

use muniment_core::batch::Batch;
use muniment_core::{NodeId, UnixMillis};
use openraft::raft::AppendEntriesRequest;

use crate::clocks::AHEAD_MAX_MS;
use crate::environment::Environment;
use crate::gauges::WaitingBytes;
use crate::lifecycle::NodeState;
use crate::shared::Core;
use crate::submission::Refusal;
use crate::type_config::{RaftPayload, TypeConfig};

impl<R: Environment> Core<R> {
    /// Back-pressure: nothing is proposed that this node could not carry. Counts `bytes` as waiting until dropped.
    pub(crate) fn admit(&self, bytes: usize) -> Result<WaitingBytes, Refusal> {
        match self.lifecycle.state() {
            NodeState::Running | NodeState::Recovering => {}
            state @ NodeState::RolledBack(_) => return Err(Refusal::RolledBack(state.to_string())),
            state => return Err(Refusal::NotRunning(state.to_string())),
        }
        let leads = self.router.leader() == Some(self.me);
        if let Some(ahead_ms) = self.unsynced_ms().filter(|_| leads) {
            return Err(Refusal::ClockUnsynced { ahead_ms });
        }
        self.insist_on_pace(leads)?;
        let reserve = self.limits.disk_reserve_bytes;
        let available = self.available_bytes();
        if available < reserve.saturating_add(bytes as u64) {
            return Err(Refusal::StorageFull { available, reserve });
        }
        Ok(self.gauges.wait_with(bytes))
    }

    /// Insists that apply, submissions and seals keep up.
    fn insist_on_pace(&self, leads: bool) -> Result<(), Refusal> {
        let retry_after = self.timings.seal_interval;
        let overloaded = |what| Refusal::Overloaded { what, retry_after };
        let own = self.gauges.unapplied_bytes();
        if own > self.limits.unapplied_bytes_max {
            return Err(overloaded("apply"));
        }
        let quorum = self.lags.of_quorum(own, self.context.members.members.len());
        if leads && quorum > self.limits.unapplied_bytes_max {
            return Err(overloaded("apply on the members that a quorum needs"));
        }
        if self.gauges.waiting_bytes() > self.limits.waiting_bytes_max {
            return Err(overloaded("submissions waiting"));
        }
        let lag_max = u64::try_from(self.limits.seal_lag_max.as_millis()).unwrap_or(u64::MAX);
        // Nothing is signed here until a repair is over; the others go on, and entries can be taken to them.
        if !self.lifecycle.is_damaged() && self.gauges.seal_lag_ms(self.clock.now_ms()) > lag_max {
            return Err(overloaded("sealing"));
        }
        Ok(())
    }

    /// Whether a leader's message may go to Raft. What is refused is like a message that was lost: heartbeats and votes
    /// go on, and the leader sends entries again.
    pub(crate) fn takes(&self, from: NodeId, request: &AppendEntriesRequest<TypeConfig<R::Runtime>>) -> bool {
        if !self.votes() || self.refuses_leader(from) {
            return false;
        }
        if request.entries.is_empty() {
            return true;
        }
        if self.available_bytes() < self.limits.disk_reserve_bytes {
            let reserve = self.limits.disk_reserve_bytes;
            self.lifecycle.alarm(format!(
                "STORAGE_FULL: less than {reserve} bytes are left; entries are refused, votes and reads go on"
            ));
            return false;
        }
        if self.is_from_the_future(request) {
            self.lifecycle.alarm(format!(
                "entries of node {from} are stamped more than {AHEAD_MAX_MS} ms ahead of this node's clock: refused until they are committed"
            ));
            return false;
        }
        true
    }

    /// Whether an entry that is not known to be committed is stamped further ahead than clocks differ. One that a majority
    /// took in is the ledger's time, whatever this node's clock says.
    fn is_from_the_future(&self, request: &AppendEntriesRequest<TypeConfig<R::Runtime>>) -> bool {
        let committed = request.leader_commit.map(|log_id| log_id.index);
        let latest = UnixMillis(self.environment.now().0.saturating_add(AHEAD_MAX_MS));
        let open = request.entries.iter().filter(|entry| Some(entry.log_id.index) > committed);
        open.into_iter().any(|entry| match &entry.payload {
            RaftPayload::Normal(data) => {
                // What is no batch is refused by apply, the same way on every member.
                Batch::read_header(&data.0).is_ok_and(|header| header.proposed_at > latest)
            }
            RaftPayload::Blank | RaftPayload::Membership(_) => false,
        })
    }

    /// Bytes that this node may still write; 0 if the disk does not say.
    fn available_bytes(&self) -> u64 {
        self.disk.available_bytes(&self.data_dir).unwrap_or(0)
    }
}
