//! The three bureaus of the demo and the ledger that they found.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use muniment_core::contact::Contact;
use muniment_core::cosignature::{CosigningKey, LogKey};
use muniment_core::founding::{Founder, Founding};
use muniment_core::keys::SigningKey;
use muniment_core::{BureauNumber, NodeId, Suite};

/// Name of the demo's ledger.
const ORIGIN: &str = "demo.anhui.example/ledger";

/// One bureau of the demo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bureau {
    /// Name for people.
    pub(crate) name: &'static str,
    /// Its code in the founding file, and its directory.
    pub(crate) code: &'static str,
    /// GB/T 2260 code of its city.
    pub(crate) region: &'static str,
}

/// The bureaus in the order of their numbers, from 1.
pub(crate) const BUREAUS: [Bureau; 3] = [
    Bureau { name: "Hefei", code: "hefei", region: "340100" },
    Bureau { name: "Bozhou", code: "bozhou", region: "341600" },
    Bureau { name: "Wuhu", code: "wuhu", region: "340200" },
];

/// A member's secret keys, made for this run and never written down: the demo's ledger is not taken up again.
pub(crate) struct Secrets {
    /// Signs checkpoints.
    pub(crate) cosigning: CosigningKey,
    /// Signs admissions.
    pub(crate) admission: SigningKey,
    /// sha256 only: signs checkpoints for outside witnesses.
    pub(crate) log: Option<LogKey>,
}

impl Bureau {
    /// The bureau of a number.
    pub(crate) fn of(number: BureauNumber) -> Self {
        let position = usize::try_from(number.0.saturating_sub(1)).unwrap_or(usize::MAX);
        BUREAUS[position % BUREAUS.len()]
    }

    /// No connection is made: the demo's members live in one process.
    fn contact(self) -> Contact {
        Contact {
            trust_domain: format!("{}.demo.example", self.code),
            peer_address: format!("{}.invalid:7444", self.code),
            client_address: format!("{}.invalid:7443", self.code),
            ca_certificate: vec![0x30, 0],
        }
    }

    /// Its member's data directory.
    pub(crate) fn data_dir(self, demo_dir: &Path) -> PathBuf {
        demo_dir.join(self.code)
    }
}

/// Founds a ledger with fresh keys.
///
/// # Errors
/// When the system gives no random numbers, or the founding file would not be valid.
pub(crate) fn found(suite: Suite) -> anyhow::Result<(Founding, Vec<Secrets>)> {
    let (mut founders, mut secrets) = (Vec::new(), Vec::new());
    for (bureau, position) in BUREAUS.iter().zip(1_u32..) {
        let key_name = format!("{ORIGIN}/{}", bureau.code);
        let unnamed = || anyhow!("key name {key_name} is not valid");
        let cosigning = CosigningKey::from_seed(suite, &key_name, &seed()?).ok_or_else(unnamed)?;
        let admission = SigningKey::from_seed(&seed()?);
        let log = match suite {
            Suite::Sha256 => Some(LogKey::from_seed(ORIGIN, &seed()?).ok_or_else(unnamed)?),
            Suite::Blake3 | Suite::Sm3 => None,
        };
        founders.push(Founder {
            number: BureauNumber(position),
            code: bureau.code.to_owned(),
            region: format!("gbt2260:{}", bureau.region),
            node_id: NodeId(position.into()),
            cosigning_key: cosigning.verifier_key().clone(),
            admission_key: admission.public_key().to_bytes(),
            log_key: log.as_ref().map(|key| key.verifier_key().clone()),
            contact: bureau.contact(),
        });
        secrets.push(Secrets { cosigning, admission, log });
    }
    let founding = Founding { origin: ORIGIN.to_owned(), suite, founders };
    founding.validate().context("found the demo's ledger")?;
    Ok((founding, secrets))
}

fn seed() -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("draw a key")?;
    Ok(seed)
}
