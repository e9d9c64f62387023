//! HTTP/2 by hand (RFC 9113), for clients that no library would be.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `ENHANCE_YOUR_CALM` (RFC 9113 7).
pub(crate) const CALM: u32 = 11;

/// Types of frames (RFC 9113 6).
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(kind: u8, stream: u32, payload: &[u8]) -> Self {
        Self { kind, stream, payload: payload.to_vec() }
    }

    /// The head of a call of `SubmitStream`, whose body is still to come.
    pub(crate) fn call(stream: u32) -> Self {
        let mut block = vec![0x83, 0x87];
        let literals =
            [(0x44, "/muniment.v1.LedgerService/SubmitStream"), (0x41, "node"), (0x5f, "application/grpc")];
        for (name, value) in literals {
            // A literal whose name is indexed (RFC 7541 6.2.1), not in Huffman's code.
            block.push(name);
            block.push(u8::try_from(value.len()).expect("short"));
            block.extend_from_slice(value.as_bytes());
        }
        Self::new(HEADERS, stream, &block)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let flags = if self.kind == HEADERS { END_HEADERS } else { 0 };
        self.bytes_with(flags)
    }

    fn bytes_with(&self, flags: u8) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("short").to_be_bytes();
        [&length[1..], &[self.kind, flags], &self.stream.to_be_bytes(), &self.payload].concat()
    }

    /// The error code of a GOAWAY.
    pub(crate) fn error_code(&self) -> Option<u32> {
        let code = self.payload.get(4..8).filter(|_| self.kind == GOAWAY)?;
        Some(u32::from_be_bytes(code.try_into().expect("4 bytes")))
    }
}

/// A connection that says what it likes.
pub(crate) struct Raw(TlsStream<TcpStream>);

impl Raw {
    /// Says the preface and settings, and takes the other side's.
    pub(crate) async fn begin(mut stream: TlsStream<TcpStream>) -> Self {
        let settings = Frame::new(SETTINGS, 0, &[]);
        let hello = [PREFACE, &settings.bytes(), &settings.bytes_with(ACK)].concat();
        stream.write_all(&hello).await.expect("it is open");
        stream.flush().await.expect("it is open");
        Self(stream)
    }

    /// Sends frames in one go.
    pub(crate) async fn send(&mut self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        // The other side may have had enough, and says why.
        drop(self.0.write_all(&bytes).await);
        drop(self.0.flush().await);
    }

    /// The next frame; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, _, stream @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).expect("24 bits");
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Frame { kind, stream: u32::from_be_bytes(stream), payload })
    }

    /// All frames up to the end.
    pub(crate) async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}
