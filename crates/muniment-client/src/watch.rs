//! Sealed records as they come, without gap and without double, over as many connections as it takes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream::try_unfold;
use muniment_core::{LeafIndex, TreeSize};
use muniment_proto::bounds::PROGRESS_INTERVAL;
use muniment_proto::error_code::{Retry, retry_of};
use muniment_proto::stored_record::StoredRecord;
use muniment_proto::{FieldError, v1};
use tokio::time::{Instant, timeout};
use tonic::{Status, Streaming};

use crate::call::{Fault, Purpose, is_lost};
use crate::client::{Client, broken, ledger, refuted};
use crate::error::Error;
use crate::evidence::EvidenceError;
use crate::member::Member;
use crate::record::LedgerRecord;

const CALL: &str = "WatchRecords";
/// A member that says nothing for so long is gone: it would have said that there is nothing.
const SILENCE_MAX: Duration = PROGRESS_INTERVAL.saturating_add(Duration::from_secs(5));

/// What is watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchOptions {
    /// First leaf. The `next_leaf` of the last [`Watched::Progress`] resumes a watch.
    pub from: LeafIndex,
    /// Which leaves; none = all.
    pub filter: Option<v1::RecordFilter>,
}

/// What a watch delivers.
#[derive(Clone, Debug, PartialEq)]
pub enum Watched {
    /// The next record, checked against its stub.
    Record(Box<LedgerRecord>),
    /// All leaves below `next_leaf` were delivered, or are not among those watched.
    Progress {
        /// Where to resume.
        next_leaf: LeafIndex,
        /// Size at which the ledger was last sealed.
        sealed_size: TreeSize,
    },
}

/// Where a watch is.
struct Watch {
    client: Client,
    options: WatchOptions,
    next: LeafIndex,
    ready: VecDeque<Watched>,
    open: Option<(Arc<Member>, Streaming<v1::WatchRecordsResponse>)>,
    /// Since when nothing has come.
    failing_since: Option<Instant>,
    round: u32,
}

impl Client {
    /// Sealed records from a leaf on, and those to come, without end. When a member goes away it goes on at another one, at
    /// the leaf after the last that was delivered. An error ends it: evidence that does not hold, a refusal, or no member
    /// that delivers anything within the deadline.
    pub fn watch(&self, options: WatchOptions) -> impl Stream<Item = Result<Watched, Error>> + Send + use<> {
        let watch = Watch {
            client: self.clone(),
            next: options.from,
            options,
            ready: VecDeque::new(),
            open: None,
            failing_since: None,
            round: 0,
        };
        try_unfold(watch, |mut watch| async move {
            loop {
                if let Some(watched) = watch.ready.pop_front() {
                    return Ok(Some((watched, watch)));
                }
                watch.step().await?;
            }
        })
    }
}

impl Watch {
    /// One message, or one step towards it.
    async fn step(&mut self) -> Result<(), Error> {
        let Some((member, stream)) = &mut self.open else { return self.reopen().await };
        let member = Arc::clone(member);
        let message = timeout(SILENCE_MAX, stream.message()).await;
        let message = message.unwrap_or_else(|_| Err(Status::deadline_exceeded("it fell silent")));
        let fault = match message {
            Ok(Some(message)) => {
                self.failing_since = None;
                self.round = 0;
                member.answered();
                return self.take(&member, message);
            }
            Ok(None) => Fault::of(&Status::unavailable("the watch ended")),
            Err(status) => Fault::of(&status),
        };
        self.open = None;
        self.judge(&member, fault).await
    }

    /// Opens the watch at the next member.
    async fn reopen(&mut self) -> Result<(), Error> {
        let caller = self.client.caller();
        let limit = caller.deadline / 2;
        let Some(member) = caller.order(Purpose::Read).into_iter().next() else {
            let last = "no endpoint".to_owned();
            return Err(Error::Unreachable { call: CALL, waited: Duration::ZERO, last });
        };
        let request = v1::WatchRecordsRequest {
            from_leaf: self.next.0,
            filter: self.options.filter.clone(),
            decode: false,
        };
        let opened = async {
            let channel = member.channel(&caller.dialler, limit).await.map_err(Fault::Dial)?;
            let opened = timeout(limit, ledger(channel).watch_records(request)).await;
            let opened = opened.unwrap_or_else(|_| Err(Status::deadline_exceeded("not opened in time")));
            opened.map(tonic::Response::into_inner).map_err(|status| Fault::of(&status))
        };
        match opened.await {
            Ok(stream) => {
                self.open = Some((member, stream));
                Ok(())
            }
            Err(fault) => self.judge(&member, fault).await,
        }
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// Why there is none.
    async fn judge(&mut self, member: &Member, fault: Fault) -> Result<(), Error> {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let endpoint = &member.address;
        let mut asked = Duration::ZERO;
        match fault {
            Fault::Refused(report) if retry_of(report.reason) == Retry::No => {
                let error = Error::refused(CALL, endpoint, report);
                let pinned = self.client.pinned()?.filter(|pinned| pinned.body.size.0 >= self.next.0);
                return Err(match pinned {
                    Some(pinned) => self.client.is_rollback(error, &pinned.body),
                    None => error,
                });
            }
            Fault::Bare { code, message } if !is_lost(code) => {
                let endpoint = endpoint.clone();
                return Err(Error::Foreign { call: CALL, endpoint, code, message });
            }
            Fault::Refused(ref report) if retry_of(report.reason) == Retry::Same => {
                asked = report.retry_after.unwrap_or_default();
            }
            Fault::Refused(_) | Fault::Bare { .. } | Fault::Dial(_) => member.failed().await,
        }
        let waited = since.elapsed();
        if waited > self.client.caller().deadline {
            return Err(Error::unanswered(CALL, endpoint, fault, waited));
        }
        let pause = self.client.caller().retry.pause(self.round).max(asked);
        self.round += 1;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Checks a message: its leaves follow those before without gap or double, and each record is what its stub says.
    fn take(&mut self, member: &Member, message: v1::WatchRecordsResponse) -> Result<(), Error> {
        let endpoint = &member.address;
        self.client.header(CALL, endpoint, message.header)?;
        for stored in message.records {
            let stored = StoredRecord::try_from(stored).map_err(|fault| broken(CALL, endpoint, fault))?;
            let found = stored.leaf;
            let is_all = self.options.filter.is_none();
            if found < self.next || (is_all && found > self.next) {
                let fault = EvidenceError::Sequence { expected: self.next, found };
                return Err(refuted(CALL, endpoint, fault));
            }
            let record = self.client.verifier().record(stored);
            let record = record.map_err(|fault| refuted(CALL, endpoint, fault))?;
            self.ready.push_back(Watched::Record(Box::new(record)));
            self.next = LeafIndex(found.0.saturating_add(1));
        }
        let (next_leaf, sealed_size) = (LeafIndex(message.next_leaf), TreeSize(message.sealed_size));
        let skips = self.options.filter.is_none() && next_leaf > self.next;
        if next_leaf < self.next || skips {
            let detail = format!("is {next_leaf}, after leaves up to {} were delivered", self.next);
            return Err(broken(CALL, endpoint, FieldError::invalid("next_leaf", detail)));
        }
        self.next = next_leaf;
        self.ready.push_back(Watched::Progress { next_leaf, sealed_size });
        Ok(())
    }
}
