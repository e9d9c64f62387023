//! What a demo directory was made from: enough to check it later without the process that imported it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use muniment_core::{BureauNumber, LedgerId, UnixMillis};
use muniment_intake::Mapping;
use muniment_intake::generator::{Options, Traffic};
use serde::{Deserialize, Serialize};

use crate::exit::UsageError;

/// Name of the scenario's file in the demo's directory.
const FILE: &str = "demo.json";
/// Members of the demo's ledger: Hefei, Bozhou, Wuhu.
pub(crate) const MEMBERS: usize = 3;
/// The mapping of X-Road operational monitoring, as the project ships it.
const XROAD_MAPPING: &str = include_str!("../../../../mappings/xroad-opmon.toml");

/// Where the records came from. Holds no count: those are taken from the sources and the ledger anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The source.
    pub(crate) source: Source,
    /// The receipt written.
    pub(crate) receipt: PathBuf,
    /// The trust file written.
    pub(crate) trust: PathBuf,
    /// What scene 2 left for the scenes after it.
    pub(crate) licence: Option<LicenceStory>,
    /// Whether the records were imported.
    pub(crate) imported: bool,
}

/// The leaves of a licence's story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LicenceStory {
    /// The grant under which it may be relied on.
    pub(crate) grant: u64,
    /// Its use while that was in force.
    pub(crate) used: u64,
}

/// Source of the records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Source {
    /// Files and how they are read.
    Files {
        /// The files; the first goes through the last bureau, and so on in turn.
        inputs: Vec<PathBuf>,
        /// Mapping file; none = the one for X-Road operational monitoring.
        mapping: Option<PathBuf>,
    },
    /// Made-up traffic.
    Generated {
        /// Its seed.
        seed: u64,
        /// Its end, milliseconds since 1970 UTC.
        until_ms: u64,
    },
}

impl Scenario {
    /// Writes the scenario into the demo's directory.
    ///
    /// # Errors
    /// When the file can't be written.
    pub(crate) fn write(&self, demo_dir: &Path) -> anyhow::Result<()> {
        let path = demo_dir.join(FILE);
        let text = serde_json::to_string_pretty(self).context("describe the demo")? + "\n";
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    }

    /// Reads the scenario of a demo's directory.
    ///
    /// # Errors
    /// When there is none, or it is not what [`Scenario::write`] writes.
    pub(crate) fn read(demo_dir: &Path) -> anyhow::Result<Self> {
        let path = demo_dir.join(FILE);
        let text = fs::read(&path).map_err(|error| {
            let what =
                format!("read {}: is this the directory of a `muniment demo`? {error}", path.display());
            UsageError(what)
        })?;
        serde_json::from_slice(&text).with_context(|| format!("read {}", path.display()))
    }
}

/// The mapping that a source is read through.
///
/// # Errors
/// [`muniment_intake::MappingError`].
pub(crate) fn mapping(path: Option<&Path>) -> anyhow::Result<Mapping> {
    Ok(match path {
        Some(path) => Mapping::read(path)?,
        None => Mapping::parse("xroad-opmon.toml (built in)", XROAD_MAPPING)?,
    })
}

/// The made-up traffic of a seed.
pub(crate) fn traffic(ledger_id: LedgerId, seed: u64, until: UnixMillis) -> Traffic {
    let bureaus = u32::try_from(MEMBERS).expect("three");
    Traffic::new(Options::small(seed, ledger_id, bureaus, until))
}

/// The bureau that imports the file of this position: each file is one stream, and a stream's order is one bureau's.
pub(crate) fn importer(position: usize) -> BureauNumber {
    let bureau = MEMBERS - position % MEMBERS;
    BureauNumber(u32::try_from(bureau).expect("1 to 3"))
}

/// Makes the demo's directory; it must not hold anything yet.
///
/// # Errors
/// When it can't be made or holds something.
pub(crate) fn make_dir(demo_dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(demo_dir).with_context(|| format!("make {}", demo_dir.display()))?;
    let mut entries = fs::read_dir(demo_dir).with_context(|| format!("list {}", demo_dir.display()))?;
    if entries.next().is_some() {
        let what = format!("{} is not empty: name another directory, or delete it first", demo_dir.display());
        return Err(UsageError(what).into());
    }
    Ok(())
}
