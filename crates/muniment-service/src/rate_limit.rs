//! How much one bureau may write through this node: the rates of `muniment-raft`, counted at the door.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muniment_core::{BureauNumber, Reason};
use muniment_proto::error_report::ErrorReport;
use muniment_proto::metadata;
use muniment_raft::{OverRate, RateLimiter, RateLimits};

use crate::refused::Refused;

/// The door's buckets. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DoorRates {
    began: Instant,
    /// Held for a few additions.
    limiter: Arc<Mutex<RateLimiter>>,
}

/// Counts as in flight until dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    rates: DoorRates,
    bureau: BureauNumber,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.rates.lock().done(self.bureau);
    }
}

impl DoorRates {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self { began: Instant::now(), limiter: Arc::new(Mutex::new(RateLimiter::new(limits))) }
    }

    /// Lets a submission pass and counts it, or says when one may.
    ///
    /// # Errors
    /// RATE_LIMITED, with QuotaFailure and RetryInfo.
    pub(crate) fn admit(
        &self,
        bureau: BureauNumber,
        records: usize,
        bytes: usize,
    ) -> Result<InFlight, Refused> {
        let admitted = self.lock().admit(bureau, records, bytes, self.began.elapsed());
        admitted.map_err(|over| limited(over, "this node"))?;
        Ok(InFlight { rates: self.clone(), bureau })
    }

    fn lock(&self) -> MutexGuard<'_, RateLimiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal by rate; `place` is where it was counted.
pub(crate) fn limited(over: OverRate, place: &str) -> Refused {
    let OverRate { bureau, limit, retry_after, .. } = over;
    ErrorReport::new(Reason::RateLimited, format!("bureau {bureau} is {over} at {place}"))
        .with(metadata::LIMIT, limit)
        .violating(format!("bureau {bureau}"), over.to_string())
        .retrying_after(retry_after.max(Duration::from_millis(1)))
        .into()
}
