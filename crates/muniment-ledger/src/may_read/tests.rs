//! Every kind, every role, every relation: who may read is this table and nothing else.

use muniment_core::founding::Founding;
use muniment_core::v1::Role;
use muniment_core::{Suite, UnixMillis};

use super::*;
use crate::World;
use crate::world::entities::{ApplicationState, AuthorisationVersion};
use crate::world::period::Period;

const SUBMITTER: u32 = 1;
/// Provides, grants, issues, answers objections.
const PROVIDER: u32 = 2;
/// Consumes, applies, is granted, relies, objects.
const CONSUMER: u32 = 3;
const PROCESSOR: u32 = 4;
/// Supervises what is sealed.
const SUPERVISOR: u32 = 5;
const STRANGER: u32 = 6;

const DATA_SET: &str = "catalogue:1/1";
const LICENCE: &str = "licence:1";
const APPLICATION: u64 = 10;
const AUTHORISATION: u64 = 20;
const OBJECTION: u64 = 30;
const DISPUTE: u64 = 40;
const CASE: u64 = 50;
const HOLD: u64 = 60;

fn code(bureau: u32) -> String {
    format!("org:{bureau}")
}

/// A world in which one bureau has some roles.
fn world(caller: u32, roles: &[Role]) -> WorldView {
    let founding =
        Founding { origin: "example/ledger".to_owned(), suite: Suite::Blake3, founders: Vec::new() };
    let mut world = World::found(&founding);
    for number in SUBMITTER..=STRANGER {
        let roles = if number == caller { roles } else { &[] };
        let bureau = Bureau {
            code: code(number),
            name: String::new(),
            region: "gbt2260:340100".to_owned(),
            level: 0,
            roles: roles.iter().map(|role| u32::try_from(i32::from(*role)).expect("positive")).collect(),
            suspended: false,
        };
        world.objects.put(&BureauNumber(number), bureau);
        world.objects.put(&code(number), BureauCode(BureauNumber(number)));
    }
    let entry = CatalogueEntry {
        submitter: BureauNumber(PROVIDER),
        provider: code(PROVIDER),
        versions: Vec::new(),
        items: Vec::new(),
        withdrawn: None,
    };
    world.objects.put(&DATA_SET.to_owned(), entry);
    let application = Application {
        submitter: BureauNumber(CONSUMER),
        applicant: code(CONSUMER),
        data_sets: vec![DATA_SET.to_owned()],
        state: ApplicationState::Open,
    };
    world.objects.put(&LeafIndex(APPLICATION), application);
    world.objects.put(&LeafIndex(AUTHORISATION), authorisation());
    let licence = Licence {
        submitter: BureauNumber(PROVIDER),
        issuer: code(PROVIDER),
        valid: Period::ALWAYS,
        consent_required: false,
        suspensions: Vec::new(),
        revoked_from: None,
    };
    world.objects.put(&LICENCE.to_owned(), licence);
    let objection = Objection { submitter: BureauNumber(CONSUMER), provider: code(PROVIDER), answered: None };
    world.objects.put(&LeafIndex(OBJECTION), objection);
    let dispute = Dispute {
        submitter: BureauNumber(CONSUMER),
        objection: LeafIndex(OBJECTION),
        tier: 1,
        decided: false,
    };
    world.objects.put(&LeafIndex(DISPUTE), dispute);
    let matter = || Matter { submitter: BureauNumber(CONSUMER), ended: None };
    world.objects.put(&LeafIndex(CASE), Case(matter()));
    world.objects.put(&LeafIndex(HOLD), Hold(matter()));
    world.view()
}

fn authorisation() -> Authorisation {
    let version = AuthorisationVersion {
        leaf: LeafIndex(AUTHORISATION),
        effective: UnixMillis(0),
        valid: Period::ALWAYS,
        processor: code(PROCESSOR),
        data_sets: vec![DATA_SET.to_owned()],
        items: Vec::new(),
        purposes: Vec::new(),
        quota_rows: 0,
        onward_allowed: false,
    };
    Authorisation {
        submitter: BureauNumber(PROVIDER),
        grantor: code(PROVIDER),
        grantee: code(CONSUMER),
        versions: vec![version],
        suspensions: Vec::new(),
        revoked_from: None,
    }
}

const NOBODY: &[u32] = &[];
const BOTH: &[u32] = &[PROVIDER, CONSUMER];
const ALL_THREE: &[u32] = &[PROVIDER, CONSUMER, PROCESSOR];

/// A body of each kind that names what it can, and the parties beside its submitter.
#[expect(clippy::too_many_lines, reason = "one row a kind")]
fn sample(kind: Kind) -> (Body, &'static [u32]) {
    let leaf = |index| Some(v1::Leaf { index });
    let (p, c) = (code(PROVIDER), code(CONSUMER));
    let terms = v1::AuthorisationGranted {
        grantor: p.clone(),
        grantee: c.clone(),
        processor: code(PROCESSOR),
        ..Default::default()
    };
    let entry = v1::CataloguePublished { provider: p.clone(), ..Default::default() };
    let (data_set, licence) = (DATA_SET.to_owned(), LICENCE.to_owned());
    /// A body with some fields set.
    macro_rules! body {
        ($kind:ident { $($field:ident: $value:expr),* }) => {
            Body::$kind(v1::$kind { $($field: $value,)* ..Default::default() })
        };
    }
    match kind {
        Kind::BureauRegistered => (body!(BureauRegistered {}), NOBODY),
        Kind::BureauUpdated => (body!(BureauUpdated {}), NOBODY),
        Kind::BureauSuspended => (body!(BureauSuspended {}), NOBODY),
        Kind::CertificateBound => (body!(CertificateBound {}), NOBODY),
        Kind::CertificateRevoked => (body!(CertificateRevoked {}), NOBODY),
        Kind::CataloguePublished => (Body::CataloguePublished(entry), &[PROVIDER]),
        Kind::CatalogueUpdated => {
            (Body::CatalogueUpdated(v1::CatalogueUpdated { entry: Some(entry) }), &[PROVIDER])
        }
        Kind::CatalogueWithdrawn => (body!(CatalogueWithdrawn { data_set: data_set }), &[PROVIDER]),
        Kind::SharingApplied => (body!(SharingApplied { applicant: c, data_sets: vec![data_set] }), BOTH),
        Kind::ApplicationWithdrawn => (body!(ApplicationWithdrawn { application: leaf(APPLICATION) }), BOTH),
        Kind::AuthorisationGranted => (Body::AuthorisationGranted(terms), ALL_THREE),
        Kind::AuthorisationDenied => {
            (body!(AuthorisationDenied { application: leaf(APPLICATION), grantor: p }), BOTH)
        }
        Kind::AuthorisationAmended => (body!(AuthorisationAmended { terms: Some(terms) }), ALL_THREE),
        Kind::AuthorisationSuspended => {
            (body!(AuthorisationSuspended { authorisation: leaf(AUTHORISATION) }), ALL_THREE)
        }
        Kind::AuthorisationResumed => {
            (body!(AuthorisationResumed { authorisation: leaf(AUTHORISATION) }), ALL_THREE)
        }
        Kind::AuthorisationRevoked => {
            (body!(AuthorisationRevoked { authorisation: leaf(AUTHORISATION) }), ALL_THREE)
        }
        Kind::AccessExecuted => (body!(AccessExecuted { provider: p, consumer: c }), BOTH),
        Kind::SubjectsListed => (body!(SubjectsListed {}), NOBODY),
        Kind::DataDelivered => {
            (body!(DataDelivered { authorisation: leaf(AUTHORISATION), provider: p, consumer: c }), ALL_THREE)
        }
        Kind::DeliveryAcknowledged => (body!(DeliveryAcknowledged { provider: p, consumer: c }), BOTH),
        Kind::LicenceIssued => (body!(LicenceIssued { issuer: p }), &[PROVIDER]),
        Kind::LicenceChanged => (body!(LicenceChanged { issuer: p }), &[PROVIDER]),
        Kind::LicenceSuspended => (body!(LicenceSuspended { issuer: p }), &[PROVIDER]),
        Kind::LicenceRevoked => (body!(LicenceRevoked { issuer: p }), &[PROVIDER]),
        Kind::LicenceUsed => (body!(LicenceUsed { licence: licence, relying: c }), BOTH),
        Kind::UsageReported => {
            (body!(UsageReported { authorisation: leaf(AUTHORISATION), consumer: c }), ALL_THREE)
        }
        Kind::OnwardTransferConsented => (body!(OnwardTransferConsented { provider: p, recipient: c }), BOTH),
        Kind::DataRecalled => (body!(DataRecalled { authorisation: leaf(AUTHORISATION) }), ALL_THREE),
        Kind::DataDestroyed => (body!(DataDestroyed { consumer: c }), &[CONSUMER]),
        Kind::ObjectionRaised => (body!(ObjectionRaised { provider: p }), &[PROVIDER]),
        Kind::ObjectionAnswered => (body!(ObjectionAnswered { objection: leaf(OBJECTION) }), BOTH),
        Kind::DisputeOpened => (body!(DisputeOpened { objection: leaf(OBJECTION) }), BOTH),
        Kind::DisputeEscalated => (body!(DisputeEscalated { dispute: leaf(DISPUTE) }), BOTH),
        Kind::DisputeDecided => (body!(DisputeDecided { dispute: leaf(DISPUTE) }), BOTH),
        Kind::CaseOpened => (body!(CaseOpened {}), NOBODY),
        Kind::CaseClosed => (body!(CaseClosed { case: leaf(CASE) }), &[CONSUMER]),
        Kind::Corrected => (body!(Corrected {}), NOBODY),
        Kind::Annotated => (body!(Annotated {}), NOBODY),
        Kind::LegalHoldSet => (body!(LegalHoldSet { data_set: data_set }), &[PROVIDER]),
        Kind::LegalHoldLifted => (body!(LegalHoldLifted { hold: leaf(HOLD) }), &[CONSUMER]),
        Kind::SubjectKeyDestroyed => (body!(SubjectKeyDestroyed {}), NOBODY),
        Kind::Disclosed => (body!(Disclosed {}), NOBODY),
        Kind::LedgerRead => (body!(LedgerRead { reader: c }), &[CONSUMER]),
        Kind::PolicyAdopted => (body!(PolicyAdopted {}), NOBODY),
        Kind::CalendarAdopted => (body!(CalendarAdopted {}), NOBODY),
        Kind::VocabularyAdopted => (body!(VocabularyAdopted {}), NOBODY),
        Kind::RuleSetAdopted => (body!(RuleSetAdopted {}), NOBODY),
        Kind::MemberAdmitted => (body!(MemberAdmitted {}), NOBODY),
        Kind::MemberCapabilities => (body!(MemberCapabilities {}), NOBODY),
        Kind::MemberRemoved => (body!(MemberRemoved {}), NOBODY),
        Kind::Recovery => (body!(Recovery {}), NOBODY),
        Kind::Anchor => (body!(Anchor {}), NOBODY),
        Kind::Derived | Kind::Prune => unreachable!("the ledger's own records have no such body"),
    }
}

#[test]
fn who_may_read_follows_from_kind_role_and_relation() {
    let roles: [&[Role]; 6] = [
        &[],
        &[Role::Provider],
        &[Role::Consumer, Role::Processor],
        &[Role::Supervisor],
        &[Role::Auditor],
        &[Role::Provider, Role::Auditor],
    ];
    let mut looked_at = 0;
    for caller in SUBMITTER..=STRANGER {
        for roles in roles {
            let world = world(caller, roles);
            let oversees = roles.iter().any(|role| matches!(role, Role::Supervisor | Role::Auditor));
            for row in Kind::TABLE.iter().filter(|row| row.kind.is_submitted()) {
                for supervisor in [0, SUPERVISOR] {
                    let (body, parties) = sample(row.kind);
                    assert_eq!(Kind::of(&body), row.kind);
                    let record = v1::Record {
                        submitter: SUBMITTER,
                        supervisor,
                        body: Some(body),
                        ..v1::Record::default()
                    };
                    let expected = caller == SUBMITTER
                        || oversees
                        || row.nature == Nature::Governance
                        || parties.contains(&caller)
                        || caller == supervisor;
                    let found = may_read(&record, BureauNumber(caller), &world);
                    assert_eq!(found, expected, "bureau {caller}, {roles:?}, {}, {supervisor}", row.name);
                    looked_at += 1;
                }
            }
        }
    }
    assert!(looked_at > 3_000, "{looked_at}");
}

#[test]
fn who_is_no_bureau_reads_nothing_and_a_founder_is_named_by_its_code() {
    let world = world(STRANGER, &[]);
    let governance = v1::Record { body: Some(sample(Kind::PolicyAdopted).0), ..v1::Record::default() };
    assert!(!may_read(&governance, BureauNumber(99), &world));
    let body = v1::LicenceIssued { issuer: format!("bureau:{}", code(STRANGER)), ..Default::default() };
    let record = v1::Record { body: Some(Body::LicenceIssued(body)), ..v1::Record::default() };
    assert!(may_read(&record, BureauNumber(STRANGER), &world));
    assert!(!may_read(&record, BureauNumber(CONSUMER), &world));
}

#[test]
fn an_authorisation_s_state_is_its_parties_and_the_overseers() {
    for caller in [PROVIDER, CONSUMER, PROCESSOR, STRANGER] {
        for role in [Role::Provider, Role::Auditor] {
            let found =
                may_read_authorisation(&authorisation(), BureauNumber(caller), &world(caller, &[role]));
            assert_eq!(found, caller != STRANGER || role == Role::Auditor, "{caller} {role:?}");
        }
    }
}
