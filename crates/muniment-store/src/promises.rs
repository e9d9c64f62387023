//! `PROMISES`: what the other members acknowledged, voted and signed to this node, so that a peer's disk that was rolled
//! back is told of it by a node that was restarted, too. The bytes are the Raft layer's.

use muniment_core::Hash;

use crate::data_dir::DataDir;
use crate::error::StorageError;
use crate::replace::{exists, read_file, replace_file};

/// Name of the file below the data directory.
const FILE: &str = "PROMISES";
/// First bytes of the file; the last two are the format.
const MAGIC: &[u8; 10] = b"MUNIPROM\0\0";

fn digest(bytes: &[u8]) -> Hash {
    muniment_core::Suite::Blake3.hash(&[bytes])
}

fn frame(promises: &[u8]) -> Vec<u8> {
    let mut bytes = [MAGIC.as_slice(), promises].concat();
    let digest = digest(&bytes);
    bytes.extend_from_slice(&digest.0);
    bytes
}

fn unframe(bytes: &[u8]) -> Option<&[u8]> {
    let (framed, found) = bytes.split_last_chunk::<32>()?;
    let promises = framed.strip_prefix(MAGIC)?;
    (digest(framed).0 == *found).then_some(promises)
}

impl DataDir {
    /// What [`DataDir::keep_promises`] kept last. None if nothing was, or if it can't be read: others remember, too, and
    /// nothing of this node's own rests on it.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn promises(&self) -> Result<Option<Vec<u8>>, StorageError> {
        let path = self.path().join(FILE);
        if !exists(&*self.disk(), &path)? {
            return Ok(None);
        }
        Ok(unframe(&read_file(&*self.disk(), &path)?).map(<[u8]>::to_vec))
    }

    /// Keeps the bytes in place of those kept before. Durable on return.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn keep_promises(&self, promises: &[u8]) -> Result<(), StorageError> {
        replace_file(&*self.disk(), &self.path().join(FILE), &frame(promises))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_bytes_are_read_back() {
        let framed = frame(b"node 2: 40");
        assert_eq!(unframe(&framed), Some(&b"node 2: 40"[..]));
        for at in 0..framed.len() {
            assert_eq!(unframe(&framed[..at]), None, "cut at {at}");
            let mut bent = framed.clone();
            bent[at] ^= 1;
            assert_eq!(unframe(&bent), None, "bent at {at}");
        }
    }
}
