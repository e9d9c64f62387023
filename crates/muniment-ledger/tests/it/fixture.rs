//! A ledger of three bureaus, and records for it.

use muniment_core::admission::{Admission, Submission};
use muniment_core::batch::{BatchHeader, SealMark, SubmittedRecord, encode_admission_part, encode_batch};
use muniment_core::contact::Contact;
use muniment_core::cosignature::{CosigningKey, LogKey};
use muniment_core::digest::record_digest;
use muniment_core::founding::{Founder, Founding};
use muniment_core::keys::SigningKey;
use muniment_core::note::VerifierKey;
use muniment_core::v1::record::Body;
use muniment_core::v1::{self, Leaf, Period, Record, Time};
use muniment_core::{
    Blind, BureauNumber, Kind, LeafIndex, LogIndex, NodeId, RaftTerm, RequestId, RulesVersion, Suite,
    TreeSize, UnixMillis, Verdict, record,
};
use muniment_ledger::{Applied, EntryPosition, Ledger, Outcome, PartOutcome, verify_batch};

pub(crate) const ORIGIN: &str = "example.org/ledger";
/// 2024-03-01T00:00:00Z: the time of a scene's first entry.
pub(crate) const START: u64 = 1_709_251_200_000;
pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const DAY: u64 = 24 * 60 * MINUTE;

pub(crate) const HEFEI: u32 = 1;
pub(crate) const BOZHOU: u32 = 2;
pub(crate) const WUHU: u32 = 3;

pub(crate) const PROVIDER: &str = "org:hefei-health";
pub(crate) const CONSUMER: &str = "org:bozhou-clinic";
pub(crate) const DATA_SET: &str = "dataset:vaccinations";
pub(crate) const OTHER_DATA_SET: &str = "dataset:births";

/// A ledger with its signers, clock and log.
pub(crate) struct Scene {
    pub(crate) founding: Founding,
    pub(crate) ledger: Ledger,
    /// What the leader's clock shows.
    pub(crate) now: u64,
    pub(crate) log_index: u64,
    ids: u64,
}

/// The admission key of a bureau's founding node.
pub(crate) fn admission_key(bureau: u32) -> SigningKey {
    SigningKey::from_seed(&[0xa0 + u8::try_from(bureau).unwrap(); 32])
}

fn log_key(suite: Suite, bureau: u8) -> Option<VerifierKey> {
    let key = || LogKey::from_seed(ORIGIN, &[0x70 + bureau; 32]).unwrap();
    (suite == Suite::Sha256).then(|| key().verifier_key().clone())
}

/// A cosigning key and a log key of a bureau's node, as their texts.
pub(crate) fn note_keys(suite: Suite, bureau: u32, code: &str) -> (VerifierKey, Option<VerifierKey>) {
    let bureau = u8::try_from(bureau).unwrap();
    let cosigning =
        CosigningKey::from_seed(suite, &format!("{ORIGIN}/{code}"), &[0xc0 + bureau; 32]).unwrap();
    (cosigning.verifier_key().clone(), log_key(suite, bureau))
}

pub(crate) fn founding(suite: Suite) -> Founding {
    let founder = |number: u32, code: &str, region: &str| {
        let (cosigning_key, log_key) = note_keys(suite, number, code);
        Founder {
            number: BureauNumber(number),
            code: code.to_owned(),
            region: region.to_owned(),
            node_id: NodeId(number.into()),
            cosigning_key,
            admission_key: admission_key(number).public_key().to_bytes(),
            log_key,
            contact: Contact {
                trust_domain: format!("{code}.example"),
                peer_address: format!("{code}.example:7444"),
                client_address: format!("{code}.example:7443"),
                ca_certificate: vec![0x30, 0],
            },
        }
    };
    let founders = vec![
        founder(HEFEI, "hefei", "gbt2260:340100"),
        founder(BOZHOU, "bozhou", "gbt2260:341600"),
        founder(WUHU, "wuhu", "gbt2260:340200"),
    ];
    let founding = Founding { origin: ORIGIN.to_owned(), suite, founders };
    founding.validate().unwrap();
    founding
}

impl Scene {
    pub(crate) fn new(suite: Suite) -> Self {
        let founding = founding(suite);
        let ledger = Ledger::found(&founding);
        Self { founding, ledger, now: START, log_index: 0, ids: 0 }
    }

    /// A record of this ledger as a bureau submits it now.
    pub(crate) fn record(&self, submitter: u32, body: impl Into<BodyOf>) -> Record {
        Record {
            schema_version: 1,
            ledger_id: self.founding.ledger_id().0.to_vec(),
            submitter,
            actor: Some(v1::Actor { system: "system:exchange".to_owned(), ..v1::Actor::default() }),
            occurred_at: Some(Time { unix_ms: self.now, ..Time::default() }),
            body: Some(body.into().0),
            ..Record::default()
        }
    }

    /// A new request id of now.
    pub(crate) fn id(&mut self) -> RequestId {
        self.ids += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.ids.to_be_bytes());
        RequestId::new(UnixMillis(self.now), random)
    }

    /// Submits records of a bureau under a new id, as one entry.
    pub(crate) fn submit(&mut self, bureau: u32, records: &[Record]) -> Vec<Outcome> {
        let id = self.id();
        self.submit_as(bureau, id, records)
    }

    /// Submits records of a bureau under an id, as one entry.
    pub(crate) fn submit_as(&mut self, bureau: u32, id: RequestId, records: &[Record]) -> Vec<Outcome> {
        let part = self.part(&admission_key(bureau), &[(id, records)]);
        let mut applied = self.apply(&[part]);
        match applied.parts.remove(0) {
            PartOutcome::Admission(admission) => admission.outcomes,
            other => panic!("an admission went in: {other:?}"),
        }
    }

    /// Submits one record and answers its leaf and flags.
    pub(crate) fn append(&mut self, bureau: u32, body: impl Into<BodyOf>) -> LeafIndex {
        let record = self.record(bureau, body);
        match self.submit(bureau, &[record]).remove(0) {
            Outcome::Appended { leaf, verdict: Verdict::NONE, reused_request_id: false } => leaf,
            other => panic!("expected a leaf without flags: {other:?}"),
        }
    }

    /// An admission of submissions, signed.
    pub(crate) fn part(&self, key: &SigningKey, submissions: &[(RequestId, &[Record])]) -> Vec<u8> {
        let records = submissions.iter().flat_map(|(_, records)| records.iter());
        let encoded: Vec<Vec<u8>> = records.map(|record| record::encode(record).unwrap()).collect();
        let named = submissions.iter().map(|(request_id, records)| Submission {
            request_id: *request_id,
            count: u32::try_from(records.len()).unwrap(),
        });
        self.part_of_bytes(key, named.collect(), &encoded)
    }

    /// An admission of any bytes, signed. Equal bytes get equal blinds: a retry is the same.
    pub(crate) fn part_of_bytes(
        &self,
        key: &SigningKey,
        submissions: Vec<Submission>,
        records: &[Vec<u8>],
    ) -> Vec<u8> {
        let blind = |bytes: &[u8]| Blind(*Suite::Blake3.hash(&[bytes]).0.first_chunk().unwrap());
        let records: Vec<_> =
            records.iter().map(|bytes| SubmittedRecord { blind: blind(bytes), bytes }).collect();
        let suite = self.founding.suite;
        let digests = records.iter().map(|record| record_digest(suite, &record.blind, record.bytes));
        let admission = Admission::sign(suite, ORIGIN, key, submissions, digests);
        encode_admission_part(&admission, &records)
    }

    /// The header of the next entry.
    pub(crate) fn header(&self) -> BatchHeader {
        BatchHeader {
            rules: RulesVersion(1),
            ledger_id: self.founding.ledger_id(),
            proposed_at: UnixMillis(self.now),
            seal: SealMark::None,
            applied_size: TreeSize(0),
            root_prefix: [0; 8],
        }
    }

    /// Applies an entry of parts.
    pub(crate) fn apply(&mut self, parts: &[Vec<u8>]) -> Applied {
        self.apply_bytes(encode_batch(&self.header(), parts))
    }

    /// Applies an entry of any bytes.
    pub(crate) fn apply_bytes(&mut self, bytes: Vec<u8>) -> Applied {
        self.log_index += 1;
        let at = EntryPosition { log_index: LogIndex(self.log_index), raft_term: RaftTerm(1) };
        let batch = verify_batch(&self.ledger.context(), bytes.into());
        self.ledger.apply(at, &batch).unwrap()
    }

    /// Publishes both data sets of Hefei and grants [`DATA_SET`] to Bozhou for ever; answers the grant's leaf.
    pub(crate) fn granted(&mut self) -> LeafIndex {
        self.append(HEFEI, published(DATA_SET));
        self.append(HEFEI, published(OTHER_DATA_SET));
        self.append(HEFEI, grant(&[DATA_SET], 0, 0))
    }

    /// The bytes of the world state.
    pub(crate) fn dump(&self) -> Vec<u8> {
        let mut dump = Vec::new();
        self.ledger.view().dump(&self.founding.ledger_id(), &mut |bytes| dump.extend_from_slice(bytes));
        dump
    }
}

/// A step of a story: its name, who submits what, and how it ends.
pub(crate) type Told = (&'static str, u32, BodyOf, &'static str);

/// Submits each body in turn and compares how it ended.
pub(crate) fn check(scene: &mut Scene, steps: Vec<Told>) {
    for (name, bureau, body, expected) in steps {
        let record = scene.record(bureau, body);
        let outcome = scene.submit(bureau, &[record]).remove(0);
        assert_eq!(told(&outcome), expected, "{name}");
    }
}

/// A body of any kind.
pub(crate) struct BodyOf(pub(crate) Body);

impl From<Body> for BodyOf {
    fn from(body: Body) -> Self {
        Self(body)
    }
}

macro_rules! bodies {
    ($($kind:ident)+) => {
        $(impl From<v1::$kind> for BodyOf {
            fn from(body: v1::$kind) -> Self {
                Self(Body::$kind(body))
            }
        })+
    };
}

bodies! {
    AccessExecuted Annotated ApplicationWithdrawn AuthorisationAmended AuthorisationDenied AuthorisationGranted
    AuthorisationResumed AuthorisationRevoked AuthorisationSuspended BureauRegistered BureauSuspended BureauUpdated
    CalendarAdopted CaseClosed CaseOpened CatalogueWithdrawn CataloguePublished CatalogueUpdated CertificateBound
    CertificateRevoked DataDelivered DataDestroyed DataRecalled DeliveryAcknowledged Disclosed DisputeDecided
    DisputeEscalated DisputeOpened LegalHoldLifted LegalHoldSet LicenceChanged LicenceIssued LicenceRevoked
    LicenceSuspended LicenceUsed MemberAdmitted MemberCapabilities MemberRemoved ObjectionAnswered ObjectionRaised
    OnwardTransferConsented PolicyAdopted Recovery RuleSetAdopted SharingApplied UsageReported VocabularyAdopted
}

pub(crate) fn at(leaf: LeafIndex) -> Option<Leaf> {
    Some(Leaf { index: leaf.0 })
}

pub(crate) fn published(data_set: &str) -> v1::CataloguePublished {
    v1::CataloguePublished {
        data_set: data_set.to_owned(),
        provider: PROVIDER.to_owned(),
        title: "A data set".to_owned(),
        share_class: v1::ShareClass::Conditional.into(),
        version: 1,
        ..v1::CataloguePublished::default()
    }
}

pub(crate) fn application(data_sets: &[&str]) -> v1::SharingApplied {
    v1::SharingApplied {
        applicant: CONSUMER.to_owned(),
        data_sets: data_sets.iter().map(|data_set| (*data_set).to_owned()).collect(),
        period: Some(Period { from_ms: START, to_ms: 0 }),
        purposes: vec!["care".to_owned()],
        ..v1::SharingApplied::default()
    }
}

pub(crate) fn grant(data_sets: &[&str], from_ms: u64, to_ms: u64) -> v1::AuthorisationGranted {
    v1::AuthorisationGranted {
        grantor: PROVIDER.to_owned(),
        grantee: CONSUMER.to_owned(),
        data_sets: data_sets.iter().map(|data_set| (*data_set).to_owned()).collect(),
        valid: Some(Period { from_ms, to_ms }),
        ..v1::AuthorisationGranted::default()
    }
}

pub(crate) fn access(exchange: &str, authorisation: Option<LeafIndex>) -> v1::AccessExecuted {
    v1::AccessExecuted {
        side: v1::Side::Consumer.into(),
        exchange: exchange.to_owned(),
        authorisation: authorisation.and_then(at),
        provider: PROVIDER.to_owned(),
        consumer: CONSUMER.to_owned(),
        data_set: DATA_SET.to_owned(),
        outcome: v1::Outcome::Succeeded.into(),
        rows: 1,
        ..v1::AccessExecuted::default()
    }
}

/// The flags of an outcome as people write them, or how else it ended.
pub(crate) fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Appended { verdict, .. } => format!("leaf {verdict}").trim_end().to_owned(),
        Outcome::Duplicate { leaf: Some(leaf) } => format!("duplicate of {leaf}"),
        Outcome::Duplicate { leaf: None } => "duplicate, not compared".to_owned(),
        Outcome::Rejected(rejection) => format!("{} {}", rejection.reason, rejection.field),
    }
}

/// The kind of a body, for messages of failing tests.
pub(crate) fn name_of(record: &Record) -> &'static str {
    record::kind(record).map_or("no kind", |kind: Kind| kind.row().name)
}
