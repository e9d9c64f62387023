//! Reads a mapping file: every finding names its line, and a key that means nothing is a finding.

use muniment_core::Kind;
use muniment_core::v1::Precision;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{MappingError, MappingFault};
use super::source::{Condition, Conversion, Origin, Rule, Source};
use super::template::Template;
use super::{Format, Mapping, ROW_BYTES_MAX};
use crate::cell::Cell;
use crate::target::{self, Slot, Target};

/// Highest `row_bytes_max`.
const ROW_BYTES_LIMIT: usize = 16 * 1024 * 1024;
const SOURCE_KEYS: &[&str] =
    &["constant", "field", "template", "cite", "optional", "when", "values", "unit", "precision"];
const PRECISIONS: &[(&str, Precision)] = &[
    ("millisecond", Precision::Unspecified),
    ("second", Precision::Second),
    ("day", Precision::Day),
    ("month", Precision::Month),
];
const UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000)];

type Value<'text> = Spanned<DeValue<'text>>;
/// A fault and the byte of the text where it is.
type Located<T> = Result<T, (usize, MappingFault)>;

/// Reads a mapping file's text. `file` is for errors.
pub(super) fn read(file: &str, text: &str) -> Result<Mapping, MappingError> {
    let faulty = |offset: usize, fault| {
        let line = 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        MappingError::Faulty { file: file.to_owned(), line, fault }
    };
    let document = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        faulty(offset, MappingFault::Syntax(error.message().to_owned()))
    })?;
    mapping(document.get_ref(), text.len()).map_err(|(offset, fault)| faulty(offset, fault))
}

fn mapping(table: &DeTable<'_>, end: usize) -> Located<Mapping> {
    only_keys(table, &["name", "format", "kind", "historic", "row_bytes_max", "record", "body"])?;
    let needed = |key| table.get(key).ok_or((end, MappingFault::MissingKey { key }));
    let kinds: Vec<_> = target::KINDS.iter().map(|kind| (kind.row().name, *kind)).collect();
    let kind: Kind = name_of("kind", needed("kind")?, &kinds)?;
    let formats = [("json-lines", Format::JsonLines), ("csv", Format::Csv)];
    let mut rules = Vec::new();
    if let Some(record) = table.get("record") {
        rules_below("record", record, "", target::ENVELOPE, &mut rules)?;
    }
    rules_below("body", needed("body")?, "", target::body_targets(kind), &mut rules)?;
    Ok(Mapping {
        name: text_of("name", needed("name")?)?.to_owned(),
        format: name_of("format", needed("format")?, &formats)?,
        kind,
        historic: table.get("historic").map_or(Ok(false), |value| boolean_of("historic", value))?,
        row_bytes_max: table.get("row_bytes_max").map_or(Ok(ROW_BYTES_MAX), row_bytes_max)?,
        rules,
    })
}

fn row_bytes_max(value: &Value<'_>) -> Located<usize> {
    let expected = "a number from 1 to 16777216";
    let number = value
        .get_ref()
        .as_integer()
        .and_then(|number| usize::from_str_radix(number.as_str(), number.radix()).ok());
    match number {
        Some(bytes @ 1..=ROW_BYTES_LIMIT) => Ok(bytes),
        _ => Err(wrong_type("row_bytes_max", value, expected)),
    }
}

/// Reads the rules of a table, whose nested tables are parts of a path.
fn rules_below(
    key: &str,
    value: &Value<'_>,
    prefix: &str,
    targets: &'static [Target],
    rules: &mut Vec<Rule>,
) -> Located<()> {
    let table = table_of(key, value)?;
    for (name, value) in table {
        let path = format!("{prefix}{}", name.get_ref());
        if let Some(target) = targets.iter().find(|target| target.path == path) {
            rules.push(Rule { target: *target, sources: sources(target, value)? });
        } else if targets.iter().any(|target| target.path.starts_with(&format!("{path}."))) {
            rules_below(&path, value, &format!("{path}."), targets, rules)?;
        } else {
            let known = targets.iter().map(|target| target.path).collect::<Vec<_>>().join(", ");
            return Err((name.span().start, MappingFault::UnknownKey { key: path, known }));
        }
    }
    Ok(())
}

/// One source, or a list of them.
fn sources(target: &Target, value: &Value<'_>) -> Located<Vec<Source>> {
    match value.get_ref() {
        DeValue::Array(list) if !list.is_empty() => list.iter().map(|value| source(target, value)).collect(),
        DeValue::Table(_) => Ok(vec![source(target, value)?]),
        _ => Err(wrong_type(
            target.path,
            value,
            "a table such as { field = \"name\" } or a list of such tables",
        )),
    }
}

fn source(target: &Target, value: &Value<'_>) -> Located<Source> {
    let table = table_of(target.path, value)?;
    only_keys(table, SOURCE_KEYS)?;
    let at = value.span().start;
    let (origin, conversion) = (origin(target, table, at)?, conversion(target, table, at)?);
    if let (Slot::Choice(names, _), Origin::Constant(_), Some(constant)) =
        (target.slot, &origin, table.get("constant"))
    {
        name_of("constant", constant, names)?;
    }
    Ok(Source {
        when: table.get("when").map(condition).transpose()?,
        optional: table.get("optional").map_or(Ok(false), |value| boolean_of("optional", value))?,
        origin,
        conversion,
    })
}

fn origin(target: &Target, table: &DeTable<'_>, at: usize) -> Located<Origin> {
    let mut origins = Vec::new();
    if let Some(value) = table.get("constant") {
        origins.push(Origin::Constant(constant(value)?));
    }
    if let Some(value) = table.get("field") {
        origins.push(Origin::Field(text_of("field", value)?.to_owned()));
    }
    if let Some(value) = table.get("template") {
        let template =
            Template::parse(text_of("template", value)?).map_err(|fault| (value.span().start, fault))?;
        if !template.has_field() {
            let what = "a template without a field; say `constant`".to_owned();
            return Err((value.span().start, MappingFault::Contradiction(what)));
        }
        origins.push(Origin::Template(template));
    }
    if let Some(value) = table.get("cite") {
        origins.push(Origin::Citation(text_of("cite", value)?.to_owned()));
    }
    let cites = matches!(origins.first(), Some(Origin::Citation(_)));
    match origins.pop() {
        Some(origin) if origins.is_empty() && cites == matches!(target.slot, Slot::Leaf(_)) => Ok(origin),
        Some(_) if origins.is_empty() => {
            let what = format!("`{}`: `cite` gives a leaf, and a leaf comes from `cite` only", target.path);
            Err((at, MappingFault::Contradiction(what)))
        }
        _ => {
            let what = format!("`{}` needs exactly one of constant, field, template, cite", target.path);
            Err((at, MappingFault::Contradiction(what)))
        }
    }
}

fn conversion(target: &Target, table: &DeTable<'_>, at: usize) -> Located<Conversion> {
    let timed = table.contains_key("unit") || table.contains_key("precision");
    match (target.slot, table.get("values"), timed) {
        (Slot::Choice(names, _), Some(values), false) => {
            let mut listed = Vec::new();
            for (value, name) in table_of("values", values)? {
                listed.push((value.get_ref().clone().into_owned(), name_of("values", name, names)?));
            }
            Ok(Conversion::Values(listed))
        }
        (Slot::Time(_), None, _) => {
            let unit = table.get("unit").ok_or((at, MappingFault::MissingKey { key: "unit" }))?;
            let precision = table.get("precision").map(|value| name_of("precision", value, PRECISIONS));
            Ok(Conversion::Time {
                unit_ms: name_of("unit", unit, UNITS)?,
                precision: precision.transpose()?.unwrap_or(Precision::Unspecified),
            })
        }
        (_, None, false) => Ok(Conversion::Plain),
        _ => {
            let what = format!(
                "`{}`: `values` belongs to fields with names to choose from, `unit` and `precision` to times",
                target.path
            );
            Err((at, MappingFault::Contradiction(what)))
        }
    }
}

fn condition(value: &Value<'_>) -> Located<Condition> {
    let table = table_of("when", value)?;
    only_keys(table, &["field", "equals"])?;
    let needed = |key| table.get(key).ok_or((value.span().start, MappingFault::MissingKey { key }));
    let equals = needed("equals")?;
    let equals_text =
        constant(equals)?.to_text().ok_or_else(|| wrong_type("equals", equals, "a plain value"))?;
    Ok(Condition { field: text_of("field", needed("field")?)?.to_owned(), equals: equals_text })
}

fn constant(value: &Value<'_>) -> Located<Cell> {
    let cell = match value.get_ref() {
        DeValue::String(text) => Some(Cell::Text(text.clone().into_owned())),
        DeValue::Integer(number) => {
            i128::from_str_radix(number.as_str(), number.radix()).ok().map(Cell::Integer)
        }
        DeValue::Boolean(truth) => Some(Cell::Boolean(*truth)),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    };
    cell.ok_or_else(|| wrong_type("constant", value, "text, a whole number, true or false"))
}

fn only_keys(table: &DeTable<'_>, known: &[&str]) -> Located<()> {
    match table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
        None => Ok(()),
        Some(key) => {
            let fault = MappingFault::UnknownKey { key: key.get_ref().to_string(), known: known.join(", ") };
            Err((key.span().start, fault))
        }
    }
}

fn table_of<'a, 'text>(key: &str, value: &'a Value<'text>) -> Located<&'a DeTable<'text>> {
    value.get_ref().as_table().ok_or_else(|| wrong_type(key, value, "a table"))
}

fn text_of<'a>(key: &str, value: &'a Value<'_>) -> Located<&'a str> {
    match value.get_ref().as_str() {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(wrong_type(key, value, "text")),
    }
}

fn boolean_of(key: &str, value: &Value<'_>) -> Located<bool> {
    value.get_ref().as_bool().ok_or_else(|| wrong_type(key, value, "true or false"))
}

fn name_of<T: Copy>(key: &str, value: &Value<'_>, names: &[(&str, T)]) -> Located<T> {
    let text = text_of(key, value)?;
    names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let known = names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        (value.span().start, MappingFault::UnknownName { key: key.to_owned(), value: text.to_owned(), known })
    })
}

fn wrong_type(key: &str, value: &Value<'_>, expected: &'static str) -> (usize, MappingFault) {
    (value.span().start, MappingFault::WrongType { key: key.to_owned(), expected })
}
