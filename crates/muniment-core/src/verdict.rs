//! Verdicts: the flags that the rules raised for one record (stub bytes 16-23).

use std::fmt;

/// Declares the append-only table of flags.
macro_rules! flags {
    ($($(#[$doc:meta])* $bit:literal $code:ident),+ $(,)?) => {
        /// One rule that a record broke. Bits are append-only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Flag {
            $($(#[$doc])* $code = $bit),+
        }

        impl Flag {
            /// Every flag, ascending by bit.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// The code that people read, "A01".
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$code => stringify!($code)),+ }
            }

            /// The flag's bit in a verdict, 0 to 63.
            #[must_use]
            pub const fn bit(self) -> u8 {
                self as u8
            }
        }
    };
}

flags! {
    /// No authorisation cited.
    0 A01,
    /// The authorisation cited is unknown.
    1 A02,
    /// The authorisation was not in force when the access occurred.
    2 A03,
    /// The authorisation was recorded after the access.
    3 A04,
    /// The data set is not covered.
    4 A05,
    /// An item is not covered.
    5 A06,
    /// The recipient is not covered.
    6 A07,
    /// The purpose is not covered.
    7 A08,
    /// The quota is exceeded.
    8 A09,
    /// The data set is withdrawn or not shared.
    9 A10,
    /// Onward transfer without consent.
    10 A11,
    /// The certificate was not bound, expired or revoked.
    11 C01,
    /// One certificate from many terminals.
    12 C02,
    /// Reported late.
    13 T01,
    /// Dated in the future.
    14 T02,
    /// The clock went back in its stream.
    15 T03,
    /// Gap in the stream's sequence.
    16 S01,
    /// Sequence reused with other content.
    17 S02,
    /// Exchange id reused with other content on one side.
    18 S03,
    /// Request id reused with other content.
    19 I01,
    /// Licence used while suspended, revoked or expired.
    20 L01,
    /// Licence used without the consent that it requires.
    21 L02,
    /// Hidden or deferred visibility without the entitlement.
    22 V01,
    /// A rule failed: the record was appended without effects.
    63 X01,
}

impl Flag {
    /// The flag of a code such as "A01".
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|flag| flag.code() == code)
    }
}

/// The outcome of the rules for one record: a set of flags. Empty means that no rule of the set in force was broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verdict(pub u64);

impl Verdict {
    /// No flag.
    pub const NONE: Self = Self(0);

    /// Raises a flag.
    pub const fn raise(&mut self, flag: Flag) {
        self.0 |= 1 << flag.bit();
    }

    /// This verdict and one flag more.
    #[must_use]
    pub const fn with(mut self, flag: Flag) -> Self {
        self.raise(flag);
        self
    }

    /// Whether the flag is raised.
    #[must_use]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag.bit()) != 0
    }

    /// The flags raised, ascending by bit. Bits that this build does not know are left out: see [`Verdict::bits`].
    pub fn flags(self) -> impl Iterator<Item = Flag> {
        Flag::ALL.iter().copied().filter(move |flag| self.has(*flag))
    }

    /// The numbers of all bits raised, ascending, known to this build or not.
    pub fn bits(self) -> impl Iterator<Item = u8> {
        (0..64).filter(move |bit| self.0 & (1 << bit) != 0)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, flag) in self.flags().enumerate() {
            let separator = if position == 0 { "" } else { " " };
            write!(f, "{separator}{}", flag.code())?;
        }
        Ok(())
    }
}
