//! The verify stage, before apply: everything that needs the bytes but not the state.
//!
//! Decoding, canonical form, digests, terms and signatures, each part by itself, so that a node may spread parts over
//! its cores. Pure: the same bytes give the same result on every node. A panic is a refusal, the same on every node.

mod digests;

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use muniment_core::admission::{Admission, Submission};
use muniment_core::batch::{Batch, BatchError, BatchHeader, Part};
use muniment_core::derived::DerivedStatement;
use muniment_core::keys::PUBLIC_KEY_LENGTH;
use muniment_core::{Blind, Hash, Kind, LedgerId, Reason, Suite, record, terms, v1};

use self::digests::{Digests, digest_all, record_digests};
use crate::applied::{RecordBytes, Rejection};
use crate::world::stream::short_digest;

/// What the verify stage needs to know of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyContext {
    /// The ledger's hash suite.
    pub suite: Suite,
    /// The ledger's origin, which admissions sign.
    pub origin: Arc<str>,
    /// The ledger, which records name.
    pub ledger_id: LedgerId,
}

/// A batch whose parts can be verified one by one, in any order, on any thread.
#[derive(Clone, Debug)]
pub struct DecodedBatch {
    header: BatchHeader,
    bytes: Arc<[u8]>,
    parts: Vec<DecodedPart>,
}

#[derive(Clone, Debug)]
enum DecodedPart {
    Admission { admission: Admission, records: Vec<(Blind, Range<usize>)> },
    Derived(DerivedStatement),
}

/// A batch after the verify stage.
#[derive(Clone, Debug)]
pub struct VerifiedBatch {
    pub(crate) content: Result<(BatchHeader, Vec<VerifiedPart>), BatchError>,
}

/// A part after the verify stage.
#[derive(Clone, Debug)]
pub struct VerifiedPart(pub(crate) VerifiedContent);

#[derive(Clone, Debug)]
pub(crate) enum VerifiedContent {
    Admission(VerifiedAdmission),
    Derived(VerifiedDerived),
}

/// An admission whose signature and root hold, unless it says otherwise.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedAdmission {
    pub(crate) admission: Admission,
    pub(crate) content: Result<Vec<VerifiedRecord>, Rejection>,
    /// Whether checking it or a record of it panicked.
    pub(crate) fault: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct VerifiedRecord {
    pub(crate) blind: Blind,
    pub(crate) bytes: RecordBytes,
    pub(crate) record_digest: Hash,
    pub(crate) content: Result<Box<CheckedRecord>, Rejection>,
}

/// A record that its codec accepts, with what follows from its bytes alone.
#[derive(Clone, Debug)]
pub(crate) struct CheckedRecord {
    pub(crate) record: v1::Record,
    pub(crate) kind: Kind,
    /// Keys of its terms besides flags, strictly ascending.
    pub(crate) term_keys: Vec<Hash>,
    /// What follows from it by hashing, computed for many records at a time.
    pub(crate) digests: Digests,
}

#[derive(Clone, Debug)]
pub(crate) struct VerifiedDerived {
    pub(crate) statement: DerivedStatement,
    /// Keys whose signature holds; `Err` when checking panicked.
    pub(crate) signers: Result<Vec<[u8; PUBLIC_KEY_LENGTH]>, ()>,
}

/// Checks the bytes of one record.
type CheckRecord = fn(&VerifyContext, &mut TermMemo, &[u8]) -> Result<Box<CheckedRecord>, Rejection>;

/// The last term of each field and its key: records of one admission mostly share provider, consumer and data set.
#[derive(Debug, Default)]
struct TermMemo([Option<(Vec<u8>, Hash)>; FIELDS]);

/// One more than the highest field number.
const FIELDS: usize = 14;

/// Verifies a whole batch on this thread.
#[must_use]
pub fn verify_batch(context: &VerifyContext, bytes: Arc<[u8]>) -> VerifiedBatch {
    match DecodedBatch::decode(bytes) {
        Ok(batch) => {
            let parts = (0..batch.part_count()).map(|part| batch.verify_part(context, part)).collect();
            batch.into_verified(parts)
        }
        Err(error) => VerifiedBatch::refused(error),
    }
}

/// The digest that tells contents of one request id apart: H("muniment/v1/submission" 00 record digests), 16 bytes.
#[must_use]
pub(crate) fn submission_digest(suite: Suite, records: &[VerifiedRecord]) -> [u8; 16] {
    let mut input = Vec::with_capacity(23 + 32 * records.len());
    input.extend_from_slice(b"muniment/v1/submission\0");
    records.iter().for_each(|record| input.extend_from_slice(&record.record_digest.0));
    short_digest(&suite.hash(&[&input]))
}

impl DecodedBatch {
    /// Splits a batch into its parts.
    ///
    /// # Errors
    /// [`BatchError`]: the entry applies to nothing ([`VerifiedBatch::refused`]).
    pub fn decode(bytes: Arc<[u8]>) -> Result<Self, BatchError> {
        let Batch { header, parts } = Batch::decode(&bytes)?;
        let start = bytes.as_ptr().addr();
        let range = |record: &[u8]| {
            let from = record.as_ptr().addr() - start;
            from..from + record.len()
        };
        let own = |part| match part {
            Part::Admission { admission, records } => {
                let records = records.iter().map(|record| (record.blind, range(record.bytes))).collect();
                DecodedPart::Admission { admission, records }
            }
            Part::Derived(statement) => DecodedPart::Derived(statement),
        };
        let parts = parts.into_iter().map(own).collect();
        Ok(Self { header, bytes, parts })
    }

    /// The batch's header.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// How many parts there are.
    #[must_use]
    pub const fn part_count(&self) -> usize {
        self.parts.len()
    }

    /// Verifies one part.
    ///
    /// # Panics
    /// When there is no such part.
    #[must_use]
    pub fn verify_part(&self, context: &VerifyContext, part: usize) -> VerifiedPart {
        let content = match &self.parts[part] {
            DecodedPart::Admission { admission, records } => {
                VerifiedContent::Admission(self.verify_admission(context, admission, records, check_record))
            }
            DecodedPart::Derived(statement) => {
                VerifiedContent::Derived(verify_derived(context, statement.clone()))
            }
        };
        VerifiedPart(content)
    }

    /// Puts the parts together again.
    ///
    /// # Panics
    /// When they are not as many as the batch has.
    #[must_use]
    pub fn into_verified(self, parts: Vec<VerifiedPart>) -> VerifiedBatch {
        assert_eq!(parts.len(), self.parts.len(), "every part of the batch is verified once");
        VerifiedBatch { content: Ok((self.header, parts)) }
    }

    fn verify_admission(
        &self,
        context: &VerifyContext,
        admission: &Admission,
        records: &[(Blind, Range<usize>)],
        check_record: CheckRecord,
    ) -> VerifiedAdmission {
        let verified = guarded(|| {
            let records = records.iter().map(|(blind, range)| (blind, &self.bytes[range.clone()]));
            let digests = record_digests(context.suite, records);
            check_admission(context, admission, &digests).map(|()| digests)
        });
        let digests = match verified {
            Ok(Ok(digests)) => digests,
            Ok(Err(rejection)) => return VerifiedAdmission::dropped(admission, rejection, false),
            Err(_) => return VerifiedAdmission::dropped(admission, fault(), true),
        };
        let mut is_fault = false;
        let mut memo = TermMemo::default();
        let records = records.iter().zip(digests).map(|((blind, range), record_digest)| {
            let bytes = RecordBytes::within(Arc::clone(&self.bytes), range.clone());
            let content = guarded(|| check_record(context, &mut memo, &bytes)).unwrap_or_else(|_| {
                is_fault = true;
                Err(fault())
            });
            VerifiedRecord { blind: *blind, bytes, record_digest, content }
        });
        let mut records: Vec<VerifiedRecord> = records.collect();
        match guarded(|| digest_all(context.suite, &mut records)) {
            Ok(()) => {
                VerifiedAdmission { admission: admission.clone(), content: Ok(records), fault: is_fault }
            }
            Err(_) => VerifiedAdmission::dropped(admission, fault(), true),
        }
    }
}

impl VerifiedBatch {
    /// An entry that is no batch: it applies to nothing, on every node.
    #[must_use]
    pub const fn refused(error: BatchError) -> Self {
        Self { content: Err(error) }
    }

    /// The batch's header; none when the entry is no batch.
    #[must_use]
    pub fn header(&self) -> Option<&BatchHeader> {
        self.content.as_ref().ok().map(|(header, _)| header)
    }
}

impl VerifiedAdmission {
    fn dropped(admission: &Admission, rejection: Rejection, fault: bool) -> Self {
        Self { admission: admission.clone(), content: Err(rejection), fault }
    }

    /// Its submissions, each with the position of its first record and its records' number.
    pub(crate) fn submissions(&self) -> impl Iterator<Item = (Submission, Range<usize>)> {
        let mut next = 0;
        self.admission.submissions.iter().map(move |submission| {
            let first = next;
            next += usize::try_from(submission.count).expect("at most 2,048 records");
            (*submission, first..next)
        })
    }
}

impl TermMemo {
    fn key(&mut self, suite: Suite, term: &terms::Term<'_>) -> Hash {
        let Some(last) = self.0.get_mut(usize::from(term.field.number())) else { return term.key(suite) };
        match last {
            Some((value, key)) if value == term.value() => *key,
            last => {
                let key = term.key(suite);
                let (value, of_value) = last.get_or_insert((Vec::new(), key));
                value.clear();
                value.extend_from_slice(term.value());
                *of_value = key;
                key
            }
        }
    }
}

fn check_admission(
    context: &VerifyContext,
    admission: &Admission,
    digests: &[Hash],
) -> Result<(), Rejection> {
    let refuse = |detail: String| Rejection::new(Reason::BadSignature, "", detail);
    if Admission::root_over(context.suite, digests.iter().copied()) != admission.root {
        return Err(refuse("the admission's root is not that of its records: sign again".to_owned()));
    }
    let signature = admission.verify_signature(&context.origin);
    signature
        .map(|_| ())
        .map_err(|error| refuse(format!("{error}: sign with the bound key, over this origin")))
}

fn check_record(
    context: &VerifyContext,
    memo: &mut TermMemo,
    bytes: &[u8],
) -> Result<Box<CheckedRecord>, Rejection> {
    let record = record::decode(bytes, Some(&context.ledger_id))?;
    let kind = record::kind(&record).ok_or_else(fault)?;
    let terms = terms::terms_of(&record, kind);
    let mut term_keys: Vec<Hash> = terms.iter().map(|term| memo.key(context.suite, term)).collect();
    term_keys.sort_unstable();
    term_keys.dedup();
    Ok(Box::new(CheckedRecord { record, kind, term_keys, digests: Digests::PENDING }))
}

fn verify_derived(context: &VerifyContext, statement: DerivedStatement) -> VerifiedDerived {
    let signers = guarded(|| {
        let holding = statement
            .signatures
            .iter()
            .filter(|signature| statement.derived.verify(&context.origin, signature).is_ok());
        holding.map(|signature| signature.public_key).collect()
    });
    VerifiedDerived { statement, signers: signers.map_err(|_| ()) }
}

/// Runs a pure check. Nothing that it touched is used after a panic, so unwinding breaks no invariant.
fn guarded<T>(check: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(check))
}

fn fault() -> Rejection {
    Rejection::new(
        Reason::InvalidRecord,
        "",
        "can't be checked by this build: report it, nothing was written",
    )
}

#[cfg(test)]
mod tests {
    use muniment_core::keys::SigningKey;
    use muniment_core::{RequestId, UnixMillis, digest};

    use super::*;

    #[test]
    fn every_field_of_a_term_has_its_place_in_the_memo() {
        assert!(terms::Field::ALL.iter().all(|field| usize::from(field.number()) < FIELDS));
    }

    #[test]
    fn a_record_whose_check_panics_is_refused_and_its_neighbours_are_not() {
        let context = VerifyContext {
            suite: Suite::Blake3,
            origin: "example.org/ledger".into(),
            ledger_id: LedgerId([1; 32]),
        };
        let records = [(Blind([0; 16]), 0..1), (Blind([0; 16]), 1..2)];
        let bytes: Arc<[u8]> = b"ab"[..].into();
        let digests =
            records.clone().map(|(blind, range)| digest::record_digest(context.suite, &blind, &bytes[range]));
        let submissions = vec![Submission { request_id: RequestId::new(UnixMillis(0), [0; 10]), count: 2 }];
        let key = SigningKey::from_seed(&[1; 32]);
        let admission = Admission::sign(context.suite, &context.origin, &key, submissions, digests);
        let header = BatchHeader {
            rules: muniment_core::RulesVersion(1),
            ledger_id: context.ledger_id,
            proposed_at: UnixMillis(0),
            seal: muniment_core::batch::SealMark::None,
            applied_size: muniment_core::TreeSize(0),
            root_prefix: [0; 8],
        };
        let batch = DecodedBatch { header, bytes, parts: Vec::new() };
        let check: CheckRecord = |_, _, bytes| match bytes {
            b"a" => panic!("a fault of this build"),
            _ => Err(Rejection::new(Reason::NotCanonical, "", "checked")),
        };
        let verified = batch.verify_admission(&context, &admission, &records, check);
        assert!(verified.fault, "the operator hears of it");
        let content = verified.content.unwrap();
        let reasons =
            content.iter().map(|record| record.content.as_ref().map(|_| ()).map_err(|error| error.reason));
        let expected = [Err(Reason::InvalidRecord), Err(Reason::NotCanonical)];
        assert_eq!(reasons.collect::<Vec<_>>(), expected);
    }
}
