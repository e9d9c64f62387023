//! Templates: `xroad:{instance}/{class}[/{subsystem}]`.
//!
//! A field's value stands in for `{field}`; `[...]` is left out when a field within is absent. In values `%` and `/`
//! become `%25` and `%2F` (as in X-Road's own REST paths), so that no two rows with different parts share an identifier.

use super::error::MappingFault;
use crate::cell::{Cell, Cells};

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Field(String),
    Optional(Vec<Part>),
}

/// Why a template gave no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unfilled {
    /// The field is absent.
    Absent(String),
    /// The field's value is no plain value.
    Unusable(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`MappingFault::Template`] for unbalanced or nested brackets and empty names.
    pub(crate) fn parse(text: &str) -> Result<Self, MappingFault> {
        let mut parser = Parser { parts: Vec::new(), literal: String::new(), group: None };
        let mut characters = text.chars().enumerate();
        while let Some((position, character)) = characters.next() {
            let fault = |what| MappingFault::Template { what, column: position + 1 };
            match character {
                '{' => {
                    let mut name = String::new();
                    loop {
                        match characters.next() {
                            Some((_, '}')) => break,
                            Some((_, next)) if !"{[]".contains(next) => name.push(next),
                            _ => return Err(fault("`{` without its `}`")),
                        }
                    }
                    if name.is_empty() {
                        return Err(fault("`{}` names no field"));
                    }
                    parser.push(Part::Field(name));
                }
                '}' => return Err(fault("`}` without its `{`")),
                '[' => parser.open().map_err(fault)?,
                ']' => parser.close().map_err(fault)?,
                other => parser.literal.push(other),
            }
        }
        parser.finish().map_err(|what| MappingFault::Template { what, column: text.chars().count() })
    }

    /// Whether any field stands in it.
    pub(crate) fn has_field(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Literal(_)))
    }

    /// Fills it from a row.
    ///
    /// # Errors
    /// [`Unfilled`] names the first field outside `[...]` that is absent, or any that is no plain value.
    pub(crate) fn fill(&self, cells: &Cells) -> Result<String, Unfilled> {
        fill(&self.parts, cells)
    }
}

struct Parser {
    parts: Vec<Part>,
    literal: String,
    /// Parts of the open `[`.
    group: Option<Vec<Part>>,
}

impl Parser {
    fn push(&mut self, part: Part) {
        let literal = std::mem::take(&mut self.literal);
        let parts = self.group.as_mut().unwrap_or(&mut self.parts);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        parts.push(part);
    }

    fn flush(&mut self) {
        let literal = std::mem::take(&mut self.literal);
        if !literal.is_empty() {
            self.group.as_mut().unwrap_or(&mut self.parts).push(Part::Literal(literal));
        }
    }

    fn open(&mut self) -> Result<(), &'static str> {
        self.flush();
        if self.group.replace(Vec::new()).is_some() {
            return Err("`[` within `[...]`");
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), &'static str> {
        self.flush();
        let group = self.group.take().ok_or("`]` without its `[`")?;
        if !group.iter().any(|part| matches!(part, Part::Field(_))) {
            return Err("`[...]` without a field");
        }
        self.parts.push(Part::Optional(group));
        Ok(())
    }

    fn finish(mut self) -> Result<Template, &'static str> {
        self.flush();
        match self.group {
            Some(_) => Err("`[` without its `]`"),
            None => Ok(Template { parts: self.parts }),
        }
    }
}

fn fill(parts: &[Part], cells: &Cells) -> Result<String, Unfilled> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Field(field) => {
                let cell = cells.get(field).ok_or_else(|| Unfilled::Absent(field.clone()))?;
                push_value(&mut text, field, cell)?;
            }
            Part::Optional(group) => match fill(group, cells) {
                Ok(filled) => text.push_str(&filled),
                Err(Unfilled::Absent(_)) => {}
                Err(unusable @ Unfilled::Unusable(_)) => return Err(unusable),
            },
        }
    }
    Ok(text)
}

fn push_value(text: &mut String, field: &str, cell: &Cell) -> Result<(), Unfilled> {
    let value = cell.to_text().ok_or_else(|| Unfilled::Unusable(field.to_owned()))?;
    for character in value.chars() {
        match character {
            '%' => text.push_str("%25"),
            '/' => text.push_str("%2F"),
            other => text.push(other),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(fields: &[(&str, Cell)]) -> Cells {
        fields.iter().map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect()
    }

    #[test]
    fn an_optional_part_is_left_out_with_its_field() {
        let template = Template::parse("x:{a}[/{b}]/{c}").unwrap();
        let (a, b) = (("a", Cell::Text("A".into())), ("b", Cell::Integer(2)));
        let c = ("c", Cell::Boolean(true));
        assert_eq!(template.fill(&cells(&[a.clone(), b, c.clone()])), Ok("x:A/2/true".into()));
        assert_eq!(template.fill(&cells(&[a.clone(), c])), Ok("x:A/true".into()));
        assert_eq!(template.fill(&cells(&[a])), Err(Unfilled::Absent("c".into())));
    }

    #[test]
    fn parts_that_hold_a_slash_are_kept_apart() {
        let template = Template::parse("{a}/{b}").unwrap();
        let fill = |a: &str, b: &str| {
            template.fill(&cells(&[("a", Cell::Text(a.into())), ("b", Cell::Text(b.into()))])).unwrap()
        };
        assert_eq!(fill("1/2", "3"), "1%2F2/3");
        assert_ne!(fill("1/2", "3"), fill("1", "2/3"));
        assert_ne!(fill("1/2", "3"), fill("1%2F2", "3"));
    }

    #[test]
    fn a_faulty_template_is_refused_with_its_place() {
        for (text, column) in [
            ("{a", 1),
            ("a}", 2),
            ("{}", 1),
            ("[a]", 3),
            ("[{a}", 4),
            ("a]", 2),
            ("[{a}[{b}]]", 5),
            ("{a[b}", 1),
        ] {
            let fault = Template::parse(text).unwrap_err();
            assert!(
                matches!(fault, MappingFault::Template { column: found, .. } if found == column),
                "{text}: {fault:?}"
            );
        }
    }
}
