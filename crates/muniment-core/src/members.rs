//! Member lists: which bureaus' keys count in one epoch, and how many of them are needed.

use std::collections::BTreeSet;
use std::fmt;

use thiserror::Error;

use crate::keys::{PUBLIC_KEY_LENGTH, PublicKey};
use crate::lines::{LineError, Lines, array_from_base64, decimal, to_base64};
use crate::note::{KeyType, Line, VerifierKey, is_code, is_origin};
use crate::{BureauNumber, Hash, NodeId, Suite, TreeSize};

/// Bureaus of one member list, at most: their lines must fit into one note.
pub const MEMBERS_MAX: usize = 16;
/// Bytes of a member list's text, at most.
const TEXT_BYTES_MAX: usize = 32 * 1024;

/// One bureau's voting node and its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The bureau, from 1.
    pub number: BureauNumber,
    /// The bureau's code: the last part of its cosigning key's name.
    pub code: String,
    /// Its voting node.
    pub node_id: NodeId,
    /// The key with which that node cosigns checkpoints.
    pub cosigning_key: VerifierKey,
    /// The key with which that node signs admissions and derived statements.
    pub admission_key: [u8; PUBLIC_KEY_LENGTH],
    /// sha256 ledgers only: the key of the note's first line, named after the origin.
    pub log_key: Option<VerifierKey>,
}

/// The members of one epoch (`docs/data-format.md`, "Member list").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberList {
    /// The ledger's origin.
    pub origin: String,
    /// Number of the epoch; the founding list is epoch 0.
    pub epoch: u64,
    /// Tree size from which it is in force.
    pub from: TreeSize,
    /// Cosignatures that a checkpoint needs.
    pub q: u32,
    /// Liars that a quorum withstands.
    pub f: u32,
    /// The members, ascending by bureau number.
    pub members: Vec<Member>,
}

/// Why a text is not a member list, or a list cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MembersError {
    /// Larger than any list.
    #[error("member list of {0} bytes; at most {TEXT_BYTES_MAX} are read")]
    TooLarge(usize),
    /// The text's shape.
    #[error("member list: {0}")]
    Line(#[from] LineError),
    /// No member, or more than [`MEMBERS_MAX`].
    #[error("member list of {0} members; 1 to {MEMBERS_MAX} are possible")]
    Count(usize),
    /// The origin is none.
    #[error("origin {0:?} must be visible ASCII without plus, 1 to 255 bytes")]
    Origin(String),
    /// q or f do not belong to the number of members.
    #[error("{members} members with q {q} and f {f}; f must be {f_due}, q {q_due} to {members}")]
    Quorum {
        /// Members listed.
        members: usize,
        /// q as stated.
        q: u32,
        /// f as stated.
        f: u32,
        /// Least q.
        q_due: u32,
        /// f of that many members.
        f_due: u32,
    },
    /// Epoch 0 starts at size 0, every other later.
    #[error("epoch {epoch} can't start at size {from}")]
    Start {
        /// The epoch.
        epoch: u64,
        /// Its first size.
        from: TreeSize,
    },
    /// One member's entry.
    #[error("bureau {number}: {what}")]
    Member {
        /// The bureau.
        number: BureauNumber,
        /// What is wrong with its entry.
        what: &'static str,
    },
}

/// The quorum of `n` members: `(q, f)` with f = floor((n - 1) / 3), q = ceil((n + f + 1) / 2).
///
/// Any two quorums of q overlap in more than f members. `n` = 0 answers (1, 0): no list can reach it.
#[must_use]
pub const fn quorum(n: u32) -> (u32, u32) {
    let f = n.saturating_sub(1) / 3;
    ((n + f + 1).div_ceil(2), f)
}

impl Member {
    /// The entry's words: code, node id and keys, as they stand in texts after the number.
    pub(crate) fn words(&self) -> String {
        let log_key = self.log_key.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let admission_key = to_base64(&self.admission_key);
        format!("{} {} {admission_key} {log_key}", self.node_id, self.cosigning_key)
    }

    /// Reads `<node id> <cosigning vkey> <admission key> <log vkey or ->`.
    pub(crate) fn from_words(
        lines: &Lines<'_>,
        number: BureauNumber,
        code: &str,
        words: [&str; 4],
    ) -> Result<Self, LineError> {
        let [node_id, cosigning_key, admission_key, log_key] = words;
        let key = |text| lines.require(VerifierKey::parse(text).ok(), "a verifier key of a known type");
        Ok(Self {
            number,
            code: code.to_owned(),
            node_id: NodeId(lines.require(decimal(node_id), "a node id")?),
            cosigning_key: key(cosigning_key)?,
            admission_key: lines.require(array_from_base64(admission_key), "32 bytes in base64")?,
            log_key: if log_key == "-" { None } else { Some(key(log_key)?) },
        })
    }

    /// What is wrong with the entry by itself.
    fn fault(&self, origin: &str) -> Option<&'static str> {
        let is_c2sp = self.cosigning_key.key_type() == KeyType::C2spCosignature;
        if self.number.0 == 0 || self.node_id.0 == 0 {
            return Some("bureau numbers and node ids start at 1");
        }
        if !is_code(&self.code) {
            return Some("a code is 1 to 64 lower-case letters, digits, dots and hyphens");
        }
        if self.cosigning_key.key_type() == KeyType::Log {
            return Some("a log key can't cosign");
        }
        if self.cosigning_key.name() != format!("{origin}/{}", self.code) {
            return Some("the cosigning key's name must be <origin>/<code>");
        }
        if PublicKey::from_bytes(&self.admission_key).is_err() {
            return Some("the admission key is weak or not canonical");
        }
        match &self.log_key {
            None if is_c2sp => Some("a sha256 ledger's member needs a log key"),
            Some(_) if !is_c2sp => Some("only a sha256 ledger's member has a log key"),
            Some(key) if key.key_type() != KeyType::Log || key.name() != origin => {
                Some("a log key has type 0x01 and the origin as its name")
            }
            _ => None,
        }
    }
}

impl MemberList {
    /// The first line of the text.
    const TITLE: &str = "muniment/v1/members";

    /// Checks what no text form can say: quorum, order, names, key types, each key and code once.
    ///
    /// # Errors
    /// [`MembersError`] names the member.
    pub fn validate(&self) -> Result<(), MembersError> {
        if !is_origin(&self.origin) {
            return Err(MembersError::Origin(self.origin.clone()));
        }
        let count = self.members.len();
        let n = u32::try_from(count).ok().filter(|_| (1..=MEMBERS_MAX).contains(&count));
        let n = n.ok_or(MembersError::Count(count))?;
        let (q_due, f_due) = quorum(n);
        if self.f != f_due || !(q_due..=n).contains(&self.q) {
            return Err(MembersError::Quorum { members: count, q: self.q, f: self.f, q_due, f_due });
        }
        if (self.epoch == 0) != (self.from.0 == 0) {
            return Err(MembersError::Start { epoch: self.epoch, from: self.from });
        }
        let key_type = self.members[0].cosigning_key.key_type();
        for member in &self.members {
            let mixed =
                (member.cosigning_key.key_type() != key_type).then_some("its suite is not the others'");
            if let Some(what) = member.fault(&self.origin).or(mixed) {
                return Err(MembersError::Member { number: member.number, what });
            }
        }
        if !self.members.is_sorted_by(|a, b| a.number < b.number) {
            return Err(
                LineError::Unexpected { line: 4, expected: "members ascending by bureau number" }.into()
            );
        }
        self.validate_distinct()
    }

    fn validate_distinct(&self) -> Result<(), MembersError> {
        let (mut codes, mut nodes, mut keys) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for member in &self.members {
            let log_key = member.log_key.as_ref().map(|key| ('l', key.key().to_bytes()));
            let fresh = codes.insert(member.code.as_str())
                && nodes.insert(member.node_id)
                && keys.insert(('c', member.cosigning_key.key().to_bytes()))
                && keys.insert(('a', member.admission_key))
                && log_key.is_none_or(|key| keys.insert(key));
            if !fresh {
                let what = "its code, node id or a key is another bureau's too";
                return Err(MembersError::Member { number: member.number, what });
            }
        }
        Ok(())
    }

    /// Reads a list in its one canonical form, and validates it.
    ///
    /// # Errors
    /// [`MembersError`] names line or member.
    pub fn decode(bytes: &[u8]) -> Result<Self, MembersError> {
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(MembersError::TooLarge(bytes.len()));
        }
        let mut lines = Lines::new(bytes)?;
        lines.exactly(Self::TITLE)?;
        let origin = lines.next("the origin")?.to_owned();
        let shape = "epoch <e> from <size> q <q> f <f>";
        let ["epoch", epoch, "from", from, "q", q, "f", f] = lines.words::<8>(shape)? else {
            return Err(lines.unexpected(shape).into());
        };
        let epoch = lines.require(decimal(epoch), shape)?;
        let from = TreeSize(lines.require(decimal(from), shape)?);
        let (q, f) = (lines.require(decimal(q), shape)?, lines.require(decimal(f), shape)?);
        let mut members = Vec::new();
        while lines.peek().is_some() {
            if members.len() == MEMBERS_MAX {
                return Err(MembersError::Count(MEMBERS_MAX + 1));
            }
            let [number, code, words @ ..] = lines.words::<6>("number, code, node id, keys")?;
            let number = BureauNumber(lines.require(decimal(number), "a bureau number")?);
            members.push(Member::from_words(&lines, number, code, words)?);
        }
        let list = Self { origin, epoch, from, q, f, members };
        list.validate()?;
        Ok(list)
    }

    /// The text: what is hashed, each line ended by 0a.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    /// H(text) in the ledger's suite: what a checkpoint's members line names.
    #[must_use]
    pub fn digest(&self, suite: Suite) -> Hash {
        suite.hash(&[&self.encode()])
    }

    /// The member whose cosigning key a signature line claims to be of.
    #[must_use]
    pub fn by_cosigning_line(&self, line: &Line) -> Option<&Member> {
        self.members.iter().find(|member| member.cosigning_key.names(line))
    }

    /// The member whose log key a signature line claims to be of.
    #[must_use]
    pub fn by_log_line(&self, line: &Line) -> Option<&Member> {
        self.members.iter().find(|member| member.log_key.as_ref().is_some_and(|key| key.names(line)))
    }

    /// The member of an admission key.
    #[must_use]
    pub fn by_admission_key(&self, key: &[u8; PUBLIC_KEY_LENGTH]) -> Option<&Member> {
        self.members.iter().find(|member| member.admission_key == *key)
    }

    /// The member of a bureau.
    #[must_use]
    pub fn by_number(&self, number: BureauNumber) -> Option<&Member> {
        self.members.iter().find(|member| member.number == number)
    }

    /// The member of a node.
    #[must_use]
    pub fn by_node_id(&self, node_id: NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.node_id == node_id)
    }
}

impl fmt::Display for MemberList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", Self::TITLE, self.origin)?;
        writeln!(f, "epoch {} from {} q {} f {}", self.epoch, self.from, self.q, self.f)?;
        self.members
            .iter()
            .try_for_each(|member| writeln!(f, "{} {} {}", member.number, member.code, member.words()))
    }
}
