//! `munimentd init`: makes a node's data directory, once.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use muniment_core::founding::Founding;
use muniment_store::disk::Disk;
use muniment_store::{DataDir, FileDisk, Identity};

use crate::config::Config;
use crate::{founding, secrets};

/// A node with this file in its data directory begins the ledger when it is first served.
const FIRST: &str = "FIRST";

/// Makes the data directory of the node that the configuration describes. With `first` its node begins the ledger.
///
/// # Errors
/// If anything does not fit together, or the directory is a node's already: nothing is then changed.
pub(crate) fn run(config: &Config, first: bool) -> anyhow::Result<()> {
    config.check_files()?;
    let founding = founding::read(&config.founding)?;
    let founder = founding::founder_of(&founding, config.node)?;
    let keys = secrets::load(&config.keys, &founding.origin, &founder.code, founding.suite)?;
    secrets::insist_on(&keys, founder)?;
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    if let Some(found) = Identity::load(&*disk, &config.data)? {
        bail!(
            "{} is the directory of node {} of bureau {} already",
            config.data.display(),
            found.node_id,
            found.bureau
        );
    }
    let mut incarnation = [0; 8];
    getrandom::fill(&mut incarnation).context("draw an incarnation")?;
    let identity = identity(&founding, config, u64::from_be_bytes(incarnation))?;
    let data = DataDir::open(disk, &config.data, &identity)?;
    if first {
        let path = data.path().join(FIRST);
        let file = std::fs::File::create_new(&path).with_context(|| format!("make {}", path.display()))?;
        file.sync_all().with_context(|| format!("flush {}", path.display()))?;
        data.disk().sync_dir(data.path()).context("flush the names of the data directory")?;
    }
    Ok(())
}

/// The identity of the configured node.
///
/// # Errors
/// If the founding file names no such node.
pub(crate) fn identity(founding: &Founding, config: &Config, incarnation: u64) -> anyhow::Result<Identity> {
    let founder = founding::founder_of(founding, config.node)?;
    Ok(Identity {
        ledger_id: founding.ledger_id(),
        origin: founding.origin.clone(),
        suite: founding.suite,
        bureau: founder.number,
        node_id: config.node,
        incarnation,
    })
}

/// The incarnation of a directory that `init` made.
///
/// # Errors
/// If it was never made.
pub(crate) fn incarnation(data: &Path) -> anyhow::Result<u64> {
    let found = Identity::load(&FileDisk, data)?;
    let found = found.with_context(|| {
        format!("{} is no node's directory: make it with `munimentd init`", data.display())
    })?;
    Ok(found.incarnation)
}

/// Whether this node begins the ledger.
pub(crate) fn is_first(data: &Path) -> bool {
    data.join(FIRST).exists()
}

/// The ledger has begun: never again.
///
/// # Errors
/// What the disk answers.
pub(crate) fn begun(data: &Path) -> anyhow::Result<()> {
    let path = data.join(FIRST);
    std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    FileDisk.sync_dir(data).context("flush the names of the data directory")
}
