//! Rows on stdout: as a table, as JSON, or as CSV.

use csv_core::{WriteResult, Writer};
use serde_json::Value;

use crate::cli::{OutputFormat, RowsFormat};
use crate::console;

/// Rows that are all known before the first is printed.
pub(crate) struct Rows {
    columns: &'static [&'static str],
    rows: Vec<(Vec<String>, Value)>,
}

impl Rows {
    /// No rows yet, under these headings.
    pub(crate) const fn new(columns: &'static [&'static str]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row: its cells, and the same for programs.
    pub(crate) fn push(&mut self, cells: Vec<String>, json: Value) {
        self.rows.push((cells, json));
    }

    /// Prints all.
    pub(crate) fn print(&self, format: RowsFormat) -> anyhow::Result<()> {
        match format {
            RowsFormat::Json => {
                let all: Vec<&Value> = self.rows.iter().map(|(_, json)| json).collect();
                console::result(serde_json::to_string_pretty(&all)?)?;
            }
            RowsFormat::Csv => {
                console::result(csv_line(self.columns))?;
                for (cells, _) in &self.rows {
                    console::result(csv_line(cells))?;
                }
            }
            RowsFormat::Table => self.print_table()?,
        }
        Ok(())
    }

    fn print_table(&self) -> anyhow::Result<()> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|(cells, _)| cells.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(self.columns.get(column).map_or(0, |name| name.len()))
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let heads: Vec<String> =
            self.columns.iter().map(|name| name.to_uppercase().replace('_', " ")).collect();
        for cells in std::iter::once(&heads).chain(self.rows.iter().map(|(cells, _)| cells)) {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            let line = padded.collect::<Vec<_>>().join("  ");
            console::result(line.trim_end())?;
        }
        Ok(())
    }
}

/// A line of CSV (RFC 4180) without its end.
pub(crate) fn csv_line(cells: &[impl AsRef<str>]) -> String {
    let mut writer = Writer::new();
    let mut line = Vec::new();
    for (position, cell) in cells.iter().enumerate() {
        let cell = cell.as_ref().as_bytes();
        // Twice for quotes, and the two around them.
        let mut buffer = vec![0; 2 * cell.len() + 4];
        if position > 0 {
            let (_, written) = writer.delimiter(&mut buffer);
            line.extend_from_slice(&buffer[..written]);
        }
        let (result, _, written) = writer.field(cell, &mut buffer);
        debug_assert_eq!(result, WriteResult::InputEmpty, "the buffer is large enough");
        line.extend_from_slice(&buffer[..written]);
        let (_, written) = writer.finish(&mut buffer);
        line.extend_from_slice(&buffer[..written]);
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// One thing on stdout: names and values for people, or JSON for programs.
pub(crate) fn print_one(format: OutputFormat, lines: &[(&str, String)], json: &Value) -> anyhow::Result<()> {
    match format {
        OutputFormat::Json => console::result(serde_json::to_string_pretty(json)?)?,
        OutputFormat::Table => {
            let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, value) in lines {
                console::result(format!("{name:<width$}  {value}").trim_end())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_with_commas_quotes_and_line_ends_are_quoted() {
        assert_eq!(csv_line(&["a", "b"]), "a,b");
        assert_eq!(
            csv_line(&["a,b", "say \"x\"", "", "two\nlines"]),
            "\"a,b\",\"say \"\"x\"\"\",,\"two\nlines\""
        );
    }
}
