//! The bureaus of a ledger to try things on, and their files.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use muniment_core::Suite;

use super::authority::Authority;
use super::contexts;
use crate::founding::{FoundingArguments, KeysArguments, make_keys, put_together};

/// The ledger's origin.
const ORIGIN: &str = "dev.anhui.example/ledger";

/// One city's bureau.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    /// Name for people.
    pub(super) name: &'static str,
    /// Name for files and keys.
    pub(super) code: &'static str,
    /// GB/T 2260.
    region: &'static str,
}

/// The bureaus by number, from 1.
pub(super) const BUREAUS: [About; 7] = [
    About { name: "Hefei", code: "hefei", region: "340100" },
    About { name: "Bozhou", code: "bozhou", region: "341600" },
    About { name: "Wuhu", code: "wuhu", region: "340200" },
    About { name: "Anqing", code: "anqing", region: "340800" },
    About { name: "Bengbu", code: "bengbu", region: "340300" },
    About { name: "Chuzhou", code: "chuzhou", region: "341100" },
    About { name: "Fuyang", code: "fuyang", region: "341200" },
];

/// A bureau with its directory.
#[derive(Clone, Debug)]
pub(super) struct Bureau {
    pub(super) about: About,
    pub(super) dir: PathBuf,
}

impl Bureau {
    pub(super) fn new(root: &Path, about: About) -> Self {
        Self { about, dir: root.join(about.code) }
    }

    pub(super) fn config_file(&self) -> PathBuf {
        self.dir.join("munimentd.toml")
    }

    pub(super) fn trust_domain(&self) -> String {
        format!("{}.dev.anhui.example", self.about.code)
    }
}

/// Makes every bureau's CA, certificates and keys, the founding file, and each member's configuration.
///
/// # Errors
/// What the disk answers.
pub(super) fn found(root: &Path, bureaus: &[Bureau], suite: Suite) -> anyhow::Result<()> {
    let mut ports = free_ports(bureaus.len() * 3)?.into_iter();
    let mut port = || ports.next().context("a free port");
    let founding = root.join("founding");
    let mut founders = Vec::with_capacity(bureaus.len());
    for (bureau, node) in bureaus.iter().zip(1_u64..) {
        let (client, peer, internal) = (port()?, port()?, port()?);
        fs::create_dir_all(&bureau.dir).with_context(|| format!("make {}", bureau.dir.display()))?;
        let keys = bureau.dir.join("keys");
        certify(bureau)?;
        make_keys(&KeysArguments {
            origin: ORIGIN.to_owned(),
            suite,
            code: bureau.about.code.to_owned(),
            region: format!("gbt2260:{}", bureau.about.region),
            trust_domain: bureau.trust_domain(),
            peer_address: format!("127.0.0.1:{peer}"),
            client_address: format!("127.0.0.1:{client}"),
            ca: bureau.dir.join("ca.pem"),
            out: keys.clone(),
        })?;
        founders.push(keys.join("founder.toml"));
        configure(bureau, &founding, node, (client, peer, internal))?;
    }
    let arguments = FoundingArguments { origin: ORIGIN.to_owned(), suite, out: founding, founders };
    put_together(&arguments)?;
    contexts::write(root, bureaus, &crate::founding::read(&arguments.out)?)
}

fn certify(bureau: &Bureau) -> anyhow::Result<()> {
    let Bureau { about, dir } = bureau;
    let authority = Authority::new(about.name)?;
    authority.write(dir)?;
    let domain = bureau.trust_domain();
    authority.issue(dir, "node", &format!("spiffe://{domain}/node/{}", about.code))?;
    authority.issue(dir, "client", &format!("spiffe://{domain}/client/exchange-gateway"))?;
    authority.issue(dir, "admin", &format!("spiffe://{domain}/admin/operator"))
}

fn configure(
    bureau: &Bureau,
    founding: &Path,
    node: u64,
    (client, peer, internal): (u16, u16, u16),
) -> anyhow::Result<()> {
    let path = |name: &str| toml::Value::from(bureau.dir.join(name).display().to_string());
    let listener = |port: u16| {
        toml::Table::from_iter([
            ("listen".to_owned(), toml::Value::from(format!("127.0.0.1:{port}"))),
            ("certificate".to_owned(), path("node.pem")),
            ("key".to_owned(), path("node.key")),
        ])
    };
    let internal =
        toml::Table::from_iter([("listen".to_owned(), toml::Value::from(format!("127.0.0.1:{internal}")))]);
    let node = i64::try_from(node).context("a small node id")?;
    let table = toml::Table::from_iter([
        ("data".to_owned(), path("data")),
        ("founding".to_owned(), toml::Value::from(founding.display().to_string())),
        ("node".to_owned(), toml::Value::from(node)),
        ("keys".to_owned(), path("keys")),
        ("client".to_owned(), toml::Value::from(listener(client))),
        ("peer".to_owned(), toml::Value::from(listener(peer))),
        ("internal".to_owned(), toml::Value::from(internal)),
    ]);
    let file = bureau.config_file();
    fs::write(&file, table.to_string()).with_context(|| format!("write {}", file.display()))
}

/// Ports that nobody listens on at the moment.
fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let listeners: Result<Vec<TcpListener>, _> =
        (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect();
    // Held until all are found, so that none is found twice.
    let listeners = listeners.context("find free ports")?;
    listeners.iter().map(|listener| Ok(listener.local_addr().context("a port's number")?.port())).collect()
}
