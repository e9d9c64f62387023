//! The digests that follow from records alone, many at a time: suites hash some of them side by side.

use muniment_core::{Blind, Hash, HashInputs, Suite, digest};

use super::{CheckedRecord, VerifiedRecord};
use crate::side::{push_side, side_of};
use crate::world::exchanges::SideUse;

/// Records taken together: enough to fill a processor's lanes although lengths differ, few enough for their bytes to
/// stay in its cache.
const TOGETHER: usize = 128;

/// Digests of one record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digests {
    /// The side of an exchange that it reports.
    pub(crate) side: Option<SideUse>,
    /// The stub's content, if the verdict raises no flag: a flag is one more term.
    pub(crate) content: Hash,
}

impl Digests {
    /// Not computed yet.
    pub(super) const PENDING: Self = Self { side: None, content: Hash([0; 32]) };
}

/// Record digests, in order.
pub(super) fn record_digests<'a>(
    suite: Suite,
    records: impl ExactSizeIterator<Item = (&'a Blind, &'a [u8])>,
) -> Vec<Hash> {
    let mut digests = Vec::with_capacity(records.len());
    let mut inputs = HashInputs::new();
    for (blind, bytes) in records {
        digest::push_record(&mut inputs, blind, bytes);
        if inputs.len() == TOGETHER {
            digests.extend(suite.hash_each(&inputs));
            inputs.clear();
        }
    }
    digests.extend(suite.hash_each(&inputs));
    digests
}

/// Computes the digests of the records that hold.
pub(super) fn digest_all(suite: Suite, records: &mut [VerifiedRecord]) {
    let mut inputs = HashInputs::new();
    for records in records.chunks_mut(TOGETHER) {
        inputs.clear();
        let reports_side: Vec<bool> = holding(records)
            .map(|(record, checked)| {
                digest::push_terms(&mut inputs, &checked.term_keys);
                push_side(&mut inputs, &checked.record, &record.bytes)
            })
            .collect();
        let hashes = suite.hash_each(&inputs);
        let mut hashes = hashes.iter();
        let mut next = || hashes.next().expect("a hash for each input");
        inputs.clear();
        let mut sides = Vec::with_capacity(reports_side.len());
        for ((record, _), reports_side) in holding(records).zip(reports_side) {
            digest::push_content(&mut inputs, &record.record_digest, next());
            sides.push(reports_side.then(|| side_of(next(), next())));
        }
        let contents = suite.hash_each(&inputs);
        let checked = records.iter_mut().filter_map(|record| record.content.as_mut().ok());
        for (checked, (side, content)) in checked.zip(sides.into_iter().zip(contents)) {
            checked.digests = Digests { side, content };
        }
    }
}

/// The records that hold.
fn holding(records: &[VerifiedRecord]) -> impl Iterator<Item = (&VerifiedRecord, &CheckedRecord)> {
    records.iter().filter_map(|record| Some((record, record.content.as_deref().ok()?)))
}
