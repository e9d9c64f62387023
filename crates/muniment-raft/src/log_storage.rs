//! openraft's log storage over the queue and the tail.

use std::fmt::Debug;
use std::io;
use std::marker::PhantomData;
use std::ops::{Bound, Range, RangeBounds};

use futures::Stream;
use muniment_core::{LogIndex, RaftTerm};
use openraft::base::BoxStream;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{AsyncRuntime, OptionalSend};

use crate::codec;
use crate::log_queue::{LogQueue, QueuedEntry, Write};
use crate::log_tail::LogTail;
use crate::type_config::{RaftEntry, RaftLogId, RaftVote, TypeConfig};

/// Bytes that one read hands to replication or apply; openraft's defaults would return the whole range.
const READ_BYTES_MAX: usize = 1024 * 1024;

/// The log of one node: appends go to the queue, reads come from the tail and the files.
pub struct LogStorage<Rt> {
    queue: LogQueue,
    tail: LogTail,
    runtime: PhantomData<fn() -> Rt>,
}

impl<Rt> LogStorage<Rt> {
    pub(crate) const fn new(queue: LogQueue, tail: LogTail) -> Self {
        Self { queue, tail, runtime: PhantomData }
    }
}

impl<Rt: AsyncRuntime> RaftLogReader<TypeConfig<Rt>> for LogTail {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<RaftEntry>, io::Error> {
        self.read(half_open(&range), usize::MAX)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<RaftEntry>, io::Error> {
        self.read(start..end, READ_BYTES_MAX)
    }

    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = Result<RaftEntry, io::Error>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        entries_in_steps(self.clone(), half_open(&range))
    }

    async fn read_vote(&mut self) -> Result<Option<RaftVote>, io::Error> {
        Ok(self.vote())
    }
}

impl<Rt: AsyncRuntime> RaftLogReader<TypeConfig<Rt>> for LogStorage<Rt> {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<RaftEntry>, io::Error> {
        self.tail.read(half_open(&range), usize::MAX)
    }

    async fn read_vote(&mut self) -> Result<Option<RaftVote>, io::Error> {
        Ok(self.tail.vote())
    }
}

impl<Rt: AsyncRuntime> RaftLogStorage<TypeConfig<Rt>> for LogStorage<Rt> {
    type LogReader = LogTail;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig<Rt>>, io::Error> {
        Ok(LogState { last_purged_log_id: self.tail.purged(), last_log_id: self.tail.last() })
    }

    async fn get_log_reader(&mut self) -> LogTail {
        self.tail.clone()
    }

    /// On return the vote survives a crash: a node that forgets its vote elects two leaders (Raft 5.2).
    async fn save_vote(&mut self, vote: &RaftVote) -> Result<(), io::Error> {
        self.queue.write(Write::Vote(codec::encode_vote(vote))).await.map_err(io::Error::other)?;
        self.tail.set_vote(*vote);
        Ok(())
    }

    /// A hint that spares work after a restart; the next group takes it along.
    async fn save_committed(&mut self, committed: Option<RaftLogId>) -> Result<(), io::Error> {
        self.tail.note_committed(committed);
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<RaftLogId>, io::Error> {
        Ok(self.tail.committed())
    }

    /// Readable on return; the callback fires when the entries survive a crash, which is the acknowledgement.
    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig<Rt>>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = RaftEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<RaftEntry> = entries.into_iter().collect();
        let queued = entries.iter().map(|entry| QueuedEntry {
            index: LogIndex(entry.log_id.index),
            raft_term: RaftTerm(entry.log_id.leader_id.term),
            bytes: codec::encode_entry(entry),
        });
        let write = Write::Entries(queued.collect());
        self.tail.append(entries.into_iter());
        self.queue
            .push(write, Box::new(move |result| callback.io_completed(result.map_err(io::Error::other))));
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<RaftLogId>) -> Result<(), io::Error> {
        let kept = last_log_id.map(|log_id| LogIndex(log_id.index));
        self.queue.write(Write::TruncateAfter(kept)).await.map_err(io::Error::other)?;
        // Only now: entries queued before must not be taken for written ones that follow.
        self.tail.truncate_after(last_log_id);
        Ok(())
    }

    async fn purge(&mut self, log_id: RaftLogId) -> Result<(), io::Error> {
        self.tail.purge(log_id);
        self.queue.write(Write::Purge(log_id)).await.map_err(io::Error::other)
    }
}

/// Reads `range` in steps of at most 1 MiB.
fn entries_in_steps(tail: LogTail, range: Range<u64>) -> BoxStream<'static, Result<RaftEntry, io::Error>> {
    let step = move |(tail, range, buffered): (LogTail, Range<u64>, std::vec::IntoIter<RaftEntry>)| async move {
        let mut buffered = buffered;
        if let Some(entry) = buffered.next() {
            return Some((Ok(entry), (tail, range, buffered)));
        }
        if range.is_empty() {
            return None;
        }
        match tail.read(range.clone(), READ_BYTES_MAX) {
            Ok(entries) => {
                let mut buffered = entries.into_iter();
                let Some(entry) = buffered.next() else {
                    // The log ends here, unless it should hold the entry: then it has a hole.
                    let missing = tail.last().is_some_and(|last| last.index >= range.start);
                    let error = io::Error::other(format!("the log holds no entry {}", range.start));
                    return missing.then_some((Err(error), (tail, range.end..range.end, buffered)));
                };
                let next =
                    buffered.as_slice().last().map_or(entry.log_id.index, |last| last.log_id.index) + 1;
                Some((Ok(entry), (tail, next..range.end, buffered)))
            }
            Err(error) => Some((Err(error), (tail, range.end..range.end, Vec::new().into_iter()))),
        }
    };
    Box::pin(futures::stream::unfold((tail, range, Vec::new().into_iter()), step))
}

fn half_open(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last + 1,
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}
