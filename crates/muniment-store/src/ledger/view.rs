//! Reads of the evidence files, beside their writer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use muniment_core::admission::KeptAdmission;
use muniment_core::tree::HashReader;
use muniment_core::{Blind, Hash, LeafIndex, LedgerId, Stub, Suite, Tree, TreeSize};

use super::address::{ADDRESS_LENGTH, Address};
use super::derived_point::DerivedPoints;
use super::extents::row_place;
use super::file::LedgerFile;
use super::files::{Files, lock};
use super::kept::{AdmissionOfLeaf, AdmissionPlace, LeafPlace};
use super::sync_point::SyncPoint;
use super::world_dump::{DumpedWorld, check_dump};
use crate::error::StorageError;
use crate::frame::{FRAME_HEADER, FrameHeader, FrameKind, frame_crc};

/// What writer, views and jobs share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) files: Files,
    pub(super) ledger_id: LedgerId,
    /// Leaves and root that views see. Held for two words.
    published: Mutex<(TreeSize, Hash)>,
    /// The newest sync point. Held for a copy.
    sync_point: Mutex<SyncPoint>,
    /// Derived points. Held for a copy.
    pub(super) derived_points: Mutex<DerivedPoints>,
    /// Length of each checkpoint segment. Held for a copy.
    checkpoint_lengths: Mutex<BTreeMap<LedgerFile, u64>>,
    /// Held while a sync point is made.
    pub(super) making: Mutex<()>,
}

impl Shared {
    pub(super) const fn new(
        files: Files,
        ledger_id: LedgerId,
        sync_point: SyncPoint,
        derived_points: DerivedPoints,
    ) -> Self {
        Self {
            files,
            ledger_id,
            published: Mutex::new((sync_point.size, sync_point.root)),
            sync_point: Mutex::new(sync_point),
            derived_points: Mutex::new(derived_points),
            checkpoint_lengths: Mutex::new(BTreeMap::new()),
            making: Mutex::new(()),
        }
    }

    pub(super) fn publish(&self, size: TreeSize, root: Hash) {
        *lock(&self.published) = (size, root);
    }

    pub(super) fn sync_point(&self) -> SyncPoint {
        lock(&self.sync_point).clone()
    }

    pub(super) fn set_sync_point(&self, point: SyncPoint) {
        *lock(&self.sync_point) = point;
    }

    pub(super) fn checkpoint_lengths(&self) -> BTreeMap<LedgerFile, u64> {
        lock(&self.checkpoint_lengths).clone()
    }

    pub(super) fn set_checkpoint_length(&self, segment: u32, length: u64) {
        lock(&self.checkpoint_lengths).insert(LedgerFile::Checkpoints(segment), length);
    }
}

/// Sees what the writer has published. Cheap to clone; safe to hold for ever.
#[derive(Clone, Debug)]
pub struct View {
    pub(super) shared: Arc<Shared>,
    pub(super) suite: Suite,
}

impl View {
    /// Leaves published.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        lock(&self.shared.published).0
    }

    /// Leaves published, and the root over them.
    #[must_use]
    pub fn tree_head(&self) -> (TreeSize, Hash) {
        *lock(&self.shared.published)
    }

    /// Root over the leaves published (RFC 9162 2.1.1).
    #[must_use]
    pub fn root(&self) -> Hash {
        lock(&self.shared.published).1
    }

    /// The newest sync point.
    #[must_use]
    pub fn sync_point(&self) -> SyncPoint {
        self.shared.sync_point()
    }

    /// The world dump that the newest sync point names; its digest is verified.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if it is not what was dumped; else what the disk answers.
    pub fn world_dump(&self) -> Result<Option<DumpedWorld>, StorageError> {
        let Some(about) = self.sync_point().dump else {
            return Ok(None);
        };
        let Shared { files, ledger_id, .. } = &*self.shared;
        let (_, world) = check_dump(&*files.disk, &files.dir, *ledger_id, &about)?;
        Ok(Some(DumpedWorld { about, world }))
    }

    /// A leaf's stub, as stored; held against the leaf's hash.
    ///
    /// # Errors
    /// [`StorageError::Refused`] beyond [`View::size`]; [`StorageError::Corrupt`] if stub and leaf hash differ; else
    /// what the disk answers.
    pub fn stub(&self, leaf: LeafIndex) -> Result<[u8; Stub::LENGTH], StorageError> {
        self.shared.files.noting(self.checked_stub(leaf))
    }

    fn checked_stub(&self, leaf: LeafIndex) -> Result<[u8; Stub::LENGTH], StorageError> {
        let stub = self.row(leaf, LedgerFile::Stubs)?;
        let hash = self.node(0, leaf.0)?;
        if self.suite.leaf(Tree::Ledger, &stub) != hash {
            return Err(self.unlike_its_hash(leaf));
        }
        Ok(stub)
    }

    /// A leaf's blind and record bytes; the frame's checksum is verified.
    ///
    /// # Errors
    /// As [`View::stub`].
    pub fn record(&self, leaf: LeafIndex) -> Result<(Blind, Vec<u8>), StorageError> {
        self.shared.files.noting(self.checked_record(leaf))
    }

    fn checked_record(&self, leaf: LeafIndex) -> Result<(Blind, Vec<u8>), StorageError> {
        let address = self.address(leaf)?;
        let mut frame = vec![0; address.frame_length()];
        self.shared.files.read(address.records_file(), u64::from(address.record.offset), &mut frame)?;
        let (blind, record) = self.record_in(&address, &frame)?;
        Ok((blind, record.to_vec()))
    }

    /// Where a leaf's record and admission are, and the record's digest.
    ///
    /// # Errors
    /// As [`View::places`].
    pub fn place(&self, leaf: LeafIndex) -> Result<LeafPlace, StorageError> {
        self.shared.files.noting(self.address(leaf)).map(|address| LeafPlace::of(&address))
    }

    /// What was kept of an admission. Signature and root are not verified.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] if it can't be read; else what the disk answers.
    pub fn kept_admission(&self, place: AdmissionPlace) -> Result<KeptAdmission, StorageError> {
        let (segment, offset) = place.0;
        self.shared.files.noting(self.read_admission(segment, offset))
    }

    /// The admission that a leaf lies in, with the digests of all its records; `None` for a leaf that no admission
    /// covers. Signature and root are the caller's to check.
    ///
    /// # Errors
    /// As [`View::stub`].
    pub fn admission(&self, leaf: LeafIndex) -> Result<Option<AdmissionOfLeaf>, StorageError> {
        self.shared.files.noting(self.checked_admission(leaf))
    }

    fn checked_admission(&self, leaf: LeafIndex) -> Result<Option<AdmissionOfLeaf>, StorageError> {
        let address = self.address(leaf)?;
        let Some((segment, offset)) = address.admission else {
            return Ok(None);
        };
        let kept = self.read_admission(segment, offset)?;
        let (mut digests, records) = match &kept {
            KeptAdmission::Admission { admission, absent } => {
                let counts = admission.submissions.iter().map(|submission| u64::from(submission.count));
                (absent.iter().copied().collect(), counts.sum())
            }
            KeptAdmission::Derived(_) => (BTreeMap::new(), 1),
        };
        // One admission's leaves lie side by side, since it is an indivisible part of one entry; those that are absent
        // make it shorter than its positions.
        let position = u64::from(address.position);
        let around =
            leaf.0.saturating_sub(position)..leaf.0.saturating_add(records.saturating_sub(position).max(1));
        let mut addresses = self.addresses(around.start..around.end.min(self.size().0))?;
        addresses.retain(|row| row.admission == address.admission);
        digests.extend(addresses.iter().map(|row| (u32::from(row.position), row.record_digest)));
        let record_digests: Vec<Hash> = digests.into_values().collect();
        Ok(Some(AdmissionOfLeaf { kept, position: u32::from(address.position), record_digests }))
    }

    /// The root of the complete subtree of 2^`level` leaves at position `index` (RFC 9162 2.1.1).
    ///
    /// # Errors
    /// [`StorageError::Refused`] if that subtree is not complete at [`View::size`]; else what the disk answers.
    pub fn node(&self, level: u8, index: u64) -> Result<Hash, StorageError> {
        self.shared.files.noting(self.checked_node(level, index))
    }

    fn checked_node(&self, level: u8, index: u64) -> Result<Hash, StorageError> {
        let size = self.size().0;
        if index >= size.checked_shr(u32::from(level)).unwrap_or(0) {
            let what = format!("no complete subtree {index} at level {level} of a tree of {size}");
            return Err(StorageError::refused(what));
        }
        let mut hash = [0; 32];
        let (number, offset) = row_place(index, 32);
        self.shared.files.read(LedgerFile::Tree(level, number), offset, &mut hash)?;
        Ok(Hash(hash))
    }

    /// Blind and record bytes in a frame; its checksum is verified.
    fn record_in<'f>(&self, address: &Address, frame: &'f [u8]) -> Result<(Blind, &'f [u8]), StorageError> {
        let damaged = || {
            let path = self.shared.files.path(address.records_file());
            let offset = u64::from(address.record.offset);
            StorageError::corrupt(&path, offset, "the record's frame fails its checksum")
        };
        let (header, payload) = frame.split_first_chunk::<FRAME_HEADER>().ok_or_else(damaged)?;
        let header = FrameHeader::read(header);
        let whole = header.length == address.record.length && header.kind == FrameKind::Record as u8;
        if !whole || frame_crc(address.record.seed, frame) != header.crc {
            return Err(damaged());
        }
        let (blind, record) = payload.split_first_chunk().ok_or_else(damaged)?;
        Ok((Blind(*blind), record))
    }

    fn address(&self, leaf: LeafIndex) -> Result<Address, StorageError> {
        let row = self.row::<ADDRESS_LENGTH>(leaf, LedgerFile::Addresses)?;
        Address::decode(leaf, &row).ok_or_else(|| self.broken_address(leaf))
    }

    fn row<const N: usize>(
        &self,
        leaf: LeafIndex,
        file: impl FnOnce(u32) -> LedgerFile,
    ) -> Result<[u8; N], StorageError> {
        let size = self.size();
        if leaf.0 >= size.0 {
            return Err(StorageError::refused(format!("leaf {leaf} of a ledger of {size}")));
        }
        let mut row = [0; N];
        let (number, offset) = row_place(leaf.0, N as u64);
        self.shared.files.read(file(number), offset, &mut row)?;
        Ok(row)
    }

    fn read_admission(&self, segment: u32, offset: u32) -> Result<KeptAdmission, StorageError> {
        let (file, offset) = (LedgerFile::Admissions(segment), u64::from(offset));
        let damaged = |what: String| StorageError::corrupt(&self.shared.files.path(file), offset, what);
        let mut header = [0; FRAME_HEADER];
        self.shared.files.read(file, offset, &mut header)?;
        let header = FrameHeader::read(&header);
        let end = self.shared.files.open(file)?.len();
        let end = end.map_err(|error| StorageError::io("measure", &self.shared.files.path(file), error))?;
        if offset + header.frame_length() > end {
            return Err(damaged("the frame's length is wrong".to_owned()));
        }
        let mut payload = vec![0; header.length as usize];
        self.shared.files.read(file, offset + FRAME_HEADER as u64, &mut payload)?;
        if header.kind != FrameKind::Admission as u8 {
            return Err(damaged("no admission lies here".to_owned()));
        }
        KeptAdmission::decode(&payload).map_err(|error| damaged(error.to_string()))
    }
}

impl HashReader for View {
    type Error = StorageError;

    fn node(&self, level: u8, index: u64) -> Result<Hash, StorageError> {
        Self::node(self, level, index)
    }
}
