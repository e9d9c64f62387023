//! The Rust client of a Muniment ledger.
//!
//! Owns: connections to the members, retries, deadlines, the encoding of what is submitted, and the checking of what is
//! answered: against a trust file that the caller pins, and against the last checkpoint that was verified before.
//!
//! Promises: every call ends by its deadline; a write is sent again with the same bytes, blind and request id only;
//! receipts, proofs and checkpoints are verified before they are handed out, records checked against their stubs; a ledger
//! that contradicts what was verified before is an error that names both checkpoints, and the older one stays pinned.
//!
//! Must never: believe a member's word where evidence exists, dial an address that its caller did not name, or take a host
//! name for an identity.
//!
//! What has no proof yet is said where it is answered: statistics, access checks, authorisations and a cluster's status
//! are one member's word; listed and watched records are checked against their stubs, but whether each stands in the tree
//! is proven by [`Client::get`] and [`Client::receipt`].

mod call;
mod client;
mod cluster;
mod error;
mod evidence;
mod first_word;
mod identity;
mod list;
mod member;
mod options;
mod pin;
mod prepared;
mod reads;
mod record;
mod submit;
mod submit_stream;
mod tls;
mod verifier;
mod watch;

pub use client::Client;
pub use cluster::MemberCheckpoint;
pub use error::{Class, Error, Refusal, advice};
pub use evidence::{EvidenceError, Summary};
pub use list::ListOptions;
pub use options::{Authority, IdentityFiles, Options, OptionsError, RetryPolicy};
pub use pin::StateError;
pub use prepared::{Batch, Prepared};
pub use reads::VerifiedReceipt;
pub use record::LedgerRecord;
pub use submit::Submitted;
pub use submit_stream::{Answered, StreamOptions};
pub use tls::DialError;
pub use watch::{WatchOptions, Watched};
