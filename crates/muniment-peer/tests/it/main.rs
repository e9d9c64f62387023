//! The peer layer against real certificates and real sockets on loopback.

mod accepting;
mod authority;
mod bench;
mod cluster;
mod hostile;
mod misuse;
mod reload;
mod transport;
