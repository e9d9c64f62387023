//! What one member answers about accesses, record by record.

use std::collections::BTreeMap;

use anyhow::Context as _;
use futures::TryStreamExt as _;
use muniment_client::{LedgerRecord, ListOptions};
use muniment_core::v1::record::Body;
use muniment_core::{BureauNumber, Flag, Kind, LeafIndex, Verdict};
use muniment_proto::v1::RecordFilter;

use super::stage::Stage;

/// Records of a page.
const PAGE_SIZE: u32 = 1_000;

/// Place of a record: submitter, stream, sequence.
pub(crate) type Place = (BureauNumber, String, u64);

/// One access as a member holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// Its leaf.
    pub(crate) leaf: LeafIndex,
    /// What the rules found.
    pub(crate) verdict: Verdict,
    /// Whether it cites an authorisation.
    pub(crate) cites: bool,
    /// Exchange and side.
    pub(crate) exchange: (String, i32),
}

/// The accesses of a ledger by their place; a place may be used more than once (flag S02).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accesses {
    by_place: BTreeMap<Place, Vec<Access>>,
}

impl Access {
    /// Flags that deny the authorisation: A01 to A11.
    const AUTHORISATION_FLAGS: [Flag; 11] = [
        Flag::A01,
        Flag::A02,
        Flag::A03,
        Flag::A04,
        Flag::A05,
        Flag::A06,
        Flag::A07,
        Flag::A08,
        Flag::A09,
        Flag::A10,
        Flag::A11,
    ];

    /// Whether the authorisation that it cites was in force and covers it.
    pub(crate) fn is_in_force(&self) -> bool {
        self.cites && !Self::AUTHORISATION_FLAGS.iter().any(|flag| self.verdict.has(*flag))
    }
}

impl Accesses {
    /// Asks one member for every access that a bureau submitted, each bureau's as a client of that bureau.
    ///
    /// # Errors
    /// When it does not answer, or with a record that does not belong to its stub.
    pub(crate) async fn ask(stage: &Stage, member: usize) -> anyhow::Result<Self> {
        let mut accesses = Self::default();
        for bureau in 0..stage.processes.len() {
            let client = stage.processes.client(bureau, &[member])?;
            let filter = RecordFilter {
                submitter: Some(stage.processes.bureau(bureau).0),
                kinds: vec![i32::from(Kind::AccessExecuted.number())],
                ..RecordFilter::default()
            };
            let options =
                ListOptions { filter: Some(filter), page_size: Some(PAGE_SIZE), ..ListOptions::default() };
            let mut records = std::pin::pin!(client.list(options));
            while let Some(LedgerRecord { leaf, stub, record, .. }) = records.try_next().await? {
                let record = record.with_context(|| format!("leaf {leaf} is withheld from its submitter"))?;
                let (Some(Body::AccessExecuted(access)), Some(stream)) = (record.body, record.stream) else {
                    continue;
                };
                let place = (BureauNumber(record.submitter), stream.id, stream.sequence);
                accesses.by_place.entry(place).or_default().push(Access {
                    leaf,
                    verdict: stub.verdict,
                    cites: access.authorisation.is_some(),
                    exchange: (access.exchange, access.side),
                });
            }
        }
        Ok(accesses)
    }

    /// The accesses at a place.
    pub(crate) fn at(&self, place: &Place) -> &[Access] {
        self.by_place.get(place).map_or(&[], Vec::as_slice)
    }
}
