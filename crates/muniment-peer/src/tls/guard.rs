//! Open connections, so that a certificate that is revoked or expires loses them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Context;

use futures::task::AtomicWaker;
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::parse_x509_certificate;

use super::trust::Purpose;

/// Every connection that can be cut. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct OpenConnections {
    shared: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: BTreeMap<u64, Arc<Bearer>>,
}

/// What one connection stands on. Shared by the connection and the table.
pub(super) struct Bearer {
    /// Leaf first; empty for a connection without a certificate, which no change of trust ends.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) purpose: Purpose,
    /// Seconds since 1970 from which on some certificate of the chain has expired since it was verified last.
    verify_at: AtomicU64,
    cut: AtomicBool,
    /// Who waits for bytes; woken by the cut.
    reader: AtomicWaker,
    /// Who waits for room; woken by the cut.
    writer: AtomicWaker,
}

/// Ties a connection to its certificate: as long as this exists, the certificate is verified again at each reload of
/// revocation lists and when it expires, and the connection is cut if it no longer holds.
pub struct Guard {
    id: u64,
    table: OpenConnections,
    bearer: Arc<Bearer>,
}

/// Cuts one connection from outside: what is left open when its port must close.
#[derive(Clone)]
pub struct Cutter(Weak<Bearer>);

impl OpenConnections {
    pub(super) fn enter(&self, chain: Vec<CertificateDer<'static>>, purpose: Purpose) -> Guard {
        let verify_at = AtomicU64::new(next_expiry(&chain, UnixTime::now()));
        let (cut, reader, writer) = (AtomicBool::new(false), AtomicWaker::new(), AtomicWaker::new());
        let bearer = Arc::new(Bearer { chain, purpose, verify_at, cut, reader, writer });
        let mut table = self.lock();
        let id = table.next;
        table.next += 1;
        table.open.insert(id, Arc::clone(&bearer));
        drop(table);
        Guard { id, table: self.clone(), bearer }
    }

    /// All that is open now.
    pub(super) fn bearers(&self) -> Vec<Arc<Bearer>> {
        self.lock().open.values().cloned().collect()
    }

    // Held only to insert, to remove and to list.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bearer {
    /// Whether a certificate of the chain has expired since this was asked last.
    pub(super) fn has_news(&self, now: UnixTime) -> bool {
        if now.as_secs() < self.verify_at.load(Ordering::Relaxed) {
            return false;
        }
        self.verify_at.store(next_expiry(&self.chain, now), Ordering::Relaxed);
        true
    }

    /// Ends the connection at its next poll, which is now; false if it was cut before.
    pub(super) fn cut(&self) -> bool {
        let before = self.cut.swap(true, Ordering::SeqCst);
        self.reader.wake();
        self.writer.wake();
        !before
    }
}

impl Cutter {
    /// Whether the connection still exists.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Ends the connection; both sides see it at once. False if it had ended, or was cut before.
    pub fn cut(&self) -> bool {
        self.0.upgrade().is_some_and(|bearer| bearer.cut())
    }
}

impl Guard {
    /// A way to cut the connection from outside.
    #[must_use]
    pub fn cutter(&self) -> Cutter {
        Cutter(Arc::downgrade(&self.bearer))
    }

    /// Whether the certificate was refused since the connection was opened.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.bearer.cut.load(Ordering::SeqCst)
    }

    pub(super) fn is_cut_for_reader(&self, context: &Context<'_>) -> bool {
        // Registered before the look, so that a cut in between is not missed.
        self.bearer.reader.register(context.waker());
        self.is_cut()
    }

    pub(super) fn is_cut_for_writer(&self, context: &Context<'_>) -> bool {
        self.bearer.writer.register(context.waker());
        self.is_cut()
    }
}

/// The first second after `now` in which a certificate of the chain is no longer valid (RFC 5280 4.1.2.5: `notAfter` itself
/// still counts). One that can't be read, or was expired before, has no such second.
fn next_expiry(chain: &[CertificateDer<'_>], now: UnixTime) -> u64 {
    let seconds = chain.iter().filter_map(|der| {
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        u64::try_from(certificate.validity().not_after.timestamp()).ok()?.checked_add(1)
    });
    seconds.filter(|second| *second > now.as_secs()).min().unwrap_or(u64::MAX)
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.table.lock().open.remove(&self.id);
    }
}

impl fmt::Debug for Cutter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cutter").field("is_open", &self.is_open()).finish()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("is_cut", &self.is_cut()).finish_non_exhaustive()
    }
}
