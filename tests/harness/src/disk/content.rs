//! Bytes of one file: as synced, as seen, and what lies between.

use crate::random::Random;

/// What a disk writes whole.
const SECTOR: usize = 512;

/// A file's bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    durable: Vec<u8>,
    visible: Vec<u8>,
    /// What was done since the last sync, in order.
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Content {
    pub(super) fn visible(&self) -> &[u8] {
        &self.visible
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        let offset = usize::try_from(offset).expect("simulated files are small");
        put(&mut self.visible, offset, bytes);
        self.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub(super) fn set_len(&mut self, length: u64) {
        let length = usize::try_from(length).expect("simulated files are small");
        self.visible.resize(length, 0);
        self.pending.push(Change::SetLen(length));
    }

    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::SetLen(length) => self.durable.resize(length, 0),
                Change::Write { offset, bytes } => put(&mut self.durable, offset, &bytes),
            }
        }
    }

    /// After a failed sync the cache is called clean: what was pending never reaches the disk.
    pub(super) fn fail_sync(&mut self) {
        self.pending.clear();
    }

    pub(super) fn flip(&mut self, offset: usize, mask: u8) -> bool {
        let Some(byte) = self.visible.get_mut(offset) else {
            return false;
        };
        *byte ^= mask;
        if let Some(byte) = self.durable.get_mut(offset) {
            *byte ^= mask;
        }
        true
    }

    /// Keeps each pending sector and each pending length with the given chance.
    pub(super) fn crash(&mut self, random: &mut Random, kept_percent: u64) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::SetLen(length) if random.chance(kept_percent) => self.durable.resize(length, 0),
                Change::SetLen(_) => {}
                Change::Write { offset, bytes } => self.crash_write(offset, &bytes, random, kept_percent),
            }
        }
        self.visible.clone_from(&self.durable);
    }

    fn crash_write(&mut self, offset: usize, bytes: &[u8], random: &mut Random, kept_percent: u64) {
        let mut at = offset;
        while at < offset + bytes.len() {
            let end = (at / SECTOR + 1) * SECTOR;
            let end = end.min(offset + bytes.len());
            if random.chance(kept_percent) {
                put(&mut self.durable, at, &bytes[at - offset..end - offset]);
            }
            at = end;
        }
    }
}

fn put(target: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if target.len() < end {
        target.resize(end, 0);
    }
    target[offset..end].copy_from_slice(bytes);
}
