//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Layers};
use crate::founding::{FoundingArguments, KeysArguments};
use crate::{dev, fsck};

/// The Muniment node.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a node's signing keys, and the file by which its bureau becomes a founder.
    Keys(KeysArguments),
    /// Put a founding file together from the founders' files. It is the same on every member.
    Founding(FoundingArguments),
    /// Make the node's data directory, once.
    Init {
        #[command(flatten)]
        given: Given,
        /// This node begins the ledger when it is first served. On one founder only.
        #[arg(long)]
        first: bool,
    },
    /// Run the node until SIGTERM or SIGINT; a second one ends it at once.
    Serve(Given),
    /// Run a ledger to try things on: some bureaus in one process, with CAs and certificates made for it.
    Dev(dev::Arguments),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check every byte of a stopped node's data directory. Exit code: 0 sound, 1 damaged, 2 not checked.
    Fsck(fsck::Arguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check everything that can be checked without starting the node.
    Check(Given),
    /// Print every value that is in force.
    Show {
        #[command(flatten)]
        given: Given,
        /// Print where each comes from.
        #[arg(long)]
        origin: bool,
    },
    /// Print a file with every key, its meaning and its default.
    Default,
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
pub(crate) struct Given {
    /// The configuration file, TOML.
    #[arg(long, env = "MUNIMENT_CONFIG")]
    config: Option<PathBuf>,
    /// A value that comes before file and environment: --set name=value.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
}

impl Given {
    /// All layers, merged.
    ///
    /// # Errors
    /// Names the key and where it stands.
    pub(crate) fn layers(&self) -> anyhow::Result<Layers> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Layers::load(self.config.as_deref(), variables, &self.set)
    }

    /// What was meant.
    ///
    /// # Errors
    /// As [`Given::layers`], and for a value that is missing.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        Config::read(&self.layers()?)
    }
}
