//! Records of a given size, each unlike any other.

use std::sync::atomic::{AtomicU64, Ordering};

use muniment_client::Client;
use muniment_core::v1::record::Body;
use muniment_core::v1::{AccessExecuted, Actor, Outcome, Record, Side, Stream, Time};
use muniment_core::{LedgerId, UnixMillis, record};

/// Characters of an item.
const ITEM_LENGTH: usize = 48;

/// Makes accesses that one bureau reports.
pub(super) struct Records {
    ledger_id: LedgerId,
    submitter: u32,
    region: String,
    /// Characters that bring a record to its size.
    padding: usize,
    run: u64,
    serial: AtomicU64,
}

impl Records {
    /// Records of `bytes` canonical bytes for a client's bureau; `run` keeps several makers apart.
    pub(super) fn new(client: &Client, region: &str, bytes: usize, run: u64) -> anyhow::Result<Self> {
        let mut records = Self {
            ledger_id: client.trust().ledger_id,
            submitter: client.bureau().map_or(0, |bureau| bureau.0),
            region: region.to_owned(),
            padding: 0,
            run,
            serial: AtomicU64::new(0),
        };
        // A further item has a tag and a length of its own, so that it takes a few steps to the size.
        for _ in 0..8 {
            let length = record::encode(&records.at(None))?.len();
            records.padding = (records.padding + bytes).saturating_sub(length);
        }
        Ok(records)
    }

    /// The next record, outside every stream or in one.
    pub(super) fn next(&self) -> Record {
        self.at(None)
    }

    /// The next record of a stream.
    pub(super) fn next_of(&self, id: &str, sequence: u64) -> Record {
        self.at(Some(Stream { id: id.to_owned(), sequence }))
    }

    fn at(&self, stream: Option<Stream>) -> Record {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let body = AccessExecuted {
            side: Side::Provider.into(),
            exchange: format!("bench-{:016x}-{serial:016x}", self.run),
            provider: "uscc:91350100M000100Y43".to_owned(),
            consumer: "uscc:91350100M000100Y43".to_owned(),
            data_set: "catalogue:307009001/15".to_owned(),
            outcome: Outcome::Succeeded.into(),
            rows: 1,
            items: self.items(),
            request_digest: vec![0x51; 32],
            response_digest: vec![0x52; 32],
            ..AccessExecuted::default()
        };
        Record {
            schema_version: record::SCHEMA_VERSION,
            ledger_id: self.ledger_id.0.to_vec(),
            submitter: self.submitter,
            region: self.region.clone(),
            actor: Some(Actor { system: "system:muniment-bench".to_owned(), ..Actor::default() }),
            occurred_at: Some(Time { unix_ms: now().0, precision: 0 }),
            stream,
            body: Some(Body::AccessExecuted(body)),
            ..Record::default()
        }
    }
}

impl Records {
    /// Items that have `padding` characters together.
    fn items(&self) -> Vec<String> {
        let mut items = Vec::new();
        let mut left = self.padding;
        while left > 0 {
            // The last one takes its number along, and so may be a little longer.
            let length = if left < ITEM_LENGTH + 8 { left.max(3) } else { ITEM_LENGTH };
            items.push(format!("{:03}{}", items.len(), "i".repeat(length.saturating_sub(3))));
            left = left.saturating_sub(length);
        }
        items
    }
}

fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
