//! Checkpoints: the signed statement of (origin, size, roots), in the shape of C2SP tlog-checkpoint.

use thiserror::Error;

use crate::cosignature::{self, CosignatureError};
use crate::lines::{LineError, Lines, array_from_base64, decimal, to_base64};
use crate::members::MemberList;
use crate::note::{KeyType, Line, Note, NoteError, is_foreign_type, is_origin};
use crate::tree::TREE_SIZE_MAX;
use crate::{BureauNumber, Hash, Suite, TreeSize};

/// What members sign (`docs/data-format.md`, "Checkpoint").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointBody {
    /// The ledger's origin.
    pub origin: String,
    /// Number of leaves.
    pub size: TreeSize,
    /// Root of the ledger's tree.
    pub root: Hash,
    /// The ledger's suite.
    pub suite: Suite,
    /// Root over the index runs at that size.
    pub index_root: Hash,
    /// Epoch of the members that sign.
    pub members_epoch: u64,
    /// Digest of that epoch's member list.
    pub members_digest: Hash,
}

/// A body and signature lines; [`Checkpoint::verify`] says whether they suffice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// What is signed.
    pub body: CheckpointBody,
    /// The lines, in order.
    pub lines: Vec<Line>,
}

/// Which bureaus cosigned, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignedAt {
    /// Bureau and time in seconds since 1970 UTC, ascending by bureau.
    pub times: Vec<(BureauNumber, u64)>,
    /// The (f+1)-th smallest time, in seconds: at least one honest bureau had signed by then.
    pub existed_no_later_than_s: u64,
}

/// Why a checkpoint is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// The note around it.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
    /// A body line's shape.
    #[error("checkpoint: {0}")]
    Line(#[from] LineError),
    /// A body line that the format does not have.
    #[error("checkpoint: line {line} is none of this format's; such bodies are refused")]
    UnknownLine {
        /// Line, from 1.
        line: usize,
    },
    /// The origin is none.
    #[error("checkpoint: origin {0:?} must be visible ASCII without plus, 1 to 255 bytes")]
    Origin(String),
    /// A size that no tree has.
    #[error("checkpoint: size {0} is over 2^62")]
    Size(TreeSize),
    /// Another ledger's members.
    #[error("checkpoint is of {found:?}, the members are of {expected:?}")]
    OtherOrigin {
        /// The checkpoint's origin.
        found: String,
        /// The member list's.
        expected: String,
    },
    /// The member list is not the one that the body names.
    #[error("checkpoint names members of epoch {epoch} with another digest than epoch {expected}'s list has")]
    OtherMembers {
        /// The body's epoch.
        epoch: u64,
        /// The list's epoch.
        expected: u64,
    },
    /// A known key's line does not hold.
    #[error("checkpoint: {0}")]
    Cosignature(#[from] CosignatureError),
    /// A line of a type that this suite refuses.
    #[error("checkpoint: the key {0} signed with a C2SP type, which only sha256 ledgers have")]
    ForeignType(String),
    /// Not enough bureaus.
    #[error("checkpoint: {found} bureaus of epoch {epoch} cosigned; {needed} are needed")]
    TooFew {
        /// The epoch.
        epoch: u64,
        /// Bureaus whose line holds.
        found: usize,
        /// The quorum.
        needed: u32,
    },
}

impl CheckpointBody {
    /// The body's text, each line ended by 0a.
    #[must_use]
    pub fn to_text(&self) -> String {
        let suite = match self.suite {
            Suite::Sha256 => String::new(),
            Suite::Blake3 | Suite::Sm3 => format!("suite {}\n", self.suite),
        };
        let (root, index) = (to_base64(&self.root.0), to_base64(&self.index_root.0));
        let members = to_base64(&self.members_digest.0);
        let (origin, size, epoch) = (&self.origin, self.size, self.members_epoch);
        format!("{origin}\n{size}\n{root}\n{suite}index {index}\nmembers {epoch} {members}\n")
    }

    /// Reads a body in its one canonical form.
    ///
    /// # Errors
    /// [`CheckpointError`] names the line.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = Lines::new(text.as_bytes())?;
        let origin = lines.next("the origin")?.to_owned();
        if !is_origin(&origin) {
            return Err(CheckpointError::Origin(origin));
        }
        let size = lines.next("the tree size")?;
        let size = TreeSize(lines.require(decimal(size), "the tree size, without leading zeros")?);
        if size.0 > TREE_SIZE_MAX {
            return Err(CheckpointError::Size(size));
        }
        let root = lines.next("the root hash")?;
        let root = read_hash(&lines, root)?;
        let suite = match lines.peek().and_then(|line| line.strip_prefix("suite ")) {
            None => Suite::Sha256,
            Some(name) => {
                let known = Suite::from_name(name).filter(|suite| *suite != Suite::Sha256);
                lines.next("the suite")?;
                lines.require(known, "suite blake3 or suite sm3; a sha256 ledger has no such line")?
            }
        };
        let index_root = keyword(&mut lines, "index ")?;
        let index_root = read_hash(&lines, index_root)?;
        let members = keyword(&mut lines, "members ")?.split_once(' ');
        let shape = "members, epoch and digest";
        let (epoch, digest) = lines.require(members, shape)?;
        let members_epoch = lines.require(decimal(epoch), shape)?;
        let members_digest = read_hash(&lines, digest)?;
        if lines.peek().is_some() {
            return Err(CheckpointError::UnknownLine { line: lines.line() + 1 });
        }
        Ok(Self { origin, size, root, suite, index_root, members_epoch, members_digest })
    }
}

/// The rest of the next line after `word`.
fn keyword<'a>(lines: &mut Lines<'a>, word: &'static str) -> Result<&'a str, CheckpointError> {
    let line = lines.next(word)?;
    line.strip_prefix(word).ok_or_else(|| CheckpointError::UnknownLine { line: lines.line() })
}

fn read_hash(lines: &Lines<'_>, text: &str) -> Result<Hash, LineError> {
    lines.require(array_from_base64(text).map(Hash), "32 bytes in canonical base64")
}

impl Checkpoint {
    /// The note: body, blank line, signature lines.
    #[must_use]
    pub fn to_note(&self) -> String {
        Note { text: self.body.to_text(), lines: self.lines.clone() }.to_string()
    }

    /// Reads a checkpoint note.
    ///
    /// # Errors
    /// [`CheckpointError`] names the line.
    pub fn parse(note: &[u8]) -> Result<Self, CheckpointError> {
        let Note { text, lines } = Note::parse(note)?;
        Ok(Self { body: CheckpointBody::parse(&text)?, lines })
    }

    /// Puts the lines in the order that receipts have: by name, then by key id.
    pub fn sort_lines(&mut self) {
        self.lines.sort_by(|a, b| (&a.name, a.key_id).cmp(&(&b.name, b.key_id)));
    }

    /// Whether the lines have the order that receipts have, each key once.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        self.lines.is_sorted_by(|a, b| (&a.name, a.key_id) < (&b.name, b.key_id))
    }

    /// Verifies that q bureaus of the epoch that the body names cosigned it.
    ///
    /// Lines of unknown keys are ignored, as C2SP signed-note says.
    ///
    /// # Errors
    /// [`CheckpointError`]: another origin or list, a line of a known key that does not hold, fewer than q.
    pub fn verify(&self, members: &MemberList) -> Result<CosignedAt, CheckpointError> {
        let (epoch, expected) = (self.body.members_epoch, members.epoch);
        if epoch != expected || self.body.members_digest != members.digest(self.body.suite) {
            return Err(CheckpointError::OtherMembers { epoch, expected });
        }
        self.verify_quorum(members)
    }

    /// Verifies that q bureaus of `members` cosigned the body, whichever epoch it names: a handover's needs both.
    pub(crate) fn verify_quorum(&self, members: &MemberList) -> Result<CosignedAt, CheckpointError> {
        let body = &self.body;
        if body.origin != members.origin {
            let (found, expected) = (body.origin.clone(), members.origin.clone());
            return Err(CheckpointError::OtherOrigin { found, expected });
        }
        let mut times: Vec<(BureauNumber, u64)> = Vec::new();
        for line in &self.lines {
            if let Some(member) = members.by_cosigning_line(line) {
                times.push((member.number, cosignature::verify(body, line, &member.cosigning_key)?));
            } else if let Some(key) = members.by_log_line(line).and_then(|member| member.log_key.as_ref()) {
                cosignature::verify_log(body, line, key)?;
            } else if is_refused_type(members, line) {
                return Err(CheckpointError::ForeignType(line.name.clone()));
            }
        }
        times.sort_unstable();
        times.dedup_by_key(|(number, _)| *number);
        if times.len() < usize::try_from(members.q).unwrap_or(usize::MAX) {
            return Err(CheckpointError::TooFew {
                epoch: members.epoch,
                found: times.len(),
                needed: members.q,
            });
        }
        let mut ascending: Vec<u64> = times.iter().map(|(_, time)| *time).collect();
        ascending.sort_unstable();
        let honest = ascending.get(usize::try_from(members.f).unwrap_or(usize::MAX)).copied();
        let existed_no_later_than_s = honest.expect("a quorum counts more than f bureaus");
        Ok(CosignedAt { times, existed_no_later_than_s })
    }
}

/// Whether a line of no known key id is one of a known key under a type that its suite refuses.
fn is_refused_type(members: &MemberList, line: &Line) -> bool {
    members.members.iter().map(|member| &member.cosigning_key).any(|key| {
        key.key_type() == KeyType::MunimentCosignature && is_foreign_type(key, &members.origin, line)
    })
}
