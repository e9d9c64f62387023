//! The objects of the world state: what apply remembers of bureaus, decisions and governance.
//!
//! Every field is part of the world digest. Layouts are append-only: a changed object is a new prefix.

use muniment_core::{BureauNumber, LeafIndex, LogIndex, RaftTerm, RulesVersion, TreeSize, UnixMillis};

use super::layout::{layout, layout_byte};
use super::period::Period;

layout! {
    /// Where the ledger stands. One object; written by every entry.
    pub struct Head {
        /// Leaves so far.
        pub size: TreeSize,
        /// Time of the last entry; never decreasing.
        pub accepted_at: UnixMillis,
        /// Log index of the last entry applied.
        pub log_index: LogIndex,
        /// That entry's Raft term.
        pub raft_term: RaftTerm,
        /// Rules version in force for the next entry.
        pub rules: RulesVersion,
        /// Size of the newest derived statement that became a leaf; 0 = none.
        pub derived_size: TreeSize,
        /// That statement's leaf.
        pub derived_leaf: LeafIndex,
    }
}

layout! {
    /// A member organisation.
    pub struct Bureau {
        /// Its code: the founding file's, or a scheme-qualified identifier.
        pub code: String,
        /// Official name; empty for founders.
        pub name: String,
        /// Region, scheme-qualified.
        pub region: String,
        /// 1 province, 2 city, 3 county, 0 not stated.
        pub level: u32,
        /// Numbers of its roles, ascending.
        pub roles: Vec<u32>,
        /// Whether it is suspended: its decisions are refused, its facts are not.
        pub suspended: bool,
    }
}

layout! {
    /// What a key that signs admissions is bound to.
    pub struct AdmissionKey {
        /// The bureau in whose name it signs.
        pub bureau: BureauNumber,
        /// Fingerprint of the certificate that bound it; none = a node's key.
        pub certificate: Option<[u8; 32]>,
        /// Whether its node has left.
        pub retired: bool,
    }
}

layout! {
    /// A certificate bound to a bureau.
    pub struct Certificate {
        /// The bureau that bound it.
        pub bureau: BureauNumber,
        /// Its validity.
        pub valid: Period,
        /// From when it is revoked.
        pub revoked_from: Option<UnixMillis>,
    }
}

layout! {
    /// A node that is or was a member; ids are never reused.
    pub struct Node {
        /// Its bureau.
        pub bureau: BureauNumber,
        /// Highest rules version that it said it knows; 0 = never said.
        pub rules_max: RulesVersion,
        /// Whether it has left.
        pub removed: bool,
    }
}

layout! {
    /// One version of a catalogue entry.
    pub struct CatalogueVersion {
        /// The leaf that published it.
        pub leaf: LeafIndex,
        /// When the ledger accepted it.
        pub accepted_at: UnixMillis,
        /// Number of its share class.
        pub share_class: u32,
        /// Whether the data set holds personal data.
        pub personal_data: bool,
    }
}

layout! {
    /// A data set of the catalogue.
    pub struct CatalogueEntry {
        /// The bureau that published it, and alone may decide about it.
        pub submitter: BureauNumber,
        /// The provider, scheme-qualified.
        pub provider: String,
        /// Versions 1, 2, ... in order.
        pub versions: Vec<CatalogueVersion>,
        /// Codes of the newest version's items, ascending.
        pub items: Vec<String>,
        /// The leaf that withdrew it.
        pub withdrawn: Option<LeafIndex>,
    }
}

layout_byte! {
    /// What became of an application.
    pub enum ApplicationState {
        /// Not yet decided.
        0 Open,
        /// Granted.
        1 Granted,
        /// Denied.
        2 Denied,
        /// Withdrawn by the applicant.
        3 Withdrawn,
    }
}

layout! {
    /// An application for sharing, named by its leaf.
    pub struct Application {
        /// The bureau that submitted it.
        pub submitter: BureauNumber,
        /// The applicant, scheme-qualified.
        pub applicant: String,
        /// Data sets applied for, ascending.
        pub data_sets: Vec<String>,
        /// What became of it.
        pub state: ApplicationState,
    }
}

layout! {
    /// One version of an authorisation's terms.
    pub struct AuthorisationVersion {
        /// The leaf that brought it.
        pub leaf: LeafIndex,
        /// From when it replaces the version before; never before that one's.
        pub effective: UnixMillis,
        /// In force.
        pub valid: Period,
        /// Processor that acts for the grantee; empty = none.
        pub processor: String,
        /// Data sets covered, ascending.
        pub data_sets: Vec<String>,
        /// Items covered, ascending; none = all.
        pub items: Vec<String>,
        /// Purposes covered, ascending; none = any.
        pub purposes: Vec<String>,
        /// Rows that may be read in all; 0 = unlimited.
        pub quota_rows: u64,
        /// Whether data may be passed on without further consent.
        pub onward_allowed: bool,
    }
}

layout! {
    /// A time in which an authorisation or licence is suspended.
    pub struct Suspension {
        /// The leaf that began it.
        pub leaf: LeafIndex,
        /// The time; open until it is resumed.
        pub period: Period,
    }
}

layout! {
    /// An authorisation, named by the leaf of its grant.
    pub struct Authorisation {
        /// The bureau that granted it, and alone may change it.
        pub submitter: BureauNumber,
        /// Grantor, scheme-qualified.
        pub grantor: String,
        /// Grantee, scheme-qualified.
        pub grantee: String,
        /// Versions, ascending by `effective`.
        pub versions: Vec<AuthorisationVersion>,
        /// Suspensions, ascending.
        pub suspensions: Vec<Suspension>,
        /// From when it is revoked.
        pub revoked_from: Option<UnixMillis>,
    }
}

layout! {
    /// A licence.
    pub struct Licence {
        /// The bureau that submitted its issue, and alone may change it.
        pub submitter: BureauNumber,
        /// Issuer, scheme-qualified.
        pub issuer: String,
        /// Validity.
        pub valid: Period,
        /// Whether each use needs the holder's consent.
        pub consent_required: bool,
        /// Suspensions, in the order of their leaves.
        pub suspensions: Vec<Suspension>,
        /// From when it is revoked.
        pub revoked_from: Option<UnixMillis>,
    }
}

layout! {
    /// A versioned governance document: policy, calendar of a year, vocabulary.
    pub struct Adopted {
        /// Version in force.
        pub version: u32,
        /// The leaf that adopted it.
        pub leaf: LeafIndex,
    }
}

layout! {
    /// An objection, named by its leaf.
    pub struct Objection {
        /// The bureau that recorded it.
        pub submitter: BureauNumber,
        /// The provider that has to answer, scheme-qualified.
        pub provider: String,
        /// The leaf that answered it.
        pub answered: Option<LeafIndex>,
    }
}

layout! {
    /// A dispute over an answer, named by its leaf.
    pub struct Dispute {
        /// The bureau that opened it.
        pub submitter: BureauNumber,
        /// The objection.
        pub objection: LeafIndex,
        /// The tier that it has reached, 1 to 3.
        pub tier: u32,
        /// Whether that tier has decided.
        pub decided: bool,
    }
}

layout! {
    /// A supervisor's case or a legal hold, named by its leaf.
    pub struct Matter {
        /// The bureau that opened it, and alone may end it.
        pub submitter: BureauNumber,
        /// The leaf that ended it.
        pub ended: Option<LeafIndex>,
    }
}
