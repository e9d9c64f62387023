//! A ledger of three processes, and clients of it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::ledger::access;
use muniment_client::{Authority, Class, Client, Error, IdentityFiles, Options, Prepared, Submitted};
use muniment_core::founding::Founding;
use muniment_core::{BureauNumber, LeafIndex, UnixMillis, v1};
use muniment_proto::submission::Level;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const CODES: [&str; 3] = ["hefei", "bozhou", "wuhu"];

/// The members' processes; they end with the test.
pub(crate) struct Ledger {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) founding: Founding,
    members: [Option<Child>; 3],
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

fn program() -> Command {
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
        Self { dir, founding, members: [None, None, None] }
    }

    /// Founds a ledger, starts it, and waits until it takes records and every member answers.
    pub(crate) async fn begin() -> Self {
        let mut ledger = Self::found();
        ledger.start_all();
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
        let config = self.bureau_dir(member).join("munimentd.toml");
        let child = program().args(["serve", "--config"]).arg(config).spawn().expect("munimentd runs");
        self.members[member] = Some(child);
    }

    pub(crate) fn kill(&mut self, member: usize) {
        let mut child = self.members[member].take().expect("it runs");
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
    }

    pub(crate) fn bureau_dir(&self, member: usize) -> PathBuf {
        self.dir.path().join(CODES[member])
    }

    pub(crate) fn endpoint(&self, member: usize) -> String {
        self.founding.founders[member].contact.client_address.clone()
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

    /// The member that leads, as the members themselves say.
    pub(crate) async fn leader(&self) -> usize {
        let mut options = self.options(0);
        let files = self.bureau_dir(0);
        options.identity =
            IdentityFiles { certificate: files.join("admin.pem"), key: files.join("admin.key") };
        let client = Client::new(&options).expect("the options hold");
        until(async || {
            let statuses = client.status().await;
            let nodes = statuses.into_iter().filter_map(|(_, status)| status.ok()?.node);
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
