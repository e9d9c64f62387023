//! Leaf by leaf: stub, leaf hash, record, address and admission belong together.

use std::collections::BTreeMap;
use std::path::Path;

use muniment_core::digest::record_digest;
use muniment_core::{Blind, Hash, LeafIndex, RetentionClass, Stub};

use super::LeafCheck;
use super::admissions::{Admissions, Seat};
use super::frames::{Frames, Item};
use super::report::Report;
use super::rows::Rows;
use super::tree::{StubState, TreeCheck};
use crate::disk::Disk;
use crate::error::StorageError;
use crate::frame::{FRAME_HEADER, FrameKind};
use crate::identity::Identity;
use crate::ledger::LedgerFile;
use crate::ledger::address::{ADDRESS_LENGTH, Address};
use crate::ledger::current::{CURRENT_FILE, Current};
use crate::ledger::cursor::{Cursors, Sequence};

/// Checks all leaves of a ledger directory.
pub(super) struct Leaves<'a> {
    identity: &'a Identity,
    leaf_check: LeafCheck<'a>,
    size: u64,
    stubs: Rows<'a, { Stub::LENGTH }>,
    addresses: Rows<'a, ADDRESS_LENGTH>,
    tree: TreeCheck<'a>,
    cursors: Cursors,
    /// By [`RetentionClass::number`].
    records: Vec<Records<'a>>,
    admissions: Admissions<'a>,
}

/// What was found of a leaf, as far as it can be read.
struct Found<'a> {
    class: Option<RetentionClass>,
    item: Option<&'a Item>,
    digest: Option<Hash>,
    seat: Seat,
}

/// The records of one class.
struct Records<'a> {
    frames: Frames<'a>,
    /// Read ahead of the leaf at hand, when frames before it were lost.
    ahead: Option<Item>,
    /// Leaves of the class so far.
    count: u64,
}

impl<'a> Leaves<'a> {
    pub(super) fn new(
        disk: &'a dyn Disk,
        dir: &'a Path,
        identity: &'a Identity,
        current: &Current,
        leaf_check: LeafCheck<'a>,
    ) -> Self {
        let suite = identity.suite;
        let size = current.point.size;
        let frames = |sequence: Sequence| Frames::new(disk, dir, sequence, lengths(current, sequence));
        let records = RetentionClass::ALL.into_iter().map(|class| Records {
            frames: frames(Sequence::Records(class)),
            ahead: None,
            count: 0,
        });
        Self {
            identity,
            leaf_check,
            size: size.0,
            stubs: Rows::new(disk, dir, size.0, LedgerFile::Stubs),
            addresses: Rows::new(disk, dir, size.0, LedgerFile::Addresses),
            tree: TreeCheck::new(disk, dir, suite, size, current.point.root),
            cursors: current.cursors,
            records: records.collect(),
            admissions: Admissions::new(frames(Sequence::Admissions), suite, &identity.origin),
        }
    }

    pub(super) fn check(&mut self, report: &mut Report) -> Result<(), StorageError> {
        for index in 0..self.size {
            self.leaf(LeafIndex(index), report)?;
            report.counts.leaves += 1;
        }
        self.admissions.finish(report)?;
        for records in &mut self.records {
            records.finish(report)?;
        }
        self.tree.finish(CURRENT_FILE, report);
        self.ends(report);
        Ok(())
    }

    /// A writer goes on where the sync point says that the sequences end: it must be where their frames do.
    fn ends(&self, report: &mut Report) {
        if !report.findings.is_empty() {
            // Behind damage the end is a guess.
            return;
        }
        let records = self.records.iter().map(|records| records.frames.end());
        let named = self.cursors.records.iter().chain([&self.cursors.admissions]);
        let found = records.chain([self.admissions.frames.end()]);
        if let Some(position) = found.zip(named).position(|(found, named)| found != *named) {
            let what =
                format!("it has the end of segment sequence {position} elsewhere than where its frames end");
            report.find(CURRENT_FILE, 0, 0, what);
        }
    }

    fn leaf(&mut self, index: LeafIndex, report: &mut Report) -> Result<(), StorageError> {
        let (stub_bytes, row) = (self.stubs.next()?, self.addresses.next()?);
        let stub_place = self.stubs.place(index.0);
        let state = self.tree.leaf(&stub_bytes, stub_place, report)?;
        let stub = match Stub::decode(&stub_bytes) {
            _ if state == StubState::Damaged => None,
            Ok(stub) => Some(stub),
            Err(error) => {
                report.find(stub_place.0.relative(), stub_place.1, Stub::LENGTH as u64, error.to_string());
                None
            }
        };
        let named = Address::decode(index, &row);
        let class = stub.map(|stub| stub.class).or(named.map(|address| address.class));
        let item = match class {
            Some(class) => self.records[usize::from(class.number())].next(report)?,
            None => None,
        };
        let digest = item
            .as_ref()
            .and_then(|item| self.record(item, class, stub.is_some().then_some(&stub_bytes), report));
        let seat = self.seat(stub.as_ref(), named.as_ref(), report)?;
        self.admissions.fill(seat, digest);
        let found = Found { class, item: item.as_ref(), digest, seat };
        self.address(index, &row, &found, report);
        Ok(())
    }

    /// The leaf's seat among the admissions. Only the ledger's own leaves may have none.
    fn seat(
        &mut self,
        stub: Option<&Stub>,
        named: Option<&Address>,
        report: &mut Report,
    ) -> Result<Seat, StorageError> {
        let own = stub.is_some_and(|stub| stub.submitter.0 == 0);
        if own && named.is_some_and(|address| address.admission.is_none()) {
            return Ok(Seat::None);
        }
        self.admissions.seat(named.and_then(|address| address.admission), report)
    }

    /// Checks a record against its stub; answers its digest.
    fn record(
        &self,
        item: &Item,
        class: Option<RetentionClass>,
        stub: Option<&[u8; Stub::LENGTH]>,
        report: &mut Report,
    ) -> Option<Hash> {
        let (kind, payload) = item.content.as_ref()?;
        let mut wrong = |what: &str| {
            let class = class.unwrap_or(RetentionClass::Permanent);
            let file = LedgerFile::Records(class, item.place.segment).relative();
            let length = FRAME_HEADER as u64 + u64::from(item.place.length);
            report.find(file, u64::from(item.place.offset), length, what);
        };
        let Some((blind, record)) = payload.split_first_chunk().filter(|_| *kind == FrameKind::Record) else {
            wrong("no record lies here");
            return None;
        };
        let blind = Blind(*blind);
        if let Some(Err(what)) = stub.map(|stub| (self.leaf_check)(self.identity, stub, &blind, record)) {
            wrong(&format!("the record is not the one that its stub names: {what}"));
        }
        Some(record_digest(self.identity.suite, &blind, record))
    }

    /// Checks an address row against where things were found to lie.
    fn address(&self, index: LeafIndex, row: &[u8; ADDRESS_LENGTH], found: &Found<'_>, report: &mut Report) {
        let mut wrong = |what: &str| {
            let (file, offset) = self.addresses.place(index.0);
            report.find(file.relative(), offset, ADDRESS_LENGTH as u64, what);
        };
        let Some(named) = Address::decode(index, row) else {
            return wrong("the row fails its checksum");
        };
        // A damaged frame's length can't be told for sure: its checksum decided already.
        let sound = found.item.filter(|item| item.content.is_some());
        if found.class.is_some_and(|class| class != named.class)
            || sound.is_some_and(|item| item.place != named.record)
        {
            return wrong("the row names another place than the record's");
        }
        if found.digest.is_some_and(|digest| digest != named.record_digest) {
            return wrong("the row has another digest than the record's");
        }
        match found.seat {
            Seat::Unknown => {}
            Seat::At(place, position) => {
                if named.admission != Some(place) || u32::from(named.position) != position {
                    wrong("the row names another admission or position than the leaf's");
                }
            }
            Seat::None if named.admission.is_none() => {}
            Seat::None => wrong("the leaf lies in no admission"),
        }
    }
}

impl Records<'_> {
    /// The record of the class's next leaf; `None` if it was lost in damage that has been reported.
    fn next(&mut self, report: &mut Report) -> Result<Option<Item>, StorageError> {
        let sequence = self.count;
        self.count += 1;
        let item = match self.ahead.take() {
            Some(item) => Some(item),
            None => self.frames.next(report)?,
        };
        match item {
            Some(item) if item.sequence > sequence => {
                self.ahead = Some(item);
                Ok(None)
            }
            other => Ok(other),
        }
    }

    /// After the last leaf: no record may be left.
    fn finish(&mut self, report: &mut Report) -> Result<(), StorageError> {
        loop {
            let item = match self.ahead.take() {
                Some(item) => item,
                None => match self.frames.next(report)? {
                    Some(item) => item,
                    None => return Ok(()),
                },
            };
            let length = FRAME_HEADER as u64 + u64::from(item.place.length);
            let name = self.frames.name(item.place.segment);
            report.find(name, u64::from(item.place.offset), length, "no leaf belongs to this record");
        }
    }
}

/// Synced bytes of each segment of a sequence, in order.
pub(super) fn lengths(current: &Current, sequence: Sequence) -> Vec<u64> {
    let named: &BTreeMap<LedgerFile, u64> = &current.lengths;
    (0..).map_while(|segment| named.get(&sequence.file(segment)).copied()).collect()
}
