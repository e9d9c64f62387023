//! Runs the binary, and keeps what several tests look at.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use tempfile::TempDir;

use crate::ledger::munimentd;

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Last line of the result.
    pub(crate) fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    /// The last figures of a demo, without their time.
    pub(crate) fn figures(&self) -> &str {
        let mut lines = self.stdout.lines().filter(|line| line.ends_with(" lost"));
        lines
            .next_back()
            .and_then(|line| line.split_once(" s  "))
            .map_or("", |(_, figures)| figures.trim_start())
    }

    /// Insists on an exit code, and shows what was said otherwise.
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Runs `muniment` to its end.
pub(crate) fn muniment<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Ended {
    ended(Command::new(env!("CARGO_BIN_EXE_muniment")).args(arguments))
}

/// Runs a command to its end.
pub(crate) fn ended(command: &mut Command) -> Ended {
    let output = command.env_remove("RUST_LOG").output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    Ended {
        code: output.status.code().expect("not killed"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Runs `muniment demo` in a directory with more arguments. One at a time: each has three members of its own, and they
/// elect leaders in real time.
pub(crate) fn demo(dir: &Path, arguments: &[&OsStr]) -> Ended {
    static TURN: Mutex<()> = Mutex::new(());
    let program = munimentd();
    let fixed =
        ["demo".as_ref(), "--munimentd".as_ref(), program.as_os_str(), "--dir".as_ref(), dir.as_os_str()];
    // A test that failed in its turn has left nothing that the next one meets.
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    muniment(fixed.iter().chain(arguments))
}

/// The directory of the first four scenes with made-up traffic, made once and only read.
pub(crate) fn played() -> PathBuf {
    static PLAYED: OnceLock<TempDir> = OnceLock::new();
    let made = PLAYED.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        demo(dir.path(), &["--scenes".as_ref(), "1-4".as_ref()]).expect_code(0);
        dir
    });
    made.path().to_owned()
}

/// The real file beside the checkout; says so loudly when it is not there.
pub(crate) fn xroad_file() -> Option<PathBuf> {
    let start = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = "shared/data/xroad_opmon_records.jsonl.gz";
    let found = start.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        say("SKIPPED: ../shared/data/xroad_opmon_records.jsonl.gz IS NOT BESIDE THE CHECKOUT");
    }
    found
}

/// Says something where `cargo test` does not swallow it.
pub(crate) fn say(what: &str) {
    writeln!(std::io::stderr(), "{what}").expect("stderr is open");
}

/// Copies a directory with all that is in it.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("listed");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("known").is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
