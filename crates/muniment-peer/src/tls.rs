//! Who is at the other end: TLS 1.3 with certificates from both sides, each bureau's from its own CA.
//!
//! A certificate names its bearer by exactly one URI, `spiffe://<trust domain>/{node|client|admin}/<name>` (SPIFFE-ID 2;
//! X509-SVID 2). [`Trust`] takes the trust domain to choose *one* CA, so that no bureau's CA can make another bureau's
//! names; the common name says nothing. [`Credentials`] are this process's own certificate and key. [`accept()`] turns a
//! listener into connections whose bearer is known, and ends them when it no longer is. [`FileWatch`] takes up what changes on disk.

mod accept;
mod config;
mod connection;
mod connections;
mod credentials;
mod file_watch;
mod guard;
mod identity;
mod revocation;
mod trust;
mod verifier;

pub use accept::{AcceptOptions, Incoming, Port, accept};
pub use config::{ServerPolicy, client_config, server_config};
pub use connection::{Connection, ConnectionInfo, Guarded};
pub use connections::{Closed, ClosedCounts};
pub use credentials::{Credentials, CredentialsError};
pub use file_watch::FileWatch;
pub use guard::{Cutter, Guard};
pub use identity::{Identity, IdentityError, Role, SpiffeId};
pub use revocation::{RevocationError, RevocationErrors};
pub use trust::{BureauTrust, Purpose, Refusal, Trust, TrustError};

pub(crate) use verifier::handshake_fault;
