//! `WatchRecords`: sealed leaves in order, and those to come. Each message is read from the files when the one before has
//! been taken, so that a watch never holds more than two of them, however slow its reader.

use std::sync::Arc;

use futures::stream::BoxStream;
use muniment_core::{LeafIndex, Reason};
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::RecordFilter;
use muniment_proto::{metadata, v1};
use muniment_raft::LedgerView;
use tonic::Status;
use tracing::instrument;

use crate::gate::Call;
use crate::list_records::{Scan, ScanLimits};
use crate::outbox::{Outbox, Said, outbox};
use crate::refused::{Answer, Refused};
use crate::service::Service;

/// Bytes of records in one message, at most, unless its first record alone has more.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Records of one message, at most.
const MESSAGE_RECORDS_MAX: usize = 2_048;

/// One watch.
struct Watch {
    service: Arc<Service>,
    scan: Scan,
    next: LeafIndex,
}

/// Begins a watch.
#[instrument(name = "record.watch", skip_all, fields(bureau = call.caller.bureau.0, from = request.from_leaf))]
pub(crate) async fn watch_records(
    service: &Arc<Service>,
    call: &Call,
    request: v1::WatchRecordsRequest,
) -> Answer<BoxStream<'static, Result<v1::WatchRecordsResponse, Status>>> {
    let filter = RecordFilter::try_from(request.filter)?;
    let next = LeafIndex(request.from_leaf);
    // What lies below this node's own size is there; only beyond it a leader must be asked before it counts as evidence.
    let view = service.node.view()?;
    if next.0 > view.size.0 {
        let view = service.view(Freshness::Linearizable, call.deadline).await?;
        if next.0 > view.size.0 {
            return Err(service.beyond("leaf", next.0, view.size));
        }
    }
    let scan = Scan { suite: service.suite(), caller: call.caller.bureau, filter, decode: request.decode };
    let (outbox, stream) = outbox(1);
    let watch = Watch { service: Arc::clone(service), scan, next };
    tokio::spawn(watch.run(outbox));
    Ok(stream)
}

impl Watch {
    async fn run(mut self, outbox: Outbox<v1::WatchRecordsResponse>) {
        self.service.metrics.watches.inc();
        let refused = self.deliver(&outbox).await;
        self.service.metrics.watches.dec();
        outbox.finish(refused);
    }

    /// Delivers until the watch ends; why it ends, unless its reader has gone.
    async fn deliver(&mut self, outbox: &Outbox<v1::WatchRecordsResponse>) -> Option<Refused> {
        let (mut sealed, mut stopping) = (self.service.sealed.clone(), self.service.stopping.clone());
        let mut is_first = true;
        loop {
            let newest = sealed.borrow_and_update().clone();
            if let Some(view) = newest {
                match self.deliver_up_to(&view, is_first, outbox).await {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(refused) => return Some(refused),
                }
                is_first = false;
            }
            let progress = tokio::time::sleep(self.service.limits.watch_progress);
            tokio::select! {
                changed = sealed.changed() => {
                    if changed.is_err() {
                        return Some(Service::stopped());
                    }
                }
                () = progress => is_first = true,
                () = outbox.gone() => return None,
                _ = stopping.wait_for(|stopping| *stopping) => return Some(Service::stopped()),
            }
        }
    }

    /// Delivers what is sealed; false when the reader has gone. A progress message if nothing else was said and `progress`
    /// asks for one.
    async fn deliver_up_to(
        &mut self,
        view: &Arc<LedgerView>,
        progress: bool,
        outbox: &Outbox<v1::WatchRecordsResponse>,
    ) -> Answer<bool> {
        let until = LeafIndex(view.sealed_size.0);
        let mut is_silent = true;
        while self.next < until {
            if self.service.is_stopping() {
                return Err(Service::stopped());
            }
            let limits = ScanLimits { records: MESSAGE_RECORDS_MAX, bytes: MESSAGE_BYTES_MAX };
            let scan = self.scan.clone().in_background(Arc::clone(view), self.next..until, limits);
            let scanned = scan.await?;
            self.next = scanned.next;
            // What a filter passes over is said once, at the end.
            if scanned.records.is_empty() && self.next < until {
                continue;
            }
            if !self.say(view, scanned.records, outbox).await? {
                return Ok(false);
            }
            is_silent = false;
        }
        if is_silent && progress {
            return self.say(view, Vec::new(), outbox).await;
        }
        Ok(true)
    }

    /// Hands a message to the reader; false when it has gone.
    async fn say(
        &self,
        view: &LedgerView,
        records: Vec<v1::StoredRecord>,
        outbox: &Outbox<v1::WatchRecordsResponse>,
    ) -> Answer<bool> {
        let message = v1::WatchRecordsResponse {
            header: Some(self.service.header_at(view.size)),
            records,
            next_leaf: self.next.0,
            sealed_size: view.sealed_size.0,
        };
        match outbox.say(message, self.service.limits.slow_reader).await {
            Said::Taken => Ok(true),
            Said::Gone => Ok(false),
            Said::TooSlow => {
                self.service.metrics.slow_readers.inc();
                let message =
                    "the watch was not read in time; resume at the next_leaf of the last message received";
                Err(Refused::new(Reason::SlowReader, message).with(metadata::NEXT_LEAF, self.next))
            }
        }
    }
}
