//! The fields of index terms, numbered once for ever.

/// Declares the append-only table of fields.
macro_rules! fields {
    ($($(#[$doc:meta])* $number:literal $variant:ident $name:literal),+ $(,)?) => {
        /// What an index term says about a record. Numbers are append-only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field {
            $($(#[$doc])* $variant = $number),+
        }

        impl Field {
            /// Every field, ascending by number.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Number in a term's key.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// Name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The field of a name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|field| field.name() == name)
            }
        }
    };
}

fields! {
    /// Leaf of the authorisation that a record relies on or changes, u64.
    1 Authorisation "authorisation",
    /// Provider of data, grantor of an authorisation, issuer of a licence: its identifier.
    2 Provider "provider",
    /// Consumer of data, applicant, grantee, recipient, relying bureau: its identifier.
    3 Consumer "consumer",
    /// Data set: its identifier.
    4 DataSet "data_set",
    /// Pseudonymous tag of a person concerned, 32 bytes.
    5 SubjectTag "subject_tag",
    /// Licence: its identifier.
    6 Licence "licence",
    /// Pseudonymous tag of a licence's holder, 32 bytes.
    7 HolderTag "holder_tag",
    /// Exchange: the id that both ends know.
    8 Exchange "exchange",
    /// Stream: its id.
    9 Stream "stream",
    /// Certificate that was used, bound or revoked: its SHA-256, 32 bytes.
    10 Certificate "certificate",
    /// Flag that was raised: its bit number, u8.
    11 Flag "flag",
    /// The record is sealed: the number of its supervisor, u32.
    12 Sealed "sealed",
    /// Kind, unless it comes in bulk: its number, u8.
    13 Kind "kind",
}
