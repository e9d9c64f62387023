//! The three members, running in this process: an in-memory network between them, real files below them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use muniment_core::founding::Founding;
use muniment_core::v1::Record;
use muniment_core::{Blind, BureauNumber, LeafIndex, RequestId, TreeSize, UnixMillis, Verdict, record};
use muniment_ledger::Outcome;
use muniment_raft::{
    Environment as _, Handle, Limits, MemoryNetwork, NewRecord, Node, NodeKeys, Options, OwnState,
    PerfectLinks, Refusal, Submission, SubmitError, SystemEnvironment, Timings, Wait,
};
use muniment_store::FileDisk;

use super::bureaus::{Bureau, Secrets};

/// Bytes of one Raft log segment: three logs of a demo need no more.
const LOG_SEGMENT_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of disk that a demo leaves free.
const DISK_RESERVE_BYTES: u64 = 64 * 1024 * 1024;
/// How often a submission is tried.
const ATTEMPTS: u32 = 20;
/// Between two tries when the node does not say.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// A running node.
type Member = Handle<SystemEnvironment>;

/// The running members by their bureau.
pub(crate) struct Cluster {
    members: BTreeMap<BureauNumber, Member>,
}

/// What became of some records.
pub(crate) struct Submitted {
    /// One outcome a record, in order.
    pub(crate) outcomes: Vec<Outcome>,
    /// A checkpoint of this size covers them.
    pub(crate) size: TreeSize,
}

impl Cluster {
    /// Starts the members of a founded ledger and begins it.
    ///
    /// # Errors
    /// When a member can't be started, or no leader comes up.
    pub(crate) async fn start(
        demo_dir: &Path,
        founding: &Founding,
        secrets: Vec<Secrets>,
    ) -> anyhow::Result<Self> {
        let network = MemoryNetwork::<SystemEnvironment>::new(Arc::new(PerfectLinks));
        let mut members = BTreeMap::new();
        for (founder, secrets) in founding.founders.iter().zip(secrets) {
            let bureau = Bureau::of(founder.number);
            let node_id = founder.node_id;
            let options = Options {
                environment: SystemEnvironment,
                disk: Arc::new(FileDisk),
                data_dir: bureau.data_dir(demo_dir),
                founding: founding.clone(),
                node_id,
                incarnation: u64::from_be_bytes(random()?),
                keys: NodeKeys {
                    admission: secrets.admission,
                    cosigning: secrets.cosigning,
                    log: secrets.log,
                },
                transport: network.endpoint(node_id),
                notary: Arc::new(OwnState),
                rules: None,
                timings: Timings::lan(),
                limits: Limits {
                    log_segment_bytes: LOG_SEGMENT_BYTES,
                    disk_reserve_bytes: DISK_RESERVE_BYTES,
                    ..Limits::default()
                },
            };
            let member = Node::start(options).await.with_context(|| format!("start {}", bureau.name))?;
            network.attach(node_id, member.service());
            members.insert(founder.number, member);
        }
        let first = members.values().next().context("a ledger without founders")?;
        first.initialize().await?;
        for member in members.values() {
            member.wait_running().await?;
        }
        Ok(Self { members })
    }

    /// Submits records through their bureau's own member, in order. Tries again while that is safe: the same request id
    /// and bytes never append twice.
    ///
    /// # Errors
    /// When the records can't be carried, or no try gave an outcome.
    pub(crate) async fn submit(
        &self,
        bureau: BureauNumber,
        records: Vec<Bytes>,
    ) -> anyhow::Result<Submitted> {
        let member = self.member(bureau)?;
        let records = records.into_iter().map(|bytes| Ok(NewRecord { blind: Blind(random()?), bytes }));
        let records = records.collect::<anyhow::Result<Vec<_>>>()?;
        let request_id = RequestId::new(SystemEnvironment.now(), random()?);
        let submission = Submission { request_id, records, wait: Wait::Committed };
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let error = match member.submit_local(submission.clone()).await {
                Ok(done) => return Ok(Submitted { outcomes: done.outcomes, size: done.size }),
                Err(error) => error,
            };
            let pause = match &error {
                SubmitError::NotWritten(Refusal::Overloaded { retry_after, .. }) => *retry_after,
                SubmitError::NotWritten(
                    Refusal::NoQuorum { .. } | Refusal::NotLeader { .. } | Refusal::ClockUnsynced { .. },
                )
                | SubmitError::OutcomeUnknown(_) => RETRY_AFTER,
                SubmitError::NotWritten(
                    Refusal::Rejected(_)
                    | Refusal::TooLarge { .. }
                    | Refusal::Empty
                    | Refusal::StorageFull { .. }
                    | Refusal::NotRunning(_),
                ) => return Err(error.into()),
            };
            last = Some(error);
            tokio::time::sleep(pause).await;
        }
        let bureau = Bureau::of(bureau).name;
        bail!("{bureau}: {ATTEMPTS} tries: {}", last.map(|error| error.to_string()).unwrap_or_default())
    }

    /// Submits one decision, which must be appended without a flag; answers its leaf.
    ///
    /// # Errors
    /// As [`Cluster::submit`], and when the ledger refuses or flags it.
    pub(crate) async fn decide(&self, decision: &Record) -> anyhow::Result<LeafIndex> {
        let bytes = record::encode(decision)?;
        let submitted = self.submit(BureauNumber(decision.submitter), vec![bytes.into()]).await?;
        match submitted.outcomes.as_slice() {
            // A duplicate is what a try appended whose answer was lost.
            [
                Outcome::Appended { leaf, verdict: Verdict::NONE, .. }
                | Outcome::Duplicate { leaf: Some(leaf) },
            ] => Ok(*leaf),
            outcomes => bail!("a decision was not appended: {outcomes:?}"),
        }
    }

    /// The receipt of a leaf, from the member of a bureau, once q bureaus cosigned a checkpoint over it.
    ///
    /// # Errors
    /// When no cosigned checkpoint covers the leaf in time, or the proof does not hold.
    pub(crate) async fn receipt(&self, bureau: BureauNumber, leaf: LeafIndex) -> anyhow::Result<Vec<u8>> {
        let receipt = self.member(bureau)?.receipt(leaf).await;
        Ok(receipt.with_context(|| format!("make the receipt of leaf {leaf}"))?.encode())
    }

    /// Waits until every member has everything and has it flushed, then stops all.
    ///
    /// # Errors
    /// When a member does not get there.
    pub(crate) async fn stop(self, size: TreeSize) -> anyhow::Result<()> {
        for (bureau, member) in &self.members {
            let name = Bureau::of(*bureau).name;
            let view = member.read_index().await.with_context(|| format!("{name}: catch up"))?;
            if view.size < size {
                bail!("{name} has {} of {size} leaves", view.size);
            }
            member.wait_cosigned(size).await.with_context(|| format!("{name}: last checkpoint"))?;
        }
        for (bureau, member) in &self.members {
            let name = Bureau::of(*bureau).name;
            member.trigger_sync_point().await.with_context(|| format!("{name}: flush all files"))?;
            if let Some(alarm) = member.status().alarms.first() {
                bail!("{name} raised an alarm: {alarm}");
            }
        }
        for member in self.members.values() {
            member.shutdown().await;
        }
        Ok(())
    }

    fn member(&self, bureau: BureauNumber) -> anyhow::Result<&Member> {
        self.members.get(&bureau).with_context(|| format!("no bureau {bureau} in this demo"))
    }
}

/// The system's clock.
pub(crate) fn now() -> UnixMillis {
    SystemEnvironment.now()
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("draw random bytes")?;
    Ok(bytes)
}
