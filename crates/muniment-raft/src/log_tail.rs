//! The log's newest entries in memory: what openraft may read before the writer thread has written it, and a cache.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use muniment_core::LogIndex;
use muniment_store::raft_log::{Intent, LogReader};

use crate::codec::{self, CodecError};
use crate::type_config::{RaftEntry, RaftLogId, RaftPayload, RaftVote};

/// Bytes of written entries that stay in memory for replication and apply.
const CACHE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What an entry costs besides its batch.
const ENTRY_OVERHEAD: usize = 128;

/// Entries, vote and marks as openraft knows them; the files follow.
#[derive(Clone)]
pub struct LogTail {
    state: Arc<Mutex<State>>,
    files: LogReader,
}

struct State {
    /// Entries without a gap, the last one the log's last; those not yet written are always here.
    entries: VecDeque<RaftEntry>,
    bytes: usize,
    /// The last entry that the files hold.
    written: Option<u64>,
    last: Option<RaftLogId>,
    purged: Option<RaftLogId>,
    vote: Option<RaftVote>,
    committed: Option<RaftLogId>,
    /// `committed` has changed since it was last written.
    committed_is_new: bool,
}

impl LogTail {
    /// Starts from what the files hold.
    pub(crate) fn open(files: LogReader) -> io::Result<Self> {
        let decode_log_id = |bytes: Vec<u8>| codec::decode_log_id(&bytes).map_err(damaged);
        let purged = files.purged().map(|purged| decode_log_id(purged.log_id)).transpose()?;
        let committed = files.committed().map(decode_log_id).transpose()?;
        let vote = files.vote().map(|bytes| codec::decode_vote(&bytes).map_err(damaged)).transpose()?;
        let last_index = files.last_index().map(|index| index.0);
        let last = match last_index {
            Some(index) => read_files(&files, index..index + 1, 1)?.pop().map(|entry| entry.log_id),
            None => purged,
        };
        let state = State {
            entries: VecDeque::new(),
            bytes: 0,
            written: last_index,
            last,
            purged,
            vote,
            committed,
            committed_is_new: false,
        };
        Ok(Self { state: Arc::new(Mutex::new(state)), files })
    }

    pub(crate) fn append(&self, entries: impl Iterator<Item = RaftEntry>) {
        let mut state = self.lock();
        for entry in entries {
            state.last = Some(entry.log_id);
            state.bytes += weight(&entry);
            state.entries.push_back(entry);
        }
    }

    pub(crate) fn truncate_after(&self, kept: Option<RaftLogId>) {
        let mut state = self.lock();
        if state.last.map(|last| last.index) <= kept.map(|kept| kept.index) {
            return;
        }
        let end = kept.map_or(0, |log_id| log_id.index + 1);
        while state.entries.back().is_some_and(|entry| entry.log_id.index >= end) {
            let gone = state.entries.pop_back().expect("the loop saw it");
            state.bytes -= weight(&gone);
        }
        state.written = state.written.filter(|_| end > 0).map(|written| written.min(end - 1));
        state.last = kept.or(state.purged);
    }

    pub(crate) fn purge(&self, upto: RaftLogId) {
        let mut state = self.lock();
        while state.entries.front().is_some_and(|entry| entry.log_id.index <= upto.index) {
            let gone = state.entries.pop_front().expect("the loop saw it");
            state.bytes -= weight(&gone);
        }
        state.purged = state.purged.max(Some(upto));
        state.last = state.last.max(Some(upto));
    }

    /// Says that the files hold everything up to `index`; what exceeds the cache is forgotten.
    pub(crate) fn mark_written(&self, index: u64) {
        let mut state = self.lock();
        state.written = state.written.max(Some(index));
        let written = state.written;
        while state.bytes > CACHE_BYTES_MAX
            && state.entries.front().is_some_and(|entry| Some(entry.log_id.index) <= written)
        {
            let gone = state.entries.pop_front().expect("the loop saw it");
            state.bytes -= weight(&gone);
        }
    }

    pub(crate) fn set_vote(&self, vote: RaftVote) {
        self.lock().vote = Some(vote);
    }

    pub(crate) fn vote(&self) -> Option<RaftVote> {
        self.lock().vote
    }

    pub(crate) fn note_committed(&self, committed: Option<RaftLogId>) {
        let mut state = self.lock();
        state.committed_is_new |= state.committed != committed;
        state.committed = committed;
    }

    /// The committed hint, once after each change: it rides along with the next group.
    pub(crate) fn take_new_committed(&self) -> Option<RaftLogId> {
        let mut state = self.lock();
        if std::mem::take(&mut state.committed_is_new) { state.committed } else { None }
    }

    pub(crate) fn committed(&self) -> Option<RaftLogId> {
        self.lock().committed
    }

    /// The newest signing intent.
    pub(crate) fn last_intent(&self) -> Option<Intent> {
        self.files.last_intent()
    }

    pub(crate) fn purged(&self) -> Option<RaftLogId> {
        self.lock().purged
    }

    pub(crate) fn last(&self) -> Option<RaftLogId> {
        self.lock().last
    }

    /// As [`LogReader::first_index_kept`].
    pub(crate) fn first_index_kept(&self, bytes: u64, segment_bytes: u64) -> Option<LogIndex> {
        self.files.first_index_kept(bytes, segment_bytes)
    }

    /// The entries of `range` from its start on, until the next would exceed `bytes_max`; at least one if the log holds
    /// the first.
    pub(crate) fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<RaftEntry>> {
        let mut found: Vec<RaftEntry> = Vec::new();
        let mut bytes = 0;
        let mut take = |entry: RaftEntry, found: &mut Vec<RaftEntry>| {
            bytes += weight(&entry);
            let fits = found.is_empty() || bytes <= bytes_max;
            if fits {
                found.push(entry);
            }
            fits
        };
        let on_disk = {
            let state = self.lock();
            let end = range.end.min(state.last.map_or(0, |last| last.index + 1));
            let first_cached = state.entries.front().map_or(end, |entry| entry.log_id.index);
            range.start..end.min(first_cached)
        };
        if !on_disk.is_empty() {
            let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
            for entry in read_files(&self.files, on_disk.clone(), limit)? {
                if !take(entry, &mut found) {
                    return Ok(found);
                }
            }
            if found.last().is_some_and(|last| last.log_id.index + 1 < on_disk.end) {
                return Ok(found);
            }
        }
        let state = self.lock();
        let first_cached = state.entries.front().map_or(u64::MAX, |entry| entry.log_id.index);
        // A log need not begin where the range does: nothing was ever there, or it was purged.
        let next = found.last().map_or(range.start.max(on_disk.end), |last| last.log_id.index + 1);
        let skip = usize::try_from(next.saturating_sub(first_cached)).unwrap_or(usize::MAX);
        if next < first_cached {
            // Written and forgotten since the first look, or there is no more.
            let more = state.last.is_some_and(|last| next <= last.index) && next < range.end;
            drop(state);
            if more {
                found.extend(self.read(next..range.end, bytes_max.saturating_sub(bytes))?);
            }
            return Ok(found);
        }
        for entry in state.entries.iter().skip(skip).take_while(|entry| entry.log_id.index < range.end) {
            if !take(entry.clone(), &mut found) {
                break;
            }
        }
        Ok(found)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code under the lock panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an entry takes in memory, in bytes.
fn weight(entry: &RaftEntry) -> usize {
    let data = if let RaftPayload::Normal(data) = &entry.payload { data.0.len() } else { 0 };
    data + ENTRY_OVERHEAD
}

fn read_files(files: &LogReader, range: Range<u64>, bytes_max: u64) -> io::Result<Vec<RaftEntry>> {
    let stored =
        files.read(LogIndex(range.start)..LogIndex(range.end), bytes_max).map_err(io::Error::other)?;
    stored
        .into_iter()
        .map(|stored| {
            let entry = codec::decode_entry(&Bytes::from(stored.bytes)).map_err(damaged)?;
            if entry.log_id.index != stored.index.0 || entry.log_id.leader_id.term != stored.raft_term.0 {
                return Err(io::Error::other(format!(
                    "entry at {} says it is {}",
                    stored.index, entry.log_id
                )));
            }
            Ok(entry)
        })
        .collect()
}

fn damaged(error: CodecError) -> io::Error {
    io::Error::other(format!("Raft log: {error}; move the directory aside and rebuild it from a peer"))
}
