//! How a ledger begins: each bureau makes its node's keys and a founder's file, and one founding file is put together
//! from all of them, the same on every member.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use muniment_core::contact::Contact;
use muniment_core::founding::{Founder, Founding};
use muniment_core::note::VerifierKey;
use muniment_core::{BureauNumber, NodeId, Suite};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use crate::secrets;

/// Name of a founder's file beside its keys.
const FOUNDER_FILE: &str = "founder.toml";

/// Arguments of `munimentd keys`.
#[derive(Debug, Args)]
pub(crate) struct KeysArguments {
    /// The ledger's origin, agreed among the founders, as in anhui.example/ledger/2026.
    #[arg(long)]
    pub(crate) origin: String,
    /// The ledger's hash suite: blake3, sha256 or sm3.
    #[arg(long, value_parser = suite)]
    pub(crate) suite: Suite,
    /// The bureau's code: lower-case letters, digits, dots and hyphens.
    #[arg(long)]
    pub(crate) code: String,
    /// The bureau's region, scheme-qualified, as in gbt2260:340100.
    #[arg(long)]
    pub(crate) region: String,
    /// The bureau's SPIFFE trust domain.
    #[arg(long)]
    pub(crate) trust_domain: String,
    /// Where the other members reach the node: host:port.
    #[arg(long)]
    pub(crate) peer_address: String,
    /// Where services reach the node: host:port.
    #[arg(long)]
    pub(crate) client_address: String,
    /// The bureau's CA certificate, PEM.
    #[arg(long)]
    pub(crate) ca: PathBuf,
    /// Directory for the keys and founder.toml; made if it is not there.
    #[arg(long)]
    pub(crate) out: PathBuf,
}

/// Arguments of `munimentd founding`.
#[derive(Debug, Args)]
pub(crate) struct FoundingArguments {
    /// The ledger's origin.
    #[arg(long)]
    pub(crate) origin: String,
    /// The ledger's hash suite: blake3, sha256 or sm3.
    #[arg(long, value_parser = suite)]
    pub(crate) suite: Suite,
    /// The founding file to write.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// The founders' files, in the order of their numbers.
    #[arg(required = true)]
    pub(crate) founders: Vec<PathBuf>,
}

/// What a bureau hands to the one that puts the founding file together. Nothing secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FounderFile {
    code: String,
    region: String,
    trust_domain: String,
    peer_address: String,
    client_address: String,
    cosigning_key: String,
    admission_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_key: Option<String>,
    /// DER in base64.
    ca_certificate: String,
}

/// Reads a suite's name.
///
/// # Errors
/// Says which names there are.
pub(crate) fn suite(name: &str) -> Result<Suite, String> {
    Suite::from_name(name).ok_or_else(|| format!("{name:?} is not blake3, sha256 or sm3"))
}

/// Makes a node's keys and its founder's file.
///
/// # Errors
/// If keys are there already, or the result would not be valid in a founding file.
pub(crate) fn make_keys(arguments: &KeysArguments) -> anyhow::Result<()> {
    let KeysArguments { origin, suite, code, .. } = arguments;
    let ca_certificate = CertificateDer::from_pem_file(&arguments.ca)
        .map_err(|error| anyhow!("CA certificate {}: {error}", arguments.ca.display()))?;
    let keys = secrets::make(&arguments.out, origin, code, *suite)?;
    let file = FounderFile {
        code: code.clone(),
        region: arguments.region.clone(),
        trust_domain: arguments.trust_domain.clone(),
        peer_address: arguments.peer_address.clone(),
        client_address: arguments.client_address.clone(),
        cosigning_key: keys.cosigning.verifier_key().to_string(),
        admission_key: STANDARD.encode(keys.admission.public_key().to_bytes()),
        log_key: keys.log.as_ref().map(|key| key.verifier_key().to_string()),
        ca_certificate: STANDARD.encode(&ca_certificate),
    };
    // Checked alone before anybody relies on it.
    let founding = Founding { origin: origin.clone(), suite: *suite, founders: vec![founder(&file, 1)?] };
    founding.validate()?;
    let path = arguments.out.join(FOUNDER_FILE);
    let text = toml::to_string(&file).context("write the founder's file")?;
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}

/// Puts a founding file together. Answers the ledger's id in words.
///
/// # Errors
/// Names the founder's file that does not hold.
pub(crate) fn put_together(arguments: &FoundingArguments) -> anyhow::Result<String> {
    let founders: anyhow::Result<Vec<Founder>> = arguments
        .founders
        .iter()
        .zip(1..)
        .map(|(path, number)| {
            let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
            let file =
                toml::from_str(&text).with_context(|| format!("{}: no founder's file", path.display()))?;
            founder(&file, number).with_context(|| path.display().to_string())
        })
        .collect();
    let founding = Founding { origin: arguments.origin.clone(), suite: arguments.suite, founders: founders? };
    founding.validate()?;
    if arguments.out.exists() {
        bail!("{} is there already: a founding file is never replaced", arguments.out.display());
    }
    fs::write(&arguments.out, founding.encode())
        .with_context(|| format!("write {}", arguments.out.display()))?;
    Ok(founding.ledger_id().to_string())
}

/// Reads a founding file.
///
/// # Errors
/// Names the line or the founder that does not hold.
pub(crate) fn read(path: &Path) -> anyhow::Result<Founding> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    Founding::decode(&bytes).with_context(|| path.display().to_string())
}

/// The founder whose node this is.
///
/// # Errors
/// If the founding file names no such node.
pub(crate) fn founder_of(founding: &Founding, node: NodeId) -> anyhow::Result<&Founder> {
    let found = founding.founders.iter().find(|founder| founder.node_id == node);
    found.with_context(|| {
        format!("the founding file names no node {node}: it has {}", founding.founders.len())
    })
}

fn founder(file: &FounderFile, number: u32) -> anyhow::Result<Founder> {
    let key = |text: &str| VerifierKey::parse(text).with_context(|| format!("verifier key {text:?}"));
    let admission_key = STANDARD.decode(&file.admission_key).context("admission_key: not base64")?;
    Ok(Founder {
        number: BureauNumber(number),
        code: file.code.clone(),
        region: file.region.clone(),
        node_id: NodeId(number.into()),
        cosigning_key: key(&file.cosigning_key)?,
        admission_key: admission_key.try_into().map_err(|_| anyhow!("admission_key: not 32 bytes"))?,
        log_key: file.log_key.as_deref().map(key).transpose()?,
        contact: Contact {
            trust_domain: file.trust_domain.clone(),
            peer_address: file.peer_address.clone(),
            client_address: file.client_address.clone(),
            ca_certificate: STANDARD.decode(&file.ca_certificate).context("ca_certificate: not base64")?,
        },
    })
}
