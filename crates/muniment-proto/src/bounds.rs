//! Bounds that the comments of `proto/` promise, in one place for those who keep them.

use std::time::Duration;

/// Bytes of a request's message that a server decodes: a full batch with its admission, and what protobuf adds.
pub const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of an answer's message that a client decodes: the largest receipt, and what stands around it.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024 + 64 * 1024;
/// Bytes of a message between nodes.
pub const PEER_PAYLOAD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Deadline of a call that comes without one, streams excepted.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(30);
/// Of the deadline, in percent, what a call waits for a level, a receipt or a checkpoint before it answers what there is.
pub const WAIT_PERCENT: u32 = 90;
/// Items of a `SubmitStream` that may be unanswered before the server stops reading.
pub const STREAM_UNANSWERED_MAX: usize = 4_096;
/// Bytes of records of a `SubmitStream` that may be unanswered before the server stops reading.
pub const STREAM_UNANSWERED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a client may leave a stream's answers unread before it is cut off (SLOW_READER).
pub const UNREAD_MAX: Duration = Duration::from_secs(30);
/// Bytes of records in one message of a list or a watch, unless the first record alone is larger.
pub const RECORDS_BYTES_MAX: usize = 1024 * 1024;
/// Leaves that one page of a list looks at.
pub const SCAN_LEAVES_MAX: u64 = 65_536;
/// Time between two messages of a watch, at most.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// Alarms of a node's status.
pub const ALARMS_MAX: usize = 64;
