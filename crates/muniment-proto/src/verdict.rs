//! Kinds, flags and verdicts: `muniment_core`'s tables in the schema's enumerations.

use muniment_core::{Flag, Kind, Verdict};

use crate::field_error::FieldError;
use crate::v1;

impl From<Flag> for v1::Flag {
    /// The flag's bit and one: 0 is kept for "unspecified".
    fn from(flag: Flag) -> Self {
        Self::try_from(i32::from(flag.bit()) + 1).unwrap_or(Self::Unspecified)
    }
}

impl From<Verdict> for v1::Verdict {
    fn from(verdict: Verdict) -> Self {
        let flags = verdict.flags().map(|flag| v1::Flag::from(flag).into());
        Self { flags: flags.collect(), bits: verdict.0 }
    }
}

impl TryFrom<&v1::Verdict> for Verdict {
    type Error = FieldError;

    /// The bits; flags that contradict them are refused, flags that a server did not know may be missing.
    fn try_from(verdict: &v1::Verdict) -> Result<Self, FieldError> {
        let bit = |flag: &i32| u32::try_from(*flag).ok()?.checked_sub(1).filter(|bit| *bit < 64);
        let named = |flag: &i32| bit(flag).is_some_and(|bit| verdict.bits & (1 << bit) != 0);
        if verdict.flags.iter().all(named) {
            Ok(Self(verdict.bits))
        } else {
            Err(FieldError::invalid("verdict.flags", "names a flag that is not among the bits"))
        }
    }
}

impl From<Kind> for v1::Kind {
    fn from(kind: Kind) -> Self {
        Self::try_from(i32::from(kind.number())).unwrap_or(Self::Unspecified)
    }
}

/// A kind that a request names.
///
/// # Errors
/// INVALID_REQUEST for a number that is no kind of this build.
pub fn kind(field: &str, number: i32) -> Result<Kind, FieldError> {
    let kind = u8::try_from(number).ok().and_then(Kind::from_number);
    kind.ok_or_else(|| FieldError::invalid(field, "is no kind that this build knows"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_its_value_by_code_and_bit() {
        for flag in Flag::ALL {
            let value = v1::Flag::from(*flag);
            assert_eq!(value.as_str_name(), format!("FLAG_{}", flag.code()));
            assert_eq!(i32::from(value), i32::from(flag.bit()) + 1);
        }
        let values = (1..=64).filter(|number| v1::Flag::try_from(*number).is_ok()).count();
        assert_eq!(values, Flag::ALL.len(), "the schema has no flag of its own");
    }

    #[test]
    fn every_kind_has_its_value_by_name_and_number() {
        for row in Kind::TABLE {
            let value = v1::Kind::from(row.kind);
            assert_eq!(value.as_str_name(), format!("KIND_{}", row.name.to_uppercase()));
            assert_eq!(kind("kinds", value.into()), Ok(row.kind));
        }
        let values = (1..=255).filter(|number| v1::Kind::try_from(*number).is_ok()).count();
        assert_eq!(values, Kind::TABLE.len(), "the schema has no kind of its own");
        for number in [0, 19, 202, 256, -1, i32::MIN, i32::MAX] {
            assert!(kind("kinds", number).is_err(), "{number}");
        }
    }

    #[test]
    fn a_verdict_survives_with_bits_that_nobody_knows() {
        let verdict = Verdict(Verdict::NONE.with(Flag::A03).with(Flag::X01).0 | 1 << 40);
        let message = v1::Verdict::from(verdict);
        assert_eq!(message.flags, [i32::from(v1::Flag::A03), i32::from(v1::Flag::X01)]);
        assert_eq!(Verdict::try_from(&message), Ok(verdict));
        for flag in [0, 1, 65, -1, i32::MAX, i32::MIN] {
            let lie = v1::Verdict { flags: vec![flag], bits: 1 << 2 };
            assert!(Verdict::try_from(&lie).is_err(), "{flag}");
        }
    }
}
