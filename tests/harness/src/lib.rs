//! What the integration tests share: small ledgers with known keys, clusters of real nodes, faults, and the checker.
//!
//! Must never: be used by production code, or put a hook into it. Faults come in through the parameters that a node has
//! anyway: disk, network, environment, notary, rules.

pub mod cluster;
pub mod disk;
pub mod ledger;
pub mod made_up;
pub mod random;
pub mod swarm;
