//! The guard that keeps personal data out of free text: no identity number, telephone number, bank card or passport.
//!
//! The guard looks for shapes with a check where there is one. It errs on the side of refusing: a record that was
//! refused can be submitted again without the number, but what is on the ledger stays there. It answers what it
//! found, never the value. It is no anonymiser: names and addresses have no shape, and stay the submitter's duty.

use std::fmt;

use crate::identifier;

/// The fewest digits of any shape below: a passport's seven.
const DIGITS_MIN: usize = 7;
/// Weights of ISO 7064 MOD 11-2 for 17 digits: 2^(17 - i) mod 11.
const RESIDENT_WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// Check characters of ISO 7064 MOD 11-2 by remainder (GB 11643).
const RESIDENT_CHECKS: &[u8; 11] = b"10X98765432";
/// Digits of bank cards (ISO/IEC 7812-1 allows up to 19).
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// How far to look back from a number: one further than a passport has letters, so that a longer word is seen to be one.
const BEFORE_MAX: usize = 3;
/// Most groups in which people write a bank card's number.
const CARD_GROUPS_MAX: usize = 5;
/// A separator (any run of spaces and hyphens) in the normalised text.
const SEPARATOR: u8 = b'-';
/// Any other character in the normalised text.
const OTHER: u8 = b'.';

/// What the guard found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonalData {
    /// 18-digit resident identity number with a possible birth date and the right check character (GB 11643).
    ResidentNumber,
    /// 11-digit mobile number of mainland China, with or without country code.
    MobileNumber,
    /// Number of 13 to 19 digits that passes the Luhn check (ISO/IEC 7812-1).
    BankCard,
    /// Number in the shape of a Chinese passport: a letter and eight digits, or E, a letter and seven digits.
    Passport,
}

impl fmt::Display for PersonalData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ResidentNumber => "a resident identity number",
            Self::MobileNumber => "a mobile telephone number",
            Self::BankCard => "a bank card number",
            Self::Passport => "a passport number",
        })
    }
}

/// Looks for personal data in a text. Full-width characters count as their ASCII forms; spaces, hyphens and
/// invisible characters inside a number do not hide it. A number is looked for between other characters than digits:
/// case numbers of more digits often begin like a resident number, with a region and a date.
#[must_use]
pub fn find(text: &str) -> Option<PersonalData> {
    let text = normalise(text)?;
    let groups = digit_groups(&text);
    (0..groups.len()).find_map(|first| {
        let groups = &groups[first..];
        if is_resident_number(groups) {
            Some(PersonalData::ResidentNumber)
        } else if is_mobile_number(groups) {
            Some(PersonalData::MobileNumber)
        } else if is_bank_card(groups) {
            Some(PersonalData::BankCard)
        } else if is_passport(&groups[0]) {
            Some(PersonalData::Passport)
        } else {
            None
        }
    })
}

/// Whether a text holds a resident identity number: [`find`] for codes, where the weaker checks would refuse too much.
#[must_use]
pub fn holds_resident_number(text: &str) -> bool {
    let Some(text) = normalise(text) else {
        return false;
    };
    let groups = digit_groups(&text);
    (0..groups.len()).any(|first| is_resident_number(&groups[first..]))
}

/// A run of digits, with what stands around it.
struct DigitGroup<'a> {
    digits: &'a [u8],
    /// Letters directly before it, at most [`BEFORE_MAX`] of them.
    before: &'a [u8],
    /// Whether a letter follows directly.
    letter_follows: bool,
    /// Whether X follows, directly or after a separator.
    x_follows: bool,
    /// Whether the next group follows after one separator only.
    joined_to_next: bool,
}

/// Digits and upper-case letters as ASCII, one [`SEPARATOR`] for spaces and hyphens, [`OTHER`] for anything else.
/// None when the text has too few digits to hold anything, which spares most texts the work.
fn normalise(text: &str) -> Option<Vec<u8>> {
    let ascii_digits = text.bytes().filter(u8::is_ascii_digit).count();
    // A full-width character takes three bytes, so that a text of ASCII alone is decided here.
    if ascii_digits < DIGITS_MIN && text.is_ascii() {
        return None;
    }
    let mut normalised = Vec::with_capacity(text.len());
    for character in text.chars() {
        match plain(character) {
            // Invisible: what stands on both sides reads as one.
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {}
            ' ' | '-' => {
                if normalised.last() != Some(&SEPARATOR) {
                    normalised.push(SEPARATOR);
                }
            }
            character => {
                let byte = u8::try_from(character).ok().filter(u8::is_ascii_alphanumeric);
                normalised.push(byte.map_or(OTHER, |byte| byte.to_ascii_uppercase()));
            }
        }
    }
    let digits = normalised.iter().filter(|byte| byte.is_ascii_digit()).count();
    (digits >= DIGITS_MIN).then_some(normalised)
}

/// The ASCII form of full-width characters, and of the spaces and dashes that people type.
fn plain(character: char) -> char {
    match character {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(character) - 0xfee0).expect("full-width forms mirror 21 to 7e hex")
        }
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        other => other,
    }
}

/// Whether a resident number starts with the first group: 18 digits in any grouping, or 17 and X.
fn is_resident_number(groups: &[DigitGroup<'_>]) -> bool {
    let mut number = Vec::with_capacity(18);
    for group in groups {
        if number.len() + group.digits.len() > 18 {
            return false;
        }
        number.extend_from_slice(group.digits);
        if number.len() == 17 && group.x_follows {
            number.push(b'X');
        }
        if number.len() == 18 || !group.joined_to_next {
            break;
        }
    }
    let Some((digits, [check])) = number.split_at_checked(17) else {
        return false;
    };
    is_birth_date(&digits[6..14]) && *check == resident_check(digits)
}

/// The check character of 17 digits by ISO 7064 MOD 11-2 (GB 11643).
fn resident_check(digits: &[u8]) -> u8 {
    let sum: u32 = digits.iter().zip(RESIDENT_WEIGHTS).map(|(digit, weight)| value(*digit) * weight).sum();
    RESIDENT_CHECKS[usize::try_from(sum % 11).expect("a remainder of 11 fits")]
}

/// Eight digits YYYYMMDD of a day from 1900 to 2099.
fn is_birth_date(digits: &[u8]) -> bool {
    let number = |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + value(*digit));
    let (year, month, day) = (number(&digits[..4]), number(&digits[4..6]), number(&digits[6..8]));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1900..=2099).contains(&year) && (1..=days).contains(&day)
}

/// Splits the text into its runs of digits.
fn digit_groups(text: &[u8]) -> Vec<DigitGroup<'_>> {
    let mut groups: Vec<DigitGroup<'_>> = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) {
        let end =
            text[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(text.len(), |n| start + n);
        let near = &text[start.saturating_sub(BEFORE_MAX)..start];
        let before =
            near.iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(near, |n| &near[n + 1..]);
        let follows = &text[end..];
        groups.push(DigitGroup {
            digits: &text[start..end],
            before,
            x_follows: matches!(follows, [b'X', ..] | [SEPARATOR, b'X', ..]),
            letter_follows: follows.first().is_some_and(u8::is_ascii_alphabetic),
            joined_to_next: matches!(follows, [SEPARATOR, next, ..] if next.is_ascii_digit()),
        });
        at = end;
    }
    groups
}

/// Whether a mobile number starts with the first group: 1, then 3 to 9, then nine digits, written in one of the usual
/// groupings; the country code 86 may stand before it, joined or as a group of its own.
fn is_mobile_number(groups: &[DigitGroup<'_>]) -> bool {
    let first = &groups[0];
    let prefix = [&b"0086"[..], b"086", b"86"].into_iter().find(|prefix| first.digits.starts_with(prefix));
    let without_code = &first.digits[prefix.map_or(0, <[u8]>::len)..];
    [first.digits, without_code].into_iter().any(|start| {
        let shape = |lengths: &[usize]| matches_lengths(groups, start.len(), lengths);
        matches!(start, [b'1', b'3'..=b'9', ..])
            && (shape(&[11]) || shape(&[3, 4, 4]) || shape(&[3, 8]) || shape(&[7, 4]))
    })
}

/// Whether the groups, joined by separators, have these lengths, the first one counted as `first_length`.
fn matches_lengths(groups: &[DigitGroup<'_>], first_length: usize, lengths: &[usize]) -> bool {
    groups.len() >= lengths.len()
        && first_length == lengths[0]
        && groups[1..lengths.len()]
            .iter()
            .zip(&lengths[1..])
            .all(|(group, length)| group.digits.len() == *length)
        && groups[..lengths.len() - 1].iter().all(|group| group.joined_to_next)
}

/// Whether a bank card's number starts with the first group: in one run, in groups of four, or as 4-6-5 and 6-13.
/// A unified social credit code of digits alone is an organisation's and passes.
fn is_bank_card(groups: &[DigitGroup<'_>]) -> bool {
    let first = &groups[0];
    if !first.before.is_empty() || first.digits[0] == b'0' {
        return false;
    }
    let joined = 1 + groups.iter().take(CARD_GROUPS_MAX - 1).take_while(|group| group.joined_to_next).count();
    let lengths: Vec<usize> = groups.iter().take(joined).map(|group| group.digits.len()).collect();
    let fours = 1 + lengths.iter().take_while(|length| **length == 4).count();
    let mut counts = (1..=CARD_GROUPS_MAX).filter(|count| match lengths.get(..*count) {
        Some([_]) => true,
        Some([6, 13] | [4, 6, 5]) => true,
        Some(fours_then_rest @ [4, .., last]) => fours_then_rest.len() <= fours && *last <= 4,
        _ => false,
    });
    counts.any(|count| {
        let digits: Vec<u8> = groups[..count].iter().flat_map(|group| group.digits).copied().collect();
        CARD_DIGITS.contains(&digits.len())
            && !groups[count - 1].letter_follows
            && passes_luhn(&digits)
            && !std::str::from_utf8(&digits).is_ok_and(identifier::is_credit_code)
    })
}

/// The Luhn check (ISO/IEC 7812-1, annex B).
fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(position, digit)| match value(*digit) {
            digit if position.is_multiple_of(2) => digit,
            digit if digit > 4 => 2 * digit - 9,
            digit => 2 * digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether the group ends a passport's number: D, E, G, K, P or S and eight digits, or E, a letter and seven.
fn is_passport(group: &DigitGroup<'_>) -> bool {
    !group.letter_follows
        && match (group.before, group.digits.len()) {
            ([letter], 8) => b"DEGKPS".contains(letter),
            ([b'E', letter], 7) => letter.is_ascii_uppercase(),
            _ => false,
        }
}

/// The value of an ASCII digit.
fn value(digit: u8) -> u32 {
    u32::from(digit - b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A made-up resident number: made-up district and day, right check character.
    const RESIDENT: &str = "340104199001010017";

    fn check(expected: Option<PersonalData>, texts: &[&str]) {
        for text in texts {
            assert_eq!(find(text), expected, "{text}");
        }
    }

    #[test]
    fn resident_numbers_are_found_however_they_are_written() {
        check(
            Some(PersonalData::ResidentNumber),
            &[
                RESIDENT,
                "身份证340104199001010017号",
                "no.340104199001010017,",
                "３４０１０４１９９００１０１００１７",
                "340104 19900101 0017",
                "340104-19900101-0017",
                "340104\u{a0}19900101\u{2013}0017",
                "340104\u{200b}199001010017",
                "11010519491231002X",
                "11010519491231002x",
                "110105 19491231 002 X.",
                "2023 340104199001010017 2023",
                "１１０１０５１９４９１２３１００２Ｘ",
                "12-340104-19900101-0017, 340104199001010018",
            ],
        );
    }

    #[test]
    fn numbers_with_an_impossible_date_or_a_wrong_check_are_no_resident_numbers() {
        for text in ["340104199001010018", "340104199002300016", "340104189901010013", "340104199013010014"] {
            assert_ne!(find(text), Some(PersonalData::ResidentNumber), "{text}");
        }
    }

    #[test]
    fn a_date_must_exist_in_the_calendar() {
        for date in ["19000228", "20000229", "19960229", "19900131", "20991231"] {
            assert!(is_birth_date(date.as_bytes()), "{date}");
        }
        for date in ["19000229", "20010229", "19900431", "19900100", "19900001", "18991231", "21000101"] {
            assert!(!is_birth_date(date.as_bytes()), "{date}");
        }
    }

    #[test]
    fn mobile_numbers_are_found_however_they_are_written() {
        check(
            Some(PersonalData::MobileNumber),
            &[
                "13812345678",
                "tel13812345678",
                "电话：13812345678。",
                "+8613812345678",
                "+86 138 1234 5678",
                "0086-138-1234-5678",
                "86 13812345678",
                "138 12345678",
                "1381234 5678",
                "１３８１２３４５６７８",
                "138－1234－5678",
            ],
        );
    }

    #[test]
    fn bank_cards_are_found_however_they_are_written() {
        check(
            Some(PersonalData::BankCard),
            &[
                "4111111111111111",
                "4111 1111 1111 1111",
                "4111-1111-1111-1111",
                "卡号4111111111111111",
                "6228480402564890018",
                "622848 0402564890018",
                "6228 4804 0256 4890 018",
                "3782 822463 10005",
                "4222222222222",
            ],
        );
    }

    #[test]
    fn passports_are_found() {
        check(
            Some(PersonalData::Passport),
            &["E12345678", "护照 g12345678", "EA1234567", "Ｅ１２３４５６７８"],
        );
    }

    #[test]
    fn ordinary_text_passes() {
        check(
            None,
            &[
                "",
                "Audit of 2023-10-01 to 2023-11-05, 5230 rows",
                "皖政办〔2020〕12号，共享条件：依法履职",
                "version 4.2 of DARS-NIC-00574-V2H1F, FILE0099526",
                "12813812345679",
                "12345678901",
                "4111111111111112",
                "411111111111",
                "41111111111111111111111",
                "E1234567",
                "3401001990010100171",
                "案号 34010019900101001234",
                "EAB1234567",
                "AEB1234567",
                "E12345678A",
                "4111111111111111A",
                "91350100M000100Y43",
                "54ae525b-c429-471f-97a2-7877233ab57e",
            ],
        );
    }

    #[test]
    fn a_credit_code_of_digits_alone_is_an_organisations() {
        let code = (0..10_000)
            .map(|n| format!("9134010000000{n:04}"))
            .filter_map(|first| {
                let check = identifier::credit_code_check(first.as_bytes().try_into().unwrap())?;
                Some(format!("{first}{check}"))
            })
            .find(|code| code.bytes().all(|byte| byte.is_ascii_digit()) && passes_luhn(code.as_bytes()))
            .expect("one code in some 30 is made of digits and passes Luhn's check");
        assert_eq!(find(&code), None, "{code}");
    }
}
