//! Go and Java against a running ledger, and against records that Rust generates.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::codegen::{self, Language};
use crate::dev_ledger::DevLedger;
use crate::part::{self, Outcome};
use crate::tools;

/// Records of each suite. The tests insist on their number.
const RECORDS: &str = "10000";
/// Suites, and the seed of each one's records.
const SUITES: [(&str, &str); 3] = [("blake3", "1"), ("sha256", "2"), ("sm3", "3")];

/// Go: the committed code is the schema's, and the tests pass.
pub(crate) fn go(root: &Path) -> Outcome {
    let tests = || {
        let grpcurl = codegen::go_tools(root)?.join("grpcurl");
        let scene = Scene::set(root, "go")?;
        let mut go = Command::new("go");
        go.args(["test", "-v", "-count=1", "-timeout=5m", "./..."]).env("MUNIMENT_GRPCURL", grpcurl);
        Ok(part::go_test(scene.tell(go.current_dir(Language::Go.project(root)))))
    };
    codegen::check(root, Language::Go).and(tests().unwrap_or_else(|error: String| Outcome::broken(&error)))
}

/// Java: the committed code is the schema's, and the tests pass. Go writes the text that Java encodes.
pub(crate) fn java(root: &Path) -> Outcome {
    let tests = || {
        tools::java()?;
        let scene = Scene::set(root, "java")?;
        for (suite, _) in SUITES {
            let mut go = Command::new("go");
            go.args(["run", "./protojson"]).arg(scene.records.join(format!("{suite}.jsonl")));
            go.arg(scene.records.join(format!("{suite}.proto.jsonl")));
            part::succeed(go.current_dir(Language::Go.project(root)))?;
        }
        let mut maven = tools::maven();
        maven.arg("test").current_dir(Language::Java.project(root));
        let reports = root.join("target/interop/java/surefire-reports");
        Ok(part::surefire(scene.tell(&mut maven), &reports))
    };
    codegen::check(root, Language::Java).and(tests().unwrap_or_else(|error: String| Outcome::broken(&error)))
}

/// What the tests of both languages need.
struct Scene {
    ledger: DevLedger,
    records: PathBuf,
}

impl Scene {
    /// Builds the programs, generates the records and starts a ledger.
    fn set(root: &Path, part: &str) -> Result<Self, String> {
        part::succeed(&mut tools::cargo(&["build", "--package", "muniment", "--package", "munimentd"]))?;
        let programs = tools::programs()?;
        let records = root.join("target/interop/records");
        if records.exists() {
            fs::remove_dir_all(&records).map_err(|error| format!("{}: {error}", records.display()))?;
        }
        fs::create_dir_all(&records).map_err(|error| format!("{}: {error}", records.display()))?;
        for (suite, seed) in SUITES {
            let mut generate = Command::new(programs.join("muniment"));
            generate.args(["generate", "--count", RECORDS, "--suite", suite, "--seed", seed, "--out"]);
            part::succeed(generate.arg(records.join(format!("{suite}.jsonl"))))?;
        }
        let dir = root.join("target/interop").join(format!("ledger-{part}-{}", std::process::id()));
        let ledger = DevLedger::start(&programs.join("munimentd"), dir)?;
        Ok(Self { ledger, records })
    }

    /// Tells a command where everything is.
    fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        self.ledger.tell(command);
        command.env("MUNIMENT_RECORDS", &self.records)
    }
}
