//! A small founded ledger with known keys, for the tests at the crate's boundary.

use muniment_core::checkpoint::{Checkpoint, CheckpointBody};
use muniment_core::contact::Contact;
use muniment_core::cosignature::{CosigningKey, LogKey};
use muniment_core::founding::{Founder, Founding};
use muniment_core::keys::SigningKey;
use muniment_core::members::MemberList;
use muniment_core::{BureauNumber, Hash, NodeId, Suite, TreeSize};

/// The origin of the fixture's ledger.
pub(crate) const ORIGIN: &str = "anhui.example/ledger/2026";
/// The time of the first cosignature, in seconds.
pub(crate) const TIME_S: u64 = 1_790_000_000;

/// One bureau's secrets.
pub(crate) struct Bureau {
    /// Its number.
    pub(crate) number: BureauNumber,
    /// Its code.
    pub(crate) code: String,
    /// Its node's cosigning key.
    pub(crate) cosigning: CosigningKey,
    /// Its node's admission key.
    pub(crate) admission: SigningKey,
    /// Its log key; used in sha256 ledgers.
    pub(crate) log: LogKey,
}

/// The seed of a bureau's key: role 1 cosigns, 2 admits, 3 is the log key.
pub(crate) fn seed(role: u8, number: u32) -> [u8; 32] {
    let mut seed = [role; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    seed
}

impl Bureau {
    /// The bureau of a number; its keys follow from it.
    pub(crate) fn new(suite: Suite, number: u32) -> Self {
        let names = ["hefei", "bozhou", "wuhu", "anqing", "bengbu", "chuzhou", "fuyang", "huaibei"];
        let code = names[usize::try_from(number - 1).expect("small") % names.len()].to_owned();
        let seed = |role| seed(role, number);
        Self {
            number: BureauNumber(number),
            cosigning: CosigningKey::from_seed(suite, &format!("{ORIGIN}/{code}"), &seed(1))
                .expect("a key name"),
            admission: SigningKey::from_seed(&seed(2)),
            log: LogKey::from_seed(ORIGIN, &seed(3)).expect("a key name"),
            code,
        }
    }

    /// Its entry in a founding file.
    pub(crate) fn founder(&self, suite: Suite) -> Founder {
        Founder {
            number: self.number,
            code: self.code.clone(),
            region: format!("gbt2260:34{:02}00", self.number.0),
            node_id: NodeId(u64::from(self.number.0)),
            cosigning_key: self.cosigning.verifier_key().clone(),
            admission_key: self.admission.public_key().to_bytes(),
            log_key: (suite == Suite::Sha256).then(|| self.log.verifier_key().clone()),
            contact: Contact {
                trust_domain: format!("{}.example", self.code),
                peer_address: format!("{}.example:7444", self.code),
                client_address: format!("{}.example:7443", self.code),
                ca_certificate: vec![0x30, 0],
            },
        }
    }
}

/// Bureaus 1..=n.
pub(crate) fn bureaus(suite: Suite, n: u32) -> Vec<Bureau> {
    (1..=n).map(|number| Bureau::new(suite, number)).collect()
}

/// The founding file of these bureaus.
pub(crate) fn founding(suite: Suite, bureaus: &[Bureau]) -> Founding {
    let founders = bureaus.iter().map(|bureau| bureau.founder(suite)).collect();
    Founding { origin: ORIGIN.to_owned(), suite, founders }
}

/// A body under a member list.
pub(crate) fn body(suite: Suite, members: &MemberList, size: u64, root: Hash) -> CheckpointBody {
    CheckpointBody {
        origin: members.origin.clone(),
        size: TreeSize(size),
        root,
        suite,
        index_root: suite.empty(muniment_core::Tree::Runs),
        members_epoch: members.epoch,
        members_digest: members.digest(suite),
    }
}

/// A checkpoint that these bureaus cosign, each a second after the one before; the first one's log key signs too in a
/// sha256 ledger.
pub(crate) fn cosigned<'a>(
    body: CheckpointBody,
    signers: impl IntoIterator<Item = &'a Bureau>,
) -> Checkpoint {
    let mut lines = Vec::new();
    for (bureau, time_s) in signers.into_iter().zip(TIME_S..) {
        if body.suite == Suite::Sha256 && lines.is_empty() {
            lines.push(bureau.log.sign(&body));
        }
        lines.push(bureau.cosigning.sign(&body, time_s));
    }
    let mut checkpoint = Checkpoint { body, lines };
    checkpoint.sort_lines();
    checkpoint
}
