//! Receipts: one record's proof, in the shape of C2SP tlog-proof, that verifies with nothing but a trust file.

use std::fmt;

use thiserror::Error;

use crate::canonical::{self, CanonicalError};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::handover::Handover;
use crate::leaf::{Content, LeafProof};
use crate::lines::{LineError, Lines, array_from_base64, decimal, from_base64, to_base64};
use crate::v1::receipt_extra;
use crate::{Blind, Hash, LeafIndex, Suite, v1};

/// Bytes of a receipt, at most.
pub const RECEIPT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Hashes of a path in a tree of at most 2^62 leaves.
const PATH_LENGTH_MAX: usize = 62;
/// First line of a sha256 ledger's receipt (C2SP tlog-proof).
const C2SP_TITLE: &str = "c2sp.org/tlog-proof@v1";
/// Start of the first line in the other suites.
const MUNIMENT_TITLE: &str = "muniment/proof@v1 ";

/// Who brought the record in: a signed admission, and the record's place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionProof {
    /// The admission's bytes: statement and signature.
    pub admission: Vec<u8>,
    /// The record's position among the admission's records, from 0.
    pub position: u32,
    /// Inclusion path of the record's digest in the admission's tree.
    pub path: Vec<Hash>,
}

/// One leaf, bound to a cosigned checkpoint (`docs/data-format.md`, "Receipt"). Nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Suite that the first line names.
    pub suite: Suite,
    /// The leaf.
    pub leaf: LeafProof,
    /// Its admission; none for records of the ledger itself.
    pub admission: Option<AdmissionProof>,
    /// Text of the member list of the checkpoint's epoch.
    pub members: Vec<u8>,
    /// Handovers up to that epoch, ascending.
    pub handovers: Vec<Handover>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

/// Why the `extra` line is not what a receipt carries.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExtraError {
    /// No message of this schema, or not in its canonical form.
    #[error("receipt extra: {0}")]
    Message(#[from] CanonicalError),
    /// A field that is missing or has another length.
    #[error("receipt extra: field {0} is missing, or not as long as it must be")]
    Field(&'static str),
    /// A handover's checkpoint.
    #[error("receipt extra: handover: {0}")]
    Checkpoint(#[from] CheckpointError),
}

/// Why bytes are not a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReceiptError {
    /// Larger than any receipt.
    #[error("receipt of {0} bytes; at most {RECEIPT_BYTES_MAX} are read")]
    TooLarge(usize),
    /// The JSON view of a receipt.
    #[error("this is JSON: a view of a receipt, which proves nothing; ask for the receipt's text")]
    Json,
    /// The text's shape.
    #[error("receipt: {0}")]
    Line(#[from] LineError),
    /// The `extra` line.
    #[error(transparent)]
    Extra(#[from] ExtraError),
    /// The checkpoint.
    #[error("receipt: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint's signature lines are in another order.
    #[error("receipt: signature lines must ascend by key name and key id")]
    LineOrder,
}

impl Receipt {
    /// Reads a receipt in its one canonical form.
    ///
    /// # Errors
    /// [`ReceiptError`] says what and where.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::TooLarge(bytes.len()));
        }
        if bytes.trim_ascii_start().starts_with(b"{") {
            return Err(ReceiptError::Json);
        }
        let mut lines = Lines::new(bytes)?;
        let suite = read_title(&mut lines)?;
        let expected = "extra and canonical base64";
        let extra = lines.next(expected)?.strip_prefix("extra ").and_then(from_base64);
        let extra = lines.require(extra, expected)?;
        let expected = "index and a leaf index, without leading zeros";
        let index = lines.next(expected)?.strip_prefix("index ").and_then(decimal);
        let index = LeafIndex(lines.require(index, expected)?);
        let mut path = Vec::new();
        loop {
            let line = lines.next("a path's hash, or the empty line before the checkpoint")?;
            if line.is_empty() {
                break;
            }
            let hash = array_from_base64(line).filter(|_| path.len() < PATH_LENGTH_MAX);
            path.push(Hash(lines.require(hash, "32 bytes in canonical base64, at most 62 times")?));
        }
        let checkpoint = Checkpoint::parse(lines.rest().as_bytes())?;
        if !checkpoint.is_ordered() {
            return Err(ReceiptError::LineOrder);
        }
        let extra = canonical::decode(&extra).map_err(ExtraError::Message)?;
        Ok(Self::from_extra(&extra, suite, index, path, checkpoint)?)
    }

    /// The text.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    fn from_extra(
        extra: &v1::ReceiptExtra,
        suite: Suite,
        index: LeafIndex,
        path: Vec<Hash>,
        checkpoint: Checkpoint,
    ) -> Result<Self, ExtraError> {
        let content = match &extra.content {
            Some(receipt_extra::Content::Open(open)) => open_content(open, "open")?,
            Some(receipt_extra::Content::RecordDigest(digest)) => {
                Content::Withheld { record_digest: Hash(array(digest, "record_digest")?) }
            }
            None => return Err(ExtraError::Field("open or record_digest")),
        };
        let has_admission = !extra.admission.is_empty();
        if !has_admission && (extra.admission_position != 0 || !extra.admission_path.is_empty()) {
            return Err(ExtraError::Field("admission"));
        }
        let admission = AdmissionProof {
            admission: extra.admission.clone(),
            position: extra.admission_position,
            path: hashes(&extra.admission_path, "admission_path")?,
        };
        let stub = array(&extra.stub, "stub")?;
        let terms_digest = Hash(array(&extra.terms_digest, "terms_digest")?);
        Ok(Self {
            suite,
            leaf: LeafProof { index, stub, content, terms_digest, path },
            admission: has_admission.then_some(admission),
            members: extra.members.clone(),
            handovers: extra.handovers.iter().map(Handover::from_message).collect::<Result<_, _>>()?,
            checkpoint,
        })
    }

    fn extra(&self) -> v1::ReceiptExtra {
        let content = match &self.leaf.content {
            Content::Open { blind, record } => receipt_extra::Content::Open(v1::OpenRecord {
                blind: blind.0.to_vec(),
                record: record.clone(),
            }),
            Content::Withheld { record_digest } => {
                receipt_extra::Content::RecordDigest(record_digest.0.to_vec())
            }
        };
        let admission = self.admission.as_ref();
        v1::ReceiptExtra {
            stub: self.leaf.stub.to_vec(),
            content: Some(content),
            terms_digest: self.leaf.terms_digest.0.to_vec(),
            admission: admission.map(|proof| proof.admission.clone()).unwrap_or_default(),
            admission_position: admission.map_or(0, |proof| proof.position),
            admission_path: admission.map(|proof| path_bytes(&proof.path)).unwrap_or_default(),
            members: self.members.clone(),
            handovers: self.handovers.iter().map(Handover::to_message).collect(),
        }
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.suite {
            Suite::Sha256 => writeln!(f, "{C2SP_TITLE}")?,
            Suite::Blake3 | Suite::Sm3 => writeln!(f, "{MUNIMENT_TITLE}{}", self.suite)?,
        }
        writeln!(f, "extra {}", to_base64(&canonical::encode(&self.extra())))?;
        writeln!(f, "index {}", self.leaf.index)?;
        self.leaf.path.iter().try_for_each(|hash| writeln!(f, "{}", to_base64(&hash.0)))?;
        write!(f, "\n{}", self.checkpoint.to_note())
    }
}

fn read_title(lines: &mut Lines<'_>) -> Result<Suite, LineError> {
    let expected = "c2sp.org/tlog-proof@v1, or muniment/proof@v1 and a suite";
    let title = lines.next(expected)?;
    if title == C2SP_TITLE {
        return Ok(Suite::Sha256);
    }
    let suite = title.strip_prefix(MUNIMENT_TITLE).and_then(Suite::from_name);
    // A sha256 ledger's receipts have C2SP's title only.
    lines.require(suite.filter(|suite| *suite != Suite::Sha256), expected)
}

/// Exactly `N` bytes of a field.
pub(crate) fn array<const N: usize>(bytes: &[u8], field: &'static str) -> Result<[u8; N], ExtraError> {
    bytes.try_into().map_err(|_| ExtraError::Field(field))
}

/// A path's hashes.
pub(crate) fn hashes(path: &[Vec<u8>], field: &'static str) -> Result<Vec<Hash>, ExtraError> {
    if path.len() > PATH_LENGTH_MAX {
        return Err(ExtraError::Field(field));
    }
    path.iter().map(|bytes| array(bytes, field).map(Hash)).collect()
}

/// A path's hashes as the messages have them.
pub(crate) fn path_bytes(path: &[Hash]) -> Vec<Vec<u8>> {
    path.iter().map(|hash| hash.0.to_vec()).collect()
}

/// A record with its blind.
pub(crate) fn open_content(open: &v1::OpenRecord, field: &'static str) -> Result<Content, ExtraError> {
    Ok(Content::Open { blind: Blind(array(&open.blind, field)?), record: open.record.clone() })
}
