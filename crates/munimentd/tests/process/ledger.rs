//! A ledger of three processes, and clients of it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use harness::ledger::access;
use muniment_client::{Authority, Class, Client, Error, IdentityFiles, Options, Prepared, Submitted};
use muniment_core::founding::Founding;
use muniment_core::trust::TrustFile;
use muniment_core::{BureauNumber, LeafIndex, UnixMillis, v1};
use muniment_proto::admin::v1::NodeStatus;
use muniment_proto::submission::Level;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const CODES: [&str; 3] = ["hefei", "bozhou", "wuhu"];

/// A test that counts or measures has the machine to itself, as far as the tests of this binary go.
static MACHINE: RwLock<()> = RwLock::const_new(());

/// Held as long as a ledger's processes run.
enum Turn {
    Shared { _held: RwLockReadGuard<'static, ()> },
    Alone { _held: RwLockWriteGuard<'static, ()> },
}

/// The members' processes; they end with the test. Each one's log is `munimentd.log` in its bureau's directory.
pub(crate) struct Ledger {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) founding: Founding,
    members: [Option<Child>; 3],
    _turn: Option<Turn>,
}

impl Drop for Ledger {
    fn drop(&mut self) {
        for child in self.members.iter_mut().flatten() {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_munimentd"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Ledger {
    /// Founds a ledger without starting it.
    pub(crate) fn found() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let made = program().args(["dev", "--files-only", "--data"]).arg(dir.path()).status();
        assert!(made.expect("munimentd runs").success());
        let founding = std::fs::read(dir.path().join("founding")).expect("a founding file");
        let founding = Founding::decode(&founding).expect("it holds");
        Self { dir, founding, members: [None, None, None], _turn: None }
    }

    /// Founds a ledger, starts it, and waits until it takes records and every member answers.
    pub(crate) async fn begin() -> Self {
        Self::begin_with(Turn::Shared { _held: MACHINE.read().await }, &[]).await
    }

    /// The same when no other ledger of these tests runs, its members with settings of their own (`key=value`).
    pub(crate) async fn begin_alone(settings: &[&str]) -> Self {
        Self::begin_with(Turn::Alone { _held: MACHINE.write().await }, settings).await
    }

    async fn begin_with(turn: Turn, settings: &[&str]) -> Self {
        let mut ledger = Self::found();
        ledger._turn = Some(turn);
        (0..3).for_each(|member| ledger.start_with(member, settings));
        let client = ledger.client(0);
        ledger.submit(&client, 1, Level::Cosigned).await;
        until(async || {
            let shown = client.compare_checkpoints().await;
            shown.iter().all(|member| member.checkpoint.is_ok()).then_some(())
        })
        .await;
        ledger
    }

    pub(crate) fn start_all(&mut self) {
        (0..3).for_each(|member| self.start(member));
    }

    pub(crate) fn start(&mut self, member: usize) {
        self.start_with(member, &[]);
    }

    /// Starts a member with settings (`key=value`) that go before its configuration file's.
    pub(crate) fn start_with(&mut self, member: usize, settings: &[&str]) {
        let dir = self.bureau_dir(member);
        let log = OpenOptions::new().create(true).append(true).open(dir.join("munimentd.log"));
        let mut command = program();
        command.args(["serve", "--config"]).arg(dir.join("munimentd.toml")).stderr(log.expect("a log"));
        for setting in settings {
            command.args(["--set", setting]);
        }
        self.members[member] = Some(command.spawn().expect("munimentd runs"));
    }

    pub(crate) fn kill(&mut self, member: usize) {
        let mut child = self.members[member].take().expect("it runs");
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
    }

    /// Sends a signal to a member that runs.
    pub(crate) fn signal(&self, member: usize, signal: Signal) {
        kill_process(self.pid(member), signal).expect("it is ours");
    }

    pub(crate) fn pid(&self, member: usize) -> Pid {
        let child = self.members[member].as_ref().expect("it runs");
        Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("not zero")
    }

    /// Ends members in order (SIGTERM), all at once.
    pub(crate) async fn stop(&mut self, members: &[usize]) {
        for member in members {
            self.signal(*member, Signal::TERM);
        }
        for member in members {
            let status = self.ended(*member).await;
            assert!(status.success(), "member {member}: {status}");
        }
    }

    /// Waits for the end of a member that was told to.
    async fn ended(&mut self, member: usize) -> ExitStatus {
        let mut child = self.members[member].take().expect("it runs");
        let ended = until(async || child.try_wait().expect("it is ours")).await;
        drop(child);
        ended
    }

    pub(crate) fn bureau_dir(&self, member: usize) -> PathBuf {
        self.dir.path().join(CODES[member])
    }

    pub(crate) fn endpoint(&self, member: usize) -> String {
        self.founding.founders[member].contact.client_address.clone()
    }

    /// A member's data directory.
    pub(crate) fn data_dir(&self, member: usize) -> PathBuf {
        self.bureau_dir(member).join("data")
    }

    /// What an auditor verifies by.
    pub(crate) fn trust(&self) -> TrustFile {
        TrustFile::of_founding(&self.founding)
    }

    /// Options of a bureau's service: every member, the bureau's own first.
    pub(crate) fn options(&self, bureau: usize) -> Options {
        let files = self.bureau_dir(bureau);
        let identity = IdentityFiles { certificate: files.join("client.pem"), key: files.join("client.key") };
        let authorities = (0..3).map(|member| Authority {
            trust_domain: Some(self.founding.founders[member].contact.trust_domain.clone()),
            ca: self.bureau_dir(member).join("ca.pem"),
        });
        let endpoints = (0..3).map(|step| self.endpoint((bureau + step) % 3)).collect();
        let trust = self.dir.path().join("trust.json");
        let mut options = Options::new(endpoints, identity, authorities.collect(), trust);
        options.bureau = Some(BureauNumber(u32::try_from(bureau + 1).expect("a small number")));
        options.state_dir = Some(self.dir.path().join("state").join(CODES[bureau]));
        options
    }

    pub(crate) fn client(&self, bureau: usize) -> Client {
        Client::new(&self.options(bureau)).expect("the options hold")
    }

    /// An access of a client's bureau; `serial` makes it unlike any other.
    pub(crate) fn access(&self, client: &Client, serial: u64) -> v1::Record {
        let bureau = client.bureau().expect("it has one").0;
        access(&self.founding.ledger_id(), bureau, serial, now())
    }

    /// The same as a record of a stream.
    pub(crate) fn streamed(&self, client: &Client, stream: &str, sequence: u64) -> Prepared {
        let stream = Some(v1::Stream { id: stream.to_owned(), sequence });
        let record = v1::Record { stream, ..self.access(client, 1_000_000 + sequence) };
        client.prepare(record).expect("a valid record")
    }

    /// Submits until the ledger takes it, the same again at each try; for ledgers that have just been started.
    pub(crate) async fn submit(&self, client: &Client, serial: u64, level: Level) -> Submitted {
        let prepared = client.prepare(self.access(client, serial)).expect("a valid record");
        let submitted = until(async || match client.submit(&prepared, level).await {
            Ok(submitted) if submitted.level == level => Some(submitted),
            Ok(_) => None,
            Err(error) => {
                assert_eq!(error.class(), Class::Unavailable, "{error}");
                None
            }
        });
        submitted.await
    }

    /// What each member says about itself; none of one that does not answer.
    pub(crate) async fn statuses(&self) -> [Option<NodeStatus>; 3] {
        let mut options = self.options(0);
        let files = self.bureau_dir(0);
        options.identity =
            IdentityFiles { certificate: files.join("admin.pem"), key: files.join("admin.key") };
        let client = Client::new(&options).expect("the options hold");
        let mut statuses = [None, None, None];
        // In the order of the options' endpoints, which begin with the bureau's own.
        for (status, (_, answer)) in statuses.iter_mut().zip(client.status().await) {
            *status = answer.ok().and_then(|answer| answer.node);
        }
        statuses
    }

    /// The member that leads, as the members themselves say.
    pub(crate) async fn leader(&self) -> usize {
        until(async || {
            let nodes = self.statuses().await.into_iter().flatten();
            let leaders: Vec<u64> = nodes.map(|node| node.leader_id).filter(|leader| *leader > 0).collect();
            let first = *leaders.first()?;
            let agreed = leaders.len() >= 2 && leaders.iter().all(|leader| *leader == first);
            agreed.then(|| usize::try_from(first - 1).expect("a small id"))
        })
        .await
    }
}

/// Asks again until there is an answer.
pub(crate) async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not happen within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Says something where `cargo test` does not swallow it.
pub(crate) fn say(what: &str) {
    writeln!(std::io::stderr(), "{what}").expect("stderr is open");
}

pub(crate) fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    UnixMillis(u64::try_from(since.as_millis()).expect("before 584 million years"))
}

pub(crate) fn leaf(submitted: &Submitted) -> LeafIndex {
    submitted.place.expect("it has a leaf").leaf
}

/// The evidence that an error shows.
pub(crate) fn evidence(error: Error) -> String {
    match error {
        Error::Evidence { fault, .. } => fault.to_string(),
        other => panic!("no evidence: {other}"),
    }
}

/// Leaves that fsck checked in the sound directory of a member that is stopped.
pub(crate) fn fsck(data: &Path) -> u64 {
    let checked = program().args(["fsck", "--json"]).arg(data).stdout(Stdio::piped()).output();
    let checked = checked.expect("munimentd runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let report: serde_json::Value = serde_json::from_slice(&checked.stdout).expect("a report");
    report["leaves"].as_u64().expect("a number")
}

/// Copies a directory with all that is in it.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("listed") {
        let entry = entry.expect("listed");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("known").is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
