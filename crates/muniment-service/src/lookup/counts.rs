//! Counts over all leaves up to a size, and their bytes.

use std::collections::BTreeMap;

use muniment_core::reader::{Reader, ShapeError};
use muniment_core::{BureauNumber, Stub};

/// Counts of leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// By kind.
    pub(crate) kinds: BTreeMap<u8, u64>,
    /// By bit of the verdict.
    pub(crate) flags: BTreeMap<u8, u64>,
    /// By submitter.
    pub(crate) submitters: BTreeMap<BureauNumber, u64>,
    /// Those with at least one flag.
    pub(crate) flagged: u64,
}

impl Counts {
    /// Counts one leaf.
    pub(crate) fn add(&mut self, stub: &Stub) {
        *self.kinds.entry(stub.kind).or_default() += 1;
        *self.submitters.entry(stub.submitter).or_default() += 1;
        for bit in stub.verdict.bits() {
            *self.flags.entry(bit).or_default() += 1;
        }
        self.flagged += u64::from(stub.verdict.0 != 0);
    }

    /// Leaves counted.
    pub(crate) fn total(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// Per table its length u32, then key and count u64 each; then `flagged` u64.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut table = |rows: Vec<(&[u8], u64)>| {
            out.extend_from_slice(&u32::try_from(rows.len()).unwrap_or(u32::MAX).to_be_bytes());
            for (key, count) in rows {
                out.extend_from_slice(key);
                out.extend_from_slice(&count.to_be_bytes());
            }
        };
        table(self.kinds.iter().map(|(kind, count)| (std::slice::from_ref(kind), *count)).collect());
        table(self.flags.iter().map(|(flag, count)| (std::slice::from_ref(flag), *count)).collect());
        let keys: Vec<([u8; 4], u64)> =
            self.submitters.iter().map(|(submitter, count)| (submitter.0.to_be_bytes(), *count)).collect();
        table(keys.iter().map(|(key, count)| (&key[..], *count)).collect());
        out.extend_from_slice(&self.flagged.to_be_bytes());
    }

    /// Reads what [`Counts::encode`] wrote.
    ///
    /// # Errors
    /// Too few bytes.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ShapeError> {
        let mut counts = Self::default();
        for _ in 0..reader.u32()? {
            counts.kinds.insert(reader.u8()?, reader.u64()?);
        }
        for _ in 0..reader.u32()? {
            counts.flags.insert(reader.u8()?, reader.u64()?);
        }
        for _ in 0..reader.u32()? {
            counts.submitters.insert(BureauNumber(reader.u32()?), reader.u64()?);
        }
        counts.flagged = reader.u64()?;
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_survive_their_bytes_and_no_cut_of_them_does() {
        let counts = Counts {
            kinds: [(20, 1), (48, 5)].into(),
            flags: [(2, 3), (63, 1)].into(),
            submitters: [(BureauNumber(1), 2), (BureauNumber(70_000), 4)].into(),
            flagged: 4,
        };
        let mut bytes = Vec::new();
        counts.encode(&mut bytes);
        assert_eq!(Counts::read(&mut Reader::new(&bytes)), Ok(counts));
        for end in 0..bytes.len() {
            assert!(Counts::read(&mut Reader::new(&bytes[..end])).is_err(), "cut at {end}");
        }
    }
}
