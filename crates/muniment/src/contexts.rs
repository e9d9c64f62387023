//! Contexts: named ways to call a ledger, as kubectl has them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context as _, anyhow};
use muniment_client::{Authority, IdentityFiles, Options};
use muniment_core::BureauNumber;
use serde::{Deserialize, Serialize};

use crate::cli::Connection;
use crate::exit::UsageError;

/// The file of contexts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// Name of the context that is used where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// The contexts by name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// One way to call a ledger. Paths are relative to the file's directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// Members, `host:port`.
    pub(crate) endpoints: Vec<String>,
    /// The caller's certificate chain.
    pub(crate) certificate: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
    /// The bureaus' CAs.
    pub(crate) authorities: Vec<ContextAuthority>,
    /// The trust file.
    pub(crate) trust: PathBuf,
    /// Where verified checkpoints are kept. Default: the user's state directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<PathBuf>,
    /// The bureau in whose name records are submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bureau: Option<u32>,
}

/// A bureau's CA.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContextAuthority {
    /// The trust domain that it speaks for. Default: that of the caller's own certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trust_domain: Option<String>,
    /// Its certificate.
    pub(crate) ca: PathBuf,
}

/// Where the file is.
pub(crate) fn file(connection: &Connection) -> anyhow::Result<PathBuf> {
    let default = || user_dir("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("muniment/contexts.toml"));
    connection.config.clone().map_or_else(default, Ok)
}

/// A directory of the XDG base directory specification.
fn user_dir(variable: &str, below_home: &str) -> anyhow::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let found = set(variable).or_else(|| set("HOME").map(|home| home.join(below_home)));
    found.ok_or_else(|| {
        anyhow!(UsageError(format!(
            "neither {variable} nor HOME is an absolute path: name a file by --config"
        )))
    })
}

impl Contexts {
    /// Reads the file; none is there = no contexts.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(UsageError(format!("read {}: {error}", file.display())).into()),
        };
        toml::from_str(&text).map_err(|error| UsageError(format!("{}: {error}", file.display())).into())
    }

    /// Writes the file: whole, or not at all.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
        let text = toml::to_string_pretty(self).context("write the contexts down")?;
        let draft =
            tempfile::NamedTempFile::new_in(dir).with_context(|| format!("write {}", file.display()))?;
        fs::write(draft.path(), text).with_context(|| format!("write {}", file.display()))?;
        draft.persist(file).with_context(|| format!("write {}", file.display()))?;
        Ok(())
    }

    /// The context that is asked for, with its name.
    pub(crate) fn chosen(&self, name: Option<&str>, file: &Path) -> anyhow::Result<(String, &Context)> {
        let name = name.or(self.current.as_deref()).ok_or_else(|| {
            let hint = "make one with `muniment context set`, or name a file by --config";
            UsageError(format!("{} has no current context: {hint}", file.display()))
        })?;
        let found = self.contexts.get(name);
        let found = found.ok_or_else(|| {
            let known: Vec<&str> = self.contexts.keys().map(String::as_str).collect();
            UsageError(format!("{} has no context {name:?}, but: {}", file.display(), known.join(", ")))
        })?;
        Ok((name.to_owned(), found))
    }
}

/// A client's options by the chosen context.
pub(crate) fn options(connection: &Connection) -> anyhow::Result<Options> {
    let file = file(connection)?;
    let contexts = Contexts::read(&file)?;
    let (name, context) = contexts.chosen(connection.context.as_deref(), &file)?;
    let dir = file.parent().unwrap_or(Path::new("."));
    let at = |path: &Path| dir.join(path);
    let identity = IdentityFiles { certificate: at(&context.certificate), key: at(&context.key) };
    let authorities = context
        .authorities
        .iter()
        .map(|authority| Authority { trust_domain: authority.trust_domain.clone(), ca: at(&authority.ca) });
    let endpoints = context.endpoints.clone();
    let mut options = Options::new(endpoints, identity, authorities.collect(), at(&context.trust));
    let state = match &context.state {
        Some(state) => at(state),
        None => user_dir("XDG_STATE_HOME", ".local/state")?.join("muniment").join(name),
    };
    options.state_dir = Some(state);
    options.bureau = context.bureau.map(BureauNumber);
    if let Some(seconds) = connection.deadline {
        options.deadline = Duration::from_secs(seconds);
    }
    Ok(options)
}
