//! What the node is told: flag before environment before file before default, key by key.
//!
//! Every key stands once, in [`KEYS`]: its name, its form, its default, what it means. Flags, environment variables, the
//! check of a file, the printed default file and the reference page all follow from that table.

mod keys;
mod layers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use muniment_core::{BureauNumber, NodeId};
use muniment_peer::tls::AcceptOptions;
use muniment_raft::{Limits, RateLimits, Timings};

pub(crate) use layers::{Layers, default_file};

/// The node's configuration, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    pub(crate) founding: PathBuf,
    pub(crate) node: NodeId,
    /// Directory of the node's signing keys.
    pub(crate) keys: PathBuf,
    pub(crate) client: Listener,
    /// Bounds of the clients' port.
    pub(crate) accept: AcceptOptions,
    pub(crate) peer: Listener,
    /// Plain, for probes and metrics.
    pub(crate) internal: SocketAddr,
    /// Where peers are reached instead of at the founding file's addresses.
    pub(crate) peer_addresses: BTreeMap<NodeId, String>,
    /// Lists of revoked certificates, PEM or DER, by bureau.
    pub(crate) crls: BTreeMap<BureauNumber, Vec<PathBuf>>,
    pub(crate) timings: Timings,
    pub(crate) limits: Limits,
    pub(crate) log: LogFormat,
}

/// One TLS port.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) listen: SocketAddr,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// How the node writes its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// Reads what the layers say.
    ///
    /// # Errors
    /// Names key, value and where the value comes from.
    pub(crate) fn read(layers: &Layers) -> anyhow::Result<Self> {
        let listener = |name: &str| -> anyhow::Result<Listener> {
            Ok(Listener {
                listen: layers.parse(&format!("{name}.listen"))?,
                certificate: layers.require(&format!("{name}.certificate"))?.into(),
                key: layers.require(&format!("{name}.key"))?.into(),
            })
        };
        let wide = layers.require("network")? == "wan";
        Ok(Self {
            data: layers.require("data")?.into(),
            founding: layers.require("founding")?.into(),
            node: NodeId(layers.parse("node")?),
            keys: layers.require("keys")?.into(),
            client: listener("client")?,
            accept: accept(layers)?,
            peer: listener("peer")?,
            internal: layers.parse("internal.listen")?,
            peer_addresses: addresses(layers)?,
            crls: crls(layers)?,
            timings: timings(layers, wide)?,
            limits: limits(layers)?,
            log: if layers.require("log.format")? == "json" { LogFormat::Json } else { LogFormat::Text },
        })
    }

    /// Checks what can be checked without a disk being written or a port being opened.
    ///
    /// # Errors
    /// Names the file that can't be read.
    pub(crate) fn check_files(&self) -> anyhow::Result<()> {
        let files = [
            &self.founding,
            &self.client.certificate,
            &self.client.key,
            &self.peer.certificate,
            &self.peer.key,
        ];
        files.into_iter().chain(self.crls.values().flatten()).try_for_each(|path| readable(path))
    }
}

fn readable(path: &Path) -> anyhow::Result<()> {
    std::fs::File::open(path).map(drop).with_context(|| format!("open {}", path.display()))
}

fn timings(layers: &Layers, wide: bool) -> anyhow::Result<Timings> {
    let base = if wide { Timings::wan() } else { Timings::lan() };
    let millis = |key| layers.parse(key).map(Duration::from_millis);
    Ok(Timings {
        submit: millis("submit_timeout_ms")?,
        seal_interval: millis("seal_interval_ms")?,
        seal_interval_min: millis("seal_interval_min_ms")?,
        ..base
    })
}

fn limits(layers: &Layers) -> anyhow::Result<Limits> {
    Ok(Limits {
        disk_reserve_bytes: layers.parse("disk.reserve_bytes")?,
        log_segment_bytes: layers.parse("disk.log_segment_bytes")?,
        log_keep_bytes: layers.parse("disk.log_keep_bytes")?,
        bureau_rates: RateLimits {
            records_per_second: layers.parse("rate.records_per_second")?,
            bytes_per_second: layers.parse("rate.bytes_per_second")?,
            ..RateLimits::default()
        },
        ..Limits::default()
    })
}

fn accept(layers: &Layers) -> anyhow::Result<AcceptOptions> {
    let at_least_one = |key: &str| -> anyhow::Result<usize> {
        let value = layers.parse::<NonZeroUsize>(key);
        Ok(value.with_context(|| format!("{key} must be at least 1"))?.get())
    };
    Ok(AcceptOptions {
        handshake_timeout: Duration::from_millis(layers.parse("client.handshake_timeout_ms")?),
        handshakes_max: at_least_one("client.handshakes_max")?,
        connections_max: at_least_one("client.connections_max")?,
        connections_per_bureau_max: at_least_one("client.connections_per_bureau_max")?,
        anonymous_connections_max: layers.parse("client.anonymous_connections_max")?,
        ..AcceptOptions::default()
    })
}

fn addresses(layers: &Layers) -> anyhow::Result<BTreeMap<NodeId, String>> {
    let mut addresses = BTreeMap::new();
    for (node, address) in pairs(layers, "peer.addresses")? {
        let node = node.parse().with_context(|| format!("peer.addresses: {node:?} is no node id"))?;
        addresses.insert(NodeId(node), address.to_owned());
    }
    Ok(addresses)
}

fn crls(layers: &Layers) -> anyhow::Result<BTreeMap<BureauNumber, Vec<PathBuf>>> {
    let mut files: BTreeMap<BureauNumber, Vec<PathBuf>> = BTreeMap::new();
    for (bureau, file) in pairs(layers, "crls")? {
        let bureau = bureau.parse().with_context(|| format!("crls: {bureau:?} is no bureau number"))?;
        files.entry(BureauNumber(bureau)).or_default().push(file.into());
    }
    Ok(files)
}

/// `name=value` pairs.
fn pairs<'a>(layers: &'a Layers, key: &str) -> anyhow::Result<Vec<(&'a str, &'a str)>> {
    let pair = |text: &'a str| {
        text.split_once('=')
            .with_context(|| format!("{key}: {text:?} is not <number>=<value>{}", layers.whence(key)))
    };
    list(layers.require(key)?).map(pair).collect()
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, value: &str) -> anyhow::Result<Config> {
        let required = ["data", "founding", "keys", "client.certificate", "client.key", "peer.certificate"];
        let required = required.map(|key| format!("{key}=some/path")).into_iter();
        let rest = ["node=1".to_owned(), "peer.key=some/path".to_owned(), format!("{key}={value}")];
        Config::read(&Layers::load(None, std::iter::empty(), &required.chain(rest).collect::<Vec<_>>())?)
    }

    #[test]
    fn bounds_of_the_clients_port_are_read_and_none_of_them_may_close_it() {
        let config = read("client.connections_max", "7").expect("it holds");
        let accept =
            AcceptOptions { connections_max: 7, anonymous_connections_max: 0, ..config.accept.clone() };
        assert_eq!(config.accept, accept);
        let defaults = AcceptOptions { anonymous_connections_max: 0, ..AcceptOptions::default() };
        assert_eq!(read("node", "1").expect("defaults hold").accept, defaults, "the library's own");
        for key in ["client.handshakes_max", "client.connections_max", "client.connections_per_bureau_max"] {
            let told = format!("{:#}", read(key, "0").expect_err("it would let nobody in"));
            assert!(told.contains(key) && told.contains("at least 1"), "{told}");
        }
    }
}
