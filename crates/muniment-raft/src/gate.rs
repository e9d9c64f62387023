//! What this node takes in, and what it refuses before Raft sees it.

use crate::environment::Environment;
use crate::gauges::WaitingBytes;
use crate::lifecycle::NodeState;
use crate::node::Core;
use crate::submission::Refusal;

impl<R: Environment> Core<R> {
    /// Back-pressure: nothing is proposed that this node could not carry. Counts `bytes` as waiting until dropped.
    pub(crate) fn admit(&self, bytes: usize) -> Result<WaitingBytes, Refusal> {
        let retry_after = self.timings.seal_interval;
        let overloaded = |what| Refusal::Overloaded { what, retry_after };
        match self.lifecycle.state() {
            NodeState::Running | NodeState::Recovering => {}
            state => return Err(Refusal::NotRunning(state.to_string())),
        }
        if self.gauges.unapplied_bytes() > self.limits.unapplied_bytes_max {
            return Err(overloaded("apply"));
        }
        let own = self.gauges.unapplied_bytes();
        let leads = self.router.leader() == Some(self.me);
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
        let reserve = self.limits.disk_reserve_bytes;
        let available = self.disk.available_bytes(&self.data_dir).unwrap_or(0);
        if available < reserve.saturating_add(bytes as u64) {
            return Err(Refusal::StorageFull { available, reserve });
        }
        Ok(self.gauges.wait_with(bytes))
    }
}
