//! Where records come from: foreign rows read through a mapping file, and made-up traffic whose violations are known.
//!
//! Owns: the mapping language (`mappings/*.toml`), the readers of CSV and JSON Lines (plain or gzip), and the generator
//! of Anhui-shaped traffic with its list of injected violations, and of specimens of every kind of record.
//!
//! Promises: a file is streamed with bounded memory; each row becomes one record or one typed error that names file, row
//! and field; a bad row costs no other row; equal input gives equal records, the generator's included.
//!
//! Must never: talk to a network, know the rules by which records are judged, read a clock, or show a field's value in
//! an error (rows may hold personal data that the ledger would refuse).

mod cell;
mod error;
pub mod generator;
mod lines;
mod mapping;
mod random;
mod rows;
pub mod specimen;
mod table;
mod target;

pub use error::{FileError, IntakeError, RowError, RowFault};
pub use mapping::{Mapping, MappingError, MappingFault};
pub use rows::{Import, Row, Rows, count_rows};
