//! A small deterministic ledger for the store's tests: records, admissions and stubs that belong together.

use std::path::Path;
use std::sync::Arc;

use muniment_core::admission::{Admission, KeptAdmission, Submission};
use muniment_core::digest::{content_digest, record_digest, terms_digest};
use muniment_core::keys::SigningKey;
use muniment_core::{
    Blind, BureauNumber, Hash, LedgerId, LogIndex, NodeId, RaftTerm, RequestId, RetentionClass, RulesVersion,
    Stub, Suite, UnixMillis, Verdict,
};
use muniment_store::disk::Disk;
use muniment_store::ledger::{
    self, AppendBatch, AppendLeaf, EntryPosition, OpenLedger, SyncPoint, SyncPointMeta, Writer,
};
use muniment_store::{FileDisk, Identity};

pub(crate) const ORIGIN: &str = "anhui.example/ledger/test";

pub(crate) fn identity(suite: Suite) -> Identity {
    Identity {
        ledger_id: LedgerId([9; 32]),
        origin: ORIGIN.to_owned(),
        suite,
        bureau: BureauNumber(2),
        node_id: NodeId(2),
        incarnation: 77,
    }
}

/// Terms of the tests' records: one key, made from the record's bytes.
pub(crate) fn terms_of(suite: Suite, record: &[u8]) -> Hash {
    terms_digest(suite, &[suite.hash(&[b"term", record])])
}

/// One batch, owned.
pub(crate) struct Batch {
    pub(crate) kept: KeptAdmission,
    /// Records of the admission, those without a leaf among them.
    pub(crate) records_admitted: usize,
    pub(crate) stubs: Vec<[u8; 64]>,
    pub(crate) classes: Vec<RetentionClass>,
    pub(crate) blinds: Vec<Blind>,
    pub(crate) records: Vec<Vec<u8>>,
    /// Of its records, those without a leaf behind them.
    pub(crate) digests: Vec<Hash>,
}

/// Batch `number` with `count` leaves; a function of its arguments alone. Every fifth batch holds a duplicate.
pub(crate) fn batch(suite: Suite, number: u64, count: u64) -> Batch {
    batch_of(suite, number, count, |seed| {
        let class = RetentionClass::ALL[usize::try_from(seed % 3).unwrap() + 1];
        (usize::try_from(20 + seed * 7 % 300).unwrap(), class)
    })
}

/// As [`batch`], with records as long and of such classes as told.
pub(crate) fn batch_of(
    suite: Suite,
    number: u64,
    count: u64,
    shape: impl Fn(u64) -> (usize, RetentionClass),
) -> Batch {
    let key = SigningKey::from_seed(&[5; 32]);
    let (mut stubs, mut classes, mut blinds, mut records, mut digests) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for position in 0..count {
        let seed = number * 1_000 + position;
        let (length, class) = shape(seed);
        let record: Vec<u8> =
            (0..length).map(|at| (usize::try_from(seed).unwrap() + at).to_be_bytes()[7]).collect();
        let blind = Blind(u128::from(seed).to_be_bytes());
        let digest = record_digest(suite, &blind, &record);
        let stub = Stub {
            kind: 48,
            rules: RulesVersion(1),
            class,
            historic: false,
            sealed: false,
            submitter: BureauNumber(2),
            accepted_at: UnixMillis(1_000 + number),
            verdict: Verdict::NONE,
            occurred_at: UnixMillis(900 + number),
            content: content_digest(suite, &digest, &terms_of(suite, &record)),
        };
        stubs.push(stub.encode());
        classes.push(class);
        blinds.push(blind);
        records.push(record);
        digests.push(digest);
    }
    let mut without_leaf = Vec::new();
    if number.is_multiple_of(5) {
        let duplicate = suite.hash(&[b"duplicate", &number.to_be_bytes()]);
        without_leaf.push((u32::try_from(count).unwrap(), duplicate));
        digests.push(duplicate);
    }
    let submission = Submission {
        request_id: RequestId(u128::from(number).to_be_bytes()),
        count: u32::try_from(digests.len()).unwrap(),
    };
    let records_admitted = digests.len();
    let admission = Admission::sign(suite, ORIGIN, &key, vec![submission], digests.iter().copied());
    let kept = KeptAdmission::Admission { admission, absent: without_leaf };
    Batch { kept, records_admitted, stubs, classes, blinds, records, digests }
}

pub(crate) fn append(writer: &mut Writer, batch: &Batch) -> Result<(), muniment_store::StorageError> {
    let kept = batch.kept.encode();
    // Nothing is kept of an admission without leaves.
    let kept: &[&[u8]] = if batch.records.is_empty() { &[] } else { &[&kept] };
    let leaves: Vec<AppendLeaf<'_>> = (0..batch.records.len())
        .map(|at| AppendLeaf {
            stub: batch.stubs[at],
            class: batch.classes[at],
            blind: batch.blinds[at],
            record: &batch.records[at],
            record_digest: batch.digests[at],
            admission: Some(0),
            position: u32::try_from(at).unwrap(),
        })
        .collect();
    let appended = writer.append(&AppendBatch { admissions: kept, leaves: &leaves })?;
    if let Some(job) = appended.background_sync {
        job.run()?;
    }
    writer.publish();
    Ok(())
}

pub(crate) fn meta(number: u64) -> SyncPointMeta {
    let position = EntryPosition { log_index: LogIndex(number), raft_term: RaftTerm(1) };
    SyncPointMeta { position, membership: b"members".to_vec() }
}

/// A sync point after batch `number`, with a world dump if asked for.
pub(crate) fn sync_point(
    writer: &Writer,
    number: u64,
    dump: bool,
) -> Result<SyncPoint, muniment_store::StorageError> {
    let world = move |sink: &mut dyn FnMut(&[u8])| sink(&world_after(number));
    let dump = dump.then(|| Box::new(world) as ledger::WorldDump);
    writer.prepare_sync_point(meta(number), dump)?.run()
}

/// The bytes that stand for the world after batch `number`.
pub(crate) fn world_after(number: u64) -> Vec<u8> {
    [b"world after ".as_slice(), &number.to_be_bytes()].concat()
}

pub(crate) fn open(dir: &Path, suite: Suite) -> OpenLedger {
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    ledger::open(disk, dir, &identity(suite)).unwrap()
}

/// Stands for the check of real records, which the store does not look into.
pub(crate) fn check_leaf(
    identity: &Identity,
    stub: &[u8; 64],
    blind: &Blind,
    record: &[u8],
) -> Result<(), String> {
    let suite = identity.suite;
    let content = content_digest(suite, &record_digest(suite, blind, record), &terms_of(suite, record));
    if content.0 == stub[32..] { Ok(()) } else { Err("content".to_owned()) }
}
