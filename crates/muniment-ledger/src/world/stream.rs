//! Streams: records that one submitter numbers itself, judged by their sequence alone.

use std::collections::VecDeque;

use muniment_core::{Hash, LeafIndex};

use super::layout::layout;

/// Contents that a stream remembers.
pub const STREAM_CONTENTS_MAX: usize = 256;
/// Different contents that one sequence (or one request id) may have.
pub const CONTENTS_PER_NAME_MAX: usize = 3;

layout! {
    /// One record of a stream.
    pub struct StreamContent {
        /// Its position in the stream.
        pub sequence: u64,
        /// Its leaf.
        pub leaf: LeafIndex,
        /// First 16 bytes of its record digest.
        pub digest: [u8; 16],
    }
}

layout! {
    /// A stream of one submitter.
    ///
    /// Holds every record appended with a sequence of at least `floor`; what lay below is forgotten.
    pub struct Stream {
        /// The sequence that comes next if there is no gap.
        pub next: u64,
        /// Sequences below may have been appended and forgotten.
        pub floor: u64,
        /// The records remembered, ascending by sequence, then leaf.
        pub contents: VecDeque<StreamContent>,
    }
}

/// Where a record stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamPlace {
    /// It continues the stream, or fills a gap that was left before.
    Fits,
    /// Sequences before it are missing: S01.
    AfterGap,
    /// Its sequence holds other content: S02.
    Reused,
    /// It is there already.
    Duplicate(LeafIndex),
    /// Its sequence is older than what the stream remembers: taken for a duplicate, not compared.
    Forgotten,
    /// Its sequence holds [`CONTENTS_PER_NAME_MAX`] other contents.
    Exhausted,
}

/// The first 16 bytes of a digest: enough to tell contents of one name apart.
#[must_use]
pub fn short_digest(digest: &Hash) -> [u8; 16] {
    let (short, _) = digest.0.split_first_chunk().expect("16 of 32 bytes");
    *short
}

impl Stream {
    /// A stream before its first record.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: 0, floor: 0, contents: VecDeque::new() }
    }

    /// Where a record with this sequence and content stands.
    #[must_use]
    pub fn place(&self, sequence: u64, digest: &[u8; 16]) -> StreamPlace {
        if sequence == self.next {
            return StreamPlace::Fits;
        }
        if sequence > self.next {
            return StreamPlace::AfterGap;
        }
        if sequence < self.floor {
            return StreamPlace::Forgotten;
        }
        let first = self.contents.partition_point(|content| content.sequence < sequence);
        let same_sequence = self.contents.range(first..).take_while(|content| content.sequence == sequence);
        let mut others = 0;
        for content in same_sequence {
            if content.digest == *digest {
                return StreamPlace::Duplicate(content.leaf);
            }
            others += 1;
        }
        match others {
            0 => StreamPlace::Fits,
            CONTENTS_PER_NAME_MAX.. => StreamPlace::Exhausted,
            _ => StreamPlace::Reused,
        }
    }

    /// Notes a record that was appended; forgets the lowest sequence when there are too many.
    pub(crate) fn note(&mut self, content: StreamContent) {
        // The last sequence, u64::MAX, is refused before it comes here, so there is always a next one.
        self.next = self.next.max(content.sequence.saturating_add(1));
        let at = self.contents.partition_point(|other| other.sequence <= content.sequence);
        self.contents.insert(at, content);
        if self.contents.len() > STREAM_CONTENTS_MAX {
            let lowest = self.contents[0].sequence;
            while self.contents.front().is_some_and(|content| content.sequence == lowest) {
                self.contents.pop_front();
            }
            self.floor = lowest.saturating_add(1);
        }
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(sequences: impl IntoIterator<Item = u64>) -> Stream {
        let mut stream = Stream::new();
        for (leaf, sequence) in sequences.into_iter().enumerate() {
            stream.note(StreamContent { sequence, leaf: LeafIndex(leaf as u64), digest: [1; 16] });
        }
        stream
    }

    #[test]
    fn a_record_is_placed_by_its_sequence_alone() {
        let other = [2; 16];
        let same = [1; 16];
        let full = stream(0..300);
        let gap = stream([0, 5]);
        let cases = [
            ("the first", stream([]), 0, same, StreamPlace::Fits),
            ("a first above 0", stream([]), 3, same, StreamPlace::AfterGap),
            ("the next", stream([0, 1]), 2, same, StreamPlace::Fits),
            ("a retry", stream([0, 1]), 1, same, StreamPlace::Duplicate(LeafIndex(1))),
            ("other content", stream([0, 1]), 1, other, StreamPlace::Reused),
            ("inside a gap", gap, 3, same, StreamPlace::Fits),
            ("the oldest remembered", full.clone(), 44, same, StreamPlace::Duplicate(LeafIndex(44))),
            ("just forgotten", full, 43, same, StreamPlace::Forgotten),
            ("a fourth content", stream([0, 1, 1, 1]), 1, other, StreamPlace::Exhausted),
        ];
        for (name, stream, sequence, digest, expected) in cases {
            assert_eq!(stream.place(sequence, &digest), expected, "{name}");
        }
    }

    #[test]
    fn a_sequence_is_forgotten_with_all_its_contents() {
        let mut sequences: Vec<u64> = (0..255).collect();
        sequences.extend([0, 255]);
        let stream = stream(sequences);
        assert_eq!(stream.floor, 1);
        assert_eq!(stream.contents.len(), 255);
        assert_eq!(stream.place(0, &[1; 16]), StreamPlace::Forgotten);
    }
}
