//! Where the value of one field comes from, and how it gets there.

use std::collections::BTreeMap;

use muniment_core::LeafIndex;
use muniment_core::v1::{Precision, Record, Time};

use super::template::{Template, Unfilled};
use crate::cell::{Cell, Cells};
use crate::error::RowFault;
use crate::target::{Slot, Target};

/// One field of the record with its sources; the first one that applies gives the value.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) target: Target,
    pub(super) sources: Vec<Source>,
}

/// One source of a value.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Applies only to rows of which this holds.
    pub(super) when: Option<Condition>,
    /// Whether it is passed over when its field is absent.
    pub(super) optional: bool,
    pub(super) origin: Origin,
    pub(super) conversion: Conversion,
}

/// A field's value as text equals this.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) field: String,
    pub(super) equals: String,
}

/// Where the bare value comes from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    Constant(Cell),
    Field(String),
    Template(Template),
    Citation(String),
}

/// How the bare value is read.
#[derive(Clone, Debug)]
pub(super) enum Conversion {
    /// As the field takes it.
    Plain,
    /// By the table `values`.
    Values(Vec<(String, i32)>),
    /// A count of this many milliseconds.
    Time { unit_ms: u64, precision: Precision },
}

/// Which field of the row is at fault, and how.
pub(super) type Fault = (Option<String>, RowFault);

impl Condition {
    fn holds(&self, cells: &Cells) -> bool {
        cells.get(&self.field).and_then(Cell::to_text).is_some_and(|text| text == self.equals)
    }
}

impl Rule {
    /// Fills the rule's field of `record`, unless every source is passed over.
    pub(super) fn apply(
        &self,
        cells: &Cells,
        citations: &BTreeMap<String, LeafIndex>,
        record: &mut Record,
    ) -> Result<(), Fault> {
        for source in &self.sources {
            if source.when.as_ref().is_some_and(|condition| !condition.holds(cells)) {
                continue;
            }
            match source.cell(cells, citations) {
                Ok(cell) => {
                    return source
                        .set(self.target.slot, &cell, record)
                        .map_err(|fault| (source.field(), fault));
                }
                Err((_, RowFault::Missing)) if source.optional => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }
}

impl Source {
    /// The row's field that gives the value, if it is one.
    fn field(&self) -> Option<String> {
        match &self.origin {
            Origin::Field(field) => Some(field.clone()),
            Origin::Constant(_) | Origin::Template(_) | Origin::Citation(_) => None,
        }
    }

    fn cell(&self, cells: &Cells, citations: &BTreeMap<String, LeafIndex>) -> Result<Cell, Fault> {
        match &self.origin {
            Origin::Constant(cell) => Ok(cell.clone()),
            Origin::Field(field) => {
                cells.get(field).cloned().ok_or_else(|| (Some(field.clone()), RowFault::Missing))
            }
            Origin::Template(template) => match template.fill(cells) {
                Ok(text) => Ok(Cell::Text(text)),
                Err(Unfilled::Absent(field)) => Err((Some(field), RowFault::Missing)),
                Err(Unfilled::Unusable(field)) => Err((
                    Some(field),
                    RowFault::WrongType { expected: "text, a whole number, true or false" },
                )),
            },
            Origin::Citation(name) => {
                let leaf = citations.get(name).ok_or((None, RowFault::Missing))?;
                Ok(Cell::Integer(leaf.0.into()))
            }
        }
    }

    fn set(&self, slot: Slot, cell: &Cell, record: &mut Record) -> Result<(), RowFault> {
        match slot {
            Slot::Text(set) => set(record, cell.to_text().ok_or(RowFault::WrongType { expected: "text" })?),
            Slot::Number(set) => set(record, number(cell)?),
            Slot::Leaf(set) => set(record, LeafIndex(number(cell)?)),
            Slot::Time(set) => set(record, self.time(cell)?),
            Slot::Choice(names, set) => set(record, self.choice(names, cell)?),
        }
        Ok(())
    }

    fn time(&self, cell: &Cell) -> Result<Time, RowFault> {
        let (unit_ms, precision) = match self.conversion {
            Conversion::Time { unit_ms, precision } => (unit_ms, precision),
            Conversion::Plain | Conversion::Values(_) => (1, Precision::Unspecified),
        };
        let unix_ms = number(cell)?
            .checked_mul(unit_ms)
            .ok_or(RowFault::OutOfRange { expected: "a time up to the year 9999" })?;
        Ok(Time { unix_ms, precision: precision.into() })
    }

    fn choice(&self, names: &[(&str, i32)], cell: &Cell) -> Result<i32, RowFault> {
        let text =
            cell.to_text().ok_or(RowFault::WrongType { expected: "text, a whole number, true or false" })?;
        let found = match &self.conversion {
            Conversion::Values(values) => {
                values.iter().find(|(value, _)| *value == text).map(|(_, number)| *number)
            }
            Conversion::Plain | Conversion::Time { .. } => {
                names.iter().find(|(name, _)| *name == text).map(|(_, number)| *number)
            }
        };
        found.ok_or(RowFault::NotListed)
    }
}

fn number(cell: &Cell) -> Result<u64, RowFault> {
    let whole = match cell {
        Cell::Integer(number) => Some(*number),
        Cell::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Cell::Text(_) | Cell::Null | Cell::Boolean(_) | Cell::Unusable => None,
    };
    let whole = whole.ok_or(RowFault::WrongType { expected: "a whole number" })?;
    u64::try_from(whole).map_err(|_| RowFault::OutOfRange { expected: "0 to 18446744073709551615" })
}
