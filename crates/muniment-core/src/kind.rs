//! Kinds of records, retention classes and visibility values, each numbered once for ever.

use crate::v1::record::Body;

/// What a record states: an impossible *decision* is rejected, a *fact* is never refused for being wrong (G10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Something that happened; appended with flags when it breaks a rule.
    Fact,
    /// Something that a bureau decides; refused when the ledger's state makes it impossible.
    Decision,
    /// A decision about the ledger itself.
    Governance,
    /// Written by the ledger.
    Ledger,
}

/// How long a record's body is kept at least. Numbers are stub byte 3, bits 0-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RetentionClass {
    /// Six months, the legal floor.
    SixMonths = 0,
    /// Three years, the default of facts.
    ThreeYears = 1,
    /// Ten years.
    TenYears = 2,
    /// Thirty years.
    ThirtyYears = 3,
    /// For ever: decisions and the ledger's own records.
    Permanent = 4,
}

impl RetentionClass {
    /// Every class, ascending by number.
    pub const ALL: [Self; 5] =
        [Self::SixMonths, Self::ThreeYears, Self::TenYears, Self::ThirtyYears, Self::Permanent];

    /// Number in the stub.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The class of a number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Name of the class's directory below `ledger/records/`.
    #[must_use]
    pub const fn directory(self) -> &'static str {
        match self {
            Self::SixMonths => "6m",
            Self::ThreeYears => "3y",
            Self::TenYears => "10y",
            Self::ThirtyYears => "30y",
            Self::Permanent => "permanent",
        }
    }
}

pub use crate::v1::Visibility;

/// One row of the table of kinds.
#[derive(Clone, Copy, Debug)]
pub struct KindRow {
    /// The kind.
    pub kind: Kind,
    /// Name as in the proto and on the command line.
    pub name: &'static str,
    /// Fact, decision, governance or the ledger's own.
    pub nature: Nature,
    /// Retention class, unless policy says more.
    pub class: RetentionClass,
}

/// Declares the append-only table of kinds.
macro_rules! kinds {
    ($($(#[$doc:meta])* $number:literal $variant:ident $name:literal $nature:ident $class:ident),+ $(,)?) => {
        /// The kind of a record: the number of its body in `muniment.v1.Record`; 200-255 are the ledger's own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $variant = $number),+
        }

        impl Kind {
            /// The table of kinds, ascending by number.
            pub const TABLE: &[KindRow] = &[$(KindRow {
                kind: Self::$variant,
                name: $name,
                nature: Nature::$nature,
                class: RetentionClass::$class,
            }),+];

            /// The kind of a number, if there is one.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// The kind's row.
            #[must_use]
            pub const fn row(self) -> KindRow {
                match self { $(Self::$variant => KindRow {
                    kind: self,
                    name: $name,
                    nature: Nature::$nature,
                    class: RetentionClass::$class,
                }),+ }
            }
        }
    };
}

kinds! {
    /// A member organisation's entry.
    20 BureauRegistered "bureau_registered" Governance Permanent,
    /// A changed entry.
    21 BureauUpdated "bureau_updated" Governance Permanent,
    /// A bureau may no longer submit decisions.
    22 BureauSuspended "bureau_suspended" Governance Permanent,
    /// A client certificate's key bound to its bureau.
    24 CertificateBound "certificate_bound" Decision Permanent,
    /// A bound certificate is no longer valid.
    25 CertificateRevoked "certificate_revoked" Decision Permanent,
    /// A data set enters the catalogue.
    28 CataloguePublished "catalogue_published" Decision Permanent,
    /// A new version of a published entry.
    29 CatalogueUpdated "catalogue_updated" Decision Permanent,
    /// A data set leaves the catalogue.
    30 CatalogueWithdrawn "catalogue_withdrawn" Decision Permanent,
    /// A consumer asks for data.
    32 SharingApplied "sharing_applied" Decision Permanent,
    /// The applicant withdraws an application.
    33 ApplicationWithdrawn "application_withdrawn" Decision Permanent,
    /// A grant.
    36 AuthorisationGranted "authorisation_granted" Decision Permanent,
    /// A denial.
    37 AuthorisationDenied "authorisation_denied" Decision Permanent,
    /// A new version of an authorisation.
    38 AuthorisationAmended "authorisation_amended" Decision Permanent,
    /// An authorisation is suspended.
    39 AuthorisationSuspended "authorisation_suspended" Decision Permanent,
    /// A suspended authorisation is in force again.
    40 AuthorisationResumed "authorisation_resumed" Decision Permanent,
    /// An authorisation ends.
    41 AuthorisationRevoked "authorisation_revoked" Decision Permanent,
    /// Data was asked for and answered.
    48 AccessExecuted "access_executed" Fact ThreeYears,
    /// Some of the persons of an exchange.
    49 SubjectsListed "subjects_listed" Fact ThreeYears,
    /// A file or extract was delivered.
    50 DataDelivered "data_delivered" Fact ThreeYears,
    /// The recipient confirms what arrived.
    51 DeliveryAcknowledged "delivery_acknowledged" Fact ThreeYears,
    /// A licence was issued.
    56 LicenceIssued "licence_issued" Decision Permanent,
    /// A licence was changed.
    57 LicenceChanged "licence_changed" Decision Permanent,
    /// A licence is suspended.
    58 LicenceSuspended "licence_suspended" Decision Permanent,
    /// A licence is revoked.
    59 LicenceRevoked "licence_revoked" Decision Permanent,
    /// A licence was relied on.
    60 LicenceUsed "licence_used" Fact ThreeYears,
    /// A consumer reports what it did with data.
    64 UsageReported "usage_reported" Fact ThreeYears,
    /// A provider allows data to be passed on.
    65 OnwardTransferConsented "onward_transfer_consented" Decision Permanent,
    /// A provider asks for data back.
    66 DataRecalled "data_recalled" Decision Permanent,
    /// A consumer states that data was destroyed.
    67 DataDestroyed "data_destroyed" Fact TenYears,
    /// Someone objects.
    72 ObjectionRaised "objection_raised" Fact TenYears,
    /// The provider answers an objection.
    73 ObjectionAnswered "objection_answered" Decision TenYears,
    /// An answer is disputed.
    74 DisputeOpened "dispute_opened" Decision TenYears,
    /// A dispute moves to the next tier.
    75 DisputeEscalated "dispute_escalated" Decision TenYears,
    /// A dispute is decided.
    76 DisputeDecided "dispute_decided" Decision TenYears,
    /// A supervisor opens a case.
    77 CaseOpened "case_opened" Decision TenYears,
    /// A case is closed.
    78 CaseClosed "case_closed" Decision TenYears,
    /// The submitter corrects its own record.
    84 Corrected "corrected" Fact TenYears,
    /// A remark on a record.
    85 Annotated "annotated" Fact TenYears,
    /// Bodies may not be pruned.
    88 LegalHoldSet "legal_hold_set" Decision Permanent,
    /// A hold ends.
    89 LegalHoldLifted "legal_hold_lifted" Decision Permanent,
    /// The key that made subject tags is gone.
    90 SubjectKeyDestroyed "subject_key_destroyed" Fact Permanent,
    /// A sealed record's terms are disclosed.
    92 Disclosed "disclosed" Decision Permanent,
    /// What an auditor read.
    94 LedgerRead "ledger_read" Fact ThreeYears,
    /// A policy comes into force.
    100 PolicyAdopted "policy_adopted" Governance Permanent,
    /// A calendar comes into force.
    101 CalendarAdopted "calendar_adopted" Governance Permanent,
    /// A vocabulary comes into force.
    102 VocabularyAdopted "vocabulary_adopted" Governance Permanent,
    /// A rules version comes into force.
    103 RuleSetAdopted "rule_set_adopted" Governance Permanent,
    /// A node becomes a member.
    104 MemberAdmitted "member_admitted" Governance Permanent,
    /// What a member's build can do.
    105 MemberCapabilities "member_capabilities" Governance Permanent,
    /// A member leaves.
    106 MemberRemoved "member_removed" Governance Permanent,
    /// A ledger goes on after its majority was lost.
    107 Recovery "recovery" Governance Permanent,
    /// Another ledger's checkpoint, or a time-stamp token.
    112 Anchor "anchor" Fact Permanent,
    /// Values derived from the ledger up to a size, agreed by q bureaus.
    200 Derived "derived" Ledger Permanent,
    /// Bodies below a leaf were pruned.
    201 Prune "prune" Ledger Permanent,
}

impl Kind {
    /// Number in the stub: the number of the body's field.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether a submitter may write it; the others are the ledger's own.
    #[must_use]
    pub const fn is_submitted(self) -> bool {
        self.number() < 200
    }

    /// Whether these come in bulk, so that the kind itself is no index term.
    #[must_use]
    pub const fn is_bulk(self) -> bool {
        matches!(self, Self::AccessExecuted | Self::DataDelivered)
    }

    /// The kind of a record's body.
    #[must_use]
    pub const fn of(body: &Body) -> Self {
        macro_rules! same {
            ($($variant:ident)+) => { match body { $(Body::$variant(_) => Self::$variant),+ } };
        }
        same!(BureauRegistered BureauUpdated BureauSuspended CertificateBound CertificateRevoked CataloguePublished
            CatalogueUpdated CatalogueWithdrawn SharingApplied ApplicationWithdrawn AuthorisationGranted
            AuthorisationDenied AuthorisationAmended AuthorisationSuspended AuthorisationResumed AuthorisationRevoked
            AccessExecuted SubjectsListed DataDelivered DeliveryAcknowledged LicenceIssued LicenceChanged
            LicenceSuspended LicenceRevoked LicenceUsed UsageReported OnwardTransferConsented DataRecalled
            DataDestroyed ObjectionRaised ObjectionAnswered DisputeOpened DisputeEscalated DisputeDecided CaseOpened
            CaseClosed Corrected Annotated LegalHoldSet LegalHoldLifted SubjectKeyDestroyed Disclosed LedgerRead
            PolicyAdopted CalendarAdopted VocabularyAdopted RuleSetAdopted MemberAdmitted MemberCapabilities
            MemberRemoved Recovery Anchor)
    }
}
