//! Bytes of the messages between nodes that are not Raft's: forwarded admissions, cosignatures, questions.

use std::time::Duration;

use bytes::Bytes;
use muniment_core::note::{KeyId, Line};
use muniment_core::reader::Reader;
use muniment_core::{BureauNumber, LeafIndex, LogIndex, NodeId, Reason, TreeSize, UnixMillis, Verdict};
use muniment_ledger::{Outcome, Rejection};

use crate::bureau_rates::{OverRate, Rate};
use crate::codec::{CodecError, put_block, put_count, read_bool, read_count};
use crate::submission::{Refusal, SignedPart, SubmissionOutcome, SubmitError, Wait};

/// What a message is, its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Append = 1,
    Vote = 2,
    PreVote = 3,
    TransferLeader = 4,
    Snapshot = 5,
    Submit = 7,
    Cosignature = 8,
    RootPrefix = 9,
    Derived = 10,
    ReadIndex = 11,
    Point = 12,
    FileRange = 13,
    DerivePoint = 14,
    Clock = 15,
    Promised = 16,
}

const KINDS: [Kind; 15] = [
    Kind::Append,
    Kind::Vote,
    Kind::PreVote,
    Kind::TransferLeader,
    Kind::Snapshot,
    Kind::Submit,
    Kind::Cosignature,
    Kind::RootPrefix,
    Kind::Derived,
    Kind::ReadIndex,
    Kind::Point,
    Kind::FileRange,
    Kind::DerivePoint,
    Kind::Clock,
    Kind::Promised,
];

/// Most outcomes of one answer: the records of one batch.
const OUTCOMES_MAX: u32 = 2_048;
/// Longest wait that a leader may ask for: a bucket refills in a second, the largest batch at the lowest rate in an hour.
const RETRY_AFTER_MAX_MICROS: u64 = 3_600_000_000;
/// Most signature lines of one message.
const LINES_MAX: u32 = 32;

impl Kind {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let found = reader.u8()?;
        let known = KINDS.into_iter().find(|kind| *kind as u8 == found);
        known.ok_or(CodecError::Unknown { what: "message kind", found })
    }

    /// Starts a message of this kind.
    pub(crate) fn message(self) -> Vec<u8> {
        vec![self as u8]
    }
}

/// A forwarded part.
pub(crate) fn encode_submit(part: &SignedPart) -> Bytes {
    let mut bytes = Kind::Submit.message();
    bytes.push(u8::from(part.wait == Wait::Cosigned));
    bytes.extend_from_slice(&part.records.to_be_bytes());
    bytes.extend_from_slice(&part.bytes);
    bytes.into()
}

pub(crate) fn read_submit(reader: &mut Reader<'_>, message: &Bytes) -> Result<SignedPart, CodecError> {
    let wait = if read_bool(reader, "wait mark")? { Wait::Cosigned } else { Wait::Committed };
    let records = reader.u32()?;
    Ok(SignedPart { bytes: message.slice(reader.at()..), records, wait })
}

pub(crate) fn encode_submit_answer(answer: &Result<SubmissionOutcome, SubmitError>) -> Bytes {
    let mut bytes = Vec::new();
    match answer {
        Ok(outcome) => {
            bytes.push(0);
            bytes.extend_from_slice(&outcome.accepted_at.0.to_be_bytes());
            bytes.extend_from_slice(&outcome.log_index.0.to_be_bytes());
            bytes.extend_from_slice(&outcome.size.0.to_be_bytes());
            put_count(&mut bytes, outcome.outcomes.len());
            outcome.outcomes.iter().for_each(|outcome| put_outcome(&mut bytes, outcome));
        }
        Err(SubmitError::OutcomeUnknown(detail)) => {
            bytes.push(1);
            put_block(&mut bytes, detail.as_bytes());
        }
        Err(SubmitError::NotWritten(refusal)) => {
            bytes.push(2);
            put_refusal(&mut bytes, refusal);
        }
    }
    bytes.into()
}

pub(crate) fn decode_submit_answer(
    bytes: &[u8],
) -> Result<Result<SubmissionOutcome, SubmitError>, CodecError> {
    let mut reader = Reader::new(bytes);
    let answer = match reader.u8()? {
        0 => {
            let accepted_at = UnixMillis(reader.u64()?);
            let log_index = LogIndex(reader.u64()?);
            let size = TreeSize(reader.u64()?);
            let count = read_count(&mut reader, "outcomes", OUTCOMES_MAX)?;
            let outcomes = (0..count).map(|_| read_outcome(&mut reader)).collect::<Result<_, _>>()?;
            Ok(SubmissionOutcome { outcomes, accepted_at, log_index, size })
        }
        1 => Err(SubmitError::OutcomeUnknown(read_text(&mut reader)?)),
        2 => Err(SubmitError::NotWritten(read_refusal(&mut reader)?)),
        found => return Err(CodecError::Unknown { what: "submit answer", found }),
    };
    reader.end()?;
    Ok(answer)
}

fn put_outcome(bytes: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Outcome::Appended { leaf, verdict, reused_request_id } => {
            bytes.push(0);
            bytes.extend_from_slice(&leaf.0.to_be_bytes());
            bytes.extend_from_slice(&verdict.0.to_be_bytes());
            bytes.push(u8::from(*reused_request_id));
        }
        Outcome::Duplicate { leaf } => {
            bytes.push(1);
            bytes.push(u8::from(leaf.is_some()));
            bytes.extend_from_slice(&leaf.map_or(0, |leaf| leaf.0).to_be_bytes());
        }
        Outcome::Rejected(rejection) => {
            bytes.push(2);
            put_rejection(bytes, rejection);
        }
    }
}

fn read_outcome(reader: &mut Reader<'_>) -> Result<Outcome, CodecError> {
    match reader.u8()? {
        0 => Ok(Outcome::Appended {
            leaf: LeafIndex(reader.u64()?),
            verdict: Verdict(reader.u64()?),
            reused_request_id: read_bool(reader, "request id mark")?,
        }),
        1 => {
            let known = read_bool(reader, "presence byte")?;
            let leaf = LeafIndex(reader.u64()?);
            Ok(Outcome::Duplicate { leaf: known.then_some(leaf) })
        }
        2 => Ok(Outcome::Rejected(read_rejection(reader)?)),
        found => Err(CodecError::Unknown { what: "outcome", found }),
    }
}

fn put_rejection(bytes: &mut Vec<u8>, rejection: &Rejection) {
    bytes.push(rejection.reason.number());
    put_block(bytes, rejection.field.as_bytes());
    put_block(bytes, rejection.detail.as_bytes());
}

fn read_rejection(reader: &mut Reader<'_>) -> Result<Rejection, CodecError> {
    let reason = read_reason(reader)?;
    Ok(Rejection { reason, field: read_text(reader)?, detail: read_text(reader)? })
}

fn read_reason(reader: &mut Reader<'_>) -> Result<Reason, CodecError> {
    let found = reader.u8()?;
    let known = Reason::ALL.iter().find(|reason| reason.number() == found);
    known.copied().ok_or(CodecError::Unknown { what: "reason", found })
}

/// Refusals travel as kind and numbers; those that only a caller's own node answers travel as text.
fn put_refusal(bytes: &mut Vec<u8>, refusal: &Refusal) {
    match refusal {
        Refusal::Rejected(rejection) => {
            bytes.push(0);
            put_rejection(bytes, rejection);
        }
        Refusal::Overloaded { retry_after, .. } => {
            bytes.push(1);
            let millis = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
            bytes.extend_from_slice(&millis.to_be_bytes());
        }
        Refusal::StorageFull { available, reserve } => {
            bytes.push(2);
            bytes.extend_from_slice(&available.to_be_bytes());
            bytes.extend_from_slice(&reserve.to_be_bytes());
        }
        Refusal::NotLeader { leader } => {
            bytes.push(3);
            bytes.extend_from_slice(&leader.map_or(0, |leader| leader.0).to_be_bytes());
        }
        Refusal::NotRunning(why) => {
            bytes.push(4);
            put_block(bytes, why.as_bytes());
        }
        Refusal::ClockUnsynced { ahead_ms } => {
            bytes.push(5);
            bytes.extend_from_slice(&ahead_ms.to_be_bytes());
        }
        Refusal::RateLimited(OverRate { bureau, rate, limit, retry_after }) => {
            bytes.push(6);
            bytes.extend_from_slice(&bureau.0.to_be_bytes());
            bytes.push(*rate as u8);
            bytes.extend_from_slice(&limit.to_be_bytes());
            let micros = u64::try_from(retry_after.as_micros()).unwrap_or(u64::MAX);
            bytes.extend_from_slice(&micros.to_be_bytes());
        }
        other @ (Refusal::TooLarge { .. }
        | Refusal::Empty
        | Refusal::NoQuorum { .. }
        | Refusal::RolledBack(_)) => {
            bytes.push(4);
            put_block(bytes, other.to_string().as_bytes());
        }
    }
}

fn read_refusal(reader: &mut Reader<'_>) -> Result<Refusal, CodecError> {
    Ok(match reader.u8()? {
        0 => Refusal::Rejected(read_rejection(reader)?),
        1 => Refusal::Overloaded {
            what: "the leader",
            retry_after: Duration::from_millis(reader.u64()?.min(60_000)),
        },
        2 => Refusal::StorageFull { available: reader.u64()?, reserve: reader.u64()? },
        3 => {
            let leader = reader.u64()?;
            Refusal::NotLeader { leader: (leader != 0).then_some(NodeId(leader)) }
        }
        4 => Refusal::NotRunning(read_text(reader)?),
        5 => Refusal::ClockUnsynced { ahead_ms: i64::from_be_bytes(reader.array()?) },
        6 => {
            let bureau = BureauNumber(reader.u32()?);
            let found = reader.u8()?;
            let rate = Rate::ALL.into_iter().find(|rate| *rate as u8 == found);
            let rate = rate.ok_or(CodecError::Unknown { what: "rate", found })?;
            let limit = reader.u64()?;
            let retry_after = Duration::from_micros(reader.u64()?.min(RETRY_AFTER_MAX_MICROS));
            Refusal::RateLimited(OverRate { bureau, rate, limit, retry_after })
        }
        found => return Err(CodecError::Unknown { what: "refusal", found }),
    })
}

/// A body and signature lines over it: a cosignature on its way, or what a node answers to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedBody {
    /// The checkpoint's text.
    pub(crate) body: String,
    pub(crate) lines: Vec<Line>,
}

pub(crate) fn put_signed_body(bytes: &mut Vec<u8>, signed: &SignedBody) {
    put_block(bytes, signed.body.as_bytes());
    put_count(bytes, signed.lines.len());
    for line in &signed.lines {
        put_block(bytes, line.name.as_bytes());
        bytes.extend_from_slice(&line.key_id.0);
        put_block(bytes, &line.signature);
    }
}

pub(crate) fn read_signed_body(reader: &mut Reader<'_>) -> Result<SignedBody, CodecError> {
    let body = read_text(reader)?;
    let mut lines = Vec::new();
    for _ in 0..read_count(reader, "signature lines", LINES_MAX)? {
        let name = read_text(reader)?;
        let key_id = KeyId(reader.array()?);
        lines.push(Line { name, key_id, signature: reader.block()?.to_vec() });
    }
    Ok(SignedBody { body, lines })
}

pub(crate) fn read_text(reader: &mut Reader<'_>) -> Result<String, CodecError> {
    let bytes = reader.block()?;
    String::from_utf8(bytes.to_vec()).map_err(|error| {
        let found = bytes.get(error.utf8_error().valid_up_to()).copied().unwrap_or_default();
        CodecError::Unknown { what: "UTF-8 text, byte", found }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/data-format.md");

    /// Number and name of each kind, as the table of the document has them.
    fn documented() -> Vec<(String, String)> {
        let from = DOCUMENT.split_once("## Messages between nodes").expect("the document has the section").1;
        let rows = from.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
        let cells = rows.map_while(|row| row.strip_prefix("| ")).map(|row| row.split(" | "));
        cells
            .map(|mut cells| {
                [cells.next(), cells.next()].map(|cell| cell.unwrap_or_default().to_owned()).into()
            })
            .collect()
    }

    /// A name of the code in words: `PreVote` is "pre vote".
    fn words(kind: Kind) -> String {
        let mut words = String::new();
        for letter in format!("{kind:?}").chars() {
            if letter.is_uppercase() && !words.is_empty() {
                words.push(' ');
            }
            words.extend(letter.to_lowercase());
        }
        words
    }

    #[test]
    fn the_table_of_the_document_lists_the_kinds_of_this_build_and_no_others() {
        let kinds: Vec<(String, String)> = KINDS.map(|kind| ((kind as u8).to_string(), words(kind))).into();
        assert_eq!(documented(), kinds);
    }

    #[test]
    fn every_kind_of_this_build_and_no_other_byte_begins_a_message() {
        let known: Vec<u8> =
            (0..=u8::MAX).filter(|byte| Kind::read(&mut Reader::new(&[*byte])).is_ok()).collect();
        assert_eq!(known, KINDS.map(|kind| kind as u8));
        assert_eq!(known, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        for kind in KINDS {
            assert_eq!(Kind::read(&mut Reader::new(&kind.message())), Ok(kind));
        }
    }

    #[test]
    fn every_answer_to_a_submission_survives_its_bytes() {
        let rejection =
            Rejection { reason: Reason::Expired, field: "request_id".to_owned(), detail: "late".to_owned() };
        let outcomes = vec![
            Outcome::Appended { leaf: LeafIndex(1), verdict: Verdict(2), reused_request_id: true },
            Outcome::Duplicate { leaf: Some(LeafIndex(3)) },
            Outcome::Duplicate { leaf: None },
            Outcome::Rejected(rejection.clone()),
        ];
        let done = SubmissionOutcome {
            outcomes,
            accepted_at: UnixMillis(5),
            log_index: LogIndex(6),
            size: TreeSize(7),
        };
        let refusals = [
            Refusal::Rejected(rejection),
            Refusal::Overloaded { what: "the leader", retry_after: Duration::from_millis(8) },
            Refusal::StorageFull { available: 9, reserve: 10 },
            Refusal::NotLeader { leader: Some(NodeId(11)) },
            Refusal::NotLeader { leader: None },
            Refusal::NotRunning("halted".to_owned()),
            Refusal::ClockUnsynced { ahead_ms: -12 },
            Refusal::RateLimited(OverRate {
                bureau: BureauNumber(13),
                rate: Rate::Bytes,
                limit: 14,
                retry_after: Duration::from_micros(15),
            }),
        ];
        let failures = refusals.map(|refusal| Err(SubmitError::NotWritten(refusal)));
        let unknown = Err(SubmitError::OutcomeUnknown("lost".to_owned()));
        for answer in failures.into_iter().chain([Ok(done), unknown]) {
            assert_eq!(decode_submit_answer(&encode_submit_answer(&answer)), Ok(answer));
        }
    }

    #[test]
    fn an_answer_with_one_byte_less_or_more_is_refused() {
        let bytes = encode_submit_answer(&Err(SubmitError::OutcomeUnknown("lost".to_owned())));
        assert!(decode_submit_answer(&bytes[..bytes.len() - 1]).is_err());
        assert!(decode_submit_answer(&[&bytes[..], &[0]].concat()).is_err());
    }
}
