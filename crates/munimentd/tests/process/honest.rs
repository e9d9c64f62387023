//! Services that do what services do while others misbehave, and what the members are held to meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use muniment_client::{Client, Options};
use muniment_proto::submission::Level;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::ledger::{Ledger, until};

/// Callers of each bureau, each with a connection of its own that it keeps.
const CALLERS: u64 = 2;
/// Each caller begins a call so often, if the one before is over.
const PACE: Duration = Duration::from_millis(50);
/// The longest that any call may take: as long as writes may stand still for any single fault (G7).
const CALL_MAX: Duration = Duration::from_secs(5);
/// The most memory that a member may ever have had, in KiB (S7): 512 MiB.
const RSS_MAX_KIB: u64 = 512 * 1024;

/// Callers of some bureaus, each at its own member, that end when dropped. A call that fails ends the test.
pub(crate) struct Honest {
    calls: Arc<AtomicU64>,
    callers: JoinSet<()>,
}

impl Honest {
    /// Connects and begins.
    pub(crate) async fn begin(ledger: &Ledger, bureaus: &[usize]) -> Self {
        let mut honest = Self { calls: Arc::default(), callers: JoinSet::new() };
        for bureau in bureaus {
            for caller in 0..CALLERS {
                let endpoints = vec![ledger.endpoint(*bureau)];
                let mut options = Options { endpoints, ..ledger.options(*bureau) };
                options.state_dir = None;
                // One call is one try.
                options.retry.attempts = 1;
                let client = Client::new(&options).expect("the options hold");
                let first = (1 + caller) * 1_000_000;
                let template = ledger.access(&client, first);
                honest.callers.spawn(call(client, template, Arc::clone(&honest.calls)));
            }
        }
        honest.wait(50).await;
        honest
    }

    /// Calls that were answered so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Waits for so many further answers.
    pub(crate) async fn wait(&mut self, further: u64) {
        let due = self.calls() + further;
        let calls = Arc::clone(&self.calls);
        let reached = until(async || (calls.load(Ordering::SeqCst) >= due).then_some(()));
        tokio::select! {
            () = reached => {}
            ended = self.callers.join_next() => panic!("an honest caller ended: {ended:?}"),
        }
    }

    /// Answers a second, over that time.
    pub(crate) async fn throughput(&mut self, time: Duration) -> f64 {
        let (begun, before) = (Instant::now(), self.calls());
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            ended = self.callers.join_next() => panic!("an honest caller ended: {ended:?}"),
        }
        let calls = u32::try_from(self.calls() - before).expect("a small number");
        f64::from(calls) / begun.elapsed().as_secs_f64()
    }
}

async fn call(client: Client, template: muniment_core::v1::Record, calls: Arc<AtomicU64>) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for serial in 0_u64.. {
        pace.tick().await;
        let mut record = template.clone();
        if let Some(muniment_core::v1::record::Body::AccessExecuted(access)) = &mut record.body {
            access.exchange = format!("{}-{serial}", access.exchange);
        }
        let prepared = client.prepare(record).expect("a valid record");
        let begun = Instant::now();
        client.submit(&prepared, Level::Committed).await.expect("an honest call is answered");
        assert!(begun.elapsed() < CALL_MAX, "an honest call took {:?}", begun.elapsed());
        calls.fetch_add(1, Ordering::SeqCst);
    }
}

/// Each member's Raft term. Any election changes it.
pub(crate) async fn raft_terms(ledger: &Ledger) -> [f64; 3] {
    let mut terms = [0.0; 3];
    for (member, term) in terms.iter_mut().enumerate() {
        *term = ledger.metric(member, "muniment_raft_term").await;
    }
    terms
}

/// Insists on the bound of each member's memory at its peak.
pub(crate) fn check_memory(ledger: &Ledger) {
    for member in 0..3 {
        let pid = ledger.pid(member).as_raw_nonzero();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        assert!(kib <= RSS_MAX_KIB, "member {member} has had {kib} KiB");
    }
}
