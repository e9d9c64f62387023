//! Authorisations: granted, denied, amended, suspended, resumed, revoked.

use super::rule::{
    any, ascending, data_sets, free_text, identifier, item_codes, optional, optional_digest,
    optional_identifier, remark, required, text, time_ms,
};
use super::shapes;
use crate::limits::REPEATED_MAX;

shapes! {
    AuthorisationGranted {
        application: optional(),
        grantor: identifier(),
        grantee: identifier(),
        processor: optional_identifier(),
        data_sets: data_sets(),
        items: item_codes(),
        purposes: ascending(0..=REPEATED_MAX, text(1..=64)),
        legal_basis: free_text(0..=256),
        valid: required(),
        quota_rows: any,
        onward_allowed: any,
        document_digest: optional_digest(),
    }
    AuthorisationDenied {
        application: required(),
        grantor: identifier(),
        reason: remark(),
    }
    AuthorisationAmended {
        authorisation: required(),
        effective_ms: time_ms(),
        terms: required(),
        reason: remark(),
    }
    AuthorisationSuspended {
        authorisation: required(),
        effective_ms: time_ms(),
        reason: remark(),
    }
    AuthorisationResumed {
        authorisation: required(),
        effective_ms: time_ms(),
        reason: remark(),
    }
    AuthorisationRevoked {
        authorisation: required(),
        effective_ms: time_ms(),
        reason: remark(),
    }
}
