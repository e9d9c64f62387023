//! What all scenes share: the members' processes, clients of the bureaus, and what was done before.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use muniment_client::{Client, RetryPolicy, Submitted};
use muniment_core::v1::record::Body;
use muniment_core::v1::{Actor, Record, Time};
use muniment_core::{BureauNumber, LeafIndex, LedgerId, Suite, UnixMillis, Verdict};
use muniment_proto::admin::v1::NodeStatus;
use muniment_proto::header::Freshness;
use muniment_proto::submission::Level;
use muniment_proto::submitted::Place;

use super::figures::Figures;
use super::ledger::Accesses;
use super::narrator::Narrator;
use super::scenario::{self, MEMBERS, Scenario};
use super::sent::sent;
use crate::processes::Processes;

/// How long members may take to answer after a start, or to agree before a stop.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// The stage. Dropping it kills the members that still run.
pub(crate) struct Stage {
    pub(crate) dir: PathBuf,
    pub(crate) processes: Processes,
    pub(crate) scenario: Scenario,
    pub(crate) narrator: Narrator,
    /// Whether the first bad row of an import ends it.
    pub(crate) strict: bool,
    /// The figures as every member answered them before all were stopped.
    pub(crate) figures: Option<Figures>,
}

impl Stage {
    /// Founds a ledger in a new directory.
    ///
    /// # Errors
    /// When the directory holds something, or the node's program is not there.
    pub(crate) fn found(
        program: Option<&Path>,
        dir: PathBuf,
        suite: Suite,
        scenario: Scenario,
        narrator: Narrator,
    ) -> anyhow::Result<Self> {
        scenario::make_dir(&dir)?;
        let processes = Processes::found(program, &dir, suite)?;
        if scenario.trust != processes.trust_file() {
            let copied = fs::copy(processes.trust_file(), &scenario.trust);
            copied.with_context(|| format!("write {}", scenario.trust.display()))?;
        }
        scenario.write(&dir)?;
        Self::of(dir, processes, scenario, narrator)
    }

    /// Goes on with the ledger in a directory.
    ///
    /// # Errors
    /// When none was founded there.
    pub(crate) fn open(
        program: Option<&Path>,
        dir: PathBuf,
        scenario: Scenario,
        narrator: Narrator,
    ) -> anyhow::Result<Self> {
        let processes = Processes::open(program, &dir)?;
        Self::of(dir, processes, scenario, narrator)
    }

    fn of(
        dir: PathBuf,
        processes: Processes,
        scenario: Scenario,
        narrator: Narrator,
    ) -> anyhow::Result<Self> {
        if processes.len() != MEMBERS {
            bail!("{} holds a ledger of {} members, not {MEMBERS}", dir.display(), processes.len());
        }
        Ok(Self { dir, processes, scenario, narrator, strict: false, figures: None })
    }

    /// The ledger.
    pub(crate) fn ledger_id(&self) -> LedgerId {
        self.processes.founding.ledger_id()
    }

    /// The city of a member.
    pub(crate) fn name(&self, member: usize) -> String {
        let code = &self.processes.founding.founders[member].code;
        let mut letters = code.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    /// The member of a bureau.
    pub(crate) fn member(&self, bureau: BureauNumber) -> anyhow::Result<usize> {
        let found = (0..self.processes.len()).find(|member| self.processes.bureau(*member) == bureau);
        found.with_context(|| format!("no bureau {bureau} in this ledger"))
    }

    /// A client of a bureau that calls whichever member answers.
    pub(crate) fn client(&self, bureau: usize) -> anyhow::Result<Client> {
        let members: Vec<usize> = (0..self.processes.len()).collect();
        self.processes.client(bureau, &members)
    }

    /// Whether any member runs.
    pub(crate) fn is_running(&self) -> bool {
        (0..self.processes.len()).any(|member| self.processes.pid(member).is_some())
    }

    /// Starts the members that don't run, and waits until each answers.
    ///
    /// # Errors
    /// When one can't be started or does not answer in time.
    pub(crate) async fn start_all(&mut self) -> anyhow::Result<()> {
        for member in 0..self.processes.len() {
            if self.processes.pid(member).is_none() {
                self.processes.start(member)?;
            }
        }
        for member in 0..self.processes.len() {
            self.wait_answer(member).await?;
        }
        Ok(())
    }

    /// Waits until a member answers a linearizable read by itself.
    ///
    /// # Errors
    /// When it does not in time.
    pub(crate) async fn wait_answer(&self, member: usize) -> anyhow::Result<()> {
        let client = self.client_once(member, member, "client")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match client.statistics(Freshness::Linearizable).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    let log = self.processes.bureau_dir(member).join("munimentd.log");
                    let what = format!("{} does not answer; its log is {}", self.name(member), log.display());
                    return Err(anyhow::Error::from(error).context(what));
                }
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// A client that asks one member once, and takes its first answer for one.
    pub(crate) fn client_once(
        &self,
        bureau: usize,
        member: usize,
        certificate: &str,
    ) -> anyhow::Result<Client> {
        let mut options = self.processes.client_options(bureau, &[member], certificate);
        options.retry = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        Client::new(&options).context("make a client")
    }

    /// Stops every member in order (SIGTERM), all at once.
    ///
    /// # Errors
    /// When one has ended by itself or does not end in time.
    pub(crate) fn stop_all(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        self.processes.stop_all()?;
        let line =
            format!("all members stopped in order (SIGTERM) within {} ms", begun.elapsed().as_millis());
        self.narrator.say(line)
    }

    /// What a member says of itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn status(&self, member: usize) -> anyhow::Result<NodeStatus> {
        let client = self.client_once(member, member, "admin")?;
        let (_, answer) = client.status().await.pop().context("a member was asked")?;
        answer?.node.context("a status without its node")
    }

    /// Waits until all members have the same leaves, all of them cosigned and behind a sync point: what lies there after a
    /// stop is the same everywhere, and all of it can be checked. Asks for the figures of an import before.
    ///
    /// # Errors
    /// When they don't get there in time.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        if self.scenario.imported {
            self.figures = Some(self.count().await?);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut sizes = Vec::new();
            for member in 0..self.processes.len() {
                let status = self.status(member).await?;
                sizes.push([status.tree_size, status.cosigned_size, status.sync_point_size]);
            }
            let first = sizes.first().map(|sizes| sizes[0]);
            if sizes.iter().flatten().all(|size| Some(*size) == first) {
                break;
            }
            if Instant::now() > deadline {
                bail!(
                    "members don't agree: their leaves, all, cosigned and behind a sync point, are {sizes:?}"
                );
            }
            tokio::time::sleep(LOOK).await;
        }
        let client = self.client(0)?;
        let mut agreed = None;
        for found in client.compare_checkpoints().await {
            let checkpoint = found.checkpoint.with_context(|| format!("checkpoint of {}", found.endpoint))?;
            agreed = Some(checkpoint.body);
        }
        let body = agreed.context("no member has a checkpoint")?;
        self.narrator.say(format_args!(
            "{} members' checkpoints are consistent, the last of size {} with root {}",
            self.processes.len(),
            body.size,
            body.root
        ))
    }

    /// The figures of the import, as all members answer them.
    ///
    /// # Errors
    /// When a member does not answer, or not with what the ledger would take; rows lost or bad, violations not found.
    pub(crate) async fn count(&mut self) -> anyhow::Result<Figures> {
        let sent = sent(&self.scenario.source, self.ledger_id())?;
        let mut members = Vec::new();
        for member in 0..self.processes.len() {
            let accesses = Accesses::ask(self, member).await;
            members.push(accesses.with_context(|| format!("ask {} for its accesses", self.name(member)))?);
        }
        let figures = Figures::count(sent.rows, sent.bad_rows, &sent.expected, &members);
        self.narrator.keep_figures(figures.to_json());
        Ok(figures)
    }

    /// A record of a bureau.
    pub(crate) fn record(&self, bureau: usize, system: &str, occurred: UnixMillis, body: Body) -> Record {
        Record {
            region: self.processes.founding.founders[bureau].region.clone(),
            actor: Some(Actor { system: system.to_owned(), ..Actor::default() }),
            occurred_at: Some(Time { unix_ms: occurred.0, precision: 0 }),
            body: Some(body),
            ..Record::default()
        }
    }

    /// Submits a record in a bureau's name.
    ///
    /// # Errors
    /// When it is not appended.
    pub(crate) async fn submit(
        &self,
        bureau: usize,
        record: Record,
        level: Level,
    ) -> anyhow::Result<(Place, Submitted)> {
        let client = self.client(bureau)?;
        let submitted = client.submit(&client.prepare(record)?, level).await?;
        Ok((submitted.place.context("it was appended without a place")?, submitted))
    }

    /// Submits a record that must be appended without a flag; answers its leaf.
    ///
    /// # Errors
    /// When it is refused or flagged.
    pub(crate) async fn decide(&self, bureau: usize, record: Record) -> anyhow::Result<LeafIndex> {
        let (place, _) = self.submit(bureau, record, Level::Committed).await?;
        if place.verdict != Verdict::NONE {
            bail!("leaf {} is flagged {}", place.leaf, place.verdict);
        }
        Ok(place.leaf)
    }
}

/// This machine's time.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
