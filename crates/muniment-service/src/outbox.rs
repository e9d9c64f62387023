//! The answers of a stream on their way to its reader: a few at a time, and how the stream ends.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use crate::refused::Refused;

/// The sending side. Its reader sees every message that was taken, then the end.
pub(crate) struct Outbox<T> {
    messages: mpsc::Sender<T>,
    end: oneshot::Sender<Status>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// There was room for it.
    Taken,
    /// The reader has gone.
    Gone,
    /// The reader did not take the one before in time.
    TooSlow,
}

/// An outbox for `capacity` messages, and the stream that its reader gets.
pub(crate) fn outbox<T: Send + 'static>(
    capacity: usize,
) -> (Outbox<T>, BoxStream<'static, Result<T, Status>>) {
    let (messages, received) = mpsc::channel(capacity);
    let (end, ended) = oneshot::channel();
    let received = futures::stream::unfold(received, |mut received| async move {
        received.recv().await.map(|message| (Ok(message), received))
    });
    // Without a status the stream ends well.
    let ended = futures::stream::once(ended).filter_map(|end| async { end.ok().map(Err) });
    (Outbox { messages, end }, received.chain(ended).boxed())
}

impl<T> Outbox<T> {
    /// Waits for room, at most as long as `patience`.
    pub(crate) async fn say(&self, message: T, patience: Duration) -> Said {
        match self.messages.send_timeout(message, patience).await {
            Ok(()) => Said::Taken,
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Said::Gone,
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => Said::TooSlow,
        }
    }

    /// Ends when the reader has gone.
    pub(crate) async fn gone(&self) {
        self.messages.closed().await;
    }

    /// Ends the stream: well, or with what went wrong.
    pub(crate) fn finish(self, refused: Option<Refused>) {
        if let Some(refused) = refused {
            // A reader that has gone needs no reason.
            drop(self.end.send(refused.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_was_too_slow_still_gets_what_was_taken_and_learns_why_it_ends() {
        let (outbox, stream) = outbox(1);
        assert_eq!(outbox.say(1, Duration::from_millis(1)).await, Said::Taken);
        assert_eq!(outbox.say(2, Duration::from_millis(1)).await, Said::TooSlow);
        outbox.finish(Some(Refused::new(muniment_core::Reason::SlowReader, "too slow")));
        let read: Vec<_> = stream.map(|message| message.map_err(|status| status.code())).collect().await;
        assert_eq!(read, [Ok(1), Err(tonic::Code::Aborted)]);
    }

    #[tokio::test]
    async fn a_stream_ends_well_when_nothing_went_wrong_and_a_reader_that_left_is_noticed() {
        let (first, stream) = outbox(2);
        assert_eq!(first.say(1, Duration::ZERO).await, Said::Taken);
        first.finish(None);
        assert_eq!(stream.map(|message| message.is_ok()).collect::<Vec<_>>().await, [true]);
        let (second, stream) = outbox(1);
        drop(stream);
        second.gone().await;
        assert_eq!(second.say(1, Duration::from_secs(1)).await, Said::Gone);
    }
}
