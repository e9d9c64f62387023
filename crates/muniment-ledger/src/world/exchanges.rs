//! The last 2^20 sides of exchanges, to find an exchange id that is used again with other content (S03).
//!
//! The log keeps them in the order of their arrival, in chunks, so that a view is cheap and the oldest goes first. The
//! look-up finds a side; it is apply's alone and follows from the log.

use std::collections::VecDeque;
use std::sync::Arc;

use super::layout::layout;
use super::lookup::Lookup;

/// Sides remembered.
pub const EXCHANGE_SIDES_MAX: u64 = 1 << 20;
/// Sides per copy-on-write chunk.
const CHUNK: u64 = 512;

/// Names one side of an exchange: the first 16 bytes of H("muniment/v1/exchange" 00 kind side exchange).
pub type SideName = [u8; 16];

layout! {
    /// What one side of an exchange said.
    pub struct ExchangeSide {
        /// Its number in the order of arrival, from 0.
        pub number: u64,
        /// First 16 bytes of H("muniment/v1/exchange content" 00 ...) over what it said.
        pub content: [u8; 16],
    }
}

/// One side as use and judgement see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideUse {
    /// The side.
    pub name: SideName,
    /// What is said of it.
    pub content: [u8; 16],
}

/// The sides remembered, in order; a clone is a view.
#[derive(Clone, Debug)]
pub struct ExchangeLog {
    /// Number of the oldest side remembered.
    oldest: u64,
    /// Number of the first side of the first chunk.
    first: u64,
    full: Arc<VecDeque<Arc<[SideUse]>>>,
    tail: Arc<Vec<SideUse>>,
}

/// The window as apply needs it.
#[derive(Clone, Debug)]
pub struct ExchangeWindow {
    log: ExchangeLog,
    /// Offsets modulo 2^32 of a side's number: the window is far smaller.
    lookup: Lookup<SideName, u32>,
    sides_max: u64,
}

impl ExchangeLog {
    fn starting_at(number: u64) -> Self {
        Self { oldest: number, first: number, full: Arc::new(VecDeque::new()), tail: Arc::new(Vec::new()) }
    }

    fn next(&self) -> u64 {
        self.first + count(self.full.len()) * CHUNK + count(self.tail.len())
    }

    /// The sides remembered, ascending by number.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (SideName, ExchangeSide)> {
        let sides = self.full.iter().flat_map(|chunk| chunk.iter()).chain(self.tail.iter());
        let numbered = (self.first..).zip(sides);
        numbered
            .skip_while(|(number, _)| *number < self.oldest)
            .map(|(number, side)| (side.name, ExchangeSide { number, content: side.content }))
    }

    fn get(&self, number: u64) -> Option<&SideUse> {
        let offset = number.checked_sub(self.first)?;
        let chunk = usize::try_from(offset / CHUNK).ok()?;
        let position = usize::try_from(offset % CHUNK).ok()?;
        match self.full.get(chunk) {
            Some(sides) => sides.get(position),
            None if chunk == self.full.len() => self.tail.get(position),
            None => None,
        }
    }

    fn push(&mut self, side: SideUse) {
        let tail = Arc::make_mut(&mut self.tail);
        tail.push(side);
        if count(tail.len()) == CHUNK {
            let full = std::mem::take(tail).into();
            Arc::make_mut(&mut self.full).push_back(full);
        }
    }

    /// Forgets the oldest side and answers its name.
    fn pop(&mut self) -> Option<SideName> {
        let name = self.get(self.oldest)?.name;
        self.oldest += 1;
        if self.oldest - self.first == CHUNK {
            Arc::make_mut(&mut self.full).pop_front();
            self.first = self.oldest;
        }
        Some(name)
    }
}

impl ExchangeWindow {
    /// An empty window.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self::starting_at(0)
    }

    /// An empty window whose first side gets this number: what a restored dump begins with.
    pub(crate) fn starting_at(number: u64) -> Self {
        Self { log: ExchangeLog::starting_at(number), lookup: Lookup::new(), sides_max: EXCHANGE_SIDES_MAX }
    }

    /// The window's content as a view.
    #[must_use]
    pub(crate) fn log(&self) -> ExchangeLog {
        self.log.clone()
    }

    /// What was first said of a side, if it is remembered.
    #[must_use]
    pub fn content(&self, name: &SideName) -> Option<[u8; 16]> {
        let offset = *self.lookup.get(name)?;
        // The number that is congruent to the offset and not older than the oldest.
        let base = self.log.oldest & !u64::from(u32::MAX) | u64::from(offset);
        let number = if base < self.log.oldest { base + (1 << 32) } else { base };
        let side = self.log.get(number).expect("the look-up follows from the log");
        Some(side.content)
    }

    /// Notes a side that is not remembered yet; forgets the oldest when there are too many.
    pub(crate) fn note(&mut self, side: SideUse) {
        let number = self.log.next();
        let offset = u32::try_from(number & u64::from(u32::MAX)).expect("masked to 32 bits");
        let before = self.lookup.insert(side.name, offset);
        assert!(before.is_none(), "a side is noted once");
        self.log.push(side);
        if count(self.lookup.len()) > self.sides_max {
            let oldest = self.log.pop().expect("the window is not empty");
            self.lookup.remove(&oldest);
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).expect("usize is at most 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(number: u64) -> SideUse {
        let mut name = [0; 16];
        name[..8].copy_from_slice(&number.to_be_bytes());
        SideUse { name, content: name }
    }

    fn check(first: u64, sides_max: u64) {
        let mut window = ExchangeWindow { sides_max, ..ExchangeWindow::starting_at(first) };
        let mut views = Vec::new();
        let total = 3 * CHUNK + 7;
        for number in first..first + total {
            window.note(side(number));
            views.push(window.log());
        }
        let oldest = first + total - sides_max;
        for number in first..first + total {
            let expected = (number >= oldest).then_some(side(number).content);
            assert_eq!(window.content(&side(number).name), expected, "{number}");
        }
        for (noted, view) in (1..).zip(views) {
            let from = (first + noted).saturating_sub(sides_max).max(first);
            let numbers: Vec<u64> = view.entries().map(|(_, side)| side.number).collect();
            assert_eq!(numbers, (from..first + noted).collect::<Vec<_>>(), "after {noted}");
        }
    }

    #[test]
    fn the_window_remembers_the_newest_sides_and_views_keep_what_they_saw() {
        check(0, CHUNK + 3);
        check(5, CHUNK);
    }

    #[test]
    fn numbers_above_32_bits_are_found() {
        check(u64::from(u32::MAX) - 700, CHUNK + 3);
    }
}
