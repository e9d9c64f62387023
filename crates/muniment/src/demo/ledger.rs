//! What one member's files say about accesses: read back leaf by leaf, from stubs and records alone.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use muniment_core::v1::record::Body;
use muniment_core::{BureauNumber, Flag, Kind, LeafIndex, LedgerId, Stub, Verdict, record};
use muniment_store::ledger::View;

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
    /// Reads every leaf of a member.
    ///
    /// # Errors
    /// When a file is damaged, or holds what the ledger would never have taken.
    pub(crate) fn read(view: &View, ledger_id: &LedgerId) -> anyhow::Result<Self> {
        let mut accesses = Self::default();
        for leaf in (0..view.size().0).map(LeafIndex) {
            let stub =
                Stub::decode(&view.stub(leaf)?).with_context(|| format!("read stub of leaf {leaf}"))?;
            if Kind::from_number(stub.kind) != Some(Kind::AccessExecuted) {
                continue;
            }
            let (_, bytes) = view.record(leaf)?;
            let record =
                record::decode(&bytes, Some(ledger_id)).map_err(|error| anyhow!("leaf {leaf}: {error}"))?;
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
        Ok(accesses)
    }

    /// The accesses at a place.
    pub(crate) fn at(&self, place: &Place) -> &[Access] {
        self.by_place.get(place).map_or(&[], Vec::as_slice)
    }
}
