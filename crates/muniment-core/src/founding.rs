//! The founding file: what a ledger is, written once; its digest is the ledger's id.

use std::collections::BTreeSet;
use std::fmt;

use thiserror::Error;

use crate::contact::Contact;
use crate::keys::PUBLIC_KEY_LENGTH;
use crate::lines::{LineError, Lines, decimal};
use crate::members::{MEMBERS_MAX, Member, MemberList, MembersError, quorum};
use crate::note::{KeyType, VerifierKey};
use crate::{BureauNumber, LedgerId, NodeId, Suite, TreeSize};

/// Bytes of a founding file, at most.
const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a region, at most.
const REGION_BYTES_MAX: usize = 256;

/// A bureau that founds the ledger, and its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founder {
    /// The bureau: founders are numbered 1..n in order.
    pub number: BureauNumber,
    /// Its code: the last part of its cosigning key's name.
    pub code: String,
    /// Its region, scheme-qualified ("gbt2260:340100"): visible ASCII, at most 256 bytes.
    pub region: String,
    /// Its node: 1..n in order.
    pub node_id: NodeId,
    /// The key with which the node cosigns.
    pub cosigning_key: VerifierKey,
    /// The key with which the node signs admissions.
    pub admission_key: [u8; PUBLIC_KEY_LENGTH],
    /// sha256 ledgers only: the key of a note's first line.
    pub log_key: Option<VerifierKey>,
    /// Where its node is reached, and its bureau's CA.
    pub contact: Contact,
}

/// A ledger's beginning (`docs/data-format.md`, "Founding file").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    /// The ledger's origin: first line of every checkpoint.
    pub origin: String,
    /// The ledger's hash suite.
    pub suite: Suite,
    /// The founders, in order.
    pub founders: Vec<Founder>,
}

/// Why a text is not a founding file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FoundingError {
    /// Larger than any founding file.
    #[error("founding file of {0} bytes; at most {TEXT_BYTES_MAX} are read")]
    TooLarge(usize),
    /// The text's shape.
    #[error("founding file: {0}")]
    Line(#[from] LineError),
    /// The founders don't make a member list.
    #[error("founding file: {0}")]
    Members(#[from] MembersError),
    /// Numbers or node ids are not 1..n.
    #[error("founding file: founder {position} must have bureau number and node id {position}")]
    Numbering {
        /// Position of the founder, from 1.
        position: u32,
    },
    /// A region is none.
    #[error("founding file: region {0:?} must be visible ASCII, 1 to {REGION_BYTES_MAX} bytes")]
    Region(String),
    /// A contact can't be one.
    #[error("founding file: founder {position}: {what}")]
    Contact {
        /// Position of the founder, from 1.
        position: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// The cosigning keys are of another suite.
    #[error("founding file: the cosigning keys are not of the type that suite {0} has")]
    KeyType(Suite),
}

impl Founding {
    /// The first line of the text.
    const TITLE: &str = "muniment/v1/founding";

    /// Checks numbering, regions, keys and names.
    ///
    /// # Errors
    /// [`FoundingError`] names the founder.
    pub fn validate(&self) -> Result<(), FoundingError> {
        for (founder, position) in self.founders.iter().zip(1_u32..) {
            if founder.number.0 != position || founder.node_id.0 != u64::from(position) {
                return Err(FoundingError::Numbering { position });
            }
            let region = &founder.region;
            let is_region = |text: &str| {
                (1..=REGION_BYTES_MAX).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_graphic())
            };
            if !is_region(region) {
                return Err(FoundingError::Region(region.clone()));
            }
        }
        self.validate_contacts()?;
        self.members().validate()?;
        let key_type = cosigning_key_type(self.suite);
        if self.founders.iter().any(|founder| founder.cosigning_key.key_type() != key_type) {
            return Err(FoundingError::KeyType(self.suite));
        }
        Ok(())
    }

    /// Two bureaus of one trust domain could speak for each other; two nodes can't share an address.
    fn validate_contacts(&self) -> Result<(), FoundingError> {
        let (mut domains, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for (founder, position) in self.founders.iter().zip(1_u32..) {
            let contact = &founder.contact;
            let fresh = domains.insert(&contact.trust_domain)
                && addresses.insert(&contact.peer_address)
                && addresses.insert(&contact.client_address);
            let shared = (!fresh).then_some("its trust domain or an address is named twice");
            if let Some(what) = contact.fault().or(shared) {
                return Err(FoundingError::Contact { position, what });
            }
        }
        Ok(())
    }

    /// Reads a founding file in its one canonical form, and validates it.
    ///
    /// # Errors
    /// [`FoundingError`] names the line or the founder.
    pub fn decode(bytes: &[u8]) -> Result<Self, FoundingError> {
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(FoundingError::TooLarge(bytes.len()));
        }
        let mut lines = Lines::new(bytes)?;
        lines.exactly(Self::TITLE)?;
        let origin = lines.next("the origin")?.to_owned();
        let shape = "suite and its name: blake3, sha256 or sm3";
        let suite = lines.next(shape)?.strip_prefix("suite ").and_then(Suite::from_name);
        let suite = lines.require(suite, shape)?;
        let mut founders = Vec::new();
        while lines.peek().is_some() {
            if founders.len() == MEMBERS_MAX {
                return Err(MembersError::Count(MEMBERS_MAX + 1).into());
            }
            let [number, code, region, words @ ..] = lines
                .words::<7>("number, code, region, node id, cosigning key, admission key, log key or -")?;
            let number = BureauNumber(lines.require(decimal(number), "a bureau number")?);
            let member = Member::from_words(&lines, number, code, words)?;
            founders.push(Founder::of(member, region, Contact::read(&mut lines)?));
        }
        let founding = Self { origin, suite, founders };
        founding.validate()?;
        Ok(founding)
    }

    /// The text, each line ended by 0a.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    /// blake3 of the text, in every suite.
    #[must_use]
    pub fn ledger_id(&self) -> LedgerId {
        LedgerId(blake3::hash(&self.encode()).into())
    }

    /// The founders as the member list of epoch 0.
    #[must_use]
    pub fn members(&self) -> MemberList {
        // More founders than a u32 counts fail validation by their number.
        let (q, f) = quorum(u32::try_from(self.founders.len().min(MEMBERS_MAX)).expect("at most 16"));
        let members = self.founders.iter().map(Founder::member).collect();
        MemberList { origin: self.origin.clone(), epoch: 0, from: TreeSize(0), q, f, members }
    }
}

/// The key type with which nodes of a suite cosign.
#[must_use]
pub const fn cosigning_key_type(suite: Suite) -> KeyType {
    match suite {
        Suite::Sha256 => KeyType::C2spCosignature,
        Suite::Blake3 | Suite::Sm3 => KeyType::MunimentCosignature,
    }
}

impl Founder {
    fn of(member: Member, region: &str, contact: Contact) -> Self {
        let Member { number, code, node_id, cosigning_key, admission_key, log_key } = member;
        let region = region.to_owned();
        Self { number, code, region, node_id, cosigning_key, admission_key, log_key, contact }
    }

    /// The founder's entry in the member list of epoch 0.
    #[must_use]
    pub fn member(&self) -> Member {
        Member {
            number: self.number,
            code: self.code.clone(),
            node_id: self.node_id,
            cosigning_key: self.cosigning_key.clone(),
            admission_key: self.admission_key,
            log_key: self.log_key.clone(),
        }
    }
}

impl fmt::Display for Founding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\nsuite {}", Self::TITLE, self.origin, self.suite)?;
        self.founders.iter().try_for_each(|founder| {
            let words = founder.member().words();
            writeln!(f, "{} {} {} {words}", founder.number, founder.code, founder.region)?;
            writeln!(f, "{}", founder.contact)
        })
    }
}
