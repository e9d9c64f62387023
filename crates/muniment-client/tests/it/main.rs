//! The client against a real member: a ledger of one node, real certificates, real sockets on loopback.

mod certificates;
mod ledger;
