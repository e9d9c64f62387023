//! The admission that a leaf lies in, and where.

use muniment_core::Hash;
use muniment_core::admission::KeptAdmission;

use super::address::Address;

/// Names an admission: where it lies in its files, the same on every node and for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdmissionPlace(pub(super) (u32, u32));

/// A leaf's place in an admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionSeat {
    /// The admission.
    pub place: AdmissionPlace,
    /// The leaf's position among the admission's records, from 0.
    pub position: u32,
}

/// What addresses a leaf's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafPlace {
    /// H("muniment/v1/record" 00 blind record).
    pub record_digest: Hash,
    /// Its seat; `None` for a leaf that no admission covers.
    pub seat: Option<AdmissionSeat>,
}

impl LeafPlace {
    pub(super) fn of(address: &Address) -> Self {
        let position = u32::from(address.position);
        let seat = address.admission.map(|place| AdmissionSeat { place: AdmissionPlace(place), position });
        Self { record_digest: address.record_digest, seat }
    }
}

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
