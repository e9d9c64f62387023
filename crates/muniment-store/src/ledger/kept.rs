//! The admission that a leaf lies in.

use muniment_core::Hash;
use muniment_core::admission::KeptAdmission;

/// What was kept of the part that a leaf came in, with the digests of all its records: a receipt's path is made of
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionOfLeaf {
    /// What was kept.
    pub kept: KeptAdmission,
    /// The leaf's position among the admission's records, from 0.
    pub position: u32,
    /// The digests of all its records, in order; of a derived statement, its one record's.
    pub record_digests: Vec<Hash>,
}
