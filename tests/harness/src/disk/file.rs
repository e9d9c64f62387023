//! An open file of a simulated disk.

use std::io;
use std::sync::MutexGuard;

use muniment_store::disk::DiskFile;

use super::fault::{Lie, Operation};
use super::{Fate, SimDisk, State, stopped};

/// A handle of one life of the disk; after a restart it answers errors.
#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) disk: SimDisk,
    pub(super) id: u64,
    pub(super) life: u64,
}

impl SimFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.lock_state();
        if state.life == self.life { Ok(state) } else { Err(stopped()) }
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.insist_on_life()?;
        let content = state.content(self.id)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = content.visible().get(start..start.saturating_add(buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.insist_on_room(self.id, offset + bytes.len() as u64)?;
        state.write(self.id, |content| content.write(bytes, offset))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.insist_on_room(self.id, length)?;
        state.write(self.id, |content| content.set_len(length.max(content.visible().len() as u64)))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.insist_on_room(self.id, length)?;
        state.write(self.id, |content| content.set_len(length))
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.state()?;
        state.insist_on_life()?;
        Ok(state.content(self.id)?.visible().len() as u64)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state()?;
        let (fate, lie) = (state.fate(Operation::SyncData)?, state.lie);
        let content = state.content(self.id)?;
        match fate {
            Fate::Done if lie == Lie::SkipSyncData => Ok(()),
            Fate::Done => {
                content.sync();
                Ok(())
            }
            Fate::Fails(error) => {
                content.fail_sync();
                Err(error.into())
            }
            Fate::Crashes => Err(stopped()),
        }
    }
}
