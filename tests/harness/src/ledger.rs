//! Small founded ledgers with keys that follow from numbers, and records for them.

use bytes::Bytes;
use muniment_core::contact::Contact;
use muniment_core::cosignature::{CosigningKey, LogKey};
use muniment_core::founding::{Founder, Founding};
use muniment_core::keys::SigningKey;
use muniment_core::v1::record::Body;
use muniment_core::{Blind, BureauNumber, LedgerId, NodeId, RequestId, Suite, UnixMillis, record, v1};
use muniment_raft::{NewRecord, NodeKeys, Submission, Wait};

/// The origin of every ledger here.
pub const ORIGIN: &str = "anhui.example/ledger/2026";

const CODES: [&str; 8] = ["hefei", "bozhou", "wuhu", "anqing", "bengbu", "chuzhou", "fuyang", "huaibei"];

/// The founding file of bureaus 1 to `n`, one node each.
///
/// # Panics
/// For more than eight bureaus.
#[must_use]
pub fn founding(suite: Suite, n: u32) -> Founding {
    let founders = (1..=n).map(|number| founder(suite, number)).collect();
    Founding { origin: ORIGIN.to_owned(), suite, founders }
}

/// The keys of the node of a bureau.
#[must_use]
pub fn keys(suite: Suite, number: u32) -> NodeKeys {
    let name = format!("{ORIGIN}/{}", code(number));
    NodeKeys {
        admission: SigningKey::from_seed(&seed(number, 2)),
        cosigning: CosigningKey::from_seed(suite, &name, &seed(number, 1)).expect("a key name"),
        log: (suite == Suite::Sha256)
            .then(|| LogKey::from_seed(ORIGIN, &seed(number, 3)).expect("an origin")),
    }
}

fn founder(suite: Suite, number: u32) -> Founder {
    let keys = keys(suite, number);
    Founder {
        number: BureauNumber(number),
        code: code(number).to_owned(),
        region: format!("gbt2260:34{number:02}00"),
        node_id: NodeId(u64::from(number)),
        cosigning_key: keys.cosigning.verifier_key().clone(),
        admission_key: keys.admission.public_key().to_bytes(),
        log_key: keys.log.map(|key| key.verifier_key().clone()),
        contact: contact(code(number)),
    }
}

/// A contact that nothing connects to: the simulated network knows node ids only.
#[must_use]
pub fn contact(code: &str) -> Contact {
    Contact {
        trust_domain: format!("{code}.example"),
        peer_address: format!("{code}.example:7444"),
        client_address: format!("{code}.example:7443"),
        ca_certificate: vec![0x30, 0],
    }
}

fn code(number: u32) -> &'static str {
    CODES[usize::try_from(number - 1).expect("a small number")]
}

fn seed(number: u32, role: u8) -> [u8; 32] {
    let mut seed = [role; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    seed
}

/// An access that bureau `number` reports; `serial` makes it unlike any other.
#[must_use]
pub fn access(ledger_id: &LedgerId, number: u32, serial: u64, at: UnixMillis) -> v1::Record {
    let body = v1::AccessExecuted {
        side: v1::Side::Provider.into(),
        exchange: format!("exchange-{number}-{serial}"),
        provider: "uscc:91350100M000100Y43".to_owned(),
        consumer: "uscc:91350100M000100Y43".to_owned(),
        data_set: "catalogue:307009001/15".to_owned(),
        rows: serial + 1,
        ..v1::AccessExecuted::default()
    };
    v1::Record {
        schema_version: 1,
        ledger_id: ledger_id.0.to_vec(),
        submitter: number,
        region: format!("gbt2260:34{number:02}00"),
        actor: Some(v1::Actor { system: "system:exchange-gateway".to_owned(), ..v1::Actor::default() }),
        occurred_at: Some(v1::Time { unix_ms: at.0, precision: 0 }),
        body: Some(Body::AccessExecuted(body)),
        ..v1::Record::default()
    }
}

/// A submission of `count` accesses; its request id and blinds follow from `serial`.
#[must_use]
pub fn submission(
    ledger_id: &LedgerId,
    number: u32,
    serial: u64,
    count: u64,
    at: UnixMillis,
    wait: Wait,
) -> Submission {
    let mut random = [0; 10];
    random[..2].copy_from_slice(&u16::try_from(number).expect("a small number").to_be_bytes());
    random[2..].copy_from_slice(&serial.to_be_bytes());
    let new_record = |position: u64| {
        let access = access(ledger_id, number, serial * 10_000 + position, at);
        let mut blind = [0; 16];
        blind[..8].copy_from_slice(&serial.to_be_bytes());
        blind[8..].copy_from_slice(&(position + 1).to_be_bytes());
        let bytes = record::encode(&access).expect("the harness makes valid records");
        NewRecord { blind: Blind(blind), bytes: Bytes::from(bytes) }
    };
    Submission { request_id: RequestId::new(at, random), records: (0..count).map(new_record).collect(), wait }
}
