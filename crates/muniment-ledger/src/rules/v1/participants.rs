//! Certificates and the keys that they bind.

use muniment_core::keys::PublicKey;
use muniment_core::{UnixMillis, v1};

use super::refuse;
use crate::applied::Rejection;
use crate::judge::{Candidate, Effects};
use crate::world::World;
use crate::world::entities::{AdmissionKey, Certificate};
use crate::world::period::Period;

/// Binds a certificate, and perhaps a key, to its bureau; a bound one may be bound again by the same bureau.
pub(super) fn certificate_bound(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::CertificateBound,
) -> Result<Effects, Rejection> {
    let field = |name: &str| format!("certificate_bound.{name}");
    let fingerprint = digest(&body.fingerprint, &field("fingerprint"))?;
    if let Some(known) = world.get::<Certificate>(&fingerprint) {
        if known.bureau != candidate.submitter {
            return Err(refuse(&field("fingerprint"), "is bound to another bureau"));
        }
        if known.revoked_from.is_some() {
            return Err(refuse(&field("fingerprint"), "was revoked: bind a new certificate"));
        }
    }
    let certificate = Certificate {
        bureau: candidate.submitter,
        valid: Period::of(body.valid.as_ref()),
        revoked_from: None,
    };
    let mut effects = Effects::of(&fingerprint, certificate);
    if !body.admission_key.is_empty() {
        let public_key = digest(&body.admission_key, &field("admission_key"))?;
        if PublicKey::from_bytes(&public_key).is_err() {
            return Err(refuse(&field("admission_key"), "is weak or not canonical: make a new key"));
        }
        let key =
            AdmissionKey { bureau: candidate.submitter, certificate: Some(fingerprint), retired: false };
        if world.get::<AdmissionKey>(&public_key).is_some_and(|known| *known != key) {
            return Err(refuse(&field("admission_key"), "is bound already: make a new key"));
        }
        effects.put(&public_key, key);
    }
    Ok(effects)
}

/// Revokes a bound certificate, and with it the keys that it binds.
pub(super) fn certificate_revoked(
    world: &World,
    candidate: &Candidate<'_>,
    body: &v1::CertificateRevoked,
) -> Result<Effects, Rejection> {
    let field = "certificate_revoked.fingerprint";
    let fingerprint = digest(&body.fingerprint, field)?;
    let known = world.get::<Certificate>(&fingerprint);
    let Some(known) = known.filter(|known| known.bureau == candidate.submitter) else {
        return Err(refuse(field, "is not bound to this bureau"));
    };
    if known.revoked_from.is_some() {
        return Err(refuse(field, "was revoked before"));
    }
    let revoked = Certificate { revoked_from: Some(UnixMillis(body.effective_ms)), ..known.clone() };
    Ok(Effects::of(&fingerprint, revoked))
}

/// 32 bytes of a record that its codec has checked.
pub(super) fn digest(bytes: &[u8], field: &str) -> Result<[u8; 32], Rejection> {
    bytes.try_into().map_err(|_| refuse(field, "has not 32 bytes"))
}
