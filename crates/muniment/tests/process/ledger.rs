//! A real ledger for all tests of this binary: `munimentd dev`, three members, started once.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::muniment::{Ended, ended};

/// Ends the ledger and removes its files once its input ends: when this process is gone, however it went.
const WATCHED: &str = r#""$0" dev --data "$1" & read -r gone; kill $!; wait; rm -rf "$1""#;

/// The ledger.
pub(crate) struct Ledger {
    pub(crate) dir: PathBuf,
    /// Holds the process's input open.
    _process: Child,
}

/// `munimentd`, which Cargo builds beside this binary where the whole workspace is tested; else it is built now.
pub(crate) fn munimentd() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let program = Path::new(env!("CARGO_BIN_EXE_muniment")).with_file_name("munimentd");
        if !program.exists() {
            let mut cargo = Command::new(env!("CARGO"));
            cargo
                .args(["build", "--quiet", "--package", "munimentd"])
                .current_dir(env!("CARGO_MANIFEST_DIR"));
            assert!(cargo.status().expect("cargo runs").success(), "munimentd builds");
        }
        program
    });
    built.clone()
}

/// The one ledger.
pub(crate) fn ledger() -> &'static Ledger {
    static LEDGER: OnceLock<Ledger> = OnceLock::new();
    LEDGER.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory").keep();
        let mut process = Command::new("sh")
            .args(["-c", WATCHED])
            .args([munimentd().as_os_str(), dir.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh runs");
        let lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let mut lines = lines.map(|line| line.expect("output is text"));
        assert!(lines.any(|line| line == "Ctrl-C ends it."), "the ledger is up");
        Ledger { dir, _process: process }
    })
}

impl Ledger {
    pub(crate) fn config(&self) -> PathBuf {
        self.dir.join("contexts.toml")
    }

    /// Runs `muniment` in a context.
    pub(crate) fn run(&self, context: &str, arguments: &[&str]) -> Ended {
        ended(self.command(context).args(arguments))
    }

    /// Runs `muniment` in a context with an input.
    pub(crate) fn run_with(&self, context: &str, arguments: &[&str], input: &str) -> Ended {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(input.as_bytes()).expect("written");
        let input = file.reopen().expect("opened");
        ended(self.command(context).args(arguments).stdin(input))
    }

    fn command(&self, context: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muniment"));
        command.arg("--config").arg(self.config()).args(["--context", context, "--deadline", "20"]);
        command
    }

    /// Appends a record and answers what was printed.
    pub(crate) fn submit(&self, context: &str, record: &Value) -> Value {
        let submitted = self.run_with(context, &["record", "submit", "-", "-o", "json"], &record.to_string());
        json(&submitted.expect_code(0))
    }
}

/// What was printed, as JSON.
pub(crate) fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout))
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("small")
}
