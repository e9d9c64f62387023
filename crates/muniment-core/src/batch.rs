//! The bytes of one Raft entry: one batch of admitted records (`docs/data-format.md`, "Batch").

use thiserror::Error;

use crate::admission::{Admission, AdmissionError};
use crate::derived::{DerivedError, DerivedStatement};
use crate::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, RECORD_BYTES_MAX};
use crate::reader::{Reader, ShapeError};
use crate::{Blind, LedgerId, RulesVersion, TreeSize, UnixMillis};

/// Format of the batch, its first byte.
const FORMAT: u8 = 1;
/// Part: an admission and its records.
const PART_ADMISSION: u8 = 1;
/// Part: values derived from the ledger, signed by q bureaus.
const PART_DERIVED: u8 = 2;

/// What members do at the end of a batch, as the leader marks it in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum SealMark {
    /// Nothing.
    #[default]
    None = 0,
    /// They sign the tree as it is then.
    Seal = 1,
    /// They sign the tree, and derive the values of that size (leaf kind 200): the world digest is that of the state
    /// after this very batch, so all must derive at the same one.
    Derive = 2,
}

impl SealMark {
    fn read(byte: u8) -> Result<Self, BatchError> {
        match byte {
            0 => Ok(Self::None),
            1 => Ok(Self::Seal),
            2 => Ok(Self::Derive),
            other => Err(BatchError::SealMark(other)),
        }
    }
}

/// What precedes the parts of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Rules version that the leader judged in force; a node that does not know it halts before applying.
    pub rules: RulesVersion,
    /// The ledger.
    pub ledger_id: LedgerId,
    /// The leader's clock when it proposed.
    pub proposed_at: UnixMillis,
    /// What members do at the end of this batch.
    pub seal: SealMark,
    /// Leaves that the leader had applied.
    pub applied_size: TreeSize,
    /// First eight bytes of the leader's root at that size.
    pub root_prefix: [u8; 8],
}

/// One record as it was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubmittedRecord<'a> {
    /// Its blind.
    pub blind: Blind,
    /// Its bytes; untrusted until the record codec accepts them.
    pub bytes: &'a [u8],
}

/// An indivisible part of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// An admission with as many records as it names.
    Admission {
        /// The signed statement; its signature is not yet verified.
        admission: Admission,
        /// Its records, in order.
        records: Vec<SubmittedRecord<'a>>,
    },
    /// A derived statement, which becomes a leaf of kind 200 if it holds.
    Derived(DerivedStatement),
}

/// A decoded batch. Signatures, roots and records are not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The header.
    pub header: BatchHeader,
    /// The parts, in order.
    pub parts: Vec<Part<'a>>,
}

/// Why bytes are not a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// Too few or too many bytes.
    #[error("batch: {0}")]
    Shape(#[from] ShapeError),
    /// Another format.
    #[error("batch format {0} is unknown to this build, which knows {FORMAT}")]
    Format(u8),
    /// A seal mark that this build does not know.
    #[error("batch: seal mark {0} is not 0, 1 or 2")]
    SealMark(u8),
    /// A part of a type that this build does not know.
    #[error("batch part {part} has unknown type {kind}")]
    PartType {
        /// Position of the part, from 0.
        part: u32,
        /// Its type.
        kind: u8,
    },
    /// A part's admission.
    #[error("batch part {part}: {error}")]
    Admission {
        /// Position of the part, from 0.
        part: u32,
        /// What is wrong.
        error: AdmissionError,
    },
    /// A part's derived statement.
    #[error("batch part {part}: {error}")]
    Derived {
        /// Position of the part, from 0.
        part: u32,
        /// What is wrong.
        error: DerivedError,
    },
    /// Over a limit of the rules version.
    #[error("batch holds {found} {what}; the limit is {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

impl<'a> Batch<'a> {
    /// Reads the header alone.
    ///
    /// # Errors
    /// [`BatchError::Shape`], [`BatchError::Format`], [`BatchError::SealMark`].
    pub fn read_header(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        read_header(&mut Reader::new(bytes))
    }

    /// Reads a batch.
    ///
    /// # Errors
    /// [`BatchError`] names the first part that is wrong.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, BatchError> {
        limit("bytes", bytes.len(), BATCH_BYTES_MAX)?;
        let mut reader = Reader::new(bytes);
        let header = read_header(&mut reader)?;
        let count = reader.u32()?;
        let mut parts = Vec::with_capacity(reader.left().min(1024) / 8);
        let mut records_total = 0;
        for part in 0..count {
            let kind = reader.u8()?;
            let mut content = Reader::new(reader.block()?);
            parts.push(match kind {
                PART_ADMISSION => read_admission(&mut content, part, &mut records_total)?,
                PART_DERIVED => DerivedStatement::read(&mut content)
                    .map(Part::Derived)
                    .map_err(|error| BatchError::Derived { part, error })?,
                kind => return Err(BatchError::PartType { part, kind }),
            });
            content.end()?;
        }
        reader.end()?;
        Ok(Self { header, parts })
    }

    /// Writes a batch.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let parts: Vec<Vec<u8>> = self.parts.iter().map(Part::encode).collect();
        encode_batch(&self.header, &parts)
    }
}

impl Part<'_> {
    /// Reads the admission of an encoded part and leaves its records unread.
    ///
    /// # Errors
    /// [`BatchError`], also for a part of another type; it counts as part 0.
    pub fn read_admission(bytes: &[u8]) -> Result<Admission, BatchError> {
        let mut reader = Reader::new(bytes);
        match reader.u8()? {
            PART_ADMISSION => {}
            kind => return Err(BatchError::PartType { part: 0, kind }),
        }
        let mut content = Reader::new(reader.block()?);
        Admission::read(&mut content).map_err(|error| BatchError::Admission { part: 0, error })
    }

    /// Type, length and content: what [`encode_batch`] takes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Admission { admission, records } => encode_admission_part(admission, records),
            Self::Derived(statement) => part(PART_DERIVED, &statement.encode()),
        }
    }
}

/// Writes an admission and its records as one part.
#[must_use]
pub fn encode_admission_part(admission: &Admission, records: &[SubmittedRecord<'_>]) -> Vec<u8> {
    let mut content = admission.encode();
    content.reserve(records.iter().map(|record| 20 + record.bytes.len()).sum());
    for record in records {
        content.extend_from_slice(&record.blind.0);
        content.extend_from_slice(&length(record.bytes).to_be_bytes());
        content.extend_from_slice(record.bytes);
    }
    part(PART_ADMISSION, &content)
}

/// Writes a batch of parts that are encoded already, so that a leader never re-encodes what a follower sent.
#[must_use]
pub fn encode_batch(header: &BatchHeader, parts: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let body: usize = parts.iter().map(|part| part.as_ref().len()).sum();
    let mut bytes = Vec::with_capacity(BATCH_HEADER_LENGTH + body);
    bytes.push(FORMAT);
    bytes.push(header.rules.0);
    bytes.extend_from_slice(&header.ledger_id.0);
    bytes.extend_from_slice(&header.proposed_at.0.to_be_bytes());
    bytes.push(header.seal as u8);
    bytes.extend_from_slice(&header.applied_size.0.to_be_bytes());
    bytes.extend_from_slice(&header.root_prefix);
    bytes.extend_from_slice(&u32::try_from(parts.len()).expect("at most 2,048 parts").to_be_bytes());
    for part in parts {
        bytes.extend_from_slice(part.as_ref());
    }
    bytes
}

/// Bytes of a batch before its first part.
pub const BATCH_HEADER_LENGTH: usize = 1 + 1 + 32 + 8 + 1 + 8 + 8 + 4;

fn part(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(5 + content.len());
    bytes.push(kind);
    bytes.extend_from_slice(&length(content).to_be_bytes());
    bytes.extend_from_slice(content);
    bytes
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("records and batches are far below 4 GiB")
}

fn read_header(reader: &mut Reader<'_>) -> Result<BatchHeader, BatchError> {
    match reader.u8()? {
        FORMAT => {}
        other => return Err(BatchError::Format(other)),
    }
    Ok(BatchHeader {
        rules: RulesVersion(reader.u8()?),
        ledger_id: LedgerId(reader.array()?),
        proposed_at: UnixMillis(reader.u64()?),
        seal: SealMark::read(reader.u8()?)?,
        applied_size: TreeSize(reader.u64()?),
        root_prefix: reader.array()?,
    })
}

fn read_admission<'a>(
    content: &mut Reader<'a>,
    part: u32,
    records_total: &mut usize,
) -> Result<Part<'a>, BatchError> {
    let admission = Admission::read(content).map_err(|error| BatchError::Admission { part, error })?;
    let count = usize::try_from(admission.record_count()).expect("at most 2,048 records");
    *records_total += count;
    limit("records", *records_total, BATCH_RECORDS_MAX)?;
    let mut records = Vec::with_capacity(count);
    for _ in 0..count {
        let blind = Blind(content.array()?);
        let bytes = content.block()?;
        limit("bytes in one record", bytes.len(), RECORD_BYTES_MAX)?;
        records.push(SubmittedRecord { blind, bytes });
    }
    Ok(Part::Admission { admission, records })
}

const fn limit(what: &'static str, found: usize, limit: usize) -> Result<(), BatchError> {
    if found > limit {
        return Err(BatchError::TooLarge { what, found, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Submission;
    use crate::keys::SigningKey;
    use crate::{RequestId, Suite, digest};

    fn encoded() -> Vec<u8> {
        let records = [SubmittedRecord { blind: Blind([3; 16]), bytes: b"one" }];
        let digests = records.iter().map(|r| digest::record_digest(Suite::Blake3, &r.blind, r.bytes));
        let submissions = vec![Submission { request_id: RequestId([9; 16]), count: 1 }];
        let key = SigningKey::from_seed(&[1; 32]);
        let admission = Admission::sign(Suite::Blake3, "example/ledger", &key, submissions, digests);
        let header = BatchHeader {
            rules: RulesVersion(1),
            ledger_id: LedgerId([4; 32]),
            proposed_at: UnixMillis(5),
            seal: SealMark::Derive,
            applied_size: TreeSize(6),
            root_prefix: [7; 8],
        };
        Batch { header, parts: vec![Part::Admission { admission, records: records.to_vec() }] }.encode()
    }

    #[test]
    fn a_batch_survives_its_bytes() {
        let bytes = encoded();
        let batch = Batch::decode(&bytes).expect("own bytes decode");
        assert_eq!(batch.encode(), bytes);
        let Part::Admission { admission, records } = &batch.parts[0] else { panic!("an admission went in") };
        assert_eq!(records[0].bytes, b"one");
        admission.verify_signature("example/ledger").expect("own signature holds");
        assert!(admission.verify_signature("example/other").is_err(), "another origin's");
    }

    #[test]
    fn every_cut_and_every_extension_of_a_batch_is_refused() {
        let bytes = encoded();
        for end in 0..bytes.len() {
            assert!(Batch::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert!(Batch::decode(&[bytes.as_slice(), &[0]].concat()).is_err(), "one byte more");
    }
}
