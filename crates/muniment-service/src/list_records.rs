//! `ListRecords`: a scan by what the stubs say, page by page, at one pinned size.

use std::ops::Range;
use std::sync::Arc;

use muniment_core::{BureauNumber, LeafIndex, Stub, Suite, TreeSize, UnixMillis};
use muniment_proto::record_filter::{PageToken, RecordFilter, page_size};
use muniment_proto::{identifiers, v1};
use muniment_raft::LedgerView;
use prost::Message as _;
use tracing::instrument;

use crate::gate::Call;
use crate::leaf_reader::LeafReader;
use crate::refused::{Answer, Refused};
use crate::service::Service;

/// Leaves that one page looks at, at most.
const LOOKED_AT_MAX: u64 = 65_536;
/// Bytes of records in one page, at most, unless its first record alone has more.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// What a scan answers.
pub(crate) struct Scanned {
    /// The leaves that the filter let through, ascending.
    pub(crate) records: Vec<v1::StoredRecord>,
    /// The first leaf that was not looked at.
    pub(crate) next: LeafIndex,
}

/// How much a scan may answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScanLimits {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// What a scan looks for.
#[derive(Clone)]
pub(crate) struct Scan {
    pub(crate) suite: Suite,
    pub(crate) caller: BureauNumber,
    pub(crate) filter: RecordFilter,
    pub(crate) decode: bool,
}

/// Answers a page.
#[instrument(name = "record.list", skip_all, fields(bureau = call.caller.bureau.0))]
pub(crate) async fn list_records(
    service: &Arc<Service>,
    call: &Call,
    request: v1::ListRecordsRequest,
) -> Answer<v1::ListRecordsResponse> {
    let filter = RecordFilter::try_from(request.filter.clone())?;
    let records = page_size(request.page_size)?;
    let token = PageToken::of(&request)?;
    let view = service.view(request.stale_ok.into(), call.deadline).await?;
    let pinned = token.map_or(view.size, |token| token.pinned);
    if pinned > view.size {
        return Err(service.beyond("the page token's tree size", pinned.0, view.size));
    }
    let range = identifiers::leaf_range(request.from_leaf, request.until_leaf, pinned)?;
    let from = token.map_or(range.start, |token| token.next.clamp(range.start, range.end));
    let scan = Scan { suite: service.suite(), caller: call.caller.bureau, filter, decode: request.decode };
    let until = range.end;
    let size = view.size;
    let limits = ScanLimits { records, bytes: PAGE_BYTES_MAX };
    let page = scan.in_background(view, from..until, limits).await?;
    let has_more = page.next < until;
    let next_page_token =
        if has_more { PageToken { pinned, next: page.next }.encode(&request) } else { String::new() };
    Ok(v1::ListRecordsResponse {
        header: Some(service.header_at(size)),
        records: page.records,
        next_page_token,
        pinned_size: pinned.0,
    })
}

impl Scan {
    /// Scans on a thread that may wait for the disk.
    pub(crate) async fn in_background(
        self,
        view: Arc<LedgerView>,
        leaves: Range<LeafIndex>,
        limits: ScanLimits,
    ) -> Answer<Scanned> {
        let scan = tokio::task::spawn_blocking(move || self.run(&view, leaves, limits));
        scan.await.map_err(|error| Refused::internal(format!("the scan failed: {error}")))?
    }

    /// Looks at leaves in order until a limit is reached, and answers those that the filter lets through.
    fn run(&self, view: &LedgerView, leaves: Range<LeafIndex>, limits: ScanLimits) -> Answer<Scanned> {
        let reader = LeafReader { view, suite: self.suite, caller: self.caller, decode: self.decode };
        let from = self.first_accepted(&reader, leaves.clone(), self.filter.accepted_at.start)?;
        let end = LeafIndex(leaves.end.0.min(from.0.saturating_add(LOOKED_AT_MAX)));
        let (mut records, mut bytes) = (Vec::new(), 0);
        let mut next = from;
        while next < end && records.len() < limits.records {
            let stub = reader.stub(next)?;
            if stub.accepted_at >= self.filter.accepted_at.end {
                // Times never decrease: nothing later is in the range.
                next = leaves.end;
                break;
            }
            if self.matches(&stub) {
                let stored = reader.stored(next, &stub)?;
                bytes += stored.encoded_len();
                if bytes > limits.bytes && !records.is_empty() {
                    break;
                }
                records.push(stored);
            }
            next = TreeSize::after(next).next_leaf();
        }
        Ok(Scanned { records, next })
    }

    /// The first leaf of a range that was accepted at or after a time: by bisection, since times never decrease.
    fn first_accepted(
        &self,
        reader: &LeafReader<'_>,
        leaves: Range<LeafIndex>,
        time: UnixMillis,
    ) -> Answer<LeafIndex> {
        let (mut low, mut high) = (leaves.start.0, leaves.end.0);
        if time.0 == 0 {
            return Ok(leaves.start);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if reader.stub(LeafIndex(middle))?.accepted_at < time { low = middle + 1 } else { high = middle }
        }
        Ok(LeafIndex(low))
    }

    /// Whether a leaf's stub meets every condition but those of time.
    fn matches(&self, stub: &Stub) -> bool {
        let RecordFilter { submitter, kinds, flags_any, .. } = &self.filter;
        submitter.is_none_or(|submitter| submitter == stub.submitter)
            && (kinds.is_empty() || kinds.iter().any(|kind| kind.number() == stub.kind))
            && (*flags_any == 0 || stub.verdict.0 & flags_any != 0)
    }
}
