//! Made-up evidence for tests of storage: stubs, records and signed admissions that belong together, while the records
//! themselves mean nothing.

use muniment_core::admission::{Admission, KeptAdmission, Submission};
use muniment_core::digest::{content_digest, record_digest};
use muniment_core::keys::SigningKey;
use muniment_core::{
    Blind, BureauNumber, Hash, RequestId, RetentionClass, RulesVersion, Stub, Suite, UnixMillis, Verdict,
};
use muniment_store::ledger::{AppendBatch, AppendLeaf, Writer};
use muniment_store::{Identity, StorageError};

/// Origin that the admissions are signed for.
pub const ORIGIN: &str = "anhui.example/ledger/made-up";

/// What one entry adds to the evidence files, and the entry's bytes.
#[derive(Clone, Debug)]
pub struct MadeUpEntry {
    /// Stands for the Raft entry's bytes.
    pub bytes: Vec<u8>,
    kept: Vec<u8>,
    stubs: Vec<[u8; Stub::LENGTH]>,
    class: RetentionClass,
    blinds: Vec<Blind>,
    records: Vec<Vec<u8>>,
    digests: Vec<Hash>,
}

impl MadeUpEntry {
    /// Entry `number` with `leaves` leaves, at least one: a function of its arguments.
    #[must_use]
    pub fn new(suite: Suite, number: u32, leaves: u32) -> Self {
        let class = [RetentionClass::ThreeYears, RetentionClass::Permanent][number as usize % 2];
        let numbers = (0..leaves).map(|leaf| (number << 8) | leaf);
        let blinds: Vec<Blind> = numbers.clone().map(|seed| Blind(u128::from(seed).to_be_bytes())).collect();
        let records: Vec<Vec<u8>> = numbers
            .map(|seed| seed.to_be_bytes().repeat(5 + usize::try_from(seed % 40).expect("below 40")))
            .collect();
        let digests: Vec<Hash> =
            blinds.iter().zip(&records).map(|(blind, record)| record_digest(suite, blind, record)).collect();
        let stub = |digest: &Hash| Stub {
            kind: 48,
            rules: RulesVersion(1),
            class,
            historic: false,
            sealed: false,
            submitter: BureauNumber(1),
            accepted_at: UnixMillis(u64::from(number)),
            verdict: Verdict::NONE,
            occurred_at: UnixMillis(u64::from(number)),
            content: content_digest(suite, digest, &Hash([0; 32])),
        };
        let stubs = digests.iter().map(|digest| stub(digest).encode()).collect();
        let key = SigningKey::from_seed(&[7; 32]);
        let request_id = RequestId(u128::from(number).to_be_bytes());
        let submissions = vec![Submission { request_id, count: leaves }];
        let admission = Admission::sign(suite, ORIGIN, &key, submissions, digests.iter().copied());
        let kept = KeptAdmission::Admission { admission, absent: Vec::new() }.encode();
        let bytes = [number.to_be_bytes().to_vec(), records.concat()].concat();
        Self { bytes, kept, stubs, class, blinds, records, digests }
    }

    /// Leaves that it adds.
    #[must_use]
    pub const fn leaves(&self) -> usize {
        self.stubs.len()
    }

    /// Its records' bytes.
    #[must_use]
    pub fn records(&self) -> &[Vec<u8>] {
        &self.records
    }

    /// Its stubs.
    #[must_use]
    pub fn stubs(&self) -> &[[u8; Stub::LENGTH]] {
        &self.stubs
    }

    /// Appends it and publishes.
    ///
    /// # Errors
    /// As [`Writer::append`] and the background sync that it may hand out.
    pub fn append_to(&self, writer: &mut Writer) -> Result<(), StorageError> {
        let leaf = |(position, at): (u32, usize)| AppendLeaf {
            stub: self.stubs[at],
            class: self.class,
            blind: self.blinds[at],
            record: &self.records[at],
            record_digest: self.digests[at],
            admission: Some(0),
            position,
        };
        let leaves: Vec<AppendLeaf<'_>> = (0..).zip(0..self.leaves()).map(leaf).collect();
        let appended = writer.append(&AppendBatch { admissions: &[&self.kept], leaves: &leaves })?;
        if let Some(job) = appended.background_sync {
            job.run()?;
        }
        writer.publish();
        Ok(())
    }
}

/// Checks a made-up record against its stub, as `muniment_store::fsck::check_leaf` checks a real one.
///
/// # Errors
/// When they don't belong together.
pub fn check_leaf(
    identity: &Identity,
    stub: &[u8; Stub::LENGTH],
    blind: &Blind,
    record: &[u8],
) -> Result<(), String> {
    let digest = record_digest(identity.suite, blind, record);
    let content = content_digest(identity.suite, &digest, &Hash([0; 32]));
    if content.0 == stub[32..] { Ok(()) } else { Err("its content digest differs".to_owned()) }
}
