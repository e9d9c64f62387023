//! Mapping files: what is understood, and the line of what is not.

use muniment_core::Kind;
use muniment_intake::{Mapping, MappingError, MappingFault};

const GOOD: &str = r#"name = "access"
format = "csv"
kind = "access_executed"

[record]
occurred_at = { field = "time", unit = "s", precision = "second" }

[body]
side = { constant = "provider" }
authorisation = { when = { field = "ok", equals = true }, cite = "grant" }
"#;

/// Replaces a line of the good file and expects a fault at that line.
fn check(line: usize, replacement: &str, expected: impl Fn(&MappingFault) -> bool) {
    let mut lines: Vec<_> = GOOD.lines().collect();
    lines[line - 1] = replacement;
    let error = Mapping::parse("m.toml", &lines.join("\n")).unwrap_err();
    match &error {
        MappingError::Faulty { line: found, fault, .. } if *found == line && expected(fault) => {}
        other => panic!("line {line} as {replacement}: {other:?}"),
    }
    assert!(error.to_string().starts_with(&format!("mapping file m.toml, line {line}: ")), "{error}");
}

#[test]
fn a_mapping_tells_what_it_makes_and_cites() {
    let mapping = Mapping::parse("m.toml", GOOD).unwrap();
    assert_eq!(mapping.name(), "access");
    assert_eq!(mapping.kind(), Kind::AccessExecuted);
    assert_eq!(mapping.citations().into_iter().collect::<Vec<_>>(), ["grant"]);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let unknown = |name: &'static str| move |fault: &MappingFault| matches!(fault, MappingFault::UnknownKey { key, .. } if key == name);
    check(4, "strict = true", unknown("strict"));
    check(6, "occured_at = { field = \"time\", unit = \"s\" }", unknown("occured_at"));
    check(7, "[record.person]", unknown("person"));
    check(9, "sides = { constant = \"provider\" }", unknown("sides"));
    check(9, "side = { constant = \"provider\", default = 1 }", unknown("default"));
    check(10, "authorisation = { when = { field = \"ok\", is = true }, cite = \"grant\" }", unknown("is"));
}

#[test]
fn a_value_that_means_nothing_is_named_with_its_line() {
    let name = |fault: &MappingFault| matches!(fault, MappingFault::UnknownName { .. });
    check(2, "format = \"xml\"", name);
    check(3, "kind = \"authorisation_granted\"", name);
    check(6, "occurred_at = { field = \"time\", unit = \"minutes\" }", name);
    check(9, "side = { constant = \"both\" }", name);
    check(9, "side = { field = \"s\", values = { P = \"providers\" } }", name);
    let kind = |fault: &MappingFault| matches!(fault, MappingFault::WrongType { .. });
    check(1, "name = 7", kind);
    check(4, "row_bytes_max = 0", kind);
    check(4, "historic = \"yes\"", kind);
    check(9, "side = []", kind);
}

#[test]
fn sources_that_contradict_each_other_are_refused() {
    let contradiction = |fault: &MappingFault| matches!(fault, MappingFault::Contradiction(_));
    check(9, "side = { constant = \"provider\", field = \"side\" }", contradiction);
    check(9, "side = { optional = true }", contradiction);
    check(9, "exchange = { cite = \"grant\" }", contradiction);
    check(10, "authorisation = { field = \"leaf\" }", contradiction);
    check(9, "exchange = { field = \"id\", unit = \"s\" }", contradiction);
    check(9, "exchange = { field = \"id\", values = { a = \"b\" } }", contradiction);
    check(9, "exchange = { template = \"always the same\" }", contradiction);
    check(9, "exchange = { template = \"{id\" }", |fault| matches!(fault, MappingFault::Template { .. }));
    check(6, "occurred_at = { field = \"time\" }", |fault| {
        *fault == MappingFault::MissingKey { key: "unit" }
    });
    check(9, "side = ", |fault| matches!(fault, MappingFault::Syntax(_)));
}

#[test]
fn a_missing_mapping_file_is_named() {
    let error = Mapping::read("no/such/mapping.toml".as_ref()).unwrap_err();
    assert!(matches!(error, MappingError::Unreadable { .. }), "{error:?}");
    assert!(error.to_string().starts_with("mapping file no/such/mapping.toml: can't be read: "), "{error}");
}
