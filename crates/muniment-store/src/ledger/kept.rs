//! What is kept for ever of an admission or a derived statement.

use muniment_core::Hash;
use muniment_core::reader::{Reader, ShapeError};

use crate::frame::FrameKind;

/// What an entry contributes to `admissions/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptAdmission<'a> {
    /// A signed admission that held.
    Admission {
        /// Statement and signature, as they were submitted.
        bytes: &'a [u8],
        /// Position, from 0, and record digest of each record that became no leaf, ascending by position: with the
        /// leaves they give the root that was signed.
        without_leaf: &'a [(u32, Hash)],
    },
    /// A derived statement that held: values and signatures.
    Derived {
        /// As it was proposed.
        bytes: &'a [u8],
    },
}

/// What was kept, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredAdmission {
    /// A signed admission.
    Admission {
        /// Statement and signature.
        bytes: Vec<u8>,
        /// Position and record digest of each record that became no leaf.
        without_leaf: Vec<(u32, Hash)>,
    },
    /// A derived statement.
    Derived {
        /// Values and signatures.
        bytes: Vec<u8>,
    },
}

/// The admission that a leaf lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionOfLeaf {
    /// What was kept.
    pub admission: StoredAdmission,
    /// The leaf's position among the admission's records, from 0.
    pub position: u32,
    /// The digests of all its records, in order; of a derived statement, its one record's.
    pub record_digests: Vec<Hash>,
}

impl KeptAdmission<'_> {
    pub(crate) const fn kind(&self) -> FrameKind {
        match self {
            Self::Admission { .. } => FrameKind::Admission,
            Self::Derived { .. } => FrameKind::Derived,
        }
    }

    pub(crate) const fn payload_length(&self) -> usize {
        match self {
            Self::Admission { bytes, without_leaf } => 4 + bytes.len() + 4 + 36 * without_leaf.len(),
            Self::Derived { bytes } => bytes.len(),
        }
    }

    pub(crate) fn write(&self, payload: &mut Vec<u8>) {
        match self {
            Self::Admission { bytes, without_leaf } => {
                payload.extend_from_slice(&count(bytes.len()).to_be_bytes());
                payload.extend_from_slice(bytes);
                payload.extend_from_slice(&count(without_leaf.len()).to_be_bytes());
                for (position, digest) in *without_leaf {
                    payload.extend_from_slice(&position.to_be_bytes());
                    payload.extend_from_slice(&digest.0);
                }
            }
            Self::Derived { bytes } => payload.extend_from_slice(bytes),
        }
    }
}

/// Reads a frame of `admissions/`; `None` for a kind that is not kept there.
pub(crate) fn read_admission_frame(
    kind: FrameKind,
    payload: &[u8],
) -> Result<Option<StoredAdmission>, ShapeError> {
    let mut reader = Reader::new(payload);
    Ok(Some(match kind {
        FrameKind::Admission => {
            let bytes = reader.block()?.to_vec();
            let named = reader.u32()?;
            let mut without_leaf = Vec::with_capacity(reader.left() / 36);
            for _ in 0..named {
                without_leaf.push((reader.u32()?, Hash(reader.array()?)));
            }
            reader.end()?;
            StoredAdmission::Admission { bytes, without_leaf }
        }
        FrameKind::Derived => StoredAdmission::Derived { bytes: payload.to_vec() },
        _ => return Ok(None),
    }))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("what a batch of 1 MiB holds is far below 2^32")
}
