//! Free text: what looks like a person's number is refused, the field is named and the value never shown.

use muniment_core::personal_data::{self, PersonalData};
use muniment_core::v1::record::Body;
use muniment_core::v1::{Annotated, Item};
use muniment_core::{Kind, Reason, record};
use proptest::prelude::*;

use crate::draw::example;

/// Puts a text into a field of free text; answers the error as people see it.
fn refused_note(note: String) -> (Reason, String, String) {
    let mut annotated = example(Kind::Annotated);
    let Some(Body::Annotated(body)) = &mut annotated.body else { panic!("an annotation") };
    *body = Annotated { note, target: body.target };
    let error = record::encode(&annotated).expect_err("the note holds a person's number");
    (error.reason, error.field.clone(), error.to_string() + &format!("{error:?}"))
}

/// The check character of 17 digits by ISO 7064 MOD 11-2, from the definition.
fn resident_number(first: &str) -> String {
    let sum = first.bytes().fold(0, |sum, digit| (sum + u32::from(digit - b'0')) * 2 % 11);
    let check = (12 - sum) % 11;
    if check == 10 { format!("{first}X") } else { format!("{first}{check}") }
}

/// Sixteen digits with the check digit of Luhn, from the definition.
fn card_number(first: &str) -> String {
    let sum: u32 = first
        .bytes()
        .enumerate()
        .map(|(position, digit)| {
            let digit = u32::from(digit - b'0') * if position % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{first}{}", (10 - sum % 10) % 10)
}

/// Text around a number that has no digits of its own.
fn around() -> impl Strategy<Value = String> {
    "[a-z字。, ()]{0,20}"
}

fn full_width(text: &str) -> String {
    text.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).expect("a full-width form")).collect()
}

proptest! {
    #[test]
    fn a_resident_number_is_refused_by_field_and_never_shown(
        (before, after) in (around(), around()),
        region in 110_000..660_000_u32,
        (year, month, day) in (1900..2100_u32, 1..=12_u32, 1..=28_u32),
        sequence in 0..1_000_u32,
        wide in any::<bool>(),
    ) {
        let plain = resident_number(&format!("{region}{year:04}{month:02}{day:02}{sequence:03}"));
        let number = if wide { full_width(&plain) } else { plain };
        let (reason, field, shown) = refused_note(format!("{before}{number}{after}"));
        prop_assert_eq!((reason, field.as_str()), (Reason::PersonalData, "annotated.note"));
        prop_assert!(shown.contains("a resident identity number") && !shown.contains(&number), "{}", shown);
    }

    #[test]
    fn a_mobile_number_is_refused_by_field_and_never_shown(
        (before, after) in (around(), around()),
        number in "1[3-9][0-9]{9}",
        wide in any::<bool>(),
    ) {
        let number = if wide { full_width(&number) } else { number };
        let (reason, field, shown) = refused_note(format!("{before}{number}{after}"));
        prop_assert_eq!((reason, field.as_str()), (Reason::PersonalData, "annotated.note"));
        prop_assert!(shown.contains("a mobile telephone number") && !shown.contains(&number), "{}", shown);
    }

    #[test]
    fn a_bank_card_is_refused_by_field_and_never_shown(
        first in "[3-6][0-9]{14}",
        separator in prop::sample::select(vec!["", " ", "-", "\u{3000}", "  "]),
    ) {
        let number = card_number(&first);
        let groups = [&number[..4], &number[4..8], &number[8..12], &number[12..]];
        let written = groups.join(separator);
        let (reason, field, shown) = refused_note(format!("card {written}."));
        prop_assert_eq!((reason, field.as_str()), (Reason::PersonalData, "annotated.note"));
        prop_assert!(groups.iter().all(|group| !shown.contains(group)), "{}", shown);
    }

    #[test]
    fn a_passport_is_refused_by_field_and_never_shown(number in "[EGDSP][0-9]{8}|E[A-Z][0-9]{7}") {
        let (reason, field, shown) = refused_note(format!("护照 {number}"));
        prop_assert_eq!((reason, field.as_str()), (Reason::PersonalData, "annotated.note"));
        prop_assert!(shown.contains("a passport number") && !shown.contains(&number), "{}", shown);
    }

    #[test]
    fn no_text_makes_the_guard_panic(text in "\\PC{0,200}", digits in "[0-9０-９Xx \u{200b}+-]{0,60}") {
        for text in [&text, &digits, &format!("{text}{digits}")] {
            let holds_resident_number = personal_data::holds_resident_number(text);
            let found = personal_data::find(text);
            prop_assert_eq!(holds_resident_number, found == Some(PersonalData::ResidentNumber));
        }
    }

    #[test]
    fn text_without_digits_enough_passes(text in "[^0-9０-９]{0,200}", few in "[0-9]{0,6}") {
        prop_assert_eq!(personal_data::find(&format!("{text}{few}")), None);
    }
}

#[test]
fn the_guard_reaches_free_text_inside_lists() {
    let mut published = example(Kind::CataloguePublished);
    let Some(Body::CataloguePublished(body)) = &mut published.body else { panic!("an entry") };
    let item = |code: &str, name: &str| Item { code: code.to_owned(), name: name.to_owned(), sensitivity: 0 };
    body.items = vec![item("a", "name"), item("b", "of 13812345678")];
    let error = record::encode(&published).expect_err("an item is named by a telephone number");
    assert_eq!(
        (error.reason, error.field.as_str()),
        (Reason::PersonalData, "catalogue_published.items[1].name")
    );
}

#[test]
fn what_was_found_is_named_in_words() {
    let found = [
        PersonalData::ResidentNumber,
        PersonalData::MobileNumber,
        PersonalData::BankCard,
        PersonalData::Passport,
    ];
    let words = found.map(|found| found.to_string());
    assert_eq!(
        words,
        [
            "a resident identity number",
            "a mobile telephone number",
            "a bank card number",
            "a passport number"
        ]
    );
}
