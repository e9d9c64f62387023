//! Whether a node can serve its role, and if not, why.

use crate::metrics::lag_entries;
use crate::options::ServiceLimits;
use crate::pulse::Beat;
use muniment_raft::{NodeState, Status};

/// One thing that must hold.
pub(crate) struct Check {
    /// What it is about.
    pub(crate) name: &'static str,
    /// Why it does not hold; none if it does.
    pub(crate) fault: Option<String>,
}

/// Whether the process and its disk work: never whether there is a quorum, else a lost majority would restart its members.
pub(crate) fn liveness(beat: &Beat) -> Check {
    let fault = match &beat.status.state {
        NodeState::Failed(reason) => Some(reason.clone()),
        NodeState::Recovering
        | NodeState::Running
        | NodeState::Halted(_)
        | NodeState::RolledBack(_)
        | NodeState::Stopped => None,
    };
    Check { name: "node", fault }
}

/// Everything that must hold for calls to be sent here.
pub(crate) fn readiness(beat: &Beat, limits: &ServiceLimits, draining: bool) -> Vec<Check> {
    let status = &beat.status;
    let running = match &status.state {
        NodeState::Running => None,
        state => Some(state.to_string()),
    };
    let leaderless = beat.leaderless_since.map(|since| since.elapsed());
    let leader = leaderless.filter(|time| *time > limits.ready_grace);
    let lag = lag_entries(status);
    vec![
        Check { name: "running", fault: running },
        Check {
            name: "leader",
            fault: leader.map(|time| format!("no leader is known for {} ms", time.as_millis())),
        },
        Check {
            name: "lag",
            fault: (lag > limits.ready_lag_entries).then(|| format!("{lag} entries are not applied")),
        },
        Check { name: "evidence", fault: damage(status) },
        Check {
            name: "clock",
            fault: status.clock_unsynced.then(|| {
                let ahead = status.clock_ahead_ms.unwrap_or_default();
                format!("its clock is {ahead} ms ahead of the members' median")
            }),
        },
        Check { name: "draining", fault: draining.then(|| "this node is about to stop".to_owned()) },
    ]
}

/// What is damaged: calls fare better elsewhere until it is repaired.
fn damage(status: &Status) -> Option<String> {
    let first = status.damaged.first()?;
    let more = status.damaged.len() - 1;
    Some(format!("{first}; {more} more places; being repaired from a peer, nothing is signed"))
}

/// Whether all of it holds.
pub(crate) fn holds(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.fault.is_none())
}
