//! What the things of a Muniment ledger *are*, and how to check them.
//!
//! Owns: the record model and its canonical codec, identifiers, the hash suites, the trees and their proofs, stubs,
//! admissions, batches, member lists, checkpoints, cosignatures, receipts and their verification.
//!
//! Promises: every decoder takes any bytes and answers a typed error that says what is wrong and where; equal input gives
//! equal output on every machine; nothing here ever needs a server.
//!
//! Must never: do I/O, read a clock, run async code, make random numbers, or know gRPC.

pub mod admission;
pub mod batch;
pub mod canonical;
pub mod checkpoint;
pub mod conflict;
pub mod contact;
pub mod cosignature;
pub mod derived;
pub mod digest;
pub mod founding;
pub mod handover;
pub mod identifier;
pub mod index;
pub mod keys;
mod kind;
pub mod leaf;
pub mod limits;
mod lines;
pub mod members;
pub mod note;
mod numbers;
pub mod personal_data;
pub mod reader;
mod reason;
pub mod receipt;
pub mod record;
mod shape;
mod stub;
mod suite;
pub mod terms;
pub mod tree;
pub mod trust;
mod verdict;
pub mod verify;

/// Messages generated from `proto/muniment/v1`.
#[expect(clippy::pedantic, clippy::doc_markdown, reason = "generated")]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/muniment.v1.rs"));
}

pub use kind::{Kind, KindRow, Nature, RetentionClass, Visibility};
pub use numbers::{
    Blind, BureauNumber, LeafIndex, LedgerId, LogIndex, NodeId, RaftTerm, RequestId, RulesVersion, TreeSize,
    UnixMillis,
};
pub use reason::Reason;
pub use record::RecordError;
pub use stub::{Stub, StubError};
pub use suite::{Hash, HashInputs, HashSuite, Suite, Tree};
pub use verdict::{Flag, Verdict};
