//! Whether this node's clock can be believed. A wrong clock can't be seen from inside: each node asks the others for
//! theirs, all the time, leader or not (06, "Clocks").

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use muniment_core::NodeId;
use openraft::AsyncRuntime;

use crate::abstention::Abstention;
use crate::environment::Environment;
use crate::peer_messages::Kind;
use crate::shared::Core;
use crate::transport::Lane;

/// Between two rounds of questions.
const ROUND: Duration = Duration::from_millis(500);
/// How old an answer may be.
const FRESH_MS: u64 = 10_000;
/// How far a clock may be from the median of a quorum's: beyond, its node does not lead.
const OFF_MAX_MS: u64 = 5_000;
/// How far ahead of this node's clock an entry may be stamped that is not known to be committed.
pub(crate) const AHEAD_MAX_MS: u64 = 10_000;

/// The other members' clocks, as last heard. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Clocks {
    /// Held for a look.
    heard: Arc<Mutex<BTreeMap<NodeId, Heard>>>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    /// How far ahead of this node's clock, in milliseconds.
    ahead_ms: i64,
    /// When, in the node's life.
    at_ms: u64,
}

impl Clocks {
    fn note(&self, peer: NodeId, ahead_ms: i64, at_ms: u64) {
        self.lock().insert(peer, Heard { ahead_ms, at_ms });
    }

    /// How far this node's clock is ahead of the median of those heard lately and its own, in milliseconds. `None` if
    /// these are fewer than a quorum of `members`: then nothing can be said.
    ///
    /// Of an even number of clocks the middle one that disagrees more counts: of two that differ nobody knows which
    /// is right.
    pub(crate) fn ahead_ms(&self, members: usize, now_ms: u64) -> Option<i64> {
        let heard = self.lock();
        let fresh = heard.values().filter(|heard| now_ms.saturating_sub(heard.at_ms) <= FRESH_MS);
        let mut ahead: Vec<i64> = fresh.map(|heard| heard.ahead_ms).chain([0]).collect();
        if ahead.len() < members / 2 + 1 {
            return None;
        }
        ahead.sort_unstable();
        let (lower, upper) = (ahead[(ahead.len() - 1) / 2], ahead[ahead.len() / 2]);
        let median = if lower.unsigned_abs() > upper.unsigned_abs() { lower } else { upper };
        Some(median.saturating_neg())
    }

    /// As [`Clocks::ahead_ms`], if it is further than a leader's clock may be.
    pub(crate) fn unsynced_ms(&self, members: usize, now_ms: u64) -> Option<i64> {
        self.ahead_ms(members, now_ms).filter(|ahead| ahead.unsigned_abs() > OFF_MAX_MS)
    }

    /// Whether a peer's clock was last heard to be about `ahead_ms` ahead of this one's.
    fn is_near(&self, peer: NodeId, ahead_ms: i64) -> bool {
        self.lock().get(&peer).is_some_and(|heard| heard.ahead_ms.abs_diff(ahead_ms) <= OFF_MAX_MS)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks until the node is over. A node whose clock is off does not campaign, and hands over what it leads.
pub(crate) async fn run<R: Environment>(core: Arc<Core<R>>) {
    let mut was_off = false;
    while !core.lifecycle.is_over() {
        ask(&core).await;
        let off = core.unsynced_ms();
        core.abstain(Abstention::Clock, off.is_some());
        if let Some(ahead) = off {
            if !was_off {
                core.lifecycle.alarm(format!(
                    "CLOCK_UNSYNCED: this node's clock is {ahead} ms ahead of the members' median; it does not lead until its time source is repaired"
                ));
            }
            let near = core.peers.iter().find(|peer| core.clocks.is_near(**peer, ahead.saturating_neg()));
            if let (Some(peer), true) = (near, core.router.leader() == Some(core.me)) {
                // Fails only when Raft has stopped.
                drop(core.raft.trigger().transfer_leader(peer.0).await);
            }
        }
        was_off = off.is_some();
        R::Runtime::sleep(ROUND).await;
    }
}

/// One round of questions. Half of the way there and back is taken for the way back.
async fn ask<R: Environment>(core: &Core<R>) {
    let question = Bytes::from(Kind::Clock.message());
    let mut answers: FuturesUnordered<_> = core
        .peers
        .iter()
        .map(|peer| {
            let call = core.transport.call(*peer, Lane::Urgent, question.clone());
            let asked = core.clock.elapsed();
            async move {
                let answer = R::Runtime::timeout(core.timings.peer_call, call).await;
                let theirs = u64::from_be_bytes(answer.ok()?.ok()?.as_ref().try_into().ok()?);
                let way = core.clock.elapsed().saturating_sub(asked) / 2;
                let ours = core.environment.now().0;
                let theirs = theirs.saturating_add(u64::try_from(way.as_millis()).unwrap_or(u64::MAX));
                let distance = i64::try_from(theirs.abs_diff(ours)).unwrap_or(i64::MAX);
                Some((*peer, if theirs >= ours { distance } else { -distance }))
            }
        })
        .collect();
    while let Some(answer) = answers.next().await {
        if let Some((peer, ahead_ms)) = answer {
            core.clocks.note(peer, ahead_ms, core.clock.now_ms());
        }
    }
}

impl<R: Environment> Core<R> {
    /// How far this node's clock is ahead of the members' median, if it is too far for a leader.
    pub(crate) fn unsynced_ms(&self) -> Option<i64> {
        self.clocks.unsynced_ms(self.context.members.members.len(), self.clock.now_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_YEARS_MS: i64 = 315_360_000_000;

    fn clocks(ahead_ms: &[i64]) -> Clocks {
        let clocks = Clocks::default();
        for (peer, ahead_ms) in (2..).map(NodeId).zip(ahead_ms) {
            clocks.note(peer, *ahead_ms, 1_000);
        }
        clocks
    }

    #[test]
    fn a_clock_is_off_when_the_median_of_a_quorum_is_elsewhere_and_one_wrong_clock_moves_none() {
        let cases: [(&[i64], usize, Option<i64>); 8] = [
            (&[], 1, Some(0)),
            (&[], 3, None),
            (&[-TEN_YEARS_MS, -TEN_YEARS_MS], 3, Some(TEN_YEARS_MS)),
            (&[TEN_YEARS_MS, 20], 3, Some(-20)),
            (&[TEN_YEARS_MS], 3, Some(-TEN_YEARS_MS)),
            (&[-TEN_YEARS_MS], 3, Some(TEN_YEARS_MS)),
            (&[TEN_YEARS_MS, -TEN_YEARS_MS], 3, Some(0)),
            (&[3, 5], 5, Some(-3)),
        ];
        for (ahead, members, expected) in cases {
            assert_eq!(clocks(ahead).ahead_ms(members, 2_000), expected, "{ahead:?} of {members}");
        }
        assert_eq!(clocks(&[5_000, 5_000]).unsynced_ms(3, 2_000), None);
        assert_eq!(clocks(&[5_001, 5_001]).unsynced_ms(3, 2_000), Some(-5_001));
        assert_eq!(clocks(&[5_001, 5_001]).unsynced_ms(3, 20_000), None, "nobody was heard lately");
    }
}
