//! A connection whose other end is known, cut when its certificate is.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::connections::Place;
use super::guard::{Cutter, Guard};
use super::identity::Identity;

/// Bytes of HTTP/2's preface (RFC 9113 3.4); no HTTP/1.1 request with its host is shorter. From there on HTTP has time-outs
/// of its own, before it none.
const OPENING_BYTES: usize = 24;

/// A byte stream that fails once its [`Guard`] is cut. Without a guard it stands on no certificate.
#[derive(Debug)]
pub struct Guarded<S> {
    stream: S,
    guard: Option<Guard>,
}

/// An accepted connection. tonic puts its [`ConnectionInfo`] into the extensions of each request.
#[derive(Debug)]
pub struct Connection {
    stream: Guarded<TlsStream<TcpStream>>,
    info: ConnectionInfo,
    place: Place,
    /// Bytes that were read, as far as [`OPENING_BYTES`].
    read: usize,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Address of the socket; a proxy's, if one stands between.
    pub remote_address: SocketAddr,
    /// Whose certificate opened the connection. `None` only where the port's policy admits one without.
    pub identity: Option<Arc<Identity>>,
}

impl<S> Guarded<S> {
    /// Ties a stream to a guard.
    #[must_use]
    pub const fn new(stream: S, guard: Option<Guard>) -> Self {
        Self { stream, guard }
    }

    /// A way to cut it from outside, if it has a guard.
    #[must_use]
    pub fn cutter(&self) -> Option<Cutter> {
        self.guard.as_ref().map(Guard::cutter)
    }

    fn is_cut(&self, look: impl FnOnce(&Guard) -> bool) -> io::Result<()> {
        if self.guard.as_ref().is_some_and(look) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the certificate no longer holds"));
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_cut(|guard| guard.is_cut_for_reader(context))?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_cut(|guard| guard.is_cut_for_writer(context))?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_cut(|guard| guard.is_cut_for_writer(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_cut(|guard| guard.is_cut_for_writer(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connection {
    pub(super) fn new(
        stream: TlsStream<TcpStream>,
        guard: Guard,
        info: ConnectionInfo,
        place: Place,
    ) -> Self {
        Self { stream: Guarded::new(stream, Some(guard)), info, place, read: 0 }
    }

    /// Who is at the other end.
    #[must_use]
    pub const fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// A way to cut it from outside.
    #[must_use]
    pub fn cutter(&self) -> Option<Cutter> {
        self.stream.cutter()
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        self.info.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.read < OPENING_BYTES {
            self.read += buffer.filled().len() - before;
            if self.read >= OPENING_BYTES {
                self.place.spoke();
            }
        }
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
