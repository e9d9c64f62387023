//! Every valid record survives its bytes, and whatever decodes is the one encoding of itself.

use muniment_core::limits::TERMS_MAX;
use muniment_core::v1::record::Body;
use muniment_core::v1::{Stream, Visibility};
use muniment_core::{Kind, LedgerId, Reason, Suite, Verdict, record, terms};
use proptest::prelude::*;

use crate::draw::{example, submitted_kinds, valid_record};

/// Whatever is done to a record's bytes: no panic, and what decodes encodes to the same bytes.
fn check_decodes_to_itself_or_not_at_all(bytes: &[u8]) {
    if let Ok(decoded) = record::decode(bytes, None) {
        assert_eq!(record::encode(&decoded).as_deref(), Ok(bytes));
    }
}

#[test]
fn an_example_of_every_kind_survives_its_bytes() {
    for kind in submitted_kinds() {
        let example = example(kind);
        let bytes = record::encode(&example).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        let decoded = record::decode(&bytes, Some(&LedgerId([7; 32])));
        assert_eq!(decoded.as_ref(), Ok(&example));
        assert_eq!(record::kind(&example), Some(kind));
    }
}

/// The next varint of `bytes`.
fn take_varint(bytes: &mut &[u8]) -> usize {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = bytes.split_first().expect("a varint ends");
        *bytes = rest;
        value |= usize::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            break;
        }
    }
    value
}

/// Numbers of a message's fields in the order of its bytes, and the content of the last one.
fn field_numbers(mut bytes: &[u8]) -> (Vec<usize>, &[u8]) {
    let (mut numbers, mut last) = (Vec::new(), bytes);
    while !bytes.is_empty() {
        let tag = take_varint(&mut bytes);
        let length = take_varint(&mut bytes);
        if tag & 7 == 2 {
            (last, bytes) = bytes.split_at(length);
        }
        numbers.push(tag >> 3);
    }
    (numbers, last)
}

#[test]
fn fields_of_every_record_and_its_body_ascend_by_number() {
    for kind in submitted_kinds() {
        let bytes = record::encode(&example(kind)).expect("examples are valid");
        let (envelope, body) = field_numbers(&bytes);
        assert!(envelope.is_sorted_by(|a, b| a < b), "{envelope:?}");
        assert_eq!(envelope.last(), Some(&usize::from(kind.number())));
        let (body, _) = field_numbers(body);
        assert!(body.is_sorted(), "{kind:?}: {body:?}");
    }
}

#[test]
fn any_single_byte_changed_decodes_to_itself_or_not_at_all() {
    for kind in submitted_kinds() {
        let bytes = record::encode(&example(kind)).expect("examples are valid");
        for at in 0..bytes.len() {
            for change in [0x01, 0x07, 0x08, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                check_decodes_to_itself_or_not_at_all(&changed);
            }
        }
    }
}

#[test]
fn a_record_cut_short_or_made_longer_decodes_to_itself_or_not_at_all() {
    for kind in submitted_kinds() {
        let bytes = record::encode(&example(kind)).expect("examples are valid");
        for length in 0..bytes.len() {
            check_decodes_to_itself_or_not_at_all(&bytes[..length]);
        }
        let doubled = [&bytes[..], &bytes[..]].concat();
        let reason = record::decode(&doubled, None).expect_err("every field is there twice").reason;
        assert!(matches!(reason, Reason::NotCanonical | Reason::RecordTooLarge), "{kind:?}: {reason}");
    }
}

#[test]
fn a_record_for_another_ledger_is_refused() {
    let bytes = record::encode(&example(Kind::AccessExecuted)).expect("examples are valid");
    let error = record::decode(&bytes, Some(&LedgerId([8; 32]))).expect_err("the ledger is another");
    assert_eq!((error.reason, error.field.as_str()), (Reason::LedgerIdMismatch, "ledger_id"));
}

/// A sealed amendment of a grant of as many data sets as may be, in a stream, by a certificate: no record has more terms.
#[test]
fn the_record_with_the_most_terms_keeps_to_their_bound() {
    let mut amended = example(Kind::AuthorisationAmended);
    let Some(Body::AuthorisationAmended(body)) = &mut amended.body else { panic!("an amendment") };
    let terms = body.terms.get_or_insert_default();
    terms.data_sets = vec!["nhs:0".to_owned()];
    while record::check(&amended, None).is_ok() {
        let Some(Body::AuthorisationAmended(body)) = &mut amended.body else { panic!("an amendment") };
        let data_sets = &mut body.terms.get_or_insert_default().data_sets;
        data_sets.push(format!("nhs:{}", data_sets.len()));
    }
    let Some(Body::AuthorisationAmended(body)) = &mut amended.body else { panic!("an amendment") };
    body.terms.get_or_insert_default().data_sets.pop();
    amended.visibility = Visibility::Hidden.into();
    amended.supervisor = 1;
    amended.stream = Some(Stream { id: "s".to_owned(), sequence: 0 });
    amended.actor.get_or_insert_default().certificate = vec![1; 32];
    assert_eq!(record::check(&amended, None), Ok(()));
    let terms = terms::terms_of(&amended, Kind::AuthorisationAmended);
    assert!(terms.len() <= TERMS_MAX, "{} terms", terms.len());
}

proptest! {
    #[test]
    fn any_valid_record_survives_its_bytes(original in valid_record()) {
        let bytes = record::encode(&original).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let decoded = record::decode(&bytes, Some(&LedgerId([7; 32])));
        prop_assert_eq!(decoded.as_ref(), Ok(&original));
    }

    #[test]
    fn any_valid_record_has_a_bounded_number_of_terms_and_ascending_keys(original in valid_record()) {
        let kind = record::kind(&original).expect("valid records have a body");
        let terms = terms::terms_of(&original, kind);
        prop_assert!(terms.len() <= TERMS_MAX, "{} terms", terms.len());
        let keys = terms::term_keys(Suite::Blake3, &terms, Verdict(1));
        prop_assert!(keys.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(keys, terms::term_keys(Suite::Blake3, &terms::terms_of(&original, kind), Verdict(1)));
        let sealed = terms.iter().any(|term| term.field == terms::Field::Sealed);
        prop_assert_eq!(sealed, record::is_sealed(&original));
    }

    #[test]
    fn any_valid_record_changed_anywhere_decodes_to_itself_or_not_at_all(
        original in valid_record(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = record::encode(&original).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        check_decodes_to_itself_or_not_at_all(&bytes);
    }

    #[test]
    fn any_bytes_decode_to_themselves_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check_decodes_to_itself_or_not_at_all(&bytes);
    }
}
