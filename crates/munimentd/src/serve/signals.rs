//! What the operating system tells the node.

use anyhow::Context as _;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGHUP: read certificates and revocation lists again.
    Reload,
    /// SIGTERM or SIGINT.
    Stop,
}

/// The signals that a node listens to.
pub(crate) struct Signals {
    hangup: Stream,
    terminate: Stream,
    interrupt: Stream,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let stream = |kind| signal(kind).context("listen to signals");
        Ok(Self {
            hangup: stream(SignalKind::hangup())?,
            terminate: stream(SignalKind::terminate())?,
            interrupt: stream(SignalKind::interrupt())?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
        }
    }

    /// Ends when the node is told to stop once more.
    pub(crate) async fn second_stop(&mut self) {
        while self.next().await != Signal::Stop {}
    }
}
