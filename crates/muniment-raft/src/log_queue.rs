//! The one queue in front of the Raft log's files: votes, entries, signing intents, truncation and purge, in order.
//!
//! A worker drains all that waits into one group and makes it durable with one flush; only then are the waiting told.
//! The first failure stops the node and is never tried again.

use muniment_core::{LogIndex, RaftTerm};
use muniment_store::StorageError;
use muniment_store::raft_log::{Frame, Intent, LogWriter};
use tokio::sync::mpsc;

use crate::codec;
use crate::gauges::Gauges;
use crate::lifecycle::Lifecycle;
use crate::log_tail::LogTail;
use crate::type_config::RaftLogId;

/// Bytes that one group takes at most, so that a burst is not one endless write.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Told once the frame is durable, or why it never will be.
pub(crate) type Done = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

/// An entry on its way to the files.
pub(crate) struct QueuedEntry {
    pub(crate) index: LogIndex,
    pub(crate) raft_term: RaftTerm,
    pub(crate) bytes: Vec<u8>,
}

/// What is written; the order of the queue is the order on disk.
pub(crate) enum Write {
    Entries(Vec<QueuedEntry>),
    Vote(Vec<u8>),
    Intent(Intent),
    TruncateAfter(Option<LogIndex>),
    Purge(RaftLogId),
}

struct Job {
    write: Write,
    done: Done,
}

/// Hands writes to the worker. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LogQueue {
    jobs: mpsc::UnboundedSender<Job>,
    lifecycle: Lifecycle,
}

/// Writes what the queue holds; `run` until every [`LogQueue`] is gone.
pub(crate) struct LogWorker {
    jobs: mpsc::UnboundedReceiver<Job>,
    writer: LogWriter,
    tail: LogTail,
    lifecycle: Lifecycle,
    gauges: Gauges,
}

/// A queue and its worker.
pub(crate) fn log_queue(
    writer: LogWriter,
    tail: LogTail,
    lifecycle: Lifecycle,
    gauges: Gauges,
) -> (LogQueue, LogWorker) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let queue = LogQueue { jobs: sender, lifecycle: lifecycle.clone() };
    (queue, LogWorker { jobs: receiver, writer, tail, lifecycle, gauges })
}

impl LogQueue {
    /// Queues a write; `done` is told when it is durable.
    pub(crate) fn push(&self, write: Write, done: Done) {
        if let Err(mpsc::error::SendError(job)) = self.jobs.send(Job { write, done }) {
            (job.done)(Err(self.stopped()));
        }
    }

    /// Queues a write and waits until it is durable.
    ///
    /// # Errors
    /// The first failure of the log, for ever.
    pub(crate) async fn write(&self, write: Write) -> Result<(), StorageError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let done = move |result| {
            // A caller that went away has nobody to tell.
            drop(sender.send(result));
        };
        self.push(write, Box::new(done));
        receiver.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    fn stopped(&self) -> StorageError {
        let reason = self.lifecycle.reason().unwrap_or_else(|| "the node is stopping".to_owned());
        StorageError::Refused { what: format!("the log writer has ended: {reason}") }
    }
}

impl LogWorker {
    /// Writes groups until the queue is gone or the log fails.
    pub(crate) async fn run(mut self) {
        while let Some(first) = self.lifecycle.next(&mut self.jobs).await {
            let mut group = vec![first];
            let mut bytes = group[0].write.bytes();
            while bytes < GROUP_BYTES_MAX
                && let Ok(job) = self.jobs.try_recv()
            {
                bytes += job.write.bytes();
                group.push(job);
            }
            self.gauges.flush_turns();
            let result = self.write_group(&group);
            self.gauges.flush_turns();
            if let Err(error) = &result {
                // A failed flush says nothing about what is on disk; the node stops and a restart reads what is there.
                self.lifecycle.fail(format!("Raft log: {error}"));
            }
            for job in group {
                (job.done)(result.clone());
            }
        }
    }

    /// One group, one flush. On return every frame of it survives a crash.
    fn write_group(&mut self, group: &[Job]) -> Result<(), StorageError> {
        if let Some(reason) = self.lifecycle.failure() {
            return Err(StorageError::Refused { what: format!("the node has failed: {reason}") });
        }
        let purges: Vec<Vec<u8>> = group.iter().filter_map(|job| job.write.purge_bytes()).collect();
        let committed = self.tail.take_new_committed().map(|log_id| codec::encode_log_id(&log_id));
        let mut purges_left = purges.iter();
        let mut frames = Vec::with_capacity(group.len() + 1);
        let mut last_entry = None;
        for job in group {
            match &job.write {
                Write::Entries(entries) => frames.extend(entries.iter().map(|entry| {
                    last_entry = Some(entry.index.0);
                    Frame::Entry { index: entry.index, raft_term: entry.raft_term, bytes: &entry.bytes }
                })),
                Write::Vote(bytes) => frames.push(Frame::Vote(bytes)),
                Write::Intent(intent) => frames.push(Frame::Intent(*intent)),
                Write::TruncateAfter(last_kept) => {
                    last_entry = None;
                    frames.push(Frame::TruncateAfter { last_kept: *last_kept });
                }
                Write::Purge(upto) => {
                    let log_id = purges_left.next().expect("one encoding for each purge");
                    frames.push(Frame::Purge { upto: LogIndex(upto.index), log_id });
                }
            }
        }
        frames.extend(committed.as_deref().map(Frame::Committed));
        self.writer.write_group(&frames)?;
        self.writer.sync()?;
        if let Some(index) = last_entry {
            self.tail.mark_written(index);
        }
        Ok(())
    }
}

impl Write {
    fn bytes(&self) -> usize {
        match self {
            Self::Entries(entries) => entries.iter().map(|entry| entry.bytes.len()).sum(),
            Self::Vote(_) | Self::Intent(_) | Self::TruncateAfter(_) | Self::Purge(_) => 64,
        }
    }

    fn purge_bytes(&self) -> Option<Vec<u8>> {
        if let Self::Purge(upto) = self { Some(codec::encode_log_id(upto)) } else { None }
    }
}
