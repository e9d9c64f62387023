//! Conflict files: two statements of one key that can't both be honest (G6). Third parties check them alone.

use std::fmt;

use thiserror::Error;

use crate::checkpoint::{Checkpoint, CheckpointBody, CheckpointError};
use crate::cosignature::{self, CosignatureError};
use crate::lines::{LineError, Lines, array_from_base64, decimal, from_base64, to_base64};
use crate::note::{KeyType, Line, VerifierKey};
use crate::tree::{ProofError, TreeAt};
use crate::{Hash, Tree};

/// Bytes of a conflict file, at most.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// A hash that a complete subtree has under one checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubtreeProof {
    /// The subtree's hash.
    pub hash: Hash,
    /// Path from the subtree to the checkpoint's root.
    pub path: Vec<Hash>,
}

/// Why two checkpoints contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// One size, two bodies.
    SameSize,
    /// The complete subtree of 2^level leaves at `index` has two hashes.
    Subtree {
        /// Level; leaves are level 0.
        level: u8,
        /// Position in the level, from 0.
        index: u64,
        /// Its hash under the first checkpoint.
        first: SubtreeProof,
        /// Its hash under the second checkpoint.
        second: SubtreeProof,
    },
    /// The smaller size was cosigned at the later time.
    TimeWentBack,
}

/// Two checkpoints of one origin that one key signed (`docs/data-format.md`, "Conflict file").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The key that contradicts itself.
    pub key: VerifierKey,
    /// How.
    pub ground: Ground,
    /// One checkpoint.
    pub first: Checkpoint,
    /// The other.
    pub second: Checkpoint,
}

/// Why a text is not a conflict file, or proves no conflict.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConflictError {
    /// Larger than any conflict file.
    #[error("conflict file of {0} bytes; at most {TEXT_BYTES_MAX} are read")]
    TooLarge(usize),
    /// The text's shape.
    #[error("conflict file: {0}")]
    Line(#[from] LineError),
    /// A checkpoint.
    #[error("conflict file: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The key did not sign a checkpoint.
    #[error("conflict file: the {which} checkpoint has no line of the key {name}")]
    NotSigned {
        /// "first" or "second".
        which: &'static str,
        /// The key's name.
        name: String,
    },
    /// The key's line does not hold.
    #[error("conflict file: {0}")]
    Cosignature(#[from] CosignatureError),
    /// A subtree's path.
    #[error("conflict file: {0}")]
    Proof(#[from] ProofError),
    /// The statements can both be honest.
    #[error("conflict file: the two checkpoints don't contradict each other on the ground that it names")]
    NoConflict,
}

impl Conflict {
    /// The first line of the text.
    pub const TITLE: &str = "muniment/v1/conflict";

    /// Verifies that the key signed both and that they contradict each other.
    ///
    /// # Errors
    /// [`ConflictError`] says what is not proven.
    pub fn verify(&self) -> Result<(), ConflictError> {
        let first_s = self.signed_at(&self.first, "first")?;
        let second_s = self.signed_at(&self.second, "second")?;
        let (first, second) = (&self.first.body, &self.second.body);
        let contradicts = first.origin == second.origin
            && match &self.ground {
                Ground::SameSize => first.size == second.size && first != second,
                Ground::Subtree { level, index, first: one, second: other } => {
                    one.verify(*level, *index, first)?;
                    other.verify(*level, *index, second)?;
                    first.suite == second.suite && one.hash != other.hash
                }
                Ground::TimeWentBack => {
                    (first.size < second.size && first_s > second_s)
                        || (second.size < first.size && second_s > first_s)
                }
            };
        if contradicts { Ok(()) } else { Err(ConflictError::NoConflict) }
    }

    /// The time of the key's line in seconds since 1970 UTC; none of a log key's.
    fn signed_at(&self, checkpoint: &Checkpoint, which: &'static str) -> Result<Option<u64>, ConflictError> {
        let line: Option<&Line> = checkpoint.lines.iter().find(|line| self.key.names(line));
        let line =
            line.ok_or_else(|| ConflictError::NotSigned { which, name: self.key.name().to_owned() })?;
        if self.key.key_type() == KeyType::Log {
            cosignature::verify_log(&checkpoint.body, line, &self.key)?;
            return Ok(None);
        }
        Ok(Some(cosignature::verify(&checkpoint.body, line, &self.key)?))
    }

    /// Reads a conflict file in its one canonical form.
    ///
    /// # Errors
    /// [`ConflictError`] names the line.
    pub fn decode(bytes: &[u8]) -> Result<Self, ConflictError> {
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(ConflictError::TooLarge(bytes.len()));
        }
        let mut lines = Lines::new(bytes)?;
        lines.exactly(Self::TITLE)?;
        let expected = "key and a verifier key";
        let key = lines.next(expected)?.strip_prefix("key ").and_then(|text| VerifierKey::parse(text).ok());
        let key = lines.require(key, expected)?;
        let expected = "ground same-size, ground time-went-back, or ground subtree <level> <index>";
        let ground = lines.next(expected)?.strip_prefix("ground ");
        let place = match lines.require(ground, expected)? {
            "same-size" => None,
            "time-went-back" => None,
            subtree => {
                let place = subtree.strip_prefix("subtree ").and_then(|place| place.split_once(' '));
                let place = place.and_then(|(level, index)| Some((decimal(level)?, decimal(index)?)));
                Some(lines.require(place, expected)?)
            }
        };
        let is_time = ground == Some("time-went-back");
        let (first, first_proof) = read_side(&mut lines, place.is_some())?;
        let (second, second_proof) = read_side(&mut lines, place.is_some())?;
        if lines.peek().is_some() {
            lines.next("the end")?;
            return Err(lines.unexpected("the end of the file").into());
        }
        let ground = match (place, first_proof, second_proof) {
            (Some((level, index)), Some(first), Some(second)) => {
                Ground::Subtree { level, index, first, second }
            }
            _ if is_time => Ground::TimeWentBack,
            _ => Ground::SameSize,
        };
        Ok(Self { key, ground, first, second })
    }

    /// The text.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl SubtreeProof {
    fn verify(&self, level: u8, index: u64, body: &CheckpointBody) -> Result<(), ProofError> {
        let tree = TreeAt { suite: body.suite, tree: Tree::Ledger, size: body.size };
        tree.verify_subtree(level, index, self.hash, &self.path, body.root)
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\nkey {}", Self::TITLE, self.key)?;
        let proofs = match &self.ground {
            Ground::SameSize => {
                writeln!(f, "ground same-size")?;
                None
            }
            Ground::TimeWentBack => {
                writeln!(f, "ground time-went-back")?;
                None
            }
            Ground::Subtree { level, index, first, second } => {
                writeln!(f, "ground subtree {level} {index}")?;
                Some((first, second))
            }
        };
        write_side(f, &self.first, proofs.map(|(first, _)| first))?;
        write_side(f, &self.second, proofs.map(|(_, second)| second))
    }
}

fn write_side(
    f: &mut fmt::Formatter<'_>,
    checkpoint: &Checkpoint,
    proof: Option<&SubtreeProof>,
) -> fmt::Result {
    writeln!(f, "checkpoint {}", to_base64(checkpoint.to_note().as_bytes()))?;
    let Some(proof) = proof else { return Ok(()) };
    writeln!(f, "hash {}", to_base64(&proof.hash.0))?;
    proof.path.iter().try_for_each(|hash| writeln!(f, "path {}", to_base64(&hash.0)))
}

fn read_side(
    lines: &mut Lines<'_>,
    has_proof: bool,
) -> Result<(Checkpoint, Option<SubtreeProof>), ConflictError> {
    let expected = "checkpoint and a note in canonical base64";
    let note = lines.next(expected)?.strip_prefix("checkpoint ").and_then(from_base64);
    let checkpoint = Checkpoint::parse(&lines.require(note, expected)?)?;
    if !has_proof {
        return Ok((checkpoint, None));
    }
    let expected = "hash and 32 bytes in canonical base64";
    let hash = lines.next(expected)?.strip_prefix("hash ").and_then(array_from_base64);
    let hash = Hash(lines.require(hash, expected)?);
    let mut path = Vec::new();
    while let Some(text) = lines.peek().and_then(|line| line.strip_prefix("path ")) {
        lines.next("path")?;
        let hash = array_from_base64(text).filter(|_| path.len() < 62);
        path.push(Hash(lines.require(hash, "path and 32 bytes in canonical base64, at most 62 times")?));
    }
    Ok((checkpoint, Some(SubtreeProof { hash, path })))
}
