//! Go's and Java's code from `proto/`: committed in `tests/interop`, and compared with what the schema gives now.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::part::{self, Outcome};
use crate::tools;

/// A language's code.
#[derive(Clone, Copy)]
pub(crate) enum Language {
    /// By protoc-gen-go and protoc-gen-go-grpc, of the versions in go.mod.
    Go,
    /// By protoc and protoc-gen-grpc-java, of the versions in pom.xml.
    Java,
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Java => "java",
        }
    }

    /// The project that the code belongs to.
    pub(crate) fn project(self, root: &Path) -> PathBuf {
        root.join("tests/interop").join(self.name())
    }

    fn committed(self, root: &Path) -> PathBuf {
        self.project(root).join("gen")
    }
}

/// Whether the committed code is what the schema gives.
pub(crate) fn check(root: &Path, language: Language) -> Outcome {
    let compared = generate(root, language).and_then(|fresh| {
        let (fresh, committed) = (files(&fresh)?, files(&language.committed(root))?);
        Ok(fresh
            .keys()
            .chain(committed.keys())
            .find(|path| fresh.get(*path) != committed.get(*path))
            .cloned())
    });
    match compared {
        Ok(None) => Outcome::PASSED,
        Ok(Some(path)) => Outcome::broken(&format!(
            "{} is not what proto/ gives: run `cargo xtask generate` and commit",
            language.committed(root).join(path).display()
        )),
        Err(error) => Outcome::broken(&error),
    }
}

/// Writes the code anew where it is committed.
///
/// # Errors
/// Says which generator or file.
pub(crate) fn replace(root: &Path, language: Language) -> Result<(), String> {
    let fresh = files(&generate(root, language)?)?;
    let committed = language.committed(root);
    let failed = |path: &Path, error| format!("{}: {error}", path.display());
    if committed.exists() {
        fs::remove_dir_all(&committed).map_err(|error| failed(&committed, error))?;
    }
    for (path, bytes) in fresh {
        let path = committed.join(path);
        let dir = path.parent().unwrap_or(&committed);
        fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
        fs::write(&path, bytes).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// Programs of Go's modules, built from the versions in go.mod: the generators, and grpcurl.
///
/// # Errors
/// When they can't be built.
pub(crate) fn go_tools(root: &Path) -> Result<PathBuf, String> {
    let programs = root.join("target/interop/bin");
    fs::create_dir_all(&programs).map_err(|error| format!("{}: {error}", programs.display()))?;
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&programs).arg("tool").current_dir(Language::Go.project(root));
    part::succeed(&mut go)?;
    Ok(programs)
}

/// protoc and its plugin, of the versions in pom.xml.
fn java_tools(root: &Path) -> Result<PathBuf, String> {
    tools::java()?;
    let project = Language::Java.project(root);
    part::succeed(tools::maven().args(["--quiet", "dependency:copy@generators"]).current_dir(project))?;
    let programs = root.join("target/interop/java/generators");
    for name in ["protoc", "protoc-gen-grpc-java"] {
        let path = programs.join(name);
        // Maven's repository holds files, not programs.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(programs)
}

/// Generates into `target` and answers where.
fn generate(root: &Path, language: Language) -> Result<PathBuf, String> {
    let programs = match language {
        Language::Go => go_tools(root)?,
        Language::Java => java_tools(root)?,
    };
    let buf = tools::python_tool(root, "buf-bin==1.75.0", "buf")?;
    let fresh = root.join("target/interop/gen").join(language.name());
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(|error| format!("{}: {error}", fresh.display()))?;
    }
    let mut path: OsString = programs.into();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(buf);
    command.arg("generate").arg("--template").arg(language.project(root).join("buf.gen.yaml"));
    command.arg("--output").arg(&fresh).env("PATH", path).current_dir(root);
    part::succeed(&mut command)?;
    Ok(fresh)
}

/// Every file below a directory, by its path from there.
fn files(dir: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let (mut found, mut open) = (BTreeMap::new(), vec![dir.to_path_buf()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).map_err(|error| failed(&next, error))? {
            let path = entry.map_err(|error| failed(&next, error))?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let bytes = fs::read(&path).map_err(|error| failed(&path, error))?;
                found.insert(path.strip_prefix(dir).unwrap_or(&path).to_path_buf(), bytes);
            }
        }
    }
    Ok(found)
}
