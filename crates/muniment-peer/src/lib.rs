//! Muniment's bytes between nodes, and the mutual TLS under every port.
//!
//! Owns: who is at the other end of a connection ([`tls`]), the Raft transport over gRPC ([`GrpcTransport`]), the server
//! of port 7444 ([`PeerServer`]), and the runtime that both live on ([`PeerRuntime`]).
//!
//! Promises: a certificate speaks for a bureau only if that bureau's own CA issued it; a revoked certificate loses its
//! open connections; a message reaches the node only from the node that it names, of this ledger.
//!
//! Must never: decide anything about records, write to the store, or read what the bytes say.

mod dial;
mod lanes;
mod peers;
mod refused;
mod request_gate;
mod runtime;
mod server;
pub mod tls;
mod transport;

pub use lanes::LaneLimits;
pub use peers::{Peer, Peers};
pub use runtime::PeerRuntime;
pub use server::{PeerServer, PeerServerError, PeerServerOptions};
pub use transport::{GrpcTransport, TransportError, TransportOptions, TransportTimings};

/// Bytes of one message between nodes, at most.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of one gRPC message, at most: a message and its envelope, with room for later fields.
const FRAME_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;
