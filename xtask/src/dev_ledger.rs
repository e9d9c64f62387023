//! A ledger for tests in other languages: `munimentd dev` as a process of ours.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// A ledger of two members and more is up within this.
const START_MAX: Duration = Duration::from_secs(60);
/// A node promises to stop within 25 seconds.
const STOP_MAX: Duration = Duration::from_secs(30);
/// The bureaus that the tests call.
const CALLED: [&str; 2] = ["Hefei", "Bozhou"];

/// A running ledger. Dropping it ends the process, by its id, and removes its files.
pub(crate) struct DevLedger {
    child: Child,
    dir: PathBuf,
    members: Vec<Member>,
}

/// What `munimentd dev` prints of a member.
struct Member {
    name: String,
    address: SocketAddr,
    dir: PathBuf,
}

impl DevLedger {
    /// Starts one in a new directory and waits until it is up.
    ///
    /// # Errors
    /// When it can't be started or is not up in time.
    pub(crate) fn start(munimentd: &Path, dir: PathBuf) -> Result<Self, String> {
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        }
        let mut child = ending_with_us(munimentd)
            .args(["dev", "--suite", "blake3", "--data"])
            .arg(&dir)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} can't be run: {error}", munimentd.display()))?;
        let lines = lines_of(&mut child);
        // From here on dropping it ends the process.
        let mut ledger = Self { child, dir, members: Vec::new() };
        let deadline = Instant::now() + START_MAX;
        while !CALLED.iter().all(|name| ledger.members.iter().any(|member| member.name == *name)) {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = lines.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Timeout => format!("munimentd dev is not up after {START_MAX:?}"),
                RecvTimeoutError::Disconnected => "munimentd dev ended before it was up".to_owned(),
            })?;
            println!("munimentd dev: {line}");
            ledger.members.extend(Member::read(&line));
        }
        Ok(ledger)
    }

    /// Tells a command where the members are, each by `MUNIMENT_<NAME>_ADDRESS` and, with certificates and keys,
    /// `MUNIMENT_<NAME>_DIR`.
    pub(crate) fn tell(&self, command: &mut Command) {
        for Member { name, address, dir } in &self.members {
            let name = name.to_uppercase();
            command.env(format!("MUNIMENT_{name}_ADDRESS"), address.to_string());
            command.env(format!("MUNIMENT_{name}_DIR"), dir);
        }
    }

    /// Asks the process to stop, and ends it when it does not.
    fn stop(&mut self) -> std::io::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        // The standard library sends no signal but SIGKILL.
        Command::new("sh").args(["-c", "kill -TERM \"$0\""]).arg(self.child.id().to_string()).status()?;
        let deadline = Instant::now() + STOP_MAX;
        while Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }
}

impl Drop for DevLedger {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("end munimentd dev, process {}: {error}", self.child.id());
        }
        if self.dir.exists()
            && let Err(error) = fs::remove_dir_all(&self.dir)
        {
            eprintln!("remove {}: {error}", self.dir.display());
        }
    }
}

impl Member {
    /// Reads `Hefei    127.0.0.1:7443   files /some/directory`; other lines are none.
    fn read(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once(' ')?;
        let (address, rest) = rest.trim_start().split_once(' ')?;
        let dir = rest.trim_start().strip_prefix("files ")?;
        Some(Self { name: name.to_owned(), address: address.parse().ok()?, dir: dir.into() })
    }
}

/// A program that the kernel tells to stop when we are killed, and nothing of ours runs any more: by setpriv, where there
/// is one, which gives way to the program under the same id.
fn ending_with_us(program: &Path) -> Command {
    let mut setpriv = Command::new("setpriv");
    let probe = setpriv.args(["--pdeathsig", "TERM"]).arg("true").status();
    if !probe.is_ok_and(|status| status.success()) {
        return Command::new(program);
    }
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--pdeathsig", "TERM"]).arg(program);
    setpriv
}

/// The lines that a process prints, read to the end, so that it never waits for a reader.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more once the ledger is up.
                drop(sender.send(line));
            }
        });
    }
    receiver
}
