//! Admissions: what one signer contributes to one Raft entry, with that signature (G11).

use thiserror::Error;

use crate::derived::{DerivedError, DerivedStatement};
use crate::keys::{KeyError, PUBLIC_KEY_LENGTH, PublicKey, SIGNATURE_LENGTH, SigningKey};
use crate::limits::BATCH_RECORDS_MAX;
use crate::reader::{Reader, ShapeError};
use crate::tree::root_of;
use crate::{Hash, RequestId, Suite, Tree};

/// Some records under one request id, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The submission's UUIDv7.
    pub request_id: RequestId,
    /// How many of the admission's records are its, from 1.
    pub count: u32,
}

/// A signed statement: "these records, in this order, are mine" (`docs/data-format.md`, "Admission").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The submissions, in the order of their records.
    pub submissions: Vec<Submission>,
    /// Root over the record digests, in order.
    pub root: Hash,
    /// The signer: a node's admission key, or a client's bound key.
    pub public_key: [u8; PUBLIC_KEY_LENGTH],
    /// Ed25519 over the label, the origin and the bytes above.
    pub signature: [u8; SIGNATURE_LENGTH],
}

/// Why bytes are not an admission, or why an admission does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AdmissionError {
    /// Too few or too many bytes.
    #[error("admission: {0}")]
    Shape(#[from] ShapeError),
    /// No submission, an empty one, or more records than a batch may hold.
    #[error(
        "admission names {submissions} submissions with {records} records; 1 to {BATCH_RECORDS_MAX} each, none empty"
    )]
    Count {
        /// Submissions named.
        submissions: u64,
        /// Records named.
        records: u64,
    },
    /// The signature or the key is refused.
    #[error("admission: {0}")]
    Key(#[from] KeyError),
}

impl Admission {
    /// Signs for records with these digests.
    #[must_use]
    pub fn sign(
        suite: Suite,
        origin: &str,
        key: &SigningKey,
        submissions: Vec<Submission>,
        record_digests: impl IntoIterator<Item = Hash>,
    ) -> Self {
        let root = Self::root_over(suite, record_digests);
        let public_key = key.public_key().to_bytes();
        let mut admission = Self { submissions, root, public_key, signature: [0; SIGNATURE_LENGTH] };
        admission.signature = key.sign(&admission.signing_input(origin));
        admission
    }

    /// Root over record digests in order.
    #[must_use]
    pub fn root_over(suite: Suite, record_digests: impl IntoIterator<Item = Hash>) -> Hash {
        let leaves = record_digests.into_iter().map(|digest| suite.leaf(Tree::Admission, &digest.0));
        root_of(suite, Tree::Admission, leaves)
    }

    /// Number of records that the statement covers.
    #[must_use]
    pub fn record_count(&self) -> u64 {
        self.submissions.iter().map(|submission| u64::from(submission.count)).sum()
    }

    /// The statement followed by its signature.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.statement();
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// Reads an admission from the front of `reader`.
    ///
    /// # Errors
    /// [`AdmissionError::Shape`] and [`AdmissionError::Count`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, AdmissionError> {
        let named = reader.u32()?;
        let mut submissions = Vec::with_capacity(reader.left().min(BATCH_RECORDS_MAX * 20) / 20);
        let mut records = 0_u64;
        for _ in 0..named {
            let submission = Submission { request_id: RequestId(reader.array()?), count: reader.u32()? };
            records += u64::from(submission.count);
            let empty = submission.count == 0;
            if empty || submissions.len() == BATCH_RECORDS_MAX || records > BATCH_RECORDS_MAX as u64 {
                return Err(AdmissionError::Count { submissions: u64::from(named), records });
            }
            submissions.push(submission);
        }
        if submissions.is_empty() {
            return Err(AdmissionError::Count { submissions: 0, records: 0 });
        }
        Ok(Self {
            submissions,
            root: Hash(reader.array()?),
            public_key: reader.array()?,
            signature: reader.array()?,
        })
    }

    /// Reads an admission that fills `bytes`.
    ///
    /// # Errors
    /// As [`Admission::read`], and bytes that are left over.
    pub fn decode(bytes: &[u8]) -> Result<Self, AdmissionError> {
        let mut reader = Reader::new(bytes);
        let admission = Self::read(&mut reader)?;
        reader.end()?;
        Ok(admission)
    }

    /// Verifies the signature strictly. The root is the caller's to compare: see [`Admission::root_over`].
    ///
    /// # Errors
    /// [`AdmissionError::Key`].
    pub fn verify_signature(&self, origin: &str) -> Result<PublicKey, AdmissionError> {
        let key = PublicKey::from_bytes(&self.public_key)?;
        key.verify(&self.signing_input(origin), &self.signature)?;
        Ok(key)
    }

    fn statement(&self) -> Vec<u8> {
        let count = u32::try_from(self.submissions.len()).expect("at most 2,048 submissions");
        let mut bytes = Vec::with_capacity(4 + 20 * self.submissions.len() + 32 + 32 + SIGNATURE_LENGTH);
        bytes.extend_from_slice(&count.to_be_bytes());
        for submission in &self.submissions {
            bytes.extend_from_slice(&submission.request_id.0);
            bytes.extend_from_slice(&submission.count.to_be_bytes());
        }
        bytes.extend_from_slice(&self.root.0);
        bytes.extend_from_slice(&self.public_key);
        bytes
    }

    fn signing_input(&self, origin: &str) -> Vec<u8> {
        [b"muniment/v1/admission\0", origin.as_bytes(), b"\n", self.statement().as_slice()].concat()
    }
}

/// What stays for ever of a part of a batch that became at least one leaf (`docs/data-format.md`, "Admissions file").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptAdmission {
    /// A signed admission, and what its records that became no leaf were: with the digests of those that did, its root
    /// can be computed again.
    Admission {
        /// The statement with its signature.
        admission: Admission,
        /// Position in the admission and record digest of each record that became no leaf, ascending.
        absent: Vec<(u32, Hash)>,
    },
    /// The signatures under a leaf of kind 200.
    Derived(DerivedStatement),
}

/// Why bytes are not a kept admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeptAdmissionError {
    /// Too few or too many bytes.
    #[error("kept admission: {0}")]
    Shape(#[from] ShapeError),
    /// The admission itself.
    #[error("kept admission: {0}")]
    Admission(#[from] AdmissionError),
    /// The derived statement itself.
    #[error("kept admission: {0}")]
    Derived(#[from] DerivedError),
    /// The positions without a leaf.
    #[error("kept admission: positions without a leaf must ascend and be fewer than the {records} records")]
    Absent {
        /// Records of the admission.
        records: u64,
    },
}

/// First four bytes of a kept derived statement: no admission has 0 submissions.
const KEPT_DERIVED: u32 = 0;

impl KeptAdmission {
    /// An admission: its encoding, count u32, then position u32 and digest of each record that became no leaf. A derived
    /// statement: 0 u32, then its encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Admission { admission, absent } => {
                let count = u32::try_from(absent.len()).expect("at most 2,048 records");
                let mut bytes = admission.encode();
                bytes.extend_from_slice(&count.to_be_bytes());
                for (position, digest) in absent {
                    bytes.extend_from_slice(&position.to_be_bytes());
                    bytes.extend_from_slice(&digest.0);
                }
                bytes
            }
            Self::Derived(statement) => [&KEPT_DERIVED.to_be_bytes()[..], &statement.encode()].concat(),
        }
    }

    /// Reads what [`KeptAdmission::encode`] wrote. Signatures and root are the caller's to check.
    ///
    /// # Errors
    /// [`KeptAdmissionError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, KeptAdmissionError> {
        let mut reader = Reader::new(bytes);
        if reader.clone().u32()? == KEPT_DERIVED {
            reader.u32()?;
            let statement = DerivedStatement::read(&mut reader)?;
            reader.end()?;
            return Ok(Self::Derived(statement));
        }
        let admission = Admission::read(&mut reader)?;
        let records = admission.record_count();
        let count = u64::from(reader.u32()?);
        if count >= records {
            return Err(KeptAdmissionError::Absent { records });
        }
        let mut absent = Vec::new();
        for _ in 0..count {
            absent.push((reader.u32()?, Hash(reader.array()?)));
        }
        let ascend = absent.is_sorted_by(|(a, _), (b, _)| a < b);
        if !ascend || absent.last().is_some_and(|(last, _)| u64::from(*last) >= records) {
            return Err(KeptAdmissionError::Absent { records });
        }
        reader.end()?;
        Ok(Self::Admission { admission, absent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derived::Derived;
    use crate::{LogIndex, RaftTerm, RulesVersion, TreeSize};

    fn admission() -> Admission {
        let key = SigningKey::from_seed(&[1; 32]);
        let submissions = vec![Submission { request_id: RequestId([9; 16]), count: 3 }];
        let digests = [1, 2, 3].map(|byte| Hash([byte; 32]));
        Admission::sign(Suite::Blake3, "example/ledger", &key, submissions, digests)
    }

    fn derived() -> DerivedStatement {
        let values = Derived {
            size: TreeSize(7),
            log_index: LogIndex(8),
            raft_term: RaftTerm(1),
            index_root: Hash([1; 32]),
            world_digest: Hash([2; 32]),
            members_digest: Hash([3; 32]),
            rules: RulesVersion(1),
        };
        let signature = values.sign("example/ledger", &SigningKey::from_seed(&[1; 32]));
        DerivedStatement { derived: values, signatures: vec![signature] }
    }

    #[test]
    fn what_is_kept_survives_its_bytes_and_no_cut_of_them_does() {
        let absent = vec![(0, Hash([1; 32])), (2, Hash([3; 32]))];
        let all =
            [KeptAdmission::Admission { admission: admission(), absent }, KeptAdmission::Derived(derived())];
        for kept in all {
            let bytes = kept.encode();
            assert_eq!(KeptAdmission::decode(&bytes), Ok(kept));
            for end in 0..bytes.len() {
                assert!(KeptAdmission::decode(&bytes[..end]).is_err(), "cut at {end}");
            }
            assert!(KeptAdmission::decode(&[&bytes[..], &[0]].concat()).is_err(), "a byte too many");
        }
    }

    #[test]
    fn positions_without_a_leaf_ascend_and_leave_one_record_at_least() {
        let digest = Hash([1; 32]);
        let wrong = [
            vec![(1, digest), (1, digest)],
            vec![(1, digest), (0, digest)],
            vec![(3, digest)],
            vec![(0, digest), (1, digest), (2, digest)],
        ];
        for absent in wrong {
            let bytes = KeptAdmission::Admission { admission: admission(), absent: absent.clone() }.encode();
            let error = KeptAdmissionError::Absent { records: 3 };
            assert_eq!(KeptAdmission::decode(&bytes), Err(error), "{absent:?}");
        }
    }
}
