//! The door between a caller's requests and the connection that carries them.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};

/// Lets requests through until it is shut. The connection owns the request stream and polls it when it likes; the
/// caller must not be asked for another request once it has seen an error, so the stream is taken away first.
///
/// Cheap to clone; all clones are one gate.
#[derive(Clone)]
pub(crate) struct RequestGate {
    shared: Arc<Mutex<Inner>>,
}

struct Inner {
    /// `None` when shut, or at the end.
    requests: Option<BoxStream<'static, Bytes>>,
    sent: u64,
}

impl RequestGate {
    /// A gate for the requests after the first, which is out already.
    pub(crate) fn new(rest: BoxStream<'static, Bytes>) -> Self {
        Self { shared: Arc::new(Mutex::new(Inner { requests: Some(rest), sent: 1 })) }
    }

    /// Drops the requests: none is polled any more when this returns.
    pub(crate) fn shut(&self) {
        // Dropped outside the lock: what a stream does when it is dropped is its own affair.
        let requests = self.lock().requests.take();
        drop(requests);
    }

    /// How many requests went out.
    pub(crate) fn sent(&self) -> u64 {
        self.lock().sent
    }

    /// Whether no request will go out any more.
    pub(crate) fn is_shut(&self) -> bool {
        self.lock().requests.is_none()
    }

    // Held for one poll of the requests.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for RequestGate {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut inner = self.lock();
        let Some(requests) = &mut inner.requests else { return Poll::Ready(None) };
        let next = requests.poll_next_unpin(context);
        match &next {
            Poll::Ready(Some(_)) => inner.sent += 1,
            Poll::Ready(None) => inner.requests = None,
            Poll::Pending => {}
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_gate_counts_what_went_out_and_drops_the_rest_when_it_is_shut() {
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let requests = futures::stream::repeat_with(move || Bytes::from(vec![0; Arc::strong_count(&held)]));
        let gate = RequestGate::new(requests.boxed());
        let mut connection = gate.clone();
        assert!(connection.next().now_or_never().flatten().is_some());
        assert_eq!((gate.sent(), gate.is_shut()), (2, false));
        gate.shut();
        assert_eq!(Arc::strong_count(&alive), 1, "the requests are gone when it returns");
        assert_eq!(connection.next().now_or_never(), Some(None));
        assert_eq!((gate.sent(), gate.is_shut()), (2, true));
    }
}
