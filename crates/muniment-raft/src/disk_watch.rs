//! Watches how long the Raft log's flushes take: a leader with a slow disk holds everybody up, and one that never comes
//! back holds them up for ever (06, "Disk").

use std::sync::Arc;
use std::time::Duration;

use openraft::AsyncRuntime;

use crate::abstention::Abstention;
use crate::environment::Environment;
use crate::shared::Core;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// A flush that takes longer costs the node its office.
const SLOW: Duration = Duration::from_secs(1);
/// A flush that takes longer will not end: the node does.
const STUCK: Duration = Duration::from_secs(10);
/// How long flushes must have been quick before the node campaigns again.
const RECOVERED: Duration = Duration::from_secs(30);

/// Looks until the node is over.
pub(crate) async fn run<R: Environment>(core: Arc<Core<R>>) {
    let (mut seen, mut since, mut slow_at) = (0, core.clock.elapsed(), None);
    while !core.lifecycle.is_over() {
        R::Runtime::sleep(LOOK).await;
        let (flush, now) = (core.gauges.flush_under_way(), core.clock.elapsed());
        if flush != Some(seen) {
            (seen, since) = (flush.unwrap_or(0), now);
            if slow_at.is_some_and(|slow| now.saturating_sub(slow) > RECOVERED) {
                slow_at = None;
                core.abstain(Abstention::SlowDisk, false);
            }
            continue;
        }
        let took = now.saturating_sub(since);
        if took > STUCK {
            let seconds = STUCK.as_secs();
            core.lifecycle
                .fail(format!("a flush of the Raft log has not ended within {seconds} s: look at the disk"));
            return;
        }
        if took > SLOW {
            if slow_at.replace(now).is_none() {
                core.lifecycle
                    .alarm("a flush of the Raft log takes over 1 s: this node does not lead".to_owned());
            }
            core.abstain(Abstention::SlowDisk, true);
            core.hand_over().await;
        }
    }
}
