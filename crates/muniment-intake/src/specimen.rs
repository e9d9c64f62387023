//! Valid records of every kind, drawn from a string of bytes: what tests of the record codec make up and shrink, and what
//! `muniment generate` hands to implementations in other languages.
//!
//! A specimen is valid and means nothing: no rule was asked. Made-up traffic that means something: [`crate::generator`].

mod body;

use muniment_core::identifier::credit_code_check;
use muniment_core::limits::SUBJECT_TAGS_MAX;
use muniment_core::v1::{Actor, Leaf, Period, Precision, Record, Stream, Time};
use muniment_core::{Kind, LedgerId, record};

use crate::random::Random;

/// Bytes that a specimen is drawn from, at most.
const BYTES_MAX: usize = 400;

/// The ledger that specimens are for: none.
pub const LEDGER: LedgerId = LedgerId([7; 32]);

/// Kinds that submitters write, ascending.
#[must_use]
pub fn submitted_kinds() -> Vec<Kind> {
    Kind::TABLE.iter().map(|row| row.kind).filter(|kind| kind.is_submitted()).collect()
}

/// One valid record of a kind that submitters write, with most optional fields present: the same on every run.
#[must_use]
pub fn example(kind: Kind) -> Record {
    let bytes = (0..400_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0] | 1).collect();
    Draw::new(bytes).record(kind)
}

/// Specimens without end: [`example`] of each kind, ascending, then drawn ones, the kinds in turn. Equal seeds, equal
/// specimens.
#[derive(Clone, Debug)]
pub struct Specimens {
    kinds: Vec<Kind>,
    random: Random,
    given: usize,
}

impl Specimens {
    /// What follows from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { kinds: submitted_kinds(), random: Random::new(seed), given: 0 }
    }
}

impl Iterator for Specimens {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let kind = self.kinds[self.given % self.kinds.len()];
        let is_example = self.given < self.kinds.len();
        self.given += 1;
        if is_example {
            return Some(example(kind));
        }
        // Short ones show what an absent field looks like, long ones what many values do.
        let length = self.random.index(BYTES_MAX);
        let mut bytes: Vec<u8> =
            (0..length.div_ceil(8)).flat_map(|_| self.random.next().to_be_bytes()).collect();
        bytes.truncate(length);
        Some(Draw::new(bytes).record(kind))
    }
}

/// Draws values from bytes; when they run out, the smallest valid values follow.
#[derive(Debug)]
pub struct Draw {
    bytes: std::vec::IntoIter<u8>,
}

impl Draw {
    /// Draws from these.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into_iter() }
    }

    fn byte(&mut self) -> u8 {
        self.bytes.next().unwrap_or(0)
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// From 0 to `most`; both ends are likely.
    fn up_to(&mut self, most: usize) -> usize {
        match self.byte() {
            byte @ 0..=223 => usize::from(byte) % (most.min(12) + 1),
            224..=239 => most,
            _ => 0,
        }
    }

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::from(self.byte()) % values.len()]
    }

    fn u64(&mut self) -> u64 {
        let bytes: Vec<u8> = (0..self.pick(&[1, 0, 2, 8])).map(|_| self.byte()).collect();
        bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn number(&mut self, least: u32, most: u32) -> u32 {
        least + u32::from(self.byte()) % (most - least).saturating_add(1).max(1)
    }

    fn some<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| value(self))
    }

    fn list<T: Ord>(&mut self, least: usize, most: usize, value: impl Fn(&mut Self) -> T) -> Vec<T> {
        let count = self.up_to(most).max(least);
        let mut values: Vec<T> = (0..count).map(|_| value(self)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Text of `least` to `most` bytes, without digits enough to look like anybody's number.
    fn text(&mut self, least: usize, most: usize) -> String {
        let length = self.up_to(most).max(least);
        let mut text = String::new();
        while text.len() < length {
            let character = self.pick(&['a', 'Z', '-', '.', '字', '章', '\u{1f4dc}', '\u{80}']);
            text.push(if text.len() + character.len_utf8() <= length { character } else { '_' });
        }
        text
    }

    fn remark(&mut self) -> String {
        self.text(0, 2_048)
    }

    fn digest(&mut self) -> Vec<u8> {
        (0..32).map(|_| self.byte()).collect()
    }

    fn optional_digest(&mut self) -> Vec<u8> {
        self.some(Self::digest).unwrap_or_default()
    }

    fn blob(&mut self, most: usize) -> Vec<u8> {
        vec![self.byte(); self.up_to(most).max(1)]
    }

    fn time_ms(&mut self) -> u64 {
        self.u64() % 253_402_300_800_000
    }

    fn leaf(&mut self) -> Option<Leaf> {
        Some(Leaf { index: self.u64() })
    }

    fn optional_leaf(&mut self) -> Option<Leaf> {
        self.some(|draw| Leaf { index: draw.u64() })
    }

    fn leaves(&mut self, least: usize) -> Vec<u64> {
        self.list(least, 64, Self::u64)
    }

    fn period(&mut self) -> Option<Period> {
        let from_ms = self.time_ms();
        let to_ms = if self.flag() && from_ms < 253_402_300_799_999 { from_ms + 1 } else { 0 };
        Some(Period { from_ms, to_ms })
    }

    fn tags(&mut self, least: usize) -> Vec<Vec<u8>> {
        self.list(least, SUBJECT_TAGS_MAX, Self::digest)
    }

    fn identifier(&mut self) -> String {
        match self.byte() % 6 {
            0 => {
                let first: [u8; 17] = std::array::from_fn(|_| self.pick(b"0123456789ABCDEFGHJKLMNPQRTUWXY"));
                let check = credit_code_check(&first).expect("characters of the alphabet");
                first
                    .map(char::from)
                    .into_iter()
                    .chain([check])
                    .fold("uscc:".to_owned(), |code, next| code + next.encode_utf8(&mut [0; 4]))
            }
            1 => format!("gbt2260:{}", self.pick(&["340100", "110000", "429004", "820000"])),
            2 => format!("catalogue:{}/{:05}", 307_009 + self.u64() % 1_000, self.u64() % 100_000),
            3 => format!("xroad:DEV/ORG/{}/TEST", 1 + self.u64()),
            4 => "xroad:DEV/ORG/1234567-8//getSecurityServerOperationalData".to_owned(),
            _ => {
                let length = self.up_to(252).max(1);
                format!("nhs:{}", "n".repeat(length))
            }
        }
    }

    fn optional_identifier(&mut self) -> String {
        self.some(Self::identifier).unwrap_or_default()
    }

    fn data_sets(&mut self) -> Vec<String> {
        self.list(1, 8, Self::identifier)
    }

    fn codes(&mut self, least: usize) -> Vec<String> {
        self.list(least, 64, |draw| draw.text(1, 64))
    }

    fn roles(&mut self) -> Vec<i32> {
        self.list(0, 5, |draw| draw.pick(&[1, 2, 3, 4, 5]))
    }

    /// The next record, of a kind that submitters write; of another kind: panics.
    pub fn record(&mut self, kind: Kind) -> Record {
        let sealed = self.byte() % 4 == 3;
        let (unit, precision) = self.pick(&[
            (1, Precision::Unspecified),
            (1_000, Precision::Second),
            (86_400_000, Precision::Day),
        ]);
        let month = Time { unix_ms: 1_604_188_800_000, precision: Precision::Month.into() };
        let time = self.time_ms();
        let exact = Time { unix_ms: time - time % unit, precision: precision.into() };
        Record {
            schema_version: record::SCHEMA_VERSION,
            ledger_id: LEDGER.0.to_vec(),
            submitter: self.number(1, u32::MAX),
            region: self.optional_identifier(),
            actor: Some(self.actor()),
            occurred_at: Some(if self.byte() % 8 == 7 { month } else { exact }),
            stream: self.some(|draw| Stream { id: draw.text(1, 128), sequence: draw.u64() }),
            references: self.leaves(0),
            historic: self.flag(),
            visibility: if sealed { self.pick(&[1, 2]) } else { 0 },
            supervisor: if sealed { self.number(1, u32::MAX) } else { 0 },
            body: Some(self.body(kind)),
        }
    }

    fn actor(&mut self) -> Actor {
        Actor {
            system: self.identifier(),
            tag: self.optional_digest(),
            certificate: self.optional_digest(),
            terminal: self.text(0, 64),
            authentication: self.pick(&[0, 1, 2, 3, 4, 5]),
            assurance_level: self.number(0, 4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specimens_of_every_kind_are_valid_and_follow_from_the_seed() {
        let kinds = submitted_kinds();
        let drawn: Vec<Record> = Specimens::new(7).take(20 * kinds.len()).collect();
        for (record, kind) in drawn.iter().zip(kinds.iter().cycle()) {
            let bytes = record::encode(record).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            assert_eq!(record::decode(&bytes, Some(&LEDGER)).as_ref(), Ok(record));
            assert_eq!(record::kind(record), Some(*kind));
        }
        assert!(Specimens::new(7).take(drawn.len()).eq(drawn.iter().cloned()));
        assert!(Specimens::new(8).take(drawn.len()).ne(drawn));
    }
}
