//! How a founder's node is reached, and whose certificates speak for its bureau.

use std::fmt;

use crate::lines::{LineError, Lines, from_base64, to_base64};

/// Bytes of a trust domain, at most (SPIFFE-ID 2.1).
const TRUST_DOMAIN_BYTES_MAX: usize = 255;
/// Bytes of a host name, at most (RFC 1035 2.3.4).
const HOST_BYTES_MAX: usize = 253;
/// Bytes of a CA certificate, at most.
const CA_BYTES_MAX: usize = 8 * 1024;

/// What the network knows of one bureau. Keys that sign evidence are elsewhere (`members`); these only open connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The bureau's SPIFFE trust domain. A certificate speaks for the bureau if it names this domain *and* the bureau's
    /// own CA issued it: lower-case letters, digits, dots, hyphens and underscores, at most 255 bytes.
    pub trust_domain: String,
    /// Where peers reach its node: `host:port`.
    pub peer_address: String,
    /// Where services reach its node: `host:port`.
    pub client_address: String,
    /// The bureau's CA certificate, DER, at most 8 KiB. Only its outer shape is checked here; whoever makes connections
    /// reads it (RFC 5280).
    pub ca_certificate: Vec<u8>,
}

impl Contact {
    /// What the format has in a contact's line.
    pub(crate) const SHAPE: &'static str =
        "contact, trust domain, peer address, client address, CA certificate in base64";

    /// Reads a contact's line.
    pub(crate) fn read(lines: &mut Lines<'_>) -> Result<Self, LineError> {
        let ["contact", trust_domain, peer_address, client_address, ca] = lines.words::<5>(Self::SHAPE)?
        else {
            return Err(lines.unexpected(Self::SHAPE));
        };
        Ok(Self {
            trust_domain: trust_domain.to_owned(),
            peer_address: peer_address.to_owned(),
            client_address: client_address.to_owned(),
            ca_certificate: lines.require(from_base64(ca), "a CA certificate, DER in base64")?,
        })
    }

    /// What is wrong with it by itself.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if !is_trust_domain(&self.trust_domain) {
            return Some("a trust domain is 1 to 255 lower-case letters, digits, dots, hyphens, underscores");
        }
        if !is_address(&self.peer_address) || !is_address(&self.client_address) {
            return Some("an address is host:port; IPv6 hosts stand in brackets");
        }
        if self.ca_certificate.len() > CA_BYTES_MAX || !is_der_sequence(&self.ca_certificate) {
            return Some("the CA certificate is not one DER sequence of at most 8192 bytes");
        }
        None
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trust_domain, peer_address, client_address, ca_certificate } = self;
        let ca = to_base64(ca_certificate);
        write!(f, "contact {trust_domain} {peer_address} {client_address} {ca}")
    }
}

fn is_trust_domain(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (1..=TRUST_DOMAIN_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host_holds = match literal {
        Some(literal) => literal.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            (1..=HOST_BYTES_MAX).contains(&host.len()) && host.bytes().all(allowed)
        }
    };
    host_holds && crate::lines::decimal::<u16>(port).is_some_and(|port| port != 0)
}

/// Whether the bytes are one definite-length SEQUENCE and nothing more (X.690 8.1.3).
fn is_der_sequence(bytes: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = bytes else { return false };
    let (length, content) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 if rest.len() > 1 && rest[0] >= 0x80 => (usize::from(rest[0]), &rest[1..]),
        0x82 if rest.len() > 2 && rest[0] != 0 => {
            (usize::from(rest[0]) << 8 | usize::from(rest[1]), &rest[2..])
        }
        _ => return false,
    };
    content.len() == length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact() -> Contact {
        Contact {
            trust_domain: "hefei.example".to_owned(),
            peer_address: "node.hefei.example:7444".to_owned(),
            client_address: "[2001:db8::1]:7443".to_owned(),
            ca_certificate: vec![0x30, 1, 0],
        }
    }

    #[test]
    fn a_contact_survives_its_line() {
        let text = format!("{}\n", contact());
        let mut lines = Lines::new(text.as_bytes()).expect("a text");
        assert_eq!(Contact::read(&mut lines), Ok(contact()));
        assert_eq!(contact().fault(), None);
    }

    #[test]
    fn every_part_is_checked() {
        let trust_domains = ["", "Hefei.example", "hefei/example", "hefei example"];
        let addresses = ["", "host", "host:", ":7444", "host:0", "host:65536", "host:+1", "2001:db8::1:7444"];
        let certificates: [&[u8]; 6] =
            [&[], &[0x30], &[0x30, 2, 0], &[0x30, 1, 0, 0], &[0x31, 1, 0], &[0x30, 0x81, 1, 0]];
        for text in trust_domains {
            assert!(Contact { trust_domain: text.to_owned(), ..contact() }.fault().is_some(), "{text:?}");
        }
        for text in addresses {
            assert!(Contact { peer_address: text.to_owned(), ..contact() }.fault().is_some(), "{text:?}");
            assert!(Contact { client_address: text.to_owned(), ..contact() }.fault().is_some(), "{text:?}");
        }
        for bytes in certificates {
            assert!(Contact { ca_certificate: bytes.to_vec(), ..contact() }.fault().is_some(), "{bytes:?}");
        }
        let long = [&[0x30, 0x82, 0x1f, 0xfd][..], &[0; 0x1ffd]].concat();
        assert!(Contact { ca_certificate: long, ..contact() }.fault().is_some(), "8193 bytes");
    }
}
