//! One part of the tests: how it is run and how its result is read.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// A named part of `cargo xtask test`.
pub(crate) struct Part {
    /// Name on the command line and in the summary.
    pub(crate) name: &'static str,
    /// Runs it in the project's root.
    pub(crate) run: fn(&Path) -> Outcome,
}

/// How many checks of a part passed and failed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Outcome {
    passed: u64,
    failed: u64,
}

impl Outcome {
    /// One check that passed.
    pub(crate) const PASSED: Self = Self { passed: 1, failed: 0 };

    /// A part that could not be run at all has failed.
    pub(crate) fn broken(reason: &dyn fmt::Display) -> Self {
        eprintln!("{reason}");
        Self { passed: 0, failed: 1 }
    }

    /// Whether anything ran and nothing failed.
    pub(crate) fn is_green(self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }

    /// A runner that exits non-zero without naming a failed test (it did not compile, say) counts as one failure.
    fn with_exit(mut self, success: bool) -> Self {
        if !success && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// A command that either passes or fails as a whole.
pub(crate) fn check(command: &mut Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Outcome::PASSED,
        Ok(_) => Outcome { passed: 0, failed: 1 },
        Err(error) => Outcome::broken(&format!("{} can't be run: {error}", command.get_program().display())),
    }
}

/// A command without which nothing can be checked.
///
/// # Errors
/// Says which command did not succeed.
pub(crate) fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} ended with {status}")),
        Err(error) => Err(format!("{program} can't be run: {error}")),
    }
}

/// `cargo test`: sums the "test result:" line of each binary.
pub(crate) fn cargo_test(command: &mut Command) -> Outcome {
    counting(command, |line, outcome| {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let words: Vec<&str> = result.split_whitespace().collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed;" => outcome.passed += count,
                "failed;" => outcome.failed += count,
                _ => {}
            }
        }
    })
}

/// `go test -v`: counts the result lines of top-level tests.
pub(crate) fn go_test(command: &mut Command) -> Outcome {
    counting(command, |line, outcome| {
        if line.starts_with("--- PASS:") {
            outcome.passed += 1;
        } else if line.starts_with("--- FAIL:") {
            outcome.failed += 1;
        }
    })
}

/// Maven's surefire: sums the reports that it writes, one a class of tests.
pub(crate) fn surefire(command: &mut Command, reports: &Path) -> Outcome {
    // Reports of an earlier run must not count.
    if reports.exists()
        && let Err(error) = fs::remove_dir_all(reports)
    {
        return Outcome::broken(&format!("{}: {error}", reports.display()));
    }
    let success = check(command).is_green();
    // Without reports nothing was run: the exit says so.
    let files = fs::read_dir(reports).into_iter().flatten().flatten().map(|entry| entry.path());
    let texts = files.filter(|path| path.extension().is_some_and(|end| end == "xml"));
    let texts = texts.filter_map(|path| fs::read_to_string(path).ok());
    let sum = texts.map(|text| of_report(&text)).fold(Outcome::default(), Outcome::and);
    sum.with_exit(success)
}

/// Counts of one report: attributes of its `testsuite`. A skipped test is neither passed nor failed.
fn of_report(text: &str) -> Outcome {
    let element = text.split_once("<testsuite ").map_or("", |(_, after)| after);
    let element = element.split('>').next().unwrap_or_default();
    let count = |name: &str| -> u64 {
        let value = element.split_once(&format!(" {name}=\"")).map(|(_, after)| after);
        value.and_then(|value| value.split('"').next()?.parse().ok()).unwrap_or(0)
    };
    let failed = count("failures") + count("errors");
    Outcome { passed: count("tests").saturating_sub(failed + count("skipped")), failed }
}

/// Runs a command, shows its output as it comes, and counts by line.
fn counting(command: &mut Command, count: fn(&str, &mut Outcome)) -> Outcome {
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            return Outcome::broken(&format!("{} can't be run: {error}", command.get_program().display()));
        }
    };
    let mut outcome = Outcome::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            count(&line, &mut outcome);
        }
    }
    match child.wait() {
        Ok(status) => outcome.with_exit(status.success()),
        Err(error) => Outcome::broken(&error),
    }
}
