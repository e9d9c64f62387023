//! Numbers that stand in hashed or signed bytes are given once, for ever: the golden file may only grow.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use muniment_core::terms::{Field, terms_of};
use muniment_core::{Flag, Kind, Reason, RetentionClass};

use crate::draw::{Draw, submitted_kinds};

const PROTO_DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/numbering.txt");

/// The schema as protox reads it: one row "message field number type label" per field, and the enumerations' values.
struct Schema {
    /// Fields: (message, name, number, type's number or message's name, repeated).
    fields: Vec<(String, String, i32, String, bool)>,
    /// Values of enumerations: (enumeration, name, number).
    values: Vec<(String, String, i32)>,
}

fn schema() -> Schema {
    let files = ["muniment/v1/record.proto", "muniment/v1/evidence.proto"];
    let descriptors = protox::compile(files, [PROTO_DIRECTORY]).expect("the proto files compile");
    let mut schema = Schema { fields: Vec::new(), values: Vec::new() };
    for file in &descriptors.file {
        assert_eq!(file.syntax(), "proto3", "packed numbers and implicit presence are proto3's");
        for message in &file.message_type {
            assert!(message.nested_type.is_empty(), "{} nests a message or has a map", message.name());
            for field in &message.field {
                let type_name = field.type_name().trim_start_matches(".muniment.v1.");
                let r#type = format!("{:?} {type_name}", field.r#type()).trim_end().to_owned();
                let repeated = format!("{:?}", field.label()) == "Repeated";
                let name = field.name().to_owned();
                schema.fields.push((message.name().to_owned(), name, field.number(), r#type, repeated));
            }
        }
        for enumeration in &file.enum_type {
            for value in &enumeration.value {
                let row = (enumeration.name().to_owned(), value.name().to_owned(), value.number());
                schema.values.push(row);
            }
        }
    }
    schema
}

/// Every table, one line per number.
fn numbering() -> String {
    let mut text = String::new();
    let mut line = |table: &str, number: u64, name: &str| {
        writeln!(text, "{table} {number} {name}").expect("writing to a String does not fail");
    };
    for row in Kind::TABLE {
        line("kind", row.kind.number().into(), row.name);
    }
    for flag in Flag::ALL {
        line("flag", flag.bit().into(), flag.code());
    }
    for class in RetentionClass::ALL {
        line("retention-class", class.number().into(), class.directory());
    }
    for field in Field::ALL {
        line("term", field.number().into(), field.name());
    }
    for reason in Reason::ALL {
        line("reason", reason.number().into(), reason.name());
    }
    let schema = schema();
    for (enumeration, name, number) in schema.values {
        line(&format!("enum {enumeration}"), number.try_into().expect("values are positive"), &name);
    }
    for (message, name, number, r#type, repeated) in schema.fields {
        let number = number.try_into().expect("numbers are positive");
        let many = if repeated { " repeated" } else { "" };
        line(&format!("message {message}"), number, &format!("{name} {type}{many}"));
    }
    text
}

#[test]
fn every_number_is_the_one_of_the_golden_file() {
    let now = numbering();
    let golden =
        std::fs::read_to_string(GOLDEN).expect("tests/vectors/numbering.txt is part of the repository");
    if now == golden {
        return;
    }
    let draft = Path::new(env!("CARGO_TARGET_TMPDIR")).join("numbering.txt");
    std::fs::write(&draft, &now).expect("the target directory is writable");
    let lost: Vec<&str> = golden.lines().filter(|old| !now.lines().any(|new| new == *old)).collect();
    assert_eq!(lost, Vec::<&str>::new(), "numbers are never changed, moved or reused");
    panic!("{GOLDEN} lacks new lines: look through {} and copy it there", draft.display());
}

#[test]
fn a_kind_is_the_number_and_name_of_its_body() {
    let bodies: Vec<(i32, String)> = schema()
        .fields
        .into_iter()
        .filter(|(message, _, number, ..)| message == "Record" && *number >= 20)
        .map(|(_, name, number, ..)| (number, name))
        .collect();
    let kinds: Vec<(i32, String)> = Kind::TABLE
        .iter()
        .filter(|row| row.kind.is_submitted())
        .map(|row| (row.kind.number().into(), row.name.to_owned()))
        .collect();
    assert_eq!(bodies, kinds);
}

#[test]
fn every_number_leads_back_to_its_row() {
    for row in Kind::TABLE {
        assert_eq!(Kind::from_number(row.kind.number()), Some(row.kind));
        assert_eq!(row.kind.row().name, row.name);
    }
    for class in RetentionClass::ALL {
        assert_eq!(RetentionClass::from_number(class.number()), Some(class));
    }
    for flag in Flag::ALL {
        assert_eq!(Flag::from_code(flag.code()), Some(*flag));
    }
    for field in Field::ALL {
        assert_eq!(Field::from_name(field.name()), Some(*field));
    }
}

/// How many messages lie inside each other below a message, itself included.
fn depth(schema: &Schema, message: &str, outer: usize) -> usize {
    assert!(outer < 100, "{message} holds itself");
    let inner = schema.fields.iter().filter(|(owner, ..)| owner == message);
    let inner = inner.filter_map(|(_, _, _, r#type, _)| r#type.strip_prefix("Message "));
    1 + inner.map(|inner| depth(schema, inner, outer + 1)).max().unwrap_or(0)
}

#[test]
fn the_schema_is_one_that_has_a_canonical_form() {
    let schema = schema();
    for (message, field, _, r#type, _) in &schema.fields {
        assert!(!r#type.starts_with("Group"), "{message}.{field} is a group");
        assert!(
            !r#type.starts_with("Float") && !r#type.starts_with("Double"),
            "{message}.{field} is a float"
        );
    }
    assert!(depth(&schema, "Record", 0) <= 8, "messages lie at most 8 deep");
}

/// The term that a field of a body is, by its name alone: the rule of docs/data-format.md.
fn term_of_name(name: &str) -> Option<Field> {
    Some(match name {
        "authorisation" => Field::Authorisation,
        "provider" | "grantor" | "issuer" => Field::Provider,
        "consumer" | "applicant" | "grantee" | "recipient" | "relying" => Field::Consumer,
        "data_set" | "data_sets" => Field::DataSet,
        "subject_tags" => Field::SubjectTag,
        "licence" => Field::Licence,
        "holder_tag" => Field::HolderTag,
        "exchange" => Field::Exchange,
        "fingerprint" => Field::Certificate,
        _ => return None,
    })
}

/// The terms that a message's fields are, those of a nested grant or catalogue entry included.
fn terms_by_name(schema: &Schema, message: &str) -> BTreeSet<Field> {
    let fields = schema.fields.iter().filter(|(owner, ..)| owner == message);
    fields
        .flat_map(|(_, name, _, r#type, _)| match r#type.strip_prefix("Message ") {
            Some(inner) if inner != "Leaf" => terms_by_name(schema, inner),
            _ => term_of_name(name).into_iter().collect(),
        })
        .collect()
}

#[test]
fn which_fields_of_a_body_are_terms_follows_from_their_names() {
    let schema = schema();
    let of_every_record = [Field::Stream, Field::Certificate, Field::Sealed, Field::Kind];
    for kind in submitted_kinds() {
        let body =
            schema.fields.iter().find(|(message, name, ..)| message == "Record" && name == kind.row().name);
        let message = body.and_then(|(_, _, _, r#type, _)| r#type.strip_prefix("Message ")).expect("a body");
        let mut expected = terms_by_name(&schema, message);
        expected.extend(of_every_record);
        if kind.is_bulk() {
            expected.remove(&Field::Kind);
        }
        // Enough draws that each optional field is there in one of them.
        let drawn = (0..64_u32).map(|seed| {
            let bytes = (0..400).scan(seed, |state, _| {
                *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Some(state.to_be_bytes()[0])
            });
            Draw::new(bytes.collect()).record(kind)
        });
        let found: BTreeSet<Field> = drawn
            .flat_map(|record| terms_of(&record, kind).iter().map(|term| term.field).collect::<Vec<_>>())
            .collect();
        assert_eq!(found, expected, "{kind:?}");
    }
}
