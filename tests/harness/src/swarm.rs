//! A swarm of whole-cluster runs: every fault that the machine can have, every sort of client, one checker.
//!
//! Machines with a clock, links and a disk under real nodes ([`cluster`]), seeded clients ([`workload`]) and a nemesis, the
//! history of a run, and the checker of the invariants I1 to I12 (design part 07), which is itself proven on spoilt
//! histories. A run follows from its seed alone; a violation names seed, invariant, what was expected and what was seen;
//! the checker reads histories and files, never what a node believes about itself.

pub mod ambush;
pub mod autopsy;
pub mod bounded;
pub mod bureaus;
pub mod checker;
pub mod cluster;
pub mod final_state;
pub mod history;
pub mod links;
pub mod load;
pub mod machine;
pub mod machine_disk;
mod machine_transport;
pub mod nemesis;
pub mod panics;
pub mod planted;
pub mod reader;
pub mod rederive;
pub mod run;
pub mod setup;
pub mod violation;
pub mod workload;
