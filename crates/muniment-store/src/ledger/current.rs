//! `CURRENT`: the sync point on disk (`docs/data-format.md`, "CURRENT").

use std::collections::BTreeMap;
use std::path::Path;

use muniment_core::reader::{Reader, ShapeError};
use muniment_core::{Hash, LedgerId, LogIndex, RaftTerm, Stub, TreeSize};

use super::address::ADDRESS_LENGTH;
use super::cursor::Cursors;
use super::file::LedgerFile;
use super::sync_point::{EntryPosition, SyncPoint};
use super::world_dump::WorldDumpRef;
use super::writer::record_bytes;
use crate::disk::Disk;
use crate::error::StorageError;
use crate::replace::{exists, read_file, replace_file};
use crate::segment::FORMAT_VERSION;

/// First bytes of the file.
const MAGIC: &[u8; 8] = b"MUNICURR";

/// Name of the file below `ledger/`.
pub(crate) const CURRENT_FILE: &str = "CURRENT";

/// All that `CURRENT` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) ledger_id: LedgerId,
    pub(crate) point: SyncPoint,
    /// Ends of the segment sequences at the point.
    pub(crate) cursors: Cursors,
    /// Length of every evidence file at the point.
    pub(crate) lengths: BTreeMap<LedgerFile, u64>,
}

impl Current {
    /// Bytes of the stub or address files and the bytes that each leaf's row takes, where these don't belong together.
    pub(crate) fn other_rows(&self) -> Option<(u64, u64)> {
        let widths = [
            (LedgerFile::Stubs as fn(u32) -> LedgerFile, Stub::LENGTH as u64),
            (LedgerFile::Addresses, ADDRESS_LENGTH as u64),
        ];
        let bytes = |file: fn(u32) -> LedgerFile| -> u64 {
            (0..).map_while(|number| self.lengths.get(&file(number)).copied()).sum()
        };
        let mut files = widths.into_iter().map(|(file, width)| (bytes(file), width));
        files.find(|(bytes, width)| *bytes != self.point.size.0 * width)
    }

    /// Reads `CURRENT`; `None` if there is none.
    pub(crate) fn load(disk: &dyn Disk, ledger_dir: &Path) -> Result<Option<Self>, StorageError> {
        Self::load_from(disk, &ledger_dir.join(CURRENT_FILE))
    }

    /// Reads a file of this form; `None` if there is none.
    pub(crate) fn load_from(disk: &dyn Disk, path: &Path) -> Result<Option<Self>, StorageError> {
        if !exists(disk, path)? {
            return Ok(None);
        }
        Self::decode(path, &read_file(disk, path)?).map(Some)
    }

    /// Puts `CURRENT` in place. Durable on return; a crash before leaves the last one or this one.
    pub(crate) fn store(&self, disk: &dyn Disk, ledger_dir: &Path) -> Result<(), StorageError> {
        self.store_as(disk, &ledger_dir.join(CURRENT_FILE))
    }

    /// As [`Current::store`], under another name.
    pub(crate) fn store_as(&self, disk: &dyn Disk, path: &Path) -> Result<(), StorageError> {
        replace_file(disk, path, &self.encode())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&FORMAT_VERSION.to_be_bytes());
        bytes.extend_from_slice(&self.ledger_id.0);
        let SyncPoint { position, membership, size, root, record_bytes: _, dump } = &self.point;
        bytes.push(u8::from(position.is_some()));
        write_position(&mut bytes, position.unwrap_or_default());
        write_block(&mut bytes, membership);
        bytes.extend_from_slice(&size.0.to_be_bytes());
        bytes.extend_from_slice(&root.0);
        bytes.push(u8::from(dump.is_some()));
        if let Some(dump) = dump {
            bytes.extend_from_slice(&dump.size.0.to_be_bytes());
            write_position(&mut bytes, dump.position);
            bytes.extend_from_slice(&dump.bytes.to_be_bytes());
            bytes.extend_from_slice(&dump.digest);
        }
        self.cursors.write(&mut bytes);
        let count = u32::try_from(self.lengths.len()).expect("far fewer than 2^32 files");
        bytes.extend_from_slice(&count.to_be_bytes());
        for (file, length) in &self.lengths {
            write_block(&mut bytes, file.relative().as_bytes());
            bytes.extend_from_slice(&length.to_be_bytes());
        }
        bytes.extend_from_slice(blake3::hash(&bytes).as_bytes());
        bytes
    }

    pub(crate) fn decode(path: &Path, bytes: &[u8]) -> Result<Self, StorageError> {
        let damaged = |what: String| StorageError::corrupt(path, 0, what);
        let content = bytes.split_last_chunk::<32>().filter(|(content, digest)| {
            content.len() > 10 && &content[..8] == MAGIC && blake3::hash(content).as_bytes() == *digest
        });
        let Some((content, _)) = content else {
            return Err(damaged("its digest does not match".to_owned()));
        };
        let version = u16::from_be_bytes([content[8], content[9]]);
        if version != FORMAT_VERSION {
            return Err(damaged(format!("format version {version}; this build knows {FORMAT_VERSION}")));
        }
        let current = Self::read(&content[10..]).map_err(|error| damaged(error.to_string()))?;
        current.ok_or_else(|| damaged("it names a file that this build does not know".to_owned()))
    }

    fn read(content: &[u8]) -> Result<Option<Self>, ShapeError> {
        let mut reader = Reader::new(content);
        let ledger_id = LedgerId(reader.array()?);
        let has_position = reader.u8()? != 0;
        let position = read_position(&mut reader)?;
        let membership = reader.block()?.to_vec();
        let size = TreeSize(reader.u64()?);
        let root = Hash(reader.array()?);
        let dump = match reader.u8()? {
            0 => None,
            _ => Some(WorldDumpRef {
                size: TreeSize(reader.u64()?),
                position: read_position(&mut reader)?,
                bytes: reader.u64()?,
                digest: reader.array()?,
            }),
        };
        let cursors = Cursors::read(&mut reader)?;
        let mut lengths = BTreeMap::new();
        for _ in 0..reader.u32()? {
            let (name, length) = (reader.block()?, reader.u64()?);
            let Some(file) = str::from_utf8(name).ok().and_then(LedgerFile::parse) else {
                return Ok(None);
            };
            lengths.insert(file, length);
        }
        reader.end()?;
        let position = has_position.then_some(position);
        let record_bytes = record_bytes(&lengths);
        let point = SyncPoint { position, membership, size, root, record_bytes, dump };
        Ok(Some(Self { ledger_id, point, cursors, lengths }))
    }
}

pub(crate) fn write_block(bytes: &mut Vec<u8>, block: &[u8]) {
    let length = u32::try_from(block.len()).expect("names and memberships are short");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(block);
}

pub(crate) fn write_position(bytes: &mut Vec<u8>, position: EntryPosition) {
    bytes.extend_from_slice(&position.log_index.0.to_be_bytes());
    bytes.extend_from_slice(&position.raft_term.0.to_be_bytes());
}

pub(crate) fn read_position(reader: &mut Reader<'_>) -> Result<EntryPosition, ShapeError> {
    Ok(EntryPosition { log_index: LogIndex(reader.u64()?), raft_term: RaftTerm(reader.u64()?) })
}
