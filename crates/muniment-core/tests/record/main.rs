//! The record codec at its boundary: bytes in, a checked record or a typed error out.

mod bounds;
mod canonical;
mod draw;
mod free_text;
mod numbering;
mod round_trip;
mod vectors;
