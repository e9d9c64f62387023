//! One member as its clients see it: an address, a connection made when it is needed, and what was learned of it.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tonic::transport::{Channel, Endpoint};

use crate::tls::{DialError, Dialler};

/// How often a silent connection is asked whether it is still there, and how long that may take.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Whose node it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Bureau {
    /// Not known yet.
    Unknown = 0,
    /// The caller's own: it signs for the caller's writes.
    Own = 1,
    /// Another's.
    Other = 2,
}

/// A member.
pub(crate) struct Member {
    /// `host:port`.
    pub(crate) address: String,
    /// Held while dialling, so that one dial serves all that wait; never during a call.
    channel: Mutex<Option<Channel>>,
    bureau: AtomicU8,
    /// Whether the last call to it failed for want of an answer.
    is_failing: AtomicBool,
}

impl Member {
    pub(crate) fn new(address: String) -> Self {
        Self {
            address,
            channel: Mutex::new(None),
            bureau: AtomicU8::new(Bureau::Unknown as u8),
            is_failing: AtomicBool::new(false),
        }
    }

    pub(crate) fn bureau(&self) -> Bureau {
        match self.bureau.load(Ordering::Relaxed) {
            1 => Bureau::Own,
            2 => Bureau::Other,
            _ => Bureau::Unknown,
        }
    }

    pub(crate) fn learn(&self, bureau: Bureau) {
        self.bureau.store(bureau as u8, Ordering::Relaxed);
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    pub(crate) fn answered(&self) {
        self.is_failing.store(false, Ordering::Relaxed);
    }

    /// Notes that it did not answer: its connection is made anew for the next call, so that a dial that fails is known to
    /// have sent nothing.
    pub(crate) async fn failed(&self) {
        self.is_failing.store(true, Ordering::Relaxed);
        *self.channel.lock().await = None;
    }

    /// The connection, made if there is none: one that the member took, so that a call over it that brings no answer may have
    /// arrived, and one that was refused has sent none.
    pub(crate) async fn channel(&self, dialler: &Dialler, limit: Duration) -> Result<Channel, DialError> {
        let locked = tokio::time::timeout(limit, self.channel.lock()).await;
        let mut held = locked.map_err(|_| DialError::TimedOut(limit))?;
        if let Some(channel) = &*held {
            return Ok(channel.clone());
        }
        let dialled = dialler.dial(&self.address, limit).await?;
        self.learn(if dialled.is_own { Bureau::Own } else { Bureau::Other });
        let mut first = Some(dialled.io);
        // Handed out once: when this connection breaks, the next call dials here again.
        let connector = tower::service_fn(move |_| {
            let io = first.take().ok_or_else(|| std::io::Error::other("the connection is over"));
            std::future::ready(io)
        });
        let endpoint = Endpoint::from_static("http://member.invalid")
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true);
        let channel = endpoint.connect_with_connector(connector).await;
        let word = tokio::time::timeout(limit, dialled.first_word).await;
        match (word, channel) {
            (Ok(Ok(Err(refused))), _) => Err(refused),
            (_, Err(error)) => Err(DialError::Io(chain_of(&error))),
            (Err(_), _) => Err(DialError::TimedOut(limit)),
            (Ok(Err(_)), _) => Err(DialError::Closed),
            (Ok(Ok(Ok(()))), Ok(taken)) => {
                *held = Some(taken.clone());
                Ok(taken)
            }
        }
    }
}

/// An error with what is under it.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut under = error.source();
    while let Some(error) = under {
        text.push_str(": ");
        text.push_str(&error.to_string());
        under = error.source();
    }
    text
}
