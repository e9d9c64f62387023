//! Bureaus and certificates.

use super::rule::{
    ascending, blob, digest, free_text, identifier, known, list, number, optional_digest,
    optional_identifier, remark, required, time_ms,
};
use super::shapes;
use crate::limits::REPEATED_MAX;
use crate::v1::Role;

/// Most certificates of a chain.
const CHAIN_MAX: usize = 8;
/// Most bytes of one DER certificate.
const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;

shapes! {
    BureauRegistered {
        number: number(1..=u32::MAX),
        code: identifier(),
        name: free_text(1..=256),
        region: identifier(),
        level: number(0..=3),
        roles: ascending(0..=REPEATED_MAX, known::<Role>()),
    }
    BureauUpdated {
        number: number(1..=u32::MAX),
        name: free_text(1..=256),
        region: identifier(),
        level: number(0..=3),
        roles: ascending(0..=REPEATED_MAX, known::<Role>()),
    }
    BureauSuspended {
        number: number(1..=u32::MAX),
        reason: remark(),
    }
    CertificateBound {
        fingerprint: digest(),
        admission_key: optional_digest(),
        chain: list(0..=CHAIN_MAX, blob(1..=CERTIFICATE_BYTES_MAX)),
        valid: required(),
        system: optional_identifier(),
    }
    CertificateRevoked {
        fingerprint: digest(),
        effective_ms: time_ms(),
        reason: remark(),
    }
}
