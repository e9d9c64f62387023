//! The crate at its boundary: mapping files and data files in, records and typed errors out.

#[cfg(test)]
mod generator;
#[cfg(test)]
mod mapping;
#[cfg(test)]
mod rows;
