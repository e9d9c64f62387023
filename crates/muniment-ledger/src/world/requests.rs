//! The window of request ids: within it one (request id, content) is appended at most once.
//!
//! The log keeps what the window holds, in slots of one second of the ids' own time, so that a view is cheap and a slot
//! expires whole. The look-up finds an id; it is apply's alone and follows from the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use muniment_core::limits::REQUEST_ID_WINDOW_MS;
use muniment_core::{BureauNumber, LeafIndex, RequestId, UnixMillis};

use super::layout::layout;
use super::lookup::Lookup;
use super::stream::CONTENTS_PER_NAME_MAX;

/// Contents that the window holds at most.
pub const REQUEST_IDS_MAX: usize = 1 << 21;
/// Contents per copy-on-write chunk of a slot.
const CHUNK: usize = 256;
/// Milliseconds of one slot.
const SLOT_MS: u64 = 1_000;

layout! {
    /// Names one content of a request id.
    pub struct RequestKey {
        /// Who submitted it.
        pub submitter: BureauNumber,
        /// The submission's id.
        pub request_id: RequestId,
        /// 0 for the first content under the id; above: I01.
        pub content: u8,
    }
}

layout! {
    /// What became of a submission.
    pub struct Request {
        /// Leaf of the first of its records that was appended.
        pub first_leaf: LeafIndex,
        /// Records that it has.
        pub count: u32,
        /// First 16 bytes of the digest over its record digests.
        pub digest: [u8; 16],
        /// Positions of records that became no leaf, ascending.
        pub absent: Vec<u32>,
    }
}

impl Request {
    /// The leaf of the record at a position of the submission; none if it became none.
    #[must_use]
    pub fn leaf(&self, position: u32) -> Option<LeafIndex> {
        match self.absent.binary_search(&position) {
            Ok(_) => None,
            Err(absent_before) => {
                // Leaves of one submission follow each other.
                let skipped = u64::try_from(absent_before).expect("at most 2,048 records");
                Some(LeafIndex(self.first_leaf.0.saturating_add(u64::from(position) - skipped)))
            }
        }
    }
}

/// Whether a submission is new in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestPlace<'a> {
    /// The id is new.
    New,
    /// The id holds other contents, so many: I01.
    Reused(u8),
    /// The submission is there.
    Duplicate(&'a Request),
    /// The id holds [`CONTENTS_PER_NAME_MAX`] other contents.
    Exhausted,
    /// The window, or this bureau's share of it, is full.
    Full,
}

type Entry = (RequestKey, Request);

/// Contents of the ids of one second.
#[derive(Clone, Debug, Default)]
struct Slot {
    full: Vec<Arc<[Entry]>>,
    tail: Vec<Entry>,
}

/// The window's content in the order of the ids' seconds; a clone is a view.
#[derive(Clone, Debug, Default)]
pub struct RequestLog {
    slots: Arc<BTreeMap<u64, Arc<Slot>>>,
}

/// The window as apply needs it.
#[derive(Clone, Debug)]
pub struct RequestWindow {
    log: RequestLog,
    lookup: Lookup<(BureauNumber, RequestId, u8), Location>,
    per_bureau: BTreeMap<BureauNumber, usize>,
}

/// Slot and position of an entry.
#[derive(Clone, Copy, Debug)]
struct Location {
    slot: u64,
    position: usize,
}

impl Slot {
    fn get(&self, position: usize) -> Option<&Entry> {
        let full = self.full.len() * CHUNK;
        if position >= full {
            return self.tail.get(position - full);
        }
        self.full[position / CHUNK].get(position % CHUNK)
    }

    /// Appends an entry and answers its position.
    fn push(&mut self, entry: Entry) -> usize {
        self.tail.push(entry);
        let position = self.full.len() * CHUNK + self.tail.len() - 1;
        if self.tail.len() == CHUNK {
            self.full.push(std::mem::take(&mut self.tail).into());
        }
        position
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.full.iter().flat_map(|chunk| chunk.iter()).chain(&self.tail)
    }
}

impl RequestLog {
    /// What the window holds, in no order that means anything.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.values().flat_map(|slot| slot.entries())
    }
}

impl RequestWindow {
    /// An empty window.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self { log: RequestLog::default(), lookup: Lookup::new(), per_bureau: BTreeMap::new() }
    }

    /// The window's content as a view.
    #[must_use]
    pub(crate) fn log(&self) -> RequestLog {
        self.log.clone()
    }

    /// Contents held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lookup.len()
    }

    /// Whether the window is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a submission stands. `bureaus` share the window when it is more than half full.
    #[must_use]
    pub fn place(
        &self,
        submitter: BureauNumber,
        request_id: RequestId,
        count: u32,
        digest: &[u8; 16],
        bureaus: usize,
    ) -> RequestPlace<'_> {
        for content in 0_u8.. {
            if usize::from(content) == CONTENTS_PER_NAME_MAX {
                return RequestPlace::Exhausted;
            }
            let Some(request) = self.get(submitter, request_id, content) else {
                return match content {
                    _ if self.is_full_for(submitter, bureaus) => RequestPlace::Full,
                    0 => RequestPlace::New,
                    held => RequestPlace::Reused(held),
                };
            };
            if request.count == count && request.digest == *digest {
                return RequestPlace::Duplicate(request);
            }
        }
        RequestPlace::Exhausted
    }

    /// Notes a submission of which at least one record was appended.
    pub(crate) fn note(&mut self, key: RequestKey, request: Request) {
        let slot = key.request_id.time().0 / SLOT_MS;
        let name = (key.submitter, key.request_id, key.content);
        *self.per_bureau.entry(key.submitter).or_default() += 1;
        let slots = Arc::make_mut(&mut self.log.slots);
        let position = Arc::make_mut(slots.entry(slot).or_default()).push((key, request));
        let before = self.lookup.insert(name, Location { slot, position });
        assert!(before.is_none(), "a content is noted once");
    }

    /// Lets go of ids that a submission accepted at `now` could no longer use (to the second, rounded up).
    pub(crate) fn expire(&mut self, now: UnixMillis) {
        let Some(oldest) = now.0.checked_sub(REQUEST_ID_WINDOW_MS).map(|oldest| oldest / SLOT_MS) else {
            return;
        };
        // Looked at first: make_mut would copy the table for nothing.
        while self.log.slots.first_key_value().is_some_and(|(slot, _)| *slot < oldest) {
            let expired = Arc::make_mut(&mut self.log.slots).pop_first();
            for (key, _) in expired.iter().flat_map(|(_, slot)| slot.entries()) {
                self.lookup.remove(&(key.submitter, key.request_id, key.content));
                let held = self.per_bureau.get_mut(&key.submitter).expect("counted when noted");
                *held -= 1;
                if *held == 0 {
                    self.per_bureau.remove(&key.submitter);
                }
            }
        }
    }

    fn get(&self, submitter: BureauNumber, request_id: RequestId, content: u8) -> Option<&Request> {
        let location = self.lookup.get(&(submitter, request_id, content))?;
        let slot = self.log.slots.get(&location.slot).expect("the look-up follows from the log");
        let (_, request) = slot.get(location.position).expect("the look-up follows from the log");
        Some(request)
    }

    fn is_full_for(&self, submitter: BureauNumber, bureaus: usize) -> bool {
        let held = self.per_bureau.get(&submitter).copied().unwrap_or(0);
        let share = REQUEST_IDS_MAX / bureaus.max(1);
        self.len() >= REQUEST_IDS_MAX || self.len() >= REQUEST_IDS_MAX / 2 && held >= share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUREAU: BureauNumber = BureauNumber(1);

    fn id(time: u64, low: u32) -> RequestId {
        let mut random = [0; 10];
        random[6..].copy_from_slice(&low.to_be_bytes());
        RequestId::new(UnixMillis(time), random)
    }

    fn note(window: &mut RequestWindow, submitter: BureauNumber, request_id: RequestId, digest: [u8; 16]) {
        let content = match window.place(submitter, request_id, 1, &digest, 3) {
            RequestPlace::New => 0,
            RequestPlace::Reused(content) => content,
            other => panic!("{other:?}"),
        };
        let request = Request { first_leaf: LeafIndex(7), count: 1, digest, absent: Vec::new() };
        window.note(RequestKey { submitter, request_id, content }, request);
    }

    #[test]
    fn an_id_holds_three_contents_and_refuses_the_fourth() {
        let mut window = RequestWindow::new();
        for digest in 1..=3 {
            note(&mut window, BUREAU, id(0, 0), [digest; 16]);
        }
        for digest in 1..=3 {
            let place = window.place(BUREAU, id(0, 0), 1, &[digest; 16], 3);
            assert!(matches!(place, RequestPlace::Duplicate(_)), "{digest}: {place:?}");
        }
        assert_eq!(window.place(BUREAU, id(0, 0), 1, &[4; 16], 3), RequestPlace::Exhausted);
        assert_eq!(window.place(BUREAU, id(0, 0), 2, &[1; 16], 3), RequestPlace::Exhausted, "another count");
        assert_eq!(window.place(BureauNumber(2), id(0, 0), 1, &[1; 16], 3), RequestPlace::New);
    }

    #[test]
    fn an_id_stays_until_its_own_time_and_two_minutes_are_over() {
        let mut window = RequestWindow::new();
        note(&mut window, BUREAU, id(10_000, 0), [1; 16]);
        let view = window.log();
        window.expire(UnixMillis(10_000 + REQUEST_ID_WINDOW_MS));
        assert_eq!(window.len(), 1);
        window.expire(UnixMillis(11_000 + REQUEST_ID_WINDOW_MS));
        assert_eq!(window.len(), 0);
        assert_eq!(window.place(BUREAU, id(10_000, 0), 1, &[1; 16], 3), RequestPlace::New);
        assert_eq!(view.entries().count(), 1, "a view keeps what it saw");
    }

    #[test]
    fn above_half_each_bureau_has_its_share() {
        let mut window = RequestWindow::new();
        for low in 0..u32::try_from(REQUEST_IDS_MAX / 2).unwrap() {
            note(&mut window, BUREAU, id(0, low), [1; 16]);
        }
        assert_eq!(window.place(BUREAU, id(0, u32::MAX), 1, &[1; 16], 3), RequestPlace::Full);
        assert_eq!(window.place(BureauNumber(2), id(0, 0), 1, &[1; 16], 3), RequestPlace::New);
        assert!(matches!(window.place(BUREAU, id(0, 5), 1, &[1; 16], 3), RequestPlace::Duplicate(_)));
    }

    #[test]
    fn positions_that_became_no_leaf_are_left_out() {
        let request = Request { first_leaf: LeafIndex(10), count: 5, digest: [0; 16], absent: vec![0, 3] };
        let leaves: Vec<_> = (0..5).map(|position| request.leaf(position).map(|leaf| leaf.0)).collect();
        assert_eq!(leaves, [None, Some(10), Some(11), None, Some(12)]);
    }
}
