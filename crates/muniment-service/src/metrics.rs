//! What this crate counts. Names `muniment_*` and `grpc_server_*`, base units, bounded labels.

use std::sync::atomic::Ordering;
use std::time::Duration;

use muniment_core::BureauNumber;
use muniment_peer::tls::{Closed, ClosedCounts};
use muniment_raft::Status;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::{Arc, Mutex, PoisonError};
use tonic::Code;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Handled {
    grpc_service: String,
    grpc_method: String,
    grpc_code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Handling {
    grpc_service: String,
    grpc_method: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Bureau {
    bureau: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

/// The metrics of one server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Mutex<Registry>>,
    handled: Family<Handled, Counter>,
    handling: Family<Handling, Histogram, fn() -> Histogram>,
    rate_limited: Family<Bureau, Counter>,
    connections_closed: Family<Why, Counter>,
    /// Callers that knew a larger tree than this ledger has.
    pub(crate) resume_points_beyond: Counter,
    /// Streams that were cut off because their reader was too slow.
    pub(crate) slow_readers: Counter,
    /// Watches that run.
    pub(crate) watches: Gauge,
    tree_size: Gauge,
    sealed_size: Gauge,
    signed_size: Gauge,
    cosigned_size: Gauge,
    sync_point_size: Gauge,
    raft_term: Gauge,
    leads: Gauge,
    lag_entries: Gauge,
    alarms: Gauge,
    damaged_places: Gauge,
    signs: Gauge,
    lookup_size: Gauge,
}

fn histogram() -> Histogram {
    // 0.25 ms to 8 s, each the double of the one before.
    Histogram::new((0..18).map(|power| 0.000_05 * f64::from(1_u32 << power)))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Arc::new(Mutex::new(Registry::default())),
            handled: Family::default(),
            handling: Family::new_with_constructor(histogram),
            rate_limited: Family::default(),
            connections_closed: Family::default(),
            resume_points_beyond: Counter::default(),
            slow_readers: Counter::default(),
            watches: Gauge::default(),
            tree_size: Gauge::default(),
            sealed_size: Gauge::default(),
            signed_size: Gauge::default(),
            cosigned_size: Gauge::default(),
            sync_point_size: Gauge::default(),
            raft_term: Gauge::default(),
            leads: Gauge::default(),
            lag_entries: Gauge::default(),
            alarms: Gauge::default(),
            damaged_places: Gauge::default(),
            signs: Gauge::default(),
            lookup_size: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let help = "Calls by method and by the code at the head of the answer";
        registry.register("grpc_server_handled", help, self.handled.clone());
        let help = "Time from a call's head to the head of its answer";
        registry.register_with_unit("grpc_server_handling", help, Unit::Seconds, self.handling.clone());
        let help = "Submissions refused by a bureau's rate limit";
        registry.register("muniment_rate_limited", help, self.rate_limited.clone());
        let help = "Connections that the public port refused or cut by itself, by reason";
        registry.register("muniment_connections_closed", help, self.connections_closed.clone());
        let help =
            "Callers that named a size or leaf beyond the tree: evidence of a rollback, if it was cosigned";
        registry.register("muniment_resume_points_beyond", help, self.resume_points_beyond.clone());
        let help = "Streams cut off because their reader was too slow";
        registry.register("muniment_slow_readers", help, self.slow_readers.clone());
        let gauges = [
            ("muniment_watches", "Watches that run", &self.watches),
            ("muniment_tree_size", "Leaves applied by this node", &self.tree_size),
            ("muniment_sealed_size", "Newest size that the log marks for signing", &self.sealed_size),
            ("muniment_signed_size", "Newest size that this node signed", &self.signed_size),
            ("muniment_cosigned_size", "Newest size that q bureaus cosigned", &self.cosigned_size),
            (
                "muniment_sync_point_size",
                "Leaves that are there at once after a crash",
                &self.sync_point_size,
            ),
            ("muniment_raft_term", "Raft's term as this node knows it", &self.raft_term),
            ("muniment_leads", "1 while this node leads", &self.leads),
            ("muniment_lag_entries", "Entries committed but not yet applied here", &self.lag_entries),
            ("muniment_alarms", "Alarms that an operator must look at, at most 64", &self.alarms),
            (
                "muniment_damaged_places",
                "Places of evidence files that wait for a repair",
                &self.damaged_places,
            ),
            ("muniment_signs", "1 while this node signs what it computes", &self.signs),
            ("muniment_lookup_size", "Leaves that the look-ups know", &self.lookup_size),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
    }

    /// Counts a call. A path that is no method's is counted as one, whatever it was: labels are bounded.
    pub(crate) fn handled(&self, method: Option<&str>, code: Code, took: Duration) {
        let path = method.unwrap_or("/unknown/unknown");
        let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
        let (grpc_service, grpc_method) = (service.to_owned(), method.to_owned());
        let handling = Handling { grpc_service: grpc_service.clone(), grpc_method: grpc_method.clone() };
        self.handling.get_or_create(&handling).observe(took.as_secs_f64());
        let handled = Handled { grpc_service, grpc_method, grpc_code: format!("{code:?}") };
        self.handled.get_or_create(&handled).inc();
    }

    /// Counts a refusal by rate limit.
    pub(crate) fn rate_limited(&self, bureau: BureauNumber) {
        self.rate_limited.get_or_create(&Bureau { bureau: bureau.0 }).inc();
    }

    /// Everything, in the text format of OpenMetrics.
    ///
    /// # Errors
    /// What writing to a text answers.
    pub(crate) fn text(
        &self,
        status: &Status,
        lookup_size: u64,
        closed: &ClosedCounts,
    ) -> Result<String, std::fmt::Error> {
        let set = |gauge: &Gauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.tree_size, status.size.0);
        set(&self.sealed_size, status.sealed_size.0);
        set(&self.signed_size, status.signed_size.0);
        set(&self.cosigned_size, status.cosigned_size.0);
        set(&self.sync_point_size, status.sync_point_size.0);
        set(&self.raft_term, status.raft_term.0);
        set(&self.leads, u64::from(status.role == muniment_raft::Role::Leader));
        set(&self.lag_entries, lag_entries(status));
        set(&self.alarms, status.alarms.len() as u64);
        set(&self.damaged_places, status.damaged.len() as u64);
        set(&self.signs, u64::from(status.signs));
        set(&self.lookup_size, lookup_size);
        for reason in Closed::ALL {
            let counter = self.connections_closed.get_or_create(&Why { reason: reason.label() });
            counter.inner().store(closed.of(reason), Ordering::Relaxed);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}

/// Entries that the node knows to be committed and has not applied.
pub(crate) fn lag_entries(status: &Status) -> u64 {
    let index = |index: Option<muniment_core::LogIndex>| index.map_or(0, |index| index.0 + 1);
    index(status.committed_index).saturating_sub(index(status.applied_index))
}
