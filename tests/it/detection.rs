//! Detection, scored: what the generator injected is what the rules flag, no more and no less, and the real X-Road records
//! get the verdicts that their reading demands. One ledger state machine, no network, no disk.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muniment_core::admission::{Admission, Submission};
use muniment_core::batch::{BatchHeader, SealMark, SubmittedRecord, encode_admission_part, encode_batch};
use muniment_core::cosignature::CosigningKey;
use muniment_core::digest::record_digest;
use muniment_core::founding::{Founder, Founding};
use muniment_core::keys::SigningKey;
use muniment_core::v1::record::Body;
use muniment_core::v1::{AuthorisationGranted, CataloguePublished, Period, Record, ShareClass, Time};
use muniment_core::{
    Blind, BureauNumber, Flag, LeafIndex, LogIndex, NodeId, RaftTerm, RequestId, RulesVersion, Suite,
    TreeSize, UnixMillis, Verdict, record,
};
use muniment_intake::generator::{Options, Traffic};
use muniment_intake::{Import, Mapping, Rows};
use muniment_ledger::{EntryPosition, Ledger, Outcome, verify_batch};

use harness::ledger::contact;

const ORIGIN: &str = "test.example/ledger";
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// A ledger of three bureaus, driven entry by entry.
struct Driver {
    founding: Founding,
    ledger: Ledger,
    keys: Vec<SigningKey>,
    entries: u64,
}

impl Driver {
    fn new() -> Self {
        let keys: Vec<_> = (1..=3).map(|seed| SigningKey::from_seed(&[seed; 32])).collect();
        let founders = keys.iter().zip(1_u32..).map(|(key, number)| {
            let code = format!("b{number}");
            let contact = contact(&code);
            let seed = [u8::try_from(number).expect("1 to 3") + 10; 32];
            let cosigning = CosigningKey::from_seed(Suite::Blake3, &format!("{ORIGIN}/{code}"), &seed);
            Founder {
                number: BureauNumber(number),
                code,
                region: "gbt2260:340000".to_owned(),
                node_id: NodeId(number.into()),
                cosigning_key: cosigning.expect("a valid key name").verifier_key().clone(),
                admission_key: key.public_key().to_bytes(),
                log_key: None,
                contact,
            }
        });
        let founding =
            Founding { origin: ORIGIN.to_owned(), suite: Suite::Blake3, founders: founders.collect() };
        founding.validate().expect("a valid founding file");
        Self { ledger: Ledger::found(&founding), founding, keys, entries: 0 }
    }

    /// Submits records of one bureau as one batch; every one must be appended.
    fn submit(&mut self, bureau: BureauNumber, records: &[Vec<u8>]) -> Vec<(LeafIndex, Verdict)> {
        self.entries += 1;
        let suite = Suite::Blake3;
        let blind = Blind([7; 16]);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.entries.to_be_bytes());
        let submission = Submission {
            request_id: RequestId::new(NOW, random),
            count: u32::try_from(records.len()).expect("a small batch"),
        };
        let key = &self.keys[usize::try_from(bureau.0 - 1).expect("1 to 3")];
        let digests = records.iter().map(|record| record_digest(suite, &blind, record));
        let admission = Admission::sign(suite, ORIGIN, key, vec![submission], digests);
        let submitted: Vec<_> = records.iter().map(|bytes| SubmittedRecord { blind, bytes }).collect();
        let header = BatchHeader {
            rules: RulesVersion(1),
            ledger_id: self.founding.ledger_id(),
            proposed_at: NOW,
            seal: SealMark::None,
            applied_size: TreeSize(0),
            root_prefix: [0; 8],
        };
        let batch = encode_batch(&header, &[encode_admission_part(&admission, &submitted)]);
        let verified = verify_batch(&self.ledger.context(), Arc::from(batch));
        let at = EntryPosition { log_index: LogIndex(self.entries), raft_term: RaftTerm(1) };
        let applied = self.ledger.apply(at, &verified).expect("rules version 1 is known");
        let outcomes = applied.parts.iter().flat_map(outcomes_of);
        let appended = outcomes.map(|outcome| match outcome {
            Outcome::Appended { leaf, verdict, reused_request_id: false } => (*leaf, *verdict),
            other => panic!("{other:?}"),
        });
        appended.collect()
    }

    fn submit_record(&mut self, record: &Record) -> LeafIndex {
        let bytes = record::encode(record).unwrap_or_else(|error| panic!("{error}: {record:?}"));
        let [(leaf, Verdict::NONE)] = self.submit(BureauNumber(record.submitter), &[bytes])[..] else {
            panic!("one leaf without a flag: {record:?}");
        };
        leaf
    }
}

fn outcomes_of(part: &muniment_ledger::PartOutcome) -> &[Outcome] {
    match part {
        muniment_ledger::PartOutcome::Admission(outcome) => &outcome.outcomes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_injected_violation_is_flagged_and_nothing_is_flagged_in_vain() {
    for seed in 0..5 {
        let mut driver = Driver::new();
        let traffic = Traffic::new(Options::small(seed, driver.founding.ledger_id(), 3, NOW));
        for submission in traffic.catalogue() {
            driver.submit_record(&submission.record);
        }
        let submit_all = |driver: &mut Driver, records: Vec<Record>| -> Vec<LeafIndex> {
            records.iter().map(|record| driver.submit_record(record)).collect()
        };
        let applications = traffic.applications().map(|submission| submission.record).collect();
        let applications = submit_all(&mut driver, applications);
        let grants = traffic.grants(&applications).map(|submission| submission.record).collect();
        let grants = submit_all(&mut driver, grants);

        let mut due: BTreeMap<_, _> = traffic
            .injected()
            .iter()
            .map(|injected| {
                let key = (injected.stream.clone(), injected.sequence, injected.exchange.clone());
                (key, injected.violation.flag())
            })
            .collect();
        let injected = due.len();
        for submission in traffic.accesses(&grants) {
            let record = submission.record;
            let bytes = record::encode(&record).expect("checked by the generator's own tests");
            let [(_, verdict)] = driver.submit(submission.bureau, &[bytes])[..] else {
                panic!("seed {seed}: one leaf a record");
            };
            let (Some(Body::AccessExecuted(access)), Some(stream)) = (record.body, record.stream) else {
                panic!("seed {seed}: an access of a stream");
            };
            let flag = due.remove(&(stream.id, stream.sequence, access.exchange));
            assert_eq!(
                verdict.flags().collect::<Vec<_>>(),
                flag.into_iter().collect::<Vec<Flag>>(),
                "seed {seed}"
            );
        }
        assert_eq!((injected, due.len()), (50, 0), "seed {seed}");
    }
}

/// The real file beside the checkout, if it is there.
fn shared(name: &str) -> Option<PathBuf> {
    let start = Path::new(env!("CARGO_MANIFEST_DIR"));
    start.ancestors().map(|folder| folder.join("shared/data").join(name)).find(|path| path.is_file())
}

fn decision(driver: &Driver, body: Body) -> Record {
    Record {
        schema_version: 1,
        ledger_id: driver.founding.ledger_id().0.to_vec(),
        submitter: 1,
        occurred_at: Some(Time { unix_ms: NOW.0, precision: 0 }),
        body: Some(body),
        ..Record::default()
    }
}

#[test]
fn the_real_xroad_records_are_in_force_under_the_grant_for_resttest_and_a01_elsewhere() {
    let Some(path) = shared("xroad_opmon_records.jsonl.gz") else {
        // Written where `cargo test` does not swallow it.
        let warning = "SKIPPED: ../shared/data/xroad_opmon_records.jsonl.gz IS NOT BESIDE THE CHECKOUT\n";
        std::io::stderr().write_all(warning.as_bytes()).expect("stderr is open");
        return;
    };
    let mut driver = Driver::new();
    let data_set = "xroad:DEV/ORG/1234567-8/TEST/RestTest".to_owned();
    let provider = "xroad:DEV/ORG/1234567-8".to_owned();
    let entry = CataloguePublished {
        data_set: data_set.clone(),
        provider: provider.clone(),
        title: "RestTest".to_owned(),
        share_class: ShareClass::Conditional.into(),
        version: 1,
        ..CataloguePublished::default()
    };
    let entry = decision(&driver, Body::CataloguePublished(entry));
    driver.submit_record(&entry);
    let grant = AuthorisationGranted {
        grantor: provider,
        grantee: "xroad:DEV/ORG/1234567-8/TEST".to_owned(),
        data_sets: vec![data_set],
        valid: Some(Period { from_ms: 1_577_836_800_000, to_ms: 0 }),
        ..AuthorisationGranted::default()
    };
    let grant = decision(&driver, Body::AuthorisationGranted(grant));
    let grant = driver.submit_record(&grant);

    let mapping = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mappings/xroad-opmon.toml");
    let mapping = Mapping::read(&mapping).expect("the project's own mapping");
    let import = Import {
        ledger_id: driver.founding.ledger_id(),
        submitter: BureauNumber(3),
        citations: BTreeMap::from([("resttest".to_owned(), grant)]),
    };
    let rows: Vec<_> = Rows::open(&path, &mapping, import)
        .expect("the file opens")
        .map(|row| row.expect("every row is good").bytes)
        .collect();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for batch in rows.chunks(500) {
        for (_, verdict) in driver.submit(BureauNumber(3), batch) {
            *counts.entry(verdict.to_string()).or_default() += 1;
        }
    }
    let with = |code: &str| -> u64 {
        counts.iter().filter(|(flags, _)| flags.contains(code)).map(|(_, count)| count).sum()
    };
    assert_eq!(rows.len(), 5_230);
    assert_eq!(with("A01"), 1_420, "{counts:?}");
    assert_eq!(with("A0"), 1_420, "no other flag of an authorisation: {counts:?}");
    assert_eq!(with("S03"), 4, "two more exchanges under one id, each with two sides: {counts:?}");
    assert_eq!(counts.keys().filter(|flags| flags.contains('T') || flags.contains("S01")).count(), 0);
}
