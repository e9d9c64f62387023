//! Encodings of a valid record that other encoders may write, built by hand, one by one: all refused.

use muniment_core::{Reason, RecordError, record};

/// A varint of at most two bytes, minimal.
fn varint(value: usize) -> Vec<u8> {
    let value = u16::try_from(value).expect("values here are small");
    let [high, low] = (value << 1).to_be_bytes();
    assert!(high < 0x80, "values here are below 2^14");
    if high == 0 { vec![low >> 1] } else { vec![0x80 | low >> 1, high] }
}

/// A length-delimited field.
fn delimited(number: usize, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len()), content.to_vec()].concat()
}

/// The fields of a small valid record, in order: an access with two references.
fn fields() -> Vec<Vec<u8>> {
    let access = [
        vec![0x08, 0x02],
        delimited(2, b"e-1"),
        delimited(4, b"nhs:p"),
        delimited(5, b"nhs:c"),
        delimited(6, b"nhs:d"),
        vec![0x60, 0x05],
    ]
    .concat();
    vec![
        vec![0x08, 0x01],
        delimited(2, &[7; 32]),
        vec![0x18, 0x02],
        delimited(5, &delimited(1, b"nhs:s")),
        delimited(6, &[0x08, 0x01]),
        delimited(8, &[0x03, 0x04]),
        delimited(48, &access),
    ]
}

const SCHEMA_VERSION: usize = 0;
const LEDGER_ID: usize = 1;
const SUBMITTER: usize = 2;
const OCCURRED_AT: usize = 4;
const REFERENCES: usize = 5;
const ACCESS: usize = 6;

fn decode(fields: &[Vec<u8>]) -> Result<(), RecordError> {
    record::decode(&fields.concat(), None).map(|_| ())
}

/// Where the fields from `position` on begin.
fn offset(position: usize) -> usize {
    fields()[..position].concat().len()
}

#[test]
fn the_record_built_by_hand_is_valid() {
    assert_eq!(decode(&fields()), Ok(()));
}

/// Changes the fields; the first byte that differs from the canonical encoding must be named.
fn check_not_canonical(what: &str, at: usize, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut fields = fields();
    change(&mut fields);
    let error = decode(&fields).expect_err(what);
    assert_eq!(error.reason, Reason::NotCanonical, "{what}: {error}");
    let named = format!("from byte {at} on");
    assert!(error.detail.contains(&named), "{what}: expected {named}: {error}");
}

#[test]
fn every_other_encoding_of_the_same_record_is_refused_and_the_first_byte_named() {
    check_not_canonical("fields out of order", 0, |fields| fields.swap(SCHEMA_VERSION, SUBMITTER));
    check_not_canonical("a body before the envelope", 0, |fields| fields.rotate_right(1));
    check_not_canonical("a singular number twice", 2, |fields| {
        fields.insert(SCHEMA_VERSION, vec![0x08, 0x01]);
    });
    check_not_canonical("a singular message in two parts", offset(OCCURRED_AT) + 1, |fields| {
        fields[OCCURRED_AT] = delimited(6, &[0x08, 0x05]);
        fields.insert(OCCURRED_AT, delimited(6, &[]));
    });
    check_not_canonical("a varint with a superfluous byte", 1, |fields| {
        fields[SCHEMA_VERSION] = vec![0x08, 0x81, 0x00];
    });
    check_not_canonical("a tag with a superfluous byte", 0, |fields| {
        fields[SCHEMA_VERSION] = vec![0x88, 0x00, 0x01];
    });
    check_not_canonical("a length with a superfluous byte", offset(LEDGER_ID) + 1, |fields| {
        fields[LEDGER_ID] = [&[0x12, 0xa0, 0x00][..], &[7; 32]].concat();
    });
    check_not_canonical("a number of 32 bits with more bits", offset(SUBMITTER) + 1, |fields| {
        fields[SUBMITTER] = vec![0x18, 0x82, 0x80, 0x80, 0x80, 0x10];
    });
    check_not_canonical("a flag that is 2", offset(ACCESS) + 1, |fields| {
        fields.insert(ACCESS, vec![0x48, 0x02]);
    });
    check_not_canonical("an explicit default", offset(ACCESS), |fields| {
        fields.insert(ACCESS, vec![0x48, 0x00]);
    });
    check_not_canonical("an explicit empty text", offset(SUBMITTER + 1), |fields| {
        fields.insert(SUBMITTER + 1, delimited(4, b""));
    });
    check_not_canonical("numbers that are not packed", offset(REFERENCES), |fields| {
        fields[REFERENCES] = vec![0x40, 0x03, 0x40, 0x04];
    });
    check_not_canonical("packed numbers in two parts", offset(REFERENCES) + 1, |fields| {
        fields[REFERENCES] = [delimited(8, &[0x03]), delimited(8, &[0x04])].concat();
    });
    check_not_canonical("an empty packed field", offset(REFERENCES), |fields| {
        fields[REFERENCES] = delimited(8, &[]);
    });
}

#[test]
fn what_the_schema_does_not_know_is_refused_and_the_first_byte_named() {
    let end = fields().concat().len();
    check_not_canonical("an unknown number", end, |fields| fields.push(vec![0xf8, 0x07, 0x01]));
    check_not_canonical("an unknown text", end, |fields| fields.push(delimited(127, b"x")));
    check_not_canonical("an unknown field of 32 bits", end, |fields| {
        fields.push(vec![0xfd, 0x07, 1, 2, 3, 4])
    });
    check_not_canonical("an unknown field of 64 bits", end, |fields| {
        fields.push([&[0xf9, 0x07][..], &[1; 8]].concat());
    });
    check_not_canonical("a group", end, |fields| fields.push(vec![0xfb, 0x07, 0x08, 0x01, 0xfc, 0x07]));
    check_not_canonical("nine groups in each other", end, |fields| {
        fields.push([[0xfb, 0x07].repeat(9), [0xfc, 0x07].repeat(9)].concat());
    });
    check_not_canonical("an unknown field inside a message", offset(OCCURRED_AT) + 1, |fields| {
        fields[OCCURRED_AT] = delimited(6, &[0x08, 0x01, 0x78, 0x01]);
    });
    check_not_canonical("two bodies", offset(ACCESS) + 2, |fields| {
        let access = fields[ACCESS].clone();
        fields.insert(ACCESS, delimited(48, &[0x08, 0x01]));
        fields[ACCESS + 1] = access;
    });
}

/// Changes the fields so that they are no encoding of a record at all.
fn check_malformed(what: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut fields = fields();
    change(&mut fields);
    let error = decode(&fields).expect_err(what);
    assert_eq!(error.reason, Reason::InvalidRecord, "{what}: {error}");
    assert!(error.detail.starts_with("not a message of this schema"), "{what}: {error}");
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    check_malformed("a varint of eleven bytes", |fields| {
        fields[SCHEMA_VERSION] = [&[0x08][..], &[0x81; 10], &[0x00]].concat();
    });
    check_malformed("field number 0", |fields| fields.push(vec![0x00, 0x00]));
    check_malformed("a group where a number belongs", |fields| fields[SUBMITTER] = vec![0x1b, 0x1c]);
    check_malformed("a group without end", |fields| fields.push(vec![0xfb, 0x07]));
    check_malformed("groups as deep as the record is long", |fields| {
        fields.push([0xfb, 0x07].repeat(20_000))
    });
    check_malformed("wire type 7", |fields| fields.push(vec![0xff, 0x07]));
    check_malformed("a length beyond the end", |fields| fields.push(vec![0xfa, 0x07, 0x7f]));
    check_malformed("text that is not UTF-8", |fields| {
        fields.insert(SUBMITTER + 1, delimited(4, b"\xff\xfe"));
    });
    check_malformed("UTF-8 of a surrogate", |fields| {
        fields.insert(SUBMITTER + 1, delimited(4, b"\xed\xa0\x80"));
    });
    check_malformed("UTF-8 that is longer than need be", |fields| {
        fields.insert(SUBMITTER + 1, delimited(4, b"\xc1\x81"));
    });
}

#[test]
fn a_record_over_64_kib_is_refused_before_it_is_read() {
    let error = record::decode(&vec![0xff; 64 * 1024 + 1], None).expect_err("one byte too many");
    assert_eq!(error.reason, Reason::RecordTooLarge);
    let error = record::decode(&vec![0xff; 64 * 1024], None).expect_err("no message");
    assert_eq!(error.reason, Reason::InvalidRecord);
}

#[test]
fn no_bytes_at_all_are_a_record_without_anything() {
    let error = record::decode(&[], None).expect_err("nothing is stated");
    assert_eq!((error.reason, error.field.as_str()), (Reason::InvalidRecord, "schema_version"));
}
