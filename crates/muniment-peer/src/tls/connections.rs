//! The connections of one port: counted against its caps, and ended when their time is over.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use muniment_core::BureauNumber;
use thiserror::Error;
use tokio::task::AbortHandle;

use super::accept::AcceptOptions;
use super::guard::Cutter;

/// A handshake takes milliseconds of work and a few round trips; one that takes longer than this gives way to another when
/// the port has all the handshakes that it allows.
const HANDSHAKE_GIVES_WAY: Duration = Duration::from_secs(1);

/// Why a port closed a connection by itself: the label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The handshake failed: no certificate, or one that does not hold.
    Handshake,
    /// The handshake took too long.
    HandshakeTimeout,
    /// The port had all the unfinished handshakes that it allows.
    Handshakes,
    /// The port had all the connections that it allows.
    Connections,
    /// The bureau had all the connections that it may have.
    Bureau,
    /// There were all the connections without a certificate that the port allows.
    Anonymous,
    /// It said nothing after its handshake.
    Silent,
    /// It was asked to end for its age, and did not.
    Age,
}

/// How many connections a port closed by itself, by reason. Cheap to clone.
#[derive(Clone, Default)]
pub struct ClosedCounts(Arc<[AtomicU64; Closed::ALL.len()]>);

/// A cap that is reached. The connection is closed after its handshake, before a byte of HTTP was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Full {
    /// The port's.
    #[error("the port has its {0} connections")]
    Port(usize),
    /// One bureau's.
    #[error("bureau {0} has its {1} connections on this port")]
    Bureau(BureauNumber, usize),
    /// That of connections without a certificate.
    #[error("the port has its {0} connections without a certificate")]
    Anonymous(usize),
}

/// What one port has open. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connections {
    shared: Arc<Shared>,
}

/// Looks after [`Connections`] while they exist.
pub(super) struct Watcher(Weak<Shared>);

struct Shared {
    options: AcceptOptions,
    counts: ClosedCounts,
    /// Held for a look-up and an insertion; to sweep, for a pass over what is open.
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    /// Since when, and by which task, once it is started.
    handshakes: BTreeMap<u64, (Instant, Option<AbortHandle>)>,
    open: BTreeMap<u64, Open>,
    /// Open connections of each bureau; none = without a certificate.
    of: BTreeMap<Option<BureauNumber>, usize>,
}

struct Open {
    cutter: Cutter,
    since: Instant,
    spoke: Arc<AtomicBool>,
}

/// One unfinished handshake; over when dropped.
pub(super) struct Handshake {
    id: u64,
    shared: Arc<Shared>,
}

/// One open connection among those of its port; counted until dropped.
pub(super) struct Place {
    id: u64,
    of: Option<BureauNumber>,
    shared: Arc<Shared>,
    spoke: Arc<AtomicBool>,
}

impl Closed {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Handshake,
        Self::HandshakeTimeout,
        Self::Handshakes,
        Self::Connections,
        Self::Bureau,
        Self::Anonymous,
        Self::Silent,
        Self::Age,
    ];

    /// The value of the metric's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::Handshakes => "handshakes",
            Self::Connections => "connections",
            Self::Bureau => "bureau",
            Self::Anonymous => "anonymous",
            Self::Silent => "silent",
            Self::Age => "age",
        }
    }
}

impl ClosedCounts {
    /// How many connections were closed for a reason since the port was opened.
    #[must_use]
    pub fn of(&self, reason: Closed) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, reason: Closed) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }
}

impl Full {
    pub(super) const fn reason(self) -> Closed {
        match self {
            Self::Port(_) => Closed::Connections,
            Self::Bureau(..) => Closed::Bureau,
            Self::Anonymous(_) => Closed::Anonymous,
        }
    }
}

impl Connections {
    pub(super) fn new(options: AcceptOptions) -> Self {
        let (counts, table) = (ClosedCounts::default(), Mutex::default());
        Self { shared: Arc::new(Shared { options, counts, table }) }
    }

    pub(super) fn watcher(&self) -> Watcher {
        Watcher(Arc::downgrade(&self.shared))
    }

    pub(super) fn options(&self) -> &AcceptOptions {
        &self.shared.options
    }

    pub(super) fn counts(&self) -> &ClosedCounts {
        &self.shared.counts
    }

    /// A place for a handshake. At the cap the oldest gives way if it is slow; else there is none, and who comes is closed.
    pub(super) fn begin_handshake(&self) -> Option<Handshake> {
        let mut table = self.shared.lock();
        let mut slow = None;
        if table.handshakes.len() >= self.shared.options.handshakes_max {
            self.shared.counts.count(Closed::Handshakes);
            let oldest = table.handshakes.first_entry()?;
            if oldest.get().0.elapsed() < HANDSHAKE_GIVES_WAY {
                return None;
            }
            slow = oldest.remove().1;
        }
        let id = table.take_id();
        table.handshakes.insert(id, (Instant::now(), None));
        drop(table);
        // Not under the lock: a task that ends takes it.
        slow.iter().for_each(AbortHandle::abort);
        Some(Handshake { id, shared: Arc::clone(&self.shared) })
    }

    /// Names the task of a handshake, which may have ended by now.
    pub(super) fn under_way(&self, id: u64, task: AbortHandle) {
        if let Some((_, known)) = self.shared.lock().handshakes.get_mut(&id) {
            *known = Some(task);
        }
    }

    /// A place for a connection whose bearer is known; `of` its bureau, none without a certificate.
    ///
    /// # Errors
    /// [`Full`]: the cap that is reached.
    pub(super) fn enter(&self, of: Option<BureauNumber>, cutter: Cutter) -> Result<Place, Full> {
        let AcceptOptions { connections_max, connections_per_bureau_max, anonymous_connections_max, .. } =
            self.shared.options;
        let mut table = self.shared.lock();
        if table.open.len() >= connections_max {
            return Err(Full::Port(connections_max));
        }
        let own = table.of.get(&of).copied().unwrap_or_default();
        match of {
            Some(bureau) if own >= connections_per_bureau_max => {
                return Err(Full::Bureau(bureau, connections_per_bureau_max));
            }
            None if own >= anonymous_connections_max => {
                return Err(Full::Anonymous(anonymous_connections_max));
            }
            Some(_) | None => {}
        }
        let id = table.take_id();
        let spoke = Arc::new(AtomicBool::new(false));
        table.open.insert(id, Open { cutter, since: Instant::now(), spoke: Arc::clone(&spoke) });
        table.of.insert(of, own + 1);
        drop(table);
        Ok(Place { id, of, shared: Arc::clone(&self.shared), spoke })
    }

    /// Ends every connection whose time is over.
    pub(super) fn sweep(&self) {
        let AcceptOptions { handshake_timeout, age_max, .. } = self.shared.options;
        for open in self.shared.lock().open.values() {
            let age = open.since.elapsed();
            let reason = if !open.spoke.load(Ordering::Relaxed) && age > handshake_timeout {
                Closed::Silent
            } else if age_max.is_some_and(|max| age > max) {
                Closed::Age
            } else {
                continue;
            };
            if open.cutter.cut() {
                self.shared.counts.count(reason);
            }
        }
    }
}

impl Watcher {
    /// The connections; none once the port is closed and the last of them has ended.
    pub(super) fn upgrade(&self) -> Option<Connections> {
        self.0.upgrade().map(|shared| Connections { shared })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    const fn take_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Place {
    /// Notes that the connection has said enough for HTTP's own time-outs to hold.
    pub(super) fn spoke(&self) {
        self.spoke.store(true, Ordering::Relaxed);
    }
}

impl Handshake {
    pub(super) const fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.shared.lock().handshakes.remove(&self.id);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.shared.lock();
        table.open.remove(&self.id);
        if let Some(own) = table.of.get_mut(&self.of) {
            *own -= 1;
            if *own == 0 {
                table.of.remove(&self.of);
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("of", &self.of).finish_non_exhaustive()
    }
}

impl fmt::Debug for ClosedCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(Closed::ALL.map(|reason| (reason.label(), self.of(reason)))).finish()
    }
}
