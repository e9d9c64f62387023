//! World dumps: the ledger's state at some size, opaque here (`docs/data-format.md`, "World dump").

use std::path::{Path, PathBuf};
use std::sync::Arc;

use muniment_core::reader::Reader;
use muniment_core::{LedgerId, TreeSize};

use super::current::{read_position, write_position};
use super::cursor::Cursors;
use super::sync_point::EntryPosition;
use crate::disk::{Disk, FileHandle};
use crate::error::{At, StorageError};
use crate::replace::read_file;
use crate::segment::FORMAT_VERSION;

/// First bytes of a dump.
const MAGIC: &[u8; 8] = b"MUNIWRLD";

/// Bytes before the world's own.
const HEADER: usize = 8 + 2 + 32 + 8 + 16 + Cursors::LENGTH;

/// Bytes gathered before each write.
const BUFFER_BYTES: usize = 1024 * 1024;

/// Hands out the world's bytes, piece by piece: deterministic for one state.
pub type WorldDump = Box<dyn FnOnce(&mut dyn FnMut(&[u8])) + Send>;

/// Which dump a sync point goes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorldDumpRef {
    /// Tree size of the state.
    pub size: TreeSize,
    /// The entry that led to it; replay starts behind.
    pub position: EntryPosition,
    /// Bytes of the file.
    pub bytes: u64,
    /// blake3 of all before the digest at the file's end.
    pub digest: [u8; 32],
}

/// A dump read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedWorld {
    /// Which one it is.
    pub about: WorldDumpRef,
    /// The world's bytes, as the ledger handed them out.
    pub world: Vec<u8>,
}

impl WorldDumpRef {
    /// Path of the file in a ledger directory.
    #[must_use]
    pub fn path(&self, ledger_dir: &Path) -> PathBuf {
        ledger_dir.join("world").join(self.file_name())
    }

    pub(crate) fn file_name(&self) -> String {
        file_name(self.size, self.position)
    }
}

fn file_name(size: TreeSize, position: EntryPosition) -> String {
    format!("{:016x}-{:016x}", size.0, position.log_index.0)
}

/// Writes bytes in order, hashing them; keeps the first failure, since the world's own writer knows none.
struct Sink<'a> {
    file: &'a FileHandle,
    path: &'a Path,
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
    offset: u64,
    result: Result<(), StorageError>,
}

impl Sink<'_> {
    fn push(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        if self.result.is_ok() {
            self.result = self.file.write_at(&self.buffer, self.offset).at("write", self.path);
            self.offset += self.buffer.len() as u64;
        }
        self.buffer.clear();
    }
}

/// Writes a dump. Durable on return; a crash before leaves at most a `.tmp` that nothing names.
pub(crate) fn write_dump(
    disk: &Arc<dyn Disk>,
    ledger_dir: &Path,
    ledger_id: LedgerId,
    (size, position): (TreeSize, EntryPosition),
    cursors: &Cursors,
    dump: WorldDump,
) -> Result<WorldDumpRef, StorageError> {
    let dir = ledger_dir.join("world");
    let path = dir.join(file_name(size, position));
    let temporary = path.with_extension("tmp");
    let file = disk.create(&temporary).at("create", &temporary)?;
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&FORMAT_VERSION.to_be_bytes());
    header.extend_from_slice(&ledger_id.0);
    header.extend_from_slice(&size.0.to_be_bytes());
    write_position(&mut header, position);
    cursors.write(&mut header);
    let mut sink = Sink {
        file: &file,
        path: &temporary,
        hasher: blake3::Hasher::new(),
        buffer: Vec::with_capacity(BUFFER_BYTES),
        offset: 0,
        result: Ok(()),
    };
    sink.push(&header);
    dump(&mut |bytes| sink.push(bytes));
    let digest: [u8; 32] = sink.hasher.finalize().into();
    sink.push(&digest);
    sink.write_out();
    let (bytes, result) = (sink.offset, sink.result);
    result?;
    file.sync_data().at("flush", &temporary)?;
    disk.rename(&temporary, &path).at("put in place", &path)?;
    disk.sync_dir(&dir).at("flush the names of", &dir)?;
    Ok(WorldDumpRef { size, position, bytes, digest })
}

/// Reads a dump and holds it against what names it.
pub(crate) fn check_dump(
    disk: &dyn Disk,
    ledger_dir: &Path,
    ledger_id: LedgerId,
    about: &WorldDumpRef,
) -> Result<(Cursors, Vec<u8>), StorageError> {
    let path = about.path(ledger_dir);
    let mut bytes = read_file(disk, &path)?;
    let damaged = |what: &str| StorageError::corrupt(&path, 0, what);
    let Some((content, digest)) = bytes.split_last_chunk::<32>() else {
        return Err(damaged("the file is cut off"));
    };
    let whole = bytes.len() as u64 == about.bytes && content.len() >= HEADER;
    if !whole || blake3::hash(content).as_bytes() != digest || *digest != about.digest {
        return Err(damaged("the world dump's digest or length does not match"));
    }
    let mut reader = Reader::new(&content[..HEADER]);
    let short = |_| damaged("the world dump's header is cut off");
    let head = reader.take(10).map_err(short)?;
    let found = LedgerId(reader.array().map_err(short)?);
    let size = TreeSize(reader.u64().map_err(short)?);
    let position = read_position(&mut reader).map_err(short)?;
    let cursors = Cursors::read(&mut reader).map_err(short)?;
    let expected = [MAGIC.as_slice(), &FORMAT_VERSION.to_be_bytes()].concat();
    if head != expected || found != ledger_id || (size, position) != (about.size, about.position) {
        return Err(damaged("the world dump is of another ledger, size or format"));
    }
    bytes.truncate(bytes.len() - 32);
    bytes.drain(..HEADER);
    Ok((cursors, bytes))
}
