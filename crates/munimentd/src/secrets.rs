//! A node's signing keys as files: PKCS #8, PEM (RFC 8410), one file a key, readable by their owner only.
//!
//! They belong to one node id, are never copied or backed up, and never leave the directory that they were made in.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muniment_core::Suite;
use muniment_core::cosignature::{CosigningKey, LogKey};
use muniment_core::founding::Founder;
use muniment_core::keys::SigningKey;
use muniment_raft::NodeKeys;

/// What precedes the seed in the PKCS #8 form of an Ed25519 key (RFC 8410 7, RFC 5958 version 1).
const PKCS8_PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

const ADMISSION: &str = "admission.key";
const COSIGNING: &str = "cosigning.key";
const LOG: &str = "log.key";

/// Makes a node's keys in a directory that has none yet.
///
/// # Errors
/// If a key is there already: it may have signed.
pub(crate) fn make(dir: &Path, origin: &str, code: &str, suite: Suite) -> anyhow::Result<NodeKeys> {
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("close {} to others", dir.display()))?;
    let names = [ADMISSION, COSIGNING].into_iter().chain((suite == Suite::Sha256).then_some(LOG));
    for name in names {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).context("draw a key")?;
        write(&dir.join(name), &seed)?;
    }
    sync_dir(dir)?;
    load(dir, origin, code, suite)
}

/// Reads a node's keys.
///
/// # Errors
/// Names the file that is missing, readable by others, or no key.
pub(crate) fn load(dir: &Path, origin: &str, code: &str, suite: Suite) -> anyhow::Result<NodeKeys> {
    let key_name = format!("{origin}/{code}");
    let unnamed = || format!("{key_name:?} is no name for a key (C2SP signed-note)");
    let cosigning = read(&dir.join(COSIGNING))?;
    let log = match suite {
        Suite::Sha256 => {
            let seed = read(&dir.join(LOG))?;
            Some(LogKey::from_seed(origin, &seed).with_context(unnamed)?)
        }
        Suite::Blake3 | Suite::Sm3 => None,
    };
    Ok(NodeKeys {
        admission: SigningKey::from_seed(&read(&dir.join(ADMISSION))?),
        cosigning: CosigningKey::from_seed(suite, &key_name, &cosigning).with_context(unnamed)?,
        log,
    })
}

/// Insists that the keys are those that the founding file names for this node.
///
/// # Errors
/// Names the key that is another.
pub(crate) fn insist_on(keys: &NodeKeys, founder: &Founder) -> anyhow::Result<()> {
    let log = keys.log.as_ref().map(LogKey::verifier_key);
    let same = [
        (ADMISSION, keys.admission.public_key().to_bytes() == founder.admission_key),
        (COSIGNING, *keys.cosigning.verifier_key() == founder.cosigning_key),
        (LOG, log == founder.log_key.as_ref()),
    ];
    match same.into_iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((file, _)) => bail!(
            "{file} is not the key that the founding file names for node {}: check the directory of keys and the node id",
            founder.node_id
        ),
    }
}

fn write(path: &Path, seed: &[u8; 32]) -> anyhow::Result<()> {
    let der = [&PKCS8_PREFIX[..], seed].concat();
    let text = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("make {}: a key that is there is never replaced", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("write {}", path.display()))?;
    file.sync_all().with_context(|| format!("flush {}", path.display()))
}

fn sync_dir(dir: &Path) -> anyhow::Result<()> {
    let handle = fs::File::open(dir).with_context(|| format!("open {}", dir.display()))?;
    handle.sync_all().with_context(|| format!("flush the names of {}", dir.display()))
}

fn read(path: &Path) -> anyhow::Result<[u8; 32]> {
    let about = || format!("key {}", path.display());
    let mode = fs::metadata(path).with_context(about)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("key {} may be read by others (mode {:o}): chmod 600 it", path.display(), mode & 0o777);
    }
    let text = fs::read_to_string(path).with_context(about)?;
    decode(&text).with_context(|| format!("key {}: not an Ed25519 key in PKCS #8, PEM", path.display()))
}

/// The seed of a PEM text, as this program and `openssl genpkey -algorithm ed25519` write it.
fn decode(text: &str) -> Option<[u8; 32]> {
    let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let base64: String = body.split_whitespace().collect();
    let der = STANDARD.decode(base64).ok()?;
    der.strip_prefix(&PKCS8_PREFIX)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410 10.3, the key pair's private half.
    const RFC_8410: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn the_key_of_rfc_8410_is_read() {
        let seed = decode(RFC_8410).expect("the RFC's own key");
        assert_eq!(seed[..4], [0xd4, 0xee, 0x72, 0xdb]);
        assert_eq!(decode(&RFC_8410.replace("MC4C", "MC4D")), None, "another structure");
        assert_eq!(decode(&RFC_8410[..60]), None, "cut off");
    }

    #[test]
    fn keys_are_made_once_and_refused_when_others_may_read_them() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let keys = dir.path().join("keys");
        let made = make(&keys, "example/ledger", "hefei", Suite::Sha256).expect("a fresh directory");
        let read = load(&keys, "example/ledger", "hefei", Suite::Sha256).expect("they are there");
        assert_eq!(made.admission.public_key(), read.admission.public_key());
        assert!(read.log.is_some());
        let again = make(&keys, "example/ledger", "hefei", Suite::Sha256).expect_err("they are there");
        assert!(format!("{again:#}").contains("never replaced"), "{again:#}");
        fs::set_permissions(keys.join(COSIGNING), fs::Permissions::from_mode(0o644)).expect("it is ours");
        let open = load(&keys, "example/ledger", "hefei", Suite::Sha256).expect_err("others may read it");
        assert!(open.to_string().contains("chmod 600"), "{open}");
    }
}
