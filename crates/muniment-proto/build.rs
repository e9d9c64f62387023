//! Generates services and messages from `proto/` with protox, so that no protoc is needed.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

/// Files with services; protox reads what they import.
const SERVICES: [&str; 3] = [
    "muniment/v1/ledger_service.proto",
    "muniment/admin/v1/cluster_service.proto",
    "muniment/peer/v1/peer_service.proto",
];
/// Files whose messages are muniment-core's.
const OF_CORE: [&str; 2] = ["muniment/v1/record.proto", "muniment/v1/evidence.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    println!("cargo:rerun-if-changed={root}");
    let descriptors = protox::compile(SERVICES.iter().chain(&OF_CORE), [root])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("muniment.descriptors"), descriptors.encode_to_vec())?;

    let mut builder = tonic_prost_build::configure()
        .bytes(".muniment")
        .extern_path(".google.rpc.Status", "::tonic_types::Status");
    for file in descriptors.file.iter().filter(|file| OF_CORE.contains(&file.name())) {
        let messages = file.message_type.iter().map(|message| message.name());
        let enumerations = file.enum_type.iter().map(|enumeration| enumeration.name());
        for name in messages.chain(enumerations) {
            builder =
                builder.extern_path(format!(".muniment.v1.{name}"), format!("::muniment_core::v1::{name}"));
        }
    }
    builder.compile_fds(descriptors)?;
    Ok(())
}
