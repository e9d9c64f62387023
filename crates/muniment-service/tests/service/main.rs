//! The public edge of three real nodes: real files, real TLS sockets on loopback, an in-memory network between the nodes.

mod access;
mod authorities;
mod cluster;
mod connections;
mod edges;
mod frames;
mod lookups;
mod made_up;
mod rates;
mod reads;
mod scans;
mod streams;
mod submits;
