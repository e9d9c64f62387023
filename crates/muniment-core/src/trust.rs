//! Trust files: whom a verifier believes, pinned by the verifier.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::founding::{Founding, cosigning_key_type};
use crate::lines::{array_from_base64, to_base64};
use crate::members::{Member, MemberList, MembersError};
use crate::note::VerifierKey;
use crate::{BureauNumber, LedgerId, NodeId, Suite, TreeSize};

/// Bytes of a trust file, at most.
pub const TRUST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The only format that this build reads.
const FORMAT: &str = "muniment/v1/trust";

/// A ledger, and the members of one or more consecutive epochs of it (`docs/data-format.md`, "Trust file").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustFile {
    /// The ledger's origin.
    pub origin: String,
    /// Its suite.
    pub suite: Suite,
    /// Digest of its founding file.
    pub ledger_id: LedgerId,
    /// Member lists, consecutive and ascending by epoch, at least one.
    pub epochs: Vec<MemberList>,
}

/// Why bytes are not a trust file.
#[derive(Debug, Error)]
pub enum TrustError {
    /// Larger than any trust file.
    #[error("trust file of {0} bytes; at most {TRUST_BYTES_MAX} are read")]
    TooLarge(usize),
    /// Not the JSON of a trust file.
    #[error("trust file: {0}")]
    Json(#[from] serde_json::Error),
    /// Another format.
    #[error("trust file of format {0:?}; this build reads {FORMAT:?}")]
    Format(String),
    /// A field's value.
    #[error("trust file: {field}: {value:?} is not {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// An epoch's members.
    #[error("trust file: epoch {epoch}: {error}")]
    Members {
        /// The epoch.
        epoch: u64,
        /// What is wrong.
        error: MembersError,
    },
    /// The epochs don't follow each other.
    #[error(
        "trust file: epochs must be consecutive, ascending in number and first size, and there must be one"
    )]
    Epochs,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustJson {
    format: String,
    origin: String,
    suite: String,
    ledger_id: String,
    /// What a bureau states about a checkpoint by signing it.
    bureaus_recomputed: Vec<Recomputed>,
    epochs: Vec<EpochJson>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Recomputed {
    Root,
    Index,
    Members,
}

/// What members of this format recompute before they sign.
const RECOMPUTED: [Recomputed; 3] = [Recomputed::Root, Recomputed::Index, Recomputed::Members];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochJson {
    epoch: u64,
    from: u64,
    q: u32,
    f: u32,
    members: Vec<MemberJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberJson {
    bureau: u32,
    code: String,
    node_id: u64,
    cosigning_key: String,
    admission_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_key: Option<String>,
}

impl TrustFile {
    /// What a founding file says, as a trust file: epoch 0.
    #[must_use]
    pub fn of_founding(founding: &Founding) -> Self {
        let epochs = vec![founding.members()];
        Self {
            origin: founding.origin.clone(),
            suite: founding.suite,
            ledger_id: founding.ledger_id(),
            epochs,
        }
    }

    /// The member list of an epoch.
    #[must_use]
    pub fn epoch(&self, epoch: u64) -> Option<&MemberList> {
        self.epochs.iter().find(|list| list.epoch == epoch)
    }

    /// Reads a trust file: JSON, without fields that this build does not know.
    ///
    /// # Errors
    /// [`TrustError`] names the field or the epoch.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TrustError> {
        if bytes.len() > TRUST_BYTES_MAX {
            return Err(TrustError::TooLarge(bytes.len()));
        }
        let json: TrustJson = serde_json::from_slice(bytes)?;
        if json.format != FORMAT {
            return Err(TrustError::Format(json.format));
        }
        let suite = Suite::from_name(&json.suite);
        let suite = required(suite, "suite", &json.suite, "blake3, sha256 or sm3")?;
        let ledger_id = LedgerId::from_hex(&json.ledger_id);
        let ledger_id =
            required(ledger_id, "ledger_id", &json.ledger_id, "64 lower-case hexadecimal digits")?;
        if json.bureaus_recomputed != RECOMPUTED {
            let value = "another list".to_owned();
            let expected = "root, index and members";
            return Err(TrustError::Field { field: "bureaus_recomputed", value, expected });
        }
        let epochs = json.epochs.iter().map(|epoch| epoch.to_list(&json.origin));
        let trust = Self { epochs: epochs.collect::<Result<_, _>>()?, origin: json.origin, suite, ledger_id };
        trust.validate()?;
        Ok(trust)
    }

    /// The file: JSON for people to read, fields in the order of the format, a newline at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = TrustJson {
            format: FORMAT.to_owned(),
            origin: self.origin.clone(),
            suite: self.suite.name().to_owned(),
            ledger_id: self.ledger_id.to_string(),
            bureaus_recomputed: RECOMPUTED.to_vec(),
            epochs: self.epochs.iter().map(EpochJson::of).collect(),
        };
        let text = serde_json::to_string_pretty(&json).expect("strings and numbers always serialise");
        text + "\n"
    }

    /// Checks what JSON can't say: valid lists of this ledger, consecutive epochs.
    ///
    /// # Errors
    /// [`TrustError::Members`], [`TrustError::Epochs`].
    pub fn validate(&self) -> Result<(), TrustError> {
        for list in &self.epochs {
            list.validate().map_err(|error| TrustError::Members { epoch: list.epoch, error })?;
        }
        let follows =
            |a: &MemberList, b: &MemberList| a.epoch.checked_add(1) == Some(b.epoch) && a.from < b.from;
        let key_type = cosigning_key_type(self.suite);
        let of_ledger = |list: &MemberList| {
            list.origin == self.origin
                && list.members.iter().all(|member| member.cosigning_key.key_type() == key_type)
        };
        if self.epochs.is_empty() || !self.epochs.is_sorted_by(follows) || !self.epochs.iter().all(of_ledger)
        {
            return Err(TrustError::Epochs);
        }
        Ok(())
    }
}

impl EpochJson {
    fn of(list: &MemberList) -> Self {
        let members = list.members.iter().map(|member| MemberJson {
            bureau: member.number.0,
            code: member.code.clone(),
            node_id: member.node_id.0,
            cosigning_key: member.cosigning_key.to_string(),
            admission_key: to_base64(&member.admission_key),
            log_key: member.log_key.as_ref().map(ToString::to_string),
        });
        Self { epoch: list.epoch, from: list.from.0, q: list.q, f: list.f, members: members.collect() }
    }

    fn to_list(&self, origin: &str) -> Result<MemberList, TrustError> {
        let members = self.members.iter().map(MemberJson::to_member).collect::<Result<_, _>>()?;
        let (epoch, from, q, f) = (self.epoch, TreeSize(self.from), self.q, self.f);
        Ok(MemberList { origin: origin.to_owned(), epoch, from, q, f, members })
    }
}

impl MemberJson {
    fn to_member(&self) -> Result<Member, TrustError> {
        let key = |text: &str, field| {
            required(VerifierKey::parse(text).ok(), field, text, "a verifier key of a known type")
        };
        let admission_key = array_from_base64(&self.admission_key);
        let text = &self.admission_key;
        Ok(Member {
            number: BureauNumber(self.bureau),
            code: self.code.clone(),
            node_id: NodeId(self.node_id),
            cosigning_key: key(&self.cosigning_key, "cosigning_key")?,
            admission_key: required(admission_key, "admission_key", text, "32 bytes in canonical base64")?,
            log_key: self.log_key.as_deref().map(|text| key(text, "log_key")).transpose()?,
        })
    }
}

fn required<T>(
    parsed: Option<T>,
    field: &'static str,
    value: &str,
    expected: &'static str,
) -> Result<T, TrustError> {
    parsed.ok_or_else(|| TrustError::Field { field, value: value.chars().take(256).collect(), expected })
}
