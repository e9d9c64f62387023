//! Error reasons, numbered once for every language: the `reason` of `google.rpc.ErrorInfo` and of every typed error.

/// Declares the append-only table of reasons.
macro_rules! reasons {
    ($($(#[$doc:meta])* $number:literal $variant:ident $name:literal),+ $(,)?) => {
        /// Why a call was not carried out. Numbers and names are append-only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$doc])* $variant = $number),+
        }

        impl Reason {
            /// Every reason, ascending by number.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Name as it stands on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Number as it stands in formats.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }
        }
    };
}

reasons! {
    /// This node does not lead; a hint says who does.
    1 NotLeader "NOT_LEADER",
    /// No majority of voters is reachable.
    2 NoQuorum "NO_QUORUM",
    /// The write may or may not have happened; retry with the same request id and bytes.
    3 OutcomeUnknown "OUTCOME_UNKNOWN",
    /// A write came without a request id.
    4 RequestIdRequired "REQUEST_ID_REQUIRED",
    /// The request id was used before with other content (flag I01).
    5 RequestIdReused "REQUEST_ID_REUSED",
    /// Record, batch or field is over its limit.
    6 RecordTooLarge "RECORD_TOO_LARGE",
    /// A free-text field holds personal data.
    7 PersonalData "PERSONAL_DATA",
    /// The submitter is not a bureau of this ledger, or is suspended.
    8 UnknownBureau "UNKNOWN_BUREAU",
    /// A signature is missing, does not hold, or its key is not bound to the submitter.
    9 BadSignature "BAD_SIGNATURE",
    /// The bytes are not the canonical encoding of what they say.
    10 NotCanonical "NOT_CANONICAL",
    /// The request id's time is more than two minutes from the ledger's.
    11 Expired "EXPIRED",
    /// The client's clock is off.
    12 ClientClock "CLIENT_CLOCK",
    /// This node's clock is off.
    13 ClockUnsynced "CLOCK_UNSYNCED",
    /// This node's disk is older than what it acknowledged.
    14 DiskRolledBack "DISK_ROLLED_BACK",
    /// The rules version is not known to this build.
    15 RulesVersion "RULES_VERSION",
    /// The bureau is over its rate limit.
    16 RateLimited "RATE_LIMITED",
    /// The ledger is over its capacity for now.
    17 Overloaded "OVERLOADED",
    /// The disk is at its reserve.
    18 StorageFull "STORAGE_FULL",
    /// This node has halted and only answers reads.
    19 Halted "HALTED",
    /// The member has not caught up.
    20 MemberNotCaughtUp "MEMBER_NOT_CAUGHT_UP",
    /// The change would endanger the quorum.
    21 UnsafeMembershipChange "UNSAFE_MEMBERSHIP_CHANGE",
    /// The record or peer belongs to another ledger.
    22 LedgerIdMismatch "LEDGER_ID_MISMATCH",
    /// The resume point lies beyond the tree.
    23 ResumePointUnavailable "RESUME_POINT_UNAVAILABLE",
    /// A client of another bureau must sign.
    24 AttributionRequired "ATTRIBUTION_REQUIRED",
    /// The record breaks the schema's bounds.
    25 InvalidRecord "INVALID_RECORD",
    /// An identifier does not pass its scheme's check.
    26 InvalidIdentifier "INVALID_IDENTIFIER",
    /// The decision is impossible in the ledger's state.
    27 DecisionRefused "DECISION_REFUSED",
    /// The caller's role does not allow it.
    28 NotPermitted "NOT_PERMITTED",
    /// No such thing.
    29 NotFound "NOT_FOUND",
    /// A field of the request is missing, malformed or out of its bounds.
    30 InvalidRequest "INVALID_REQUEST",
    /// The call came without a certificate that speaks for a bureau of this ledger.
    31 Unauthenticated "UNAUTHENTICATED",
    /// The caller did not read its stream in time and was cut off; it resumes.
    32 SlowReader "SLOW_READER",
    /// This node's copy of what was asked for is damaged; other members have theirs.
    33 Damaged "DAMAGED",
    /// A fault of this build.
    34 Internal "INTERNAL",
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
