//! Whose directory this is: written once, never changed (`docs/data-format.md`, "Identity").

use std::path::{Path, PathBuf};

use muniment_core::reader::{Reader, ShapeError};
use muniment_core::{BureauNumber, LedgerId, NodeId, Suite};
use thiserror::Error;

use crate::disk::Disk;
use crate::error::StorageError;
use crate::replace::{exists, read_file, replace_file};
use crate::segment::FORMAT_VERSION;

/// First bytes of the file.
const MAGIC: &[u8; 8] = b"MUNIIDEN";

/// Name of the file in a node's data directory.
pub const IDENTITY_FILE: &str = "identity";

/// What makes a data directory one node's of one ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The ledger.
    pub ledger_id: LedgerId,
    /// Its origin; signatures are made over it.
    pub origin: String,
    /// Its hash suite.
    pub suite: Suite,
    /// The bureau that runs the node.
    pub bureau: BureauNumber,
    /// The node.
    pub node_id: NodeId,
    /// Made up when the node was born; a directory that was wiped and made anew has another.
    pub incarnation: u64,
}

/// Why a directory is not this node's.
#[derive(Clone, Debug, Error)]
pub enum IdentityError {
    /// Written by a build with another disk format.
    #[error("{path} has disk format {found}; this build knows {FORMAT_VERSION}: use the build that wrote it",
        path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The version it names.
        found: u16,
    },
    /// Another ledger's.
    #[error("{path} belongs to ledger {found}, not {expected}: check the data directory and the founding file",
        path = path.display())]
    OtherLedger {
        /// The file.
        path: PathBuf,
        /// The ledger it names.
        found: LedgerId,
        /// The ledger that was asked for.
        expected: LedgerId,
    },
    /// Another node's.
    #[error("{path} belongs to {found}, not {expected}: never run a node on another's directory",
        path = path.display())]
    OtherNode {
        /// The file.
        path: PathBuf,
        /// Bureau, node and incarnation that it names.
        found: String,
        /// Those that were asked for.
        expected: String,
    },
    /// Not readable as an identity.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Identity {
    /// Reads the identity of a data directory; `None` if it has none yet.
    ///
    /// # Errors
    /// [`IdentityError::Format`] and [`IdentityError::Storage`].
    pub fn load(disk: &dyn Disk, data_dir: &Path) -> Result<Option<Self>, IdentityError> {
        let path = data_dir.join(IDENTITY_FILE);
        if !exists(disk, &path)? {
            return Ok(None);
        }
        let bytes = read_file(disk, &path)?;
        Self::decode(&path, &bytes).map(Some)
    }

    /// Insists that a data directory is this node's, or makes it so if it has no identity yet.
    ///
    /// # Errors
    /// [`IdentityError`] names what differs.
    pub fn claim(&self, disk: &dyn Disk, data_dir: &Path) -> Result<(), IdentityError> {
        let path = data_dir.join(IDENTITY_FILE);
        let Some(found) = Self::load(disk, data_dir)? else {
            return Ok(replace_file(disk, &path, &self.encode())?);
        };
        if found.ledger_id != self.ledger_id {
            return Err(IdentityError::OtherLedger {
                path,
                found: found.ledger_id,
                expected: self.ledger_id,
            });
        }
        if found != *self {
            return Err(IdentityError::OtherNode { path, found: found.whose(), expected: self.whose() });
        }
        Ok(())
    }

    fn whose(&self) -> String {
        let Self { bureau, node_id, incarnation, suite, origin, .. } = self;
        format!("node {node_id} of bureau {bureau}, incarnation {incarnation:016x}, {origin}, {suite}")
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&FORMAT_VERSION.to_be_bytes());
        bytes.extend_from_slice(&self.ledger_id.0);
        for text in [self.origin.as_str(), self.suite.name()] {
            let length = u32::try_from(text.len()).expect("origins and suite names are short");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.extend_from_slice(&self.bureau.0.to_be_bytes());
        bytes.extend_from_slice(&self.node_id.0.to_be_bytes());
        bytes.extend_from_slice(&self.incarnation.to_be_bytes());
        bytes.extend_from_slice(blake3::hash(&bytes).as_bytes());
        bytes
    }

    fn decode(path: &Path, bytes: &[u8]) -> Result<Self, IdentityError> {
        let damaged = |what: &str| StorageError::corrupt(path, 0, what);
        let Some((MAGIC, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(damaged("not an identity file").into());
        };
        // The version comes first: a later format may have another shape behind it.
        let version = rest.first_chunk().map(|version| u16::from_be_bytes(*version));
        match version {
            Some(FORMAT_VERSION) => {}
            Some(found) => return Err(IdentityError::Format { path: path.to_owned(), found }),
            None => return Err(damaged("the file is cut off").into()),
        }
        let Some((content, digest)) = bytes.split_last_chunk::<32>() else {
            return Err(damaged("the file is cut off").into());
        };
        if blake3::hash(content).as_bytes() != digest {
            return Err(damaged("the digest at its end does not match").into());
        }
        let identity = Self::read(&content[10..]).map_err(|error| damaged(&error.to_string()))?;
        Ok(identity.ok_or_else(|| damaged("unknown suite, or an origin that is not UTF-8"))?)
    }

    fn read(content: &[u8]) -> Result<Option<Self>, ShapeError> {
        let mut reader = Reader::new(content);
        let ledger_id = LedgerId(reader.array()?);
        let (origin, suite) = (reader.block()?, reader.block()?);
        let (bureau, node_id, incarnation) = (reader.u32()?, reader.u64()?, reader.u64()?);
        reader.end()?;
        let suite = str::from_utf8(suite).ok().and_then(Suite::from_name);
        let (Ok(origin), Some(suite)) = (str::from_utf8(origin), suite) else {
            return Ok(None);
        };
        Ok(Some(Self {
            ledger_id,
            origin: origin.to_owned(),
            suite,
            bureau: BureauNumber(bureau),
            node_id: NodeId(node_id),
            incarnation,
        }))
    }
}
