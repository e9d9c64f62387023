//! The wire: Muniment's gRPC services as generated from `proto/`, and the checked conversions between their messages and
//! `muniment_core`'s types.
//!
//! Owns: generated clients and servers, the descriptors for reflection, conversions, the mapping of error reasons to gRPC
//! codes and details.
//!
//! Promises: what comes from the wire is an error with a field's name or a value within bounds; each
//! [`muniment_core::Reason`] has one gRPC code; records and evidence are `muniment_core::v1`'s messages, not copies.
//!
//! Must never: hold logic, open a connection, or know Raft.

pub mod bounds;
pub mod error_code;
pub mod error_report;
pub mod field_error;
pub mod header;
pub mod identifiers;
pub mod metadata;
pub mod proof;
pub mod record_filter;
pub mod route;
pub mod stored_record;
pub mod submission;
pub mod submitted;
pub mod verdict;

/// Package `muniment.v1`: the ledger's public service. Records are in [`muniment_core::v1`].
#[expect(
    clippy::allow_attributes_without_reason,
    clippy::missing_errors_doc,
    clippy::too_many_lines,
    reason = "generated"
)]
pub mod v1 {
    tonic::include_proto!("muniment.v1");
}

/// Package `muniment.admin`.
pub mod admin {
    /// Package `muniment.admin.v1`: the operators' service.
    #[expect(clippy::allow_attributes_without_reason, clippy::missing_errors_doc, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("muniment.admin.v1");
    }
}

/// Package `muniment.peer`.
pub mod peer {
    /// Package `muniment.peer.v1`: what nodes say to each other.
    #[expect(
        clippy::allow_attributes_without_reason,
        clippy::missing_errors_doc,
        clippy::too_many_lines,
        reason = "generated"
    )]
    pub mod v1 {
        tonic::include_proto!("muniment.peer.v1");
    }
}

/// Encoded `google.protobuf.FileDescriptorSet` of all services and what they import: for reflection. The descriptors of
/// error details are `tonic_types::pb::FILE_DESCRIPTOR_SET`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/muniment.descriptors"));

pub use error_code::code_of;
pub use error_report::{ErrorReport, status};
pub use field_error::{FieldError, RequestError};
