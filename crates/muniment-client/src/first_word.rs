//! Whether a member took a connection, known before a call is sent over it.
//!
//! In TLS 1.3 a client's handshake is over before the member has seen its certificate, and a member closes a connection
//! over its caps only then. What a member takes it answers with HTTP/2's first frame, unasked (RFC 9113 3.4); a connection
//! on which something else comes first has carried no call.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use crate::tls::DialError;

/// A byte stream that tells once how the other side's first word turned out.
pub(crate) struct FirstWord<S> {
    stream: S,
    tell: Option<oneshot::Sender<Result<(), DialError>>>,
}

impl<S> FirstWord<S> {
    /// The stream, and where it tells; nothing comes if the stream goes first.
    pub(crate) fn new(stream: S) -> (Self, oneshot::Receiver<Result<(), DialError>>) {
        let (tell, told) = oneshot::channel();
        (Self { stream, tell: Some(tell) }, told)
    }

    fn tell(&mut self, word: Result<(), DialError>) {
        if let Some(tell) = self.tell.take() {
            // Nobody waits for it any longer.
            drop(tell.send(word));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstWord<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Ok(())) if buffer.filled().len() > before => self.tell(Ok(())),
            Poll::Ready(Ok(())) => self.tell(Err(DialError::Closed)),
            Poll::Ready(Err(error)) => self.tell(Err(DialError::of(error))),
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FirstWord<S> {
    /// A member that has closed the connection said why before, and nobody has read it yet.
    fn explain(&mut self, context: &mut Context<'_>, error: &io::Error) {
        if self.tell.is_none() {
            return;
        }
        let mut bytes = [0; 1];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = Pin::new(&mut self.stream).poll_read(context, &mut buffer);
        let word =
            if let Poll::Ready(Err(error)) = read { DialError::of(&error) } else { DialError::of(error) };
        self.tell(Err(word));
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for FirstWord<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Err(error)) = &polled {
            self.explain(context, error);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        if let Poll::Ready(Err(error)) = &polled {
            self.explain(context, error);
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
