//! The name in a certificate, and whom it speaks for.

use std::fmt;

use muniment_core::BureauNumber;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// Bytes of a SPIFFE id, at most (SPIFFE-ID 2.3).
const ID_BYTES_MAX: usize = 2048;
/// Bytes of a bearer's name, at most.
const NAME_BYTES_MAX: usize = 255;
/// Characters of foreign text that an error repeats.
const SHOWN_MAX: usize = 120;

/// What the bearer of a certificate is to its bureau.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A node of the ledger.
    Node,
    /// A service that submits and reads.
    Client,
    /// An operator.
    Admin,
}

/// A bearer's name as it stands in a certificate: `spiffe://<trust domain>/<role>/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpiffeId {
    /// The bureau's trust domain.
    pub trust_domain: String,
    /// The role: the first segment of the path.
    pub role: Role,
    /// The name: the second segment, 1 to 255 letters, digits, dots, hyphens and underscores.
    pub name: String,
}

/// Who is at the other end of a connection, after its chain was verified against its bureau's CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The bureau whose CA issued the certificate.
    pub bureau: BureauNumber,
    /// That bureau's trust domain.
    pub trust_domain: String,
    /// The role in the certificate.
    pub role: Role,
    /// The name in the certificate.
    pub name: String,
    /// Fingerprint: SHA-256 of the certificate's DER.
    pub certificate: [u8; 32],
}

/// Why a certificate names nobody.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// It is no X.509 certificate, or its names can't be read.
    #[error("the certificate can't be read: {0}")]
    Malformed(String),
    /// Not exactly one URI among its names; the common name and DNS names don't count.
    #[error("the certificate has {0} URI names, not exactly one")]
    UriNames(usize),
    /// The URI is not a SPIFFE id.
    #[error("the certificate's URI {0:?} is not spiffe://<trust domain>/<node, client or admin>/<name>")]
    NotSpiffe(String),
    /// The role is none.
    #[error("the certificate's role {0:?} is neither node nor client nor admin")]
    UnknownRole(String),
    /// No bureau of this ledger has that trust domain.
    #[error("no bureau of this ledger has the trust domain {0:?}")]
    UnknownTrustDomain(String),
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Node, Self::Client, Self::Admin];

    /// The role as it stands in a certificate.
    #[must_use]
    pub const fn segment(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Client => "client",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.segment())
    }
}

impl SpiffeId {
    /// The name of a node.
    #[must_use]
    pub fn node(trust_domain: &str, name: &str) -> Self {
        Self { trust_domain: trust_domain.to_owned(), role: Role::Node, name: name.to_owned() }
    }

    /// Reads an id in its one form: no other case, no query, no port, no further segment.
    ///
    /// # Errors
    /// [`IdentityError::NotSpiffe`] or [`IdentityError::UnknownRole`].
    pub fn parse(uri: &str) -> Result<Self, IdentityError> {
        let not_spiffe = || IdentityError::NotSpiffe(shown(uri));
        if uri.len() > ID_BYTES_MAX {
            return Err(not_spiffe());
        }
        let rest = uri.strip_prefix("spiffe://").ok_or_else(not_spiffe)?;
        let mut parts = rest.split('/');
        let (Some(trust_domain), Some(segment), Some(name), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(not_spiffe());
        };
        if !is_segment(trust_domain) || !is_segment(name) {
            return Err(not_spiffe());
        }
        let role = Role::ALL.into_iter().find(|role| role.segment() == segment);
        let role = role.ok_or_else(|| IdentityError::UnknownRole(shown(segment)))?;
        Ok(Self { trust_domain: trust_domain.to_owned(), role, name: name.to_owned() })
    }

    /// Reads the one URI name of a certificate. Nothing is verified here: [`super::Trust::verify`] does that.
    ///
    /// # Errors
    /// [`IdentityError`], but for the trust domain, which is not looked up.
    pub fn of_certificate(der: &[u8]) -> Result<Self, IdentityError> {
        let (rest, certificate) =
            parse_x509_certificate(der).map_err(|error| IdentityError::Malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(IdentityError::Malformed(format!("{} bytes follow it", rest.len())));
        }
        // Also an error when the extension stands there twice.
        let names = certificate
            .subject_alternative_name()
            .map_err(|error| IdentityError::Malformed(error.to_string()))?
            .map_or(&[][..], |extension| &extension.value.general_names);
        let mut uris = Vec::new();
        for name in names {
            match name {
                GeneralName::URI(uri) => uris.push(*uri),
                // It might be a URI that this parser reads differently from the next one.
                GeneralName::Invalid(..) => {
                    return Err(IdentityError::Malformed("a name of it can't be read".to_owned()));
                }
                _ => {}
            }
        }
        let [uri] = uris[..] else { return Err(IdentityError::UriNames(uris.len())) };
        Self::parse(uri)
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/{}/{}", self.trust_domain, self.role, self.name)
    }
}

impl Identity {
    pub(super) fn new(bureau: BureauNumber, id: SpiffeId, der: &[u8]) -> Self {
        let SpiffeId { trust_domain, role, name } = id;
        Self { bureau, trust_domain, role, name, certificate: Sha256::digest(der).into() }
    }

    /// The name as it stands in the certificate.
    #[must_use]
    pub fn spiffe_id(&self) -> SpiffeId {
        let Self { trust_domain, role, name, .. } = self;
        SpiffeId { trust_domain: trust_domain.clone(), role: *role, name: name.clone() }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spiffe_id().fmt(f)
    }
}

fn is_segment(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) && !matches!(text, "." | "..")
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        for role in Role::ALL {
            let id = SpiffeId { trust_domain: "hefei.example".to_owned(), role, name: "erp-1".to_owned() };
            assert_eq!(SpiffeId::parse(&id.to_string()), Ok(id));
        }
    }

    #[test]
    fn any_other_form_is_refused() {
        let not_spiffe = [
            "",
            "https://hefei.example/node/1",
            "SPIFFE://hefei.example/node/1",
            "spiffe://hefei.example/node",
            "spiffe://hefei.example/node/",
            "spiffe://hefei.example/node/1/",
            "spiffe://hefei.example/node/1/2",
            "spiffe://hefei.example//node/1",
            "spiffe:///node/1",
            "spiffe://hefei.example:443/node/1",
            "spiffe://x@hefei.example/node/1",
            "spiffe://hefei.example/node/..",
            "spiffe://hefei.example/node/1?x",
            "spiffe://hefei.example/node/1#x",
            "spiffe://hefei.example/node/%31",
            "spiffe://hefei.example/node/\u{4e00}",
        ];
        for uri in not_spiffe {
            assert_eq!(SpiffeId::parse(uri), Err(IdentityError::NotSpiffe(uri.to_owned())), "{uri:?}");
        }
        for role in ["Node", "nodes", "root"] {
            let found = SpiffeId::parse(&format!("spiffe://hefei.example/{role}/1"));
            assert_eq!(found, Err(IdentityError::UnknownRole(role.to_owned())));
        }
        let long = format!("spiffe://hefei.example/node/{}", "n".repeat(NAME_BYTES_MAX + 1));
        assert!(SpiffeId::parse(&long).is_err(), "a name of 256 bytes");
    }
}
