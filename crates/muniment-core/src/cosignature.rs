//! Cosignatures: one bureau's timestamped signature on a checkpoint body, and a sha256 ledger's log signature.

use thiserror::Error;

use crate::Suite;
use crate::checkpoint::CheckpointBody;
use crate::founding::cosigning_key_type;
use crate::keys::{KeyError, SIGNATURE_LENGTH, SigningKey};
use crate::note::{KeyType, Line, VerifierKey};

/// The largest time, in seconds (C2SP tlog-cosignature: below 2^63).
pub const TIME_S_MAX: u64 = i64::MAX.unsigned_abs();

/// Why a signature line does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CosignatureError {
    /// The line is of another key.
    #[error("line of the key {0} is not of the key that it is checked with")]
    OtherKey(String),
    /// Not as long as the key's type has it.
    #[error("line of the key {name} holds {found} bytes; its type has {expected}")]
    Length {
        /// Name of the key.
        name: String,
        /// Bytes found after the key id.
        found: usize,
        /// Bytes of the type.
        expected: usize,
    },
    /// A time of 2^63 s or more.
    #[error("line of the key {0} has a time of 2^63 s or more")]
    Time(String),
    /// The signature.
    #[error("line of the key {name}: {error}")]
    Key {
        /// Name of the key.
        name: String,
        /// What is wrong.
        error: KeyError,
    },
}

/// A node's cosigning key. Belongs to one node id; never copied or backed up.
#[derive(Clone, Debug)]
pub struct CosigningKey {
    key: SigningKey,
    verifier_key: VerifierKey,
}

impl CosigningKey {
    /// The key of a seed; `name` is `<origin>/<code>`. `None` if that is no key name.
    #[must_use]
    pub fn from_seed(suite: Suite, name: &str, seed: &[u8; 32]) -> Option<Self> {
        let key = SigningKey::from_seed(seed);
        let verifier_key = VerifierKey::new(name, cosigning_key_type(suite), key.public_key())?;
        Some(Self { key, verifier_key })
    }

    /// Its public half.
    #[must_use]
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.verifier_key
    }

    /// Signs a body at a time in seconds since 1970 UTC. The caller has stored (body, time) durably and never signs two
    /// bodies of one size (`docs/data-format.md`, "Cosignature").
    #[must_use]
    pub fn sign(&self, body: &CheckpointBody, time_s: u64) -> Line {
        let time_s = time_s.min(TIME_S_MAX);
        let header = header(self.verifier_key.key_type()).expect("from_seed chose a cosigner's type");
        let signature = self.key.sign(&message(header, body, time_s));
        let signature = [time_s.to_be_bytes().as_slice(), &signature].concat();
        Line { name: self.verifier_key.name().to_owned(), key_id: self.verifier_key.id(), signature }
    }
}

/// A bureau's log key in a sha256 ledger: signs what q bureaus cosigned, for C2SP's tools.
#[derive(Clone, Debug)]
pub struct LogKey {
    key: SigningKey,
    verifier_key: VerifierKey,
}

impl LogKey {
    /// The key of a seed. `None` if the origin is no key name.
    #[must_use]
    pub fn from_seed(origin: &str, seed: &[u8; 32]) -> Option<Self> {
        let key = SigningKey::from_seed(seed);
        let verifier_key = VerifierKey::new(origin, KeyType::Log, key.public_key())?;
        Some(Self { key, verifier_key })
    }

    /// Its public half.
    #[must_use]
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.verifier_key
    }

    /// Signs a body, after q cosignatures on it were verified.
    #[must_use]
    pub fn sign(&self, body: &CheckpointBody) -> Line {
        let signature = self.key.sign(body.to_text().as_bytes()).to_vec();
        Line { name: self.verifier_key.name().to_owned(), key_id: self.verifier_key.id(), signature }
    }
}

/// Verifies a cosigner's line and answers its time in seconds since 1970 UTC.
///
/// # Errors
/// [`CosignatureError`] names the key.
pub fn verify(body: &CheckpointBody, line: &Line, key: &VerifierKey) -> Result<u64, CosignatureError> {
    let (Some(header), (Some(time_s), signature)) = (header(key.key_type()), split(line, key)?) else {
        return Err(CosignatureError::OtherKey(line.name.clone()));
    };
    if time_s > TIME_S_MAX {
        return Err(CosignatureError::Time(line.name.clone()));
    }
    check(key, &message(header, body, time_s), &signature)?;
    Ok(time_s)
}

/// Verifies a log key's line.
///
/// # Errors
/// [`CosignatureError`] names the key.
pub fn verify_log(body: &CheckpointBody, line: &Line, key: &VerifierKey) -> Result<(), CosignatureError> {
    let (None, signature) = split(line, key)? else {
        return Err(CosignatureError::OtherKey(line.name.clone()));
    };
    check(key, body.to_text().as_bytes(), &signature)
}

/// The first line of what a cosigner signs; a log key is none.
const fn header(key_type: KeyType) -> Option<&'static str> {
    match key_type {
        KeyType::C2spCosignature => Some("cosignature/v1"),
        KeyType::MunimentCosignature => Some("muniment-cosignature/v1"),
        KeyType::Log => None,
    }
}

/// What a cosigner signs: header, time, body.
fn message(header: &str, body: &CheckpointBody, time_s: u64) -> Vec<u8> {
    format!("{header}\ntime {time_s}\n{}", body.to_text()).into_bytes()
}

/// Time (none for a log key) and signature of a line.
fn split(line: &Line, key: &VerifierKey) -> Result<(Option<u64>, [u8; SIGNATURE_LENGTH]), CosignatureError> {
    if !key.names(line) {
        return Err(CosignatureError::OtherKey(line.name.clone()));
    }
    let is_log = key.key_type() == KeyType::Log;
    let expected = if is_log { SIGNATURE_LENGTH } else { 8 + SIGNATURE_LENGTH };
    let (time, signature) = line.signature.split_at(line.signature.len().saturating_sub(SIGNATURE_LENGTH));
    let time = if is_log { time.is_empty().then_some(None) } else { time.try_into().ok().map(Some) };
    match (time, signature.try_into()) {
        (Some(time), Ok(signature)) => Ok((time.map(u64::from_be_bytes), signature)),
        _ => Err(CosignatureError::Length { name: line.name.clone(), found: line.signature.len(), expected }),
    }
}

fn check(
    key: &VerifierKey,
    message: &[u8],
    signature: &[u8; SIGNATURE_LENGTH],
) -> Result<(), CosignatureError> {
    let named = |error| CosignatureError::Key { name: key.name().to_owned(), error };
    key.key().verify(message, signature).map_err(named)
}
