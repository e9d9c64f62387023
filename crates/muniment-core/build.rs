//! Generates the record messages from `proto/` with protox, so that no protoc is needed.

use std::error::Error;

/// What is hashed, signed and stored. The services' messages are muniment-proto's.
const FILES: [&str; 2] = ["muniment/v1/record.proto", "muniment/v1/evidence.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    for file in FILES {
        println!("cargo:rerun-if-changed={root}/{file}");
    }
    let descriptors = protox::compile(FILES, [root])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
