//! Threads of the peers' own, so that a flood of clients causes no election.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

/// A tokio runtime for everything that an election depends on: the transport, the server of port 7444, and the node
/// itself (start it with `runtime.handle().spawn(..)`). The public service runs on another one.
#[derive(Debug)]
pub struct PeerRuntime {
    /// Taken when it ends.
    runtime: Option<Runtime>,
}

impl PeerRuntime {
    /// Starts `threads` threads, at least 1; 1 serves a node on two cores and 2 on any other, since disk and apply
    /// have threads of theirs.
    ///
    /// # Errors
    /// Those of starting threads.
    pub fn start(threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("muniment-peer")
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Where to spawn.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.runtime.as_ref().expect("it is taken only by what consumes or drops it").handle().clone()
    }

    /// Ends it: tasks are dropped at their next await, and at most `limit` is waited for them. Blocks.
    pub fn shutdown(mut self, limit: Duration) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(limit);
        }
    }
}

impl Drop for PeerRuntime {
    fn drop(&mut self) {
        // tokio's own drop blocks, which panics inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
