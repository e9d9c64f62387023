//! A ledger's members as processes of this machine: `munimentd dev --files-only` makes their files, `munimentd serve` runs
//! each. For `demo` and `bench`.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use muniment_client::{Authority, Client, IdentityFiles, Options, RetryPolicy};
use muniment_core::founding::Founding;
use muniment_core::trust::TrustFile;
use muniment_core::{BureauNumber, Suite};
use muniment_proto::header::Freshness;
use rustix::process::{Pid, Signal, kill_process};

use crate::exit::UsageError;

/// How long a process may take to end after SIGTERM (06: a graceful stop is over within 25 s).
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at a process that ends, or a ledger without a leader.
const LOOK: Duration = Duration::from_millis(20);

/// The members, by position in the founding file. Dropping it kills what still runs.
pub(crate) struct Processes {
    program: PathBuf,
    dir: PathBuf,
    /// The ledger's founding file.
    pub(crate) founding: Founding,
    members: Vec<Option<Child>>,
}

impl Processes {
    /// Makes a ledger's files in `dir`, which is made, too: three bureaus, three CAs. Nothing runs yet.
    ///
    /// # Errors
    /// Without the node's program, or a directory to write to.
    pub(crate) fn found(program: Option<&Path>, dir: &Path, suite: Suite) -> anyhow::Result<Self> {
        let program = program.map_or_else(node_program, |given| Ok(given.to_owned()))?;
        fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
        let made = Command::new(&program)
            .args(["dev", "--files-only", "--suite", suite.name(), "--data"])
            .arg(dir)
            .stdout(Stdio::null())
            .status()
            .with_context(|| format!("run {}", program.display()))?;
        if !made.success() {
            bail!("{} made no ledger in {}: {made}", program.display(), dir.display());
        }
        let processes = Self::open(Some(&program), dir)?;
        let trust = TrustFile::of_founding(&processes.founding).to_json();
        fs::write(processes.trust_file(), trust).context("write the trust file")?;
        Ok(processes)
    }

    /// Goes on with the ledger that [`Self::found`] made in `dir`. Nothing runs yet.
    ///
    /// # Errors
    /// Without the node's program, or when the founding file can't be read.
    pub(crate) fn open(program: Option<&Path>, dir: &Path) -> anyhow::Result<Self> {
        let program = program.map_or_else(node_program, |given| Ok(given.to_owned()))?;
        let file = dir.join("founding");
        let bytes = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        let founding = Founding::decode(&bytes).with_context(|| format!("read {}", file.display()))?;
        let members = founding.founders.iter().map(|_| None).collect();
        Ok(Self { program, dir: dir.to_owned(), founding, members })
    }

    /// How many members there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The bureaus' keys, as an auditor gets them.
    pub(crate) fn trust_file(&self) -> PathBuf {
        self.dir.join("trust.json")
    }

    /// The directory of a member's bureau: certificates, keys, configuration, log and `data`.
    pub(crate) fn bureau_dir(&self, member: usize) -> PathBuf {
        self.dir.join(&self.founding.founders[member].code)
    }

    /// The member's data directory.
    pub(crate) fn data_dir(&self, member: usize) -> PathBuf {
        self.bureau_dir(member).join("data")
    }

    /// The bureau's number.
    pub(crate) fn bureau(&self, member: usize) -> BureauNumber {
        self.founding.founders[member].number
    }

    /// Runs a member; its log goes on in `munimentd.log`.
    ///
    /// # Errors
    /// When the program can't be run.
    pub(crate) fn start(&mut self, member: usize) -> anyhow::Result<()> {
        let dir = self.bureau_dir(member);
        let log = append(&dir.join("munimentd.log"))?;
        let child = Command::new(&self.program)
            .args(["serve", "--config"])
            .arg(dir.join("munimentd.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("run {}", self.program.display()))?;
        self.members[member] = Some(child);
        Ok(())
    }

    /// The process of a member that runs.
    pub(crate) fn pid(&self, member: usize) -> Option<u32> {
        self.members[member].as_ref().map(Child::id)
    }

    /// Ends a member in order (SIGTERM).
    ///
    /// # Errors
    /// When it does not end in time, or ends with an error.
    pub(crate) fn stop(&mut self, member: usize) -> anyhow::Result<()> {
        let child = self.running(member)?;
        let asked = terminate(&child);
        self.wait_end(member, child, asked)
    }

    /// Ends all members that run, in order and all at once: none waits for those that are gone already.
    ///
    /// # Errors
    /// As [`Self::stop`], the first one's.
    pub(crate) fn stop_all(&mut self) -> anyhow::Result<()> {
        let mut ending = Vec::new();
        for member in 0..self.len() {
            if self.pid(member).is_some() {
                let child = self.running(member)?;
                let asked = terminate(&child);
                ending.push((member, child, asked));
            }
        }
        let mut all = Ok(());
        for (member, child, asked) in ending {
            let ended = self.wait_end(member, child, asked);
            all = all.and(ended);
        }
        all
    }

    /// Waits until a member that was asked to has ended.
    fn wait_end(&self, member: usize, mut child: Child, asked: anyhow::Result<()>) -> anyhow::Result<()> {
        let stopped = asked.and_then(|()| wait_success(&mut child));
        if stopped.is_err() {
            // It is ours, and nobody else ends it.
            drop(child.kill());
            drop(child.wait());
        }
        let log = self.bureau_dir(member).join("munimentd.log");
        stopped.with_context(|| format!("stop a member; its log is {}", log.display()))
    }

    /// Ends a member as a power cut would (SIGKILL).
    ///
    /// # Errors
    /// When it does not run.
    pub(crate) fn kill(&mut self, member: usize) -> anyhow::Result<()> {
        let mut child = self.running(member)?;
        child.kill().context("send SIGKILL")?;
        child.wait().context("wait for a killed member's end")?;
        Ok(())
    }

    fn running(&mut self, member: usize) -> anyhow::Result<Child> {
        let log = self.bureau_dir(member).join("munimentd.log");
        let mut child = self.members[member].take().context("the member does not run")?;
        match child.try_wait().context("look at a member")? {
            None => Ok(child),
            Some(status) => bail!("the member ended by itself: {status}; its log is {}", log.display()),
        }
    }

    /// The member that leads, as `members` know.
    ///
    /// # Errors
    /// When none does in time.
    pub(crate) async fn leader(&self, members: &[usize], patience: Duration) -> anyhow::Result<usize> {
        let asker = *members.first().context("nobody to ask")?;
        let mut options = self.client_options(asker, members, "client");
        // Asked again soon: an election takes less than the longest pause.
        options.retry = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let client = Client::new(&options).context("make a client")?;
        let deadline = Instant::now() + patience;
        loop {
            let answer = client.statistics(Freshness::Linearizable).await;
            let header = answer.as_ref().ok().and_then(|answer| answer.header.as_ref());
            if let Some(leader) = header.and_then(|header| header.leader.as_ref()) {
                let founders = &self.founding.founders;
                let led = founders.iter().position(|founder| founder.node_id.0 == leader.node_id);
                return led.context("the leader is no founder");
            }
            if Instant::now() > deadline {
                answer.context("ask for the leader")?;
                bail!("no member leads");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// A client of a bureau, which calls these members and believes the nodes of the ledger's bureaus.
    ///
    /// # Errors
    /// When a certificate can't be used.
    pub(crate) fn client(&self, bureau: usize, members: &[usize]) -> anyhow::Result<Client> {
        let options = self.client_options(bureau, members, "client");
        Client::new(&options).context("make a client")
    }

    /// The options of such a client, under the certificate of that name.
    pub(crate) fn client_options(&self, bureau: usize, members: &[usize], certificate: &str) -> Options {
        let founders = &self.founding.founders;
        let endpoints = members.iter().map(|member| founders[*member].contact.client_address.clone());
        let dir = self.bureau_dir(bureau);
        let identity = IdentityFiles {
            certificate: dir.join(format!("{certificate}.pem")),
            key: dir.join(format!("{certificate}.key")),
        };
        let authority = |member: usize| Authority {
            trust_domain: Some(founders[member].contact.trust_domain.clone()),
            ca: self.bureau_dir(member).join("ca.pem"),
        };
        let authorities = (0..self.len()).map(authority).collect();
        let mut options = Options::new(endpoints.collect(), identity, authorities, self.trust_file());
        options.bureau = Some(self.bureau(bureau));
        options
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in self.members.iter_mut().flatten() {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn append(file: &Path) -> anyhow::Result<File> {
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened.with_context(|| format!("write {}", file.display()))
}

/// Asks a process to end.
fn terminate(child: &Child) -> anyhow::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
    kill_process(pid, Signal::TERM).context("send SIGTERM")
}

/// Waits until a process has ended, and well.
fn wait_success(child: &mut Child) -> anyhow::Result<()> {
    let deadline = Instant::now() + STOP_PATIENCE;
    loop {
        match child.try_wait().context("wait for a member's end")? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("it ended with {status}"),
            None if Instant::now() > deadline => bail!("it did not end within {STOP_PATIENCE:?} of SIGTERM"),
            None => std::thread::sleep(LOOK),
        }
    }
}

/// The node's program: it is installed beside this one.
fn node_program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find this program's file")?;
    let beside = own.with_file_name("munimentd");
    if beside.is_file() {
        return Ok(beside);
    }
    let why =
        format!("{} is not there: build or install munimentd, or name it by --munimentd", beside.display());
    Err(UsageError(why).into())
}
