//! The rules that fields keep. Each constructor answers a function of the field's value.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::{At as _, Checked, Fault, Shape};
use crate::identifier::{Identifier, IdentifierError};
use crate::limits::{IDENTIFIER_BYTES_MAX, REPEATED_MAX, TEXT_BYTES_MAX};
use crate::{Reason, personal_data};

/// Bytes of a digest, a tag, a fingerprint or a public key.
const DIGEST_BYTES: usize = 32;
/// The last millisecond of the year 9999.
const TIME_MS_MAX: u64 = 253_402_300_799_999;
/// Most data sets of one record: each is an index term, and a record has at most 16 of those.
pub(super) const DATA_SETS_MAX: usize = 8;

/// No bound beyond the field's type.
#[expect(clippy::unnecessary_wraps, reason = "a rule like the others, for the table's sake")]
pub(super) fn any<T>(_value: &T) -> Checked {
    Ok(())
}

/// Text of so many bytes, without control characters: a code, a label of a machine.
pub(super) fn text(bytes: RangeInclusive<usize>) -> impl Fn(&String) -> Checked {
    move |value| {
        length(value.len(), &bytes, "bytes")?;
        without_controls(value)
    }
}

/// Text that a person wrote: of so many bytes, without control characters and without personal data.
pub(super) fn free_text(bytes: RangeInclusive<usize>) -> impl Fn(&String) -> Checked {
    move |value| {
        length(value.len(), &bytes, "bytes")?;
        without_controls(value)?;
        match personal_data::find(value) {
            None => Ok(()),
            Some(found) => Err(Fault::new(
                Reason::PersonalData,
                format!(
                    "holds what looks like {found}: leave it out; persons appear only as pseudonymous tags"
                ),
            )),
        }
    }
}

/// Free text of the usual bound; may be empty.
pub(super) fn remark() -> impl Fn(&String) -> Checked {
    free_text(0..=TEXT_BYTES_MAX)
}

/// A scheme-qualified identifier.
pub(super) fn identifier() -> impl Fn(&String) -> Checked {
    |value| {
        if value.is_empty() {
            return missing();
        }
        Identifier::parse(value).map(|_| ()).map_err(|error| match error {
            IdentifierError::TooLong { bytes } => too_large(bytes, IDENTIFIER_BYTES_MAX, "bytes"),
            IdentifierError::PersonalData(_) => Fault::new(Reason::PersonalData, error.to_string()),
            _ => Fault::new(Reason::InvalidIdentifier, error.to_string()),
        })
    }
}

/// An identifier that may be left out.
pub(super) fn optional_identifier() -> impl Fn(&String) -> Checked {
    |value| if value.is_empty() { Ok(()) } else { identifier()(value) }
}

/// 32 bytes.
pub(super) fn digest() -> impl Fn(&Vec<u8>) -> Checked {
    |value| match value.len() {
        DIGEST_BYTES => Ok(()),
        0 => missing(),
        bytes => Err(Fault::invalid(format!("has {bytes} bytes, exactly {DIGEST_BYTES} are needed"))),
    }
}

/// 32 bytes, or nothing.
pub(super) fn optional_digest() -> impl Fn(&Vec<u8>) -> Checked {
    |value| if value.is_empty() { Ok(()) } else { digest()(value) }
}

/// So many bytes of another format.
pub(super) fn blob(bytes: RangeInclusive<usize>) -> impl Fn(&Vec<u8>) -> Checked {
    move |value| length(value.len(), &bytes, "bytes")
}

/// A number within bounds.
pub(super) fn number<N: PartialOrd + Display>(bounds: RangeInclusive<N>) -> impl Fn(&N) -> Checked {
    move |value| {
        if bounds.contains(value) {
            return Ok(());
        }
        let (least, most) = (bounds.start(), bounds.end());
        Err(Fault::invalid(format!("is {value}, must be from {least} to {most}")))
    }
}

/// Milliseconds since 1970 UTC, up to the year 9999.
pub(super) fn time_ms() -> impl Fn(&u64) -> Checked {
    |value| {
        if *value <= TIME_MS_MAX {
            return Ok(());
        }
        Err(Fault::invalid("lies beyond the year 9999: state milliseconds since 1970-01-01 UTC"))
    }
}

/// A value of an enumeration; 0 is allowed and says "not stated".
pub(super) fn known_or_unstated<E: TryFrom<i32>>() -> impl Fn(&i32) -> Checked {
    |value| match E::try_from(*value) {
        Ok(_) => Ok(()),
        Err(_) => Err(Fault::invalid(format!("is {value}, which this schema does not know"))),
    }
}

/// A value of an enumeration other than 0.
pub(super) fn known<E: TryFrom<i32>>() -> impl Fn(&i32) -> Checked {
    |value| if *value == 0 { missing() } else { known_or_unstated::<E>()(value) }
}

/// A message that must be there.
pub(super) fn required<M: Shape>() -> impl Fn(&Option<M>) -> Checked {
    |value| value.as_ref().map_or_else(missing, Shape::check)
}

/// A message that may be left out.
pub(super) fn optional<M: Shape>() -> impl Fn(&Option<M>) -> Checked {
    |value| value.as_ref().map_or(Ok(()), Shape::check)
}

/// A list of so many values, each by `rule`, in any order.
pub(super) fn list<T>(
    count: RangeInclusive<usize>,
    rule: impl Fn(&T) -> Checked,
) -> impl Fn(&Vec<T>) -> Checked {
    move |values| {
        length(values.len(), &count, "values")?;
        values.iter().enumerate().try_for_each(|(position, value)| rule(value).at_position(position))
    }
}

/// A list of so many values, each by `rule`, strictly ascending.
pub(super) fn ascending<T: PartialOrd>(
    count: RangeInclusive<usize>,
    rule: impl Fn(&T) -> Checked,
) -> impl Fn(&Vec<T>) -> Checked {
    let each = list(count, rule);
    move |values| {
        each(values)?;
        ascending_by(values, |value| value)
    }
}

/// A list of so many messages, strictly ascending by a key.
pub(super) fn ascending_messages<M: Shape, K: PartialOrd + ?Sized>(
    count: RangeInclusive<usize>,
    key: impl Fn(&M) -> &K,
) -> impl Fn(&Vec<M>) -> Checked {
    let each = list(count, Shape::check);
    move |values| {
        each(values)?;
        ascending_by(values, &key)
    }
}

/// Codes of data items, strictly ascending; may be empty.
pub(super) fn item_codes() -> impl Fn(&Vec<String>) -> Checked {
    ascending(0..=REPEATED_MAX, text(1..=64))
}

/// Identifiers of data sets, strictly ascending, at least one.
pub(super) fn data_sets() -> impl Fn(&Vec<String>) -> Checked {
    ascending(1..=DATA_SETS_MAX, identifier())
}

/// Subject tags, strictly ascending.
pub(super) fn subject_tags(count: RangeInclusive<usize>) -> impl Fn(&Vec<Vec<u8>>) -> Checked {
    ascending(count, digest())
}

/// Leaf indexes, strictly ascending.
pub(super) fn leaves(count: RangeInclusive<usize>) -> impl Fn(&Vec<u64>) -> Checked {
    ascending(count, any)
}

/// The field is not there.
pub(super) fn missing() -> Checked {
    Err(Fault::invalid("is missing: state it"))
}

fn ascending_by<T, K: PartialOrd + ?Sized>(values: &[T], key: impl Fn(&T) -> &K) -> Checked {
    let broken = values.windows(2).position(|pair| key(&pair[0]) >= key(&pair[1]));
    broken.map_or(Ok(()), |position| {
        let fault =
            Fault::invalid("does not come after the value before it: sort ascending, each value once");
        Err(fault).at_position(position + 1)
    })
}

fn length(found: usize, bounds: &RangeInclusive<usize>, unit: &str) -> Checked {
    if found > *bounds.end() {
        return Err(too_large(found, *bounds.end(), unit));
    }
    if found >= *bounds.start() {
        return Ok(());
    }
    if found == 0 {
        return missing();
    }
    Err(Fault::invalid(format!("has {found} {unit}, at least {} are needed", bounds.start())))
}

fn too_large(found: usize, most: usize, unit: &str) -> Box<Fault> {
    Fault::new(Reason::RecordTooLarge, format!("has {found} {unit}, at most {most} are allowed"))
}

/// The code points below 20 hex and 7f are single bytes in UTF-8, and no byte of a longer code point is.
fn without_controls(value: &str) -> Checked {
    let is_control = |byte: u8| byte < 0x20 || byte == 0x7f;
    // Without a way out of the loop the compiler looks at 16 bytes at a time.
    if !value.bytes().fold(false, |any, byte| any | is_control(byte)) {
        return Ok(());
    }
    let at = value.bytes().position(is_control).unwrap_or_default();
    Err(Fault::invalid(format!("holds a control character at byte {at}: remove it")))
}
