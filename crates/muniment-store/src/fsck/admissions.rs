//! Admissions: each holds, and its root covers its records.

use std::collections::BTreeMap;

use muniment_core::admission::{Admission, KeptAdmission};
use muniment_core::derived::DerivedStatement;
use muniment_core::{Hash, Suite};

use super::frames::{Frames, Item};
use super::report::Report;
use crate::error::StorageError;
use crate::frame::{FRAME_HEADER, FrameKind};
use crate::ledger::cursor::Place;

/// Where a leaf should lie, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// In this admission, at this position.
    At((u32, u32), u32),
    /// In an admission that is damaged, which has been reported.
    Unknown,
    /// In none: there is no admission left.
    None,
}

/// Deals the admissions' positions out to the leaves, in order.
pub(super) struct Admissions<'a> {
    pub(super) frames: Frames<'a>,
    suite: Suite,
    origin: &'a str,
    open: Option<Open>,
}

/// The admission whose leaves are being read.
struct Open {
    place: Place,
    /// `None` if its frame is damaged.
    covered: Option<Covered>,
}

/// The records of an admission.
struct Covered {
    /// Root that was signed; `None` for a derived statement.
    root: Option<Hash>,
    /// Record digests by position, as far as known.
    digests: BTreeMap<u32, Hash>,
    /// Positions that leaves may still take, ascending.
    free: std::vec::IntoIter<u32>,
    /// Whether a leaf's record could not be read: then the root can't be told.
    unknown: bool,
}

impl<'a> Admissions<'a> {
    pub(super) const fn new(frames: Frames<'a>, suite: Suite, origin: &'a str) -> Self {
        Self { frames, suite, origin, open: None }
    }

    /// The seat of the next leaf. `named` is what its address row says, if that can be read.
    pub(super) fn seat(
        &mut self,
        named: Option<(u32, u32)>,
        report: &mut Report,
    ) -> Result<Seat, StorageError> {
        loop {
            if let Some(open) = &mut self.open {
                let place = (open.place.segment, open.place.offset);
                match &mut open.covered {
                    Some(covered) => {
                        if let Some(position) = covered.free.next() {
                            return Ok(Seat::At(place, position));
                        }
                    }
                    None if named.is_none() || named == Some(place) => return Ok(Seat::Unknown),
                    None => {}
                }
            }
            if !self.advance(report)? {
                return Ok(Seat::None);
            }
        }
    }

    /// Notes the digest of the record in a seat; `None` if the record could not be read.
    pub(super) fn fill(&mut self, seat: Seat, digest: Option<Hash>) {
        let covered = self.open.as_mut().and_then(|open| open.covered.as_mut());
        let (Some(covered), Seat::At(_, position)) = (covered, seat) else { return };
        match digest {
            Some(digest) => drop(covered.digests.insert(position, digest)),
            None => covered.unknown = true,
        }
    }

    /// After the last leaf: what is left must be admissions without leaves.
    pub(super) fn finish(&mut self, report: &mut Report) -> Result<(), StorageError> {
        while self.advance(report)? {}
        Ok(())
    }

    /// Closes the open admission and opens the next.
    fn advance(&mut self, report: &mut Report) -> Result<bool, StorageError> {
        if let Some(open) = self.open.take() {
            self.close(open, report);
        }
        let Some(item) = self.frames.next(report)? else {
            return Ok(false);
        };
        report.counts.admissions += 1;
        let place = item.place;
        let covered = match self.read(&item) {
            Ok(covered) => covered,
            Err(what) => {
                self.report(place, what, report);
                None
            }
        };
        self.open = Some(Open { place, covered });
        Ok(true)
    }

    fn close(&self, open: Open, report: &mut Report) {
        let Some(mut covered) = open.covered else { return };
        if covered.free.next().is_some() {
            self.report(open.place, "records of it are neither leaves nor named as none".to_owned(), report);
            return;
        }
        let Some(root) = covered.root.filter(|_| !covered.unknown) else { return };
        if Admission::root_over(self.suite, covered.digests.into_values()) != root {
            self.report(open.place, "the signed root does not cover its records".to_owned(), report);
        }
    }

    fn report(&self, place: Place, what: String, report: &mut Report) {
        let length = FRAME_HEADER as u64 + u64::from(place.length);
        report.find(self.frames.name(place.segment), u64::from(place.offset), length, what);
    }

    /// Reads and verifies an admission; `None` if its frame is damaged.
    fn read(&self, item: &Item) -> Result<Option<Covered>, String> {
        let Some((kind, payload)) = &item.content else {
            return Ok(None);
        };
        if *kind != FrameKind::Admission {
            return Err(format!("a {kind:?} frame among the admissions"));
        }
        let covered = match KeptAdmission::decode(payload).map_err(|error| error.to_string())? {
            KeptAdmission::Admission { admission, absent } => self.admission(&admission, absent),
            KeptAdmission::Derived(statement) => self.derived(&statement),
        };
        covered.map(Some)
    }

    fn admission(&self, admission: &Admission, absent: Vec<(u32, Hash)>) -> Result<Covered, String> {
        admission.verify_signature(self.origin).map_err(|error| error.to_string())?;
        let count = u32::try_from(admission.record_count()).map_err(|error| error.to_string())?;
        let digests: BTreeMap<u32, Hash> = absent.into_iter().collect();
        let free: Vec<u32> = (0..count).filter(|position| !digests.contains_key(position)).collect();
        let root = Some(admission.root);
        Ok(Covered { root, digests, free: free.into_iter(), unknown: false })
    }

    fn derived(&self, statement: &DerivedStatement) -> Result<Covered, String> {
        for signature in &statement.signatures {
            let verified = statement.derived.verify(self.origin, signature);
            verified.map_err(|error| error.to_string())?;
        }
        let free = vec![0].into_iter();
        Ok(Covered { root: None, digests: BTreeMap::new(), free, unknown: false })
    }
}
