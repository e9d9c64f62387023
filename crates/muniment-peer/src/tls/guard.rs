//! Open connections, so that a revoked certificate loses them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Context;

use futures::task::AtomicWaker;
use rustls_pki_types::CertificateDer;

use super::trust::Purpose;

/// Every connection that stands on a certificate. Cheap to clone.
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
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) purpose: Purpose,
    cut: AtomicBool,
    /// Who waits for bytes; woken by the cut.
    reader: AtomicWaker,
    /// Who waits for room; woken by the cut.
    writer: AtomicWaker,
}

/// Ties a connection to its certificate: as long as this exists, each reload of revocation lists verifies the
/// certificate again, and cuts the connection if it no longer holds.
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
        let (cut, reader, writer) = (AtomicBool::new(false), AtomicWaker::new(), AtomicWaker::new());
        let bearer = Arc::new(Bearer { chain, purpose, cut, reader, writer });
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
    /// Ends the connection at its next poll, which is now.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.reader.wake();
        self.writer.wake();
    }
}

impl Cutter {
    /// Whether the connection still exists.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Ends the connection; both sides see it at once.
    pub fn cut(&self) {
        if let Some(bearer) = self.0.upgrade() {
            bearer.cut();
        }
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
