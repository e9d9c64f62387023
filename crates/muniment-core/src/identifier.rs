//! Scheme-qualified identifiers: `scheme:value`, checked the same way on every machine.
//!
//! Schemes with rules of their own: `uscc` (unified social credit code, GB 32100), `gbt2260` (regions of China),
//! `catalogue` (codes of government data sets) and `xroad` (X-Road paths). Any other scheme passes a generic rule, so
//! that a deployment elsewhere uses its own; what a scheme means is not the ledger's business.

use thiserror::Error;

use crate::limits::IDENTIFIER_BYTES_MAX;
use crate::personal_data::{self, PersonalData};

/// The 31 characters of a unified social credit code, by value (GB 32100: no I, O, S, V, Z).
const USCC_ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Value of every byte in the alphabet of unified social credit codes; 31 for those outside.
const USCC_VALUES: [u8; 256] = {
    let mut values = [31; 256];
    let mut value = 0;
    while value < 31 {
        values[USCC_ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// Characters of a unified social credit code.
const USCC_LENGTH: usize = 18;
/// First two digits of the regions of GB/T 2260: provinces, autonomous regions, municipalities, special regions.
const PROVINCES: [u8; 34] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54,
    61, 62, 63, 64, 65, 71, 81, 82,
];
/// Parts of a catalogue code. Nationally a classification and a sequence; provinces add levels of their own.
const CATALOGUE_PARTS: std::ops::RangeInclusive<usize> = 2..=4;
/// Digits of one part of a catalogue code.
const CATALOGUE_PART_DIGITS: std::ops::RangeInclusive<usize> = 1..=20;

/// An identifier that passed its scheme's check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier<'a> {
    scheme: &'a str,
    value: &'a str,
}

/// Why a text is no identifier. Offsets are bytes from the start of the whole text; the text itself is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdentifierError {
    /// Over the bound of all identifiers.
    #[error("identifier has {bytes} bytes, at most {IDENTIFIER_BYTES_MAX} are allowed")]
    TooLong {
        /// Bytes found.
        bytes: usize,
    },
    /// No colon.
    #[error("identifier has no scheme: write scheme:value, such as uscc:91350100M000100Y43")]
    NoScheme,
    /// The scheme's name breaks the rule.
    #[error("identifier's scheme must be 2 to 32 characters out of a-z, 0-9 and hyphen")]
    Scheme,
    /// Nothing after the colon.
    #[error("identifier has no value after its scheme")]
    NoValue,
    /// A character that the scheme does not allow.
    #[error("identifier has a character at byte {at} that scheme {scheme} does not allow")]
    Character {
        /// Which scheme.
        scheme: SchemeName,
        /// Offset.
        at: usize,
    },
    /// A unified social credit code of another length.
    #[error("unified social credit code has {found} characters, it needs {USCC_LENGTH}")]
    CreditCodeLength {
        /// Characters found.
        found: usize,
    },
    /// A unified social credit code whose last character is not the check character of the others.
    #[error(
        "unified social credit code fails its check: its last character would have to be {expected}; \
         copy the code anew from the certificate"
    )]
    CreditCodeCheck {
        /// The check character of the first 17.
        expected: char,
    },
    /// A region code that is not six digits.
    #[error("region code must have 6 digits (GB/T 2260), such as gbt2260:340100")]
    RegionLength,
    /// A region code whose first two digits are no province's.
    #[error("region code starts with digits that are no province's (GB/T 2260)")]
    RegionProvince,
    /// A region code that names a county without its city.
    #[error(
        "region code names a county without its city: digits 3 and 4 may be 00 only when 5 and 6 are (GB/T 2260)"
    )]
    RegionCounty,
    /// A catalogue code of another form.
    #[error(
        "catalogue code must be 2 to 4 parts of 1 to 20 digits, joined by slashes, such as catalogue:307009001/15"
    )]
    CatalogueCode,
    /// An X-Road path of another form.
    #[error(
        "X-Road path must be INSTANCE/CLASS/CODE, then perhaps /SUBSYSTEM, then perhaps /SERVICE; only the subsystem \
         of a service may be empty"
    )]
    XRoadPath,
    /// A value that is a person's.
    #[error("identifier holds what looks like {0}: persons appear only as pseudonymous tags")]
    PersonalData(PersonalData),
}

/// A scheme that this build knows, or any other: how errors name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemeName {
    /// Unified social credit code.
    Uscc,
    /// Region of China.
    Gbt2260,
    /// Government data set.
    Catalogue,
    /// X-Road path.
    XRoad,
    /// Any other.
    Other,
}

impl std::fmt::Display for SchemeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Uscc => "uscc",
            Self::Gbt2260 => "gbt2260",
            Self::Catalogue => "catalogue",
            Self::XRoad => "xroad",
            Self::Other => "(any other)",
        })
    }
}

impl<'a> Identifier<'a> {
    /// Checks a text by the rule of its scheme.
    ///
    /// # Errors
    /// [`IdentifierError`] says which rule it breaks, and where.
    pub fn parse(text: &'a str) -> Result<Self, IdentifierError> {
        if text.len() > IDENTIFIER_BYTES_MAX {
            return Err(IdentifierError::TooLong { bytes: text.len() });
        }
        let (scheme, value) = text.split_once(':').ok_or(IdentifierError::NoScheme)?;
        if value.is_empty() {
            return Err(IdentifierError::NoValue);
        }
        let offset = scheme.len() + 1;
        match scheme {
            "uscc" => check_credit_code(value, offset)?,
            "gbt2260" => check_region(value, offset)?,
            "catalogue" => check_catalogue_code(value, offset)?,
            "xroad" => check_xroad_path(value, offset)?,
            _ => check_other(scheme, value, offset)?,
        }
        Ok(Self { scheme, value })
    }

    /// The part before the first colon.
    #[must_use]
    pub const fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// The part after the first colon.
    #[must_use]
    pub const fn value(&self) -> &'a str {
        self.value
    }
}

/// The check character of the first 17 characters of a unified social credit code (GB 32100):
/// `(31 - sum(c_i * 3^(i-1)) mod 31) mod 31`. None when a character is outside the alphabet.
#[must_use]
pub fn credit_code_check(first_17: &[u8; USCC_LENGTH - 1]) -> Option<char> {
    let (mut sum, mut weight) = (0, 1);
    for character in first_17 {
        sum = (sum + credit_code_value(*character)? * weight) % 31;
        weight = weight * 3 % 31;
    }
    Some(char::from(USCC_ALPHABET[(31 - sum) % 31]))
}

/// Whether a text is a unified social credit code with the right check character.
#[must_use]
pub fn is_credit_code(text: &str) -> bool {
    check_credit_code(text, 0).is_ok()
}

fn credit_code_value(character: u8) -> Option<usize> {
    Some(usize::from(USCC_VALUES[usize::from(character)])).filter(|value| *value < USCC_ALPHABET.len())
}

fn check_credit_code(value: &str, offset: usize) -> Result<(), IdentifierError> {
    let bytes = value.as_bytes();
    if let Some(at) = bytes.iter().position(|byte| credit_code_value(*byte).is_none()) {
        return Err(IdentifierError::Character { scheme: SchemeName::Uscc, at: offset + at });
    }
    let code: &[u8; USCC_LENGTH] =
        bytes.try_into().map_err(|_| IdentifierError::CreditCodeLength { found: bytes.len() })?;
    let (first_17, last) = code.split_first_chunk().expect("a chunk of 17 is within 18 bytes");
    let expected = credit_code_check(first_17).expect("all characters are of the alphabet, as checked above");
    if char::from(last[0]) != expected {
        return Err(IdentifierError::CreditCodeCheck { expected });
    }
    Ok(())
}

fn check_region(value: &str, offset: usize) -> Result<(), IdentifierError> {
    if let Some(at) = value.bytes().position(|byte| !byte.is_ascii_digit()) {
        return Err(IdentifierError::Character { scheme: SchemeName::Gbt2260, at: offset + at });
    }
    let digits: [u8; 6] = value.as_bytes().try_into().map_err(|_| IdentifierError::RegionLength)?;
    let pair = |at: usize| (digits[at] - b'0') * 10 + (digits[at + 1] - b'0');
    if !PROVINCES.contains(&pair(0)) {
        return Err(IdentifierError::RegionProvince);
    }
    if pair(2) == 0 && pair(4) != 0 {
        return Err(IdentifierError::RegionCounty);
    }
    Ok(())
}

fn check_catalogue_code(value: &str, offset: usize) -> Result<(), IdentifierError> {
    if let Some(at) = value.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'/') {
        return Err(IdentifierError::Character { scheme: SchemeName::Catalogue, at: offset + at });
    }
    let parts = value.split('/');
    let well_formed = CATALOGUE_PARTS.contains(&parts.clone().count())
        && parts.into_iter().all(|part| CATALOGUE_PART_DIGITS.contains(&part.len()));
    if well_formed { Ok(()) } else { Err(IdentifierError::CatalogueCode) }
}

/// X-Road forbids these in the parts of an identifier, since they separate the parts in one notation or another.
fn check_xroad_path(value: &str, offset: usize) -> Result<(), IdentifierError> {
    let forbidden = |byte: u8| byte <= 0x20 || matches!(byte, 0x7f | b':' | b';' | b'\\' | b'%');
    if let Some(at) = value.bytes().position(forbidden) {
        return Err(IdentifierError::Character { scheme: SchemeName::XRoad, at: offset + at });
    }
    let mut parts = 0;
    let mut last_is_empty = false;
    for (position, part) in value.split('/').enumerate() {
        parts = position + 1;
        last_is_empty = part.is_empty();
        if last_is_empty && position != 3 {
            return Err(IdentifierError::XRoadPath);
        }
    }
    if (3..=5).contains(&parts) && !last_is_empty { Ok(()) } else { Err(IdentifierError::XRoadPath) }
}

/// Any other scheme: its name is plain, its value visible, and it is no person's number (a Chinese driving licence's
/// number is its holder's identity number).
fn check_other(scheme: &str, value: &str, offset: usize) -> Result<(), IdentifierError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(2..=32).contains(&scheme.len()) || !scheme.bytes().all(plain) {
        return Err(IdentifierError::Scheme);
    }
    if let Some(at) = value.bytes().position(|byte| byte <= 0x20 || byte == 0x7f) {
        return Err(IdentifierError::Character { scheme: SchemeName::Other, at: offset + at });
    }
    if personal_data::holds_resident_number(value) {
        return Err(IdentifierError::PersonalData(PersonalData::ResidentNumber));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of a text, or none.
    fn error(text: &str) -> Option<IdentifierError> {
        Identifier::parse(text).err()
    }

    #[test]
    fn an_identifier_is_split_at_its_first_colon() {
        let identifier = Identifier::parse("urn:a:b").expect("a generic identifier");
        assert_eq!((identifier.scheme(), identifier.value()), ("urn", "a:b"));
    }

    #[test]
    fn identifiers_of_every_scheme_pass() {
        for text in [
            "uscc:91350100M000100Y43",
            "gbt2260:340000",
            "gbt2260:340100",
            "gbt2260:340104",
            "gbt2260:429004",
            "catalogue:307009001/15",
            "catalogue:340100/05/00012",
            "xroad:DEV/ORG/1234567-8",
            "xroad:DEV/ORG/1234567-8/TEST",
            "xroad:DEV/ORG/1234567-8/TEST/RestTest",
            "xroad:DEV/ORG/1234567-8//getSecurityServerOperationalData",
            "nhs:DARS-NIC-00574-V2H1F",
            "x-2:数据集",
        ] {
            assert_eq!(error(text), None, "{text}");
        }
    }

    #[test]
    fn a_credit_code_with_another_check_character_is_refused_and_the_right_one_named() {
        assert_eq!(
            error("uscc:91350100M000100Y4Z"),
            Some(IdentifierError::Character { scheme: SchemeName::Uscc, at: 22 })
        );
        assert_eq!(
            error("uscc:91350100M000100Y44"),
            Some(IdentifierError::CreditCodeCheck { expected: '3' })
        );
    }

    #[test]
    fn every_single_character_changed_in_a_credit_code_is_noticed() {
        let valid = "91350100M000100Y43";
        for at in 0..valid.len() {
            for replacement in USCC_ALPHABET.iter().filter(|byte| **byte != valid.as_bytes()[at]) {
                let mut changed = valid.as_bytes().to_vec();
                changed[at] = *replacement;
                let changed = String::from_utf8(changed).unwrap();
                assert!(!is_credit_code(&changed), "{changed}");
            }
        }
    }

    #[test]
    fn malformed_identifiers_are_refused_with_what_is_wrong_and_where() {
        use IdentifierError as E;
        let character = |scheme, at| E::Character { scheme, at };
        for (text, expected) in [
            ("", E::NoScheme),
            ("91350100M000100Y43", E::NoScheme),
            ("uscc:", E::NoValue),
            (":value", E::Scheme),
            ("x:value", E::Scheme),
            ("USCC:91350100M000100Y43", E::Scheme),
            ("scheme-of-more-than-32-characters:v", E::Scheme),
            ("uscc:91350100M000100Y4", E::CreditCodeLength { found: 17 }),
            ("uscc:91350100M000100Y433", E::CreditCodeLength { found: 19 }),
            ("uscc:9135O100M000100Y43", character(SchemeName::Uscc, 9)),
            ("uscc:91350100m000100Y43", character(SchemeName::Uscc, 13)),
            ("gbt2260:34010", E::RegionLength),
            ("gbt2260:3401000", E::RegionLength),
            ("gbt2260:34O100", character(SchemeName::Gbt2260, 10)),
            ("gbt2260:160100", E::RegionProvince),
            ("gbt2260:340004", E::RegionCounty),
            ("catalogue:307009001", E::CatalogueCode),
            ("catalogue:307009001/", E::CatalogueCode),
            ("catalogue:1/2/3/4/5", E::CatalogueCode),
            ("catalogue:307009/A", character(SchemeName::Catalogue, 17)),
            ("xroad:DEV/ORG", E::XRoadPath),
            ("xroad:DEV//1234567-8", E::XRoadPath),
            ("xroad:DEV/ORG/1234567-8/", E::XRoadPath),
            ("xroad:DEV/ORG/1234567-8/TEST/", E::XRoadPath),
            ("xroad:DEV/ORG/1234567-8/TEST/a/b", E::XRoadPath),
            ("xroad:DEV/ORG/1234567:8", character(SchemeName::XRoad, 21)),
            ("nhs:a b", character(SchemeName::Other, 5)),
            ("nhs:a\u{7f}", character(SchemeName::Other, 5)),
            ("driving:340104199001010017", E::PersonalData(PersonalData::ResidentNumber)),
        ] {
            assert_eq!(error(text), Some(expected), "{text}");
        }
        assert_eq!(error(&format!("nhs:{}", "a".repeat(253))), Some(E::TooLong { bytes: 257 }));
        assert_eq!(error(&format!("nhs:{}", "a".repeat(252))), None);
    }
}
