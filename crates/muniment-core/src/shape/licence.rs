//! Electronic certificates and licences, and their use.

use super::rule::{
    any, digest, identifier, known, optional, optional_digest, remark, required, text, time_ms,
};
use super::shapes;
use crate::v1::LicenceUse;

shapes! {
    LicenceIssued {
        licence: identifier(),
        r#type: text(1..=64),
        issuer: identifier(),
        holder_tag: digest(),
        valid: required(),
        digest: digest(),
        consent_required: any,
    }
    LicenceChanged {
        licence: identifier(),
        issuer: identifier(),
        valid: required(),
        digest: digest(),
        consent_required: any,
    }
    LicenceSuspended {
        licence: identifier(),
        issuer: identifier(),
        period: required(),
        reason: remark(),
    }
    LicenceRevoked {
        licence: identifier(),
        issuer: identifier(),
        effective_ms: time_ms(),
        reason: remark(),
    }
    LicenceUsed {
        licence: identifier(),
        issuer: identifier(),
        relying: identifier(),
        holder_tag: optional_digest(),
        matter: text(0..=128),
        mode: known::<LicenceUse>(),
        consent_digest: optional_digest(),
        authorisation: optional(),
    }
}
