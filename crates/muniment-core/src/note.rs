//! Signed notes and verifier keys (C2SP signed-note): a text, a blank line, signature lines.

use std::fmt;

use sha2::Digest as _;
use thiserror::Error;

use crate::keys::{PUBLIC_KEY_LENGTH, PublicKey};
use crate::lines::{LineError, Lines, from_base64, to_base64};

/// Signature lines of one note, at most.
pub const NOTE_LINES_MAX: usize = 16;
/// Bytes of one note, at most.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of an origin, at most.
pub const ORIGIN_BYTES_MAX: usize = 255;
/// Bytes of a bureau's code, at most.
pub const CODE_BYTES_MAX: usize = 64;
/// What a signature line starts with: em dash and space.
const LINE_START: &str = "\u{2014} ";

/// Whether a text can be an origin: visible ASCII without `+`, 1 to 255 bytes (C2SP signed-note forbids spaces and plus).
#[must_use]
pub fn is_origin(text: &str) -> bool {
    (1..=ORIGIN_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+')
}

/// Whether a text can be a bureau's code: lower-case letters, digits, `.` and `-`, 1 to 64 bytes.
#[must_use]
pub fn is_code(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-';
    (1..=CODE_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// Whether a text can be a key's name: an origin, or an origin, `/` and a code.
fn is_key_name(text: &str) -> bool {
    let length_max = ORIGIN_BYTES_MAX + 1 + CODE_BYTES_MAX;
    (1..=length_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+')
}

/// How a key signs notes: the signature type of C2SP signed-note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// 0x01, Ed25519 over the text: a sha256 ledger's log key.
    Log,
    /// 0x04, C2SP `cosignature/v1`: the cosigning key of a sha256 ledger.
    C2spCosignature,
    /// 0xff `muniment/v1/cosignature`: the cosigning key of a blake3 or sm3 ledger.
    MunimentCosignature,
}

impl KeyType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Log, Self::C2spCosignature, Self::MunimentCosignature];

    /// What stands before the public key in a verifier key and in the key id's input.
    const fn identifier(self) -> &'static [u8] {
        match self {
            Self::Log => &[0x01],
            Self::C2spCosignature => &[0x04],
            Self::MunimentCosignature => b"\xffmuniment/v1/cosignature",
        }
    }
}

/// First four bytes of SHA-256 over name, 0a, type and key: which key a line claims to be of (C2SP signed-note).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// The id of a key of any type, C2SP's recommended form.
    #[must_use]
    pub fn compute(name: &str, identifier: &[u8], key: &[u8]) -> Self {
        let mut hasher = sha2::Sha256::new();
        for part in [name.as_bytes(), b"\n", identifier, key] {
            hasher.update(part);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        Self([digest[0], digest[1], digest[2], digest[3]])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// A public key with its name and type; its text form is C2SP's "vkey".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key_type: KeyType,
    key: PublicKey,
    id: KeyId,
}

/// Why a text is not a verifier key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "verifier key {text:?} is refused: it must be <name>+<key id in hex>+<base64 of type and key>, {what}"
)]
pub struct VerifierKeyError {
    text: String,
    what: &'static str,
}

impl VerifierKey {
    /// Names a key. `None` if the name is none (C2SP signed-note: no space, no plus; here visible ASCII).
    #[must_use]
    pub fn new(name: &str, key_type: KeyType, key: PublicKey) -> Option<Self> {
        if !is_key_name(name) {
            return None;
        }
        let id = KeyId::compute(name, key_type.identifier(), &key.to_bytes());
        Some(Self { name: name.to_owned(), key_type, key, id })
    }

    /// Reads a verifier key in its one canonical form.
    ///
    /// # Errors
    /// [`VerifierKeyError`] says which part is wrong; weak public keys are refused.
    pub fn parse(text: &str) -> Result<Self, VerifierKeyError> {
        let refuse = |what| VerifierKeyError { text: text.chars().take(512).collect(), what };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refuse("with two plus signs"));
        };
        let bytes = from_base64(encoded).ok_or_else(|| refuse("in canonical base64"))?;
        let typed = KeyType::ALL.into_iter().find_map(|key_type| {
            let key: [u8; PUBLIC_KEY_LENGTH] = bytes.strip_prefix(key_type.identifier())?.try_into().ok()?;
            Some((key_type, key))
        });
        let (key_type, key) = typed.ok_or_else(|| refuse("of a type that this build knows"))?;
        let key =
            PublicKey::from_bytes(&key).map_err(|_| refuse("and the key neither weak nor non-canonical"))?;
        let verifier_key =
            Self::new(name, key_type, key).ok_or_else(|| refuse("with a visible ASCII name"))?;
        // Covers the key id, its case and its width at once.
        if verifier_key.to_string() != text {
            return Err(refuse("with the id that belongs to name and key"));
        }
        Ok(verifier_key)
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it signs.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The public key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Its id in signature lines.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Whether a signature line claims to be of this key.
    #[must_use]
    pub fn names(&self, line: &Line) -> bool {
        self.name == line.name && self.id == line.key_id
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [self.key_type.identifier(), &self.key.to_bytes()].concat();
        write!(f, "{}+{}+{}", self.name, self.id, to_base64(&material))
    }
}

/// One signature line of a note.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Name of the key.
    pub name: String,
    /// Id of the key.
    pub key_id: KeyId,
    /// What follows the id: signature, or time and signature.
    pub signature: Vec<u8>,
}

/// A text and its signature lines; nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text, its last newline included.
    pub text: String,
    /// The lines, in order.
    pub lines: Vec<Line>,
}

/// Why bytes are not a note.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoteError {
    /// More than [`NOTE_BYTES_MAX`].
    #[error("note of {0} bytes; at most {NOTE_BYTES_MAX} are read")]
    TooLarge(usize),
    /// The text's shape.
    #[error("note: {0}")]
    Line(#[from] LineError),
    /// No text, blank line and signature line.
    #[error("note has no blank line with signature lines after it")]
    NoSignatures,
    /// More than [`NOTE_LINES_MAX`] signature lines.
    #[error("note has more than {NOTE_LINES_MAX} signature lines")]
    TooManyLines,
    /// Two lines of one key.
    #[error("note has two lines of the key {name} {key_id}")]
    Repeated {
        /// Name of the key.
        name: String,
        /// Its id.
        key_id: KeyId,
    },
}

impl Line {
    /// Reads one line without its newline.
    fn parse(text: &str) -> Option<Self> {
        let (name, encoded) = text.strip_prefix(LINE_START)?.split_once(' ')?;
        let bytes = from_base64(encoded)?;
        let (key_id, signature) = bytes.split_first_chunk::<4>()?;
        // C2SP allows any Unicode but spaces and plus in foreign names; ours are ASCII and others have no use here.
        (is_key_name(name) && !signature.is_empty()).then(|| Self {
            name: name.to_owned(),
            key_id: KeyId(*key_id),
            signature: signature.to_vec(),
        })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.key_id.0.as_slice(), &self.signature].concat();
        write!(f, "{LINE_START}{} {}", self.name, to_base64(&bytes))
    }
}

impl Note {
    /// Reads a note. The text may hold empty lines; its last one ends it.
    ///
    /// # Errors
    /// [`NoteError`] names the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge(bytes.len()));
        }
        let whole = Lines::new(bytes)?.rest();
        let split = whole.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let text = &whole[..=split];
        let mut lines: Vec<Line> = Vec::new();
        for (position, line) in whole[split + 2..].lines().enumerate() {
            if lines.len() == NOTE_LINES_MAX {
                return Err(NoteError::TooManyLines);
            }
            let number = text.matches('\n').count() + 2 + position;
            let expected = "a signature line: em dash, space, key name, space, base64";
            let line = Line::parse(line).ok_or(LineError::Unexpected { line: number, expected })?;
            if lines.iter().any(|other| other.name == line.name && other.key_id == line.key_id) {
                return Err(NoteError::Repeated { name: line.name, key_id: line.key_id });
            }
            lines.push(line);
        }
        if lines.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        Ok(Self { text: text.to_owned(), lines })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Whether a line could pass for one of this key's under another signature type than the key's own: such lines are
/// refused, never ignored.
pub(crate) fn is_foreign_type(key: &VerifierKey, origin: &str, line: &Line) -> bool {
    const C2SP_TYPES: [&[u8]; 3] = [&[0x01], &[0x04], &[0x06]];
    let public_key = key.key.to_bytes();
    [key.name.as_str(), origin].into_iter().filter(|name| *name == line.name).any(|name| {
        C2SP_TYPES.into_iter().any(|identifier| KeyId::compute(name, identifier, &public_key) == line.key_id)
    })
}
