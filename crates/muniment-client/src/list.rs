//! Records page by page.

use std::collections::VecDeque;

use futures::Stream;
use futures::stream::try_unfold;
use muniment_core::LeafIndex;
use muniment_proto::header::Freshness;
use muniment_proto::record_filter::PAGE_SIZE_MAX;
use muniment_proto::stored_record::StoredRecord;
use muniment_proto::{FieldError, v1};

use crate::call::{Answered, Purpose};
use crate::client::{Client, broken, refuted};
use crate::error::Error;
use crate::evidence::EvidenceError;
use crate::record::LedgerRecord;

const CALL: &str = "ListRecords";

/// Which records are listed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListOptions {
    /// First leaf.
    pub from: LeafIndex,
    /// Leaf after the last; none = the tree's size when the first page is answered.
    pub until: Option<LeafIndex>,
    /// Which leaves; none = all.
    pub filter: Option<v1::RecordFilter>,
    /// How fresh the answer must be.
    pub freshness: Freshness,
    /// Records of a page; none = the server's default.
    pub page_size: Option<u32>,
}

/// Where a list is.
struct Pages {
    client: Client,
    request: v1::ListRecordsRequest,
    page: VecDeque<LedgerRecord>,
    /// The first leaf that may come next.
    next: LeafIndex,
    /// Size that all pages reflect.
    pinned: Option<u64>,
    is_last: bool,
}

impl Client {
    /// Records, ascending by leaf, each checked against its stub; all pages reflect one tree size. Nothing is asked for
    /// before the first is wanted. An error ends it.
    pub fn list(
        &self,
        options: ListOptions,
    ) -> impl Stream<Item = Result<LedgerRecord, Error>> + Send + use<> {
        let page_size = options.page_size.map_or(0, |size| {
            i32::try_from(size.clamp(1, u32::try_from(PAGE_SIZE_MAX).unwrap_or(u32::MAX))).unwrap_or(i32::MAX)
        });
        let request = v1::ListRecordsRequest {
            from_leaf: options.from.0,
            until_leaf: options.until.map_or(0, |leaf| leaf.0),
            filter: options.filter,
            decode: false,
            page_size,
            page_token: String::new(),
            stale_ok: options.freshness.into(),
        };
        let pages = Pages {
            client: self.clone(),
            request,
            page: VecDeque::new(),
            next: options.from,
            pinned: None,
            is_last: false,
        };
        try_unfold(pages, |mut pages| async move {
            loop {
                if let Some(record) = pages.page.pop_front() {
                    return Ok(Some((record, pages)));
                }
                if pages.is_last {
                    return Ok(None);
                }
                pages.turn().await?;
            }
        })
    }
}

impl Pages {
    /// Gets the next page and checks it.
    async fn turn(&mut self) -> Result<(), Error> {
        let answered =
            self.client.call(CALL, Purpose::Read, self.request.clone(), |mut ledger, request| async move {
                ledger.list_records(request).await
            });
        let Answered { answer, member } = answered.await?;
        let endpoint = &member.address;
        self.client.header(CALL, endpoint, answer.header)?;
        if *self.pinned.get_or_insert(answer.pinned_size) != answer.pinned_size {
            let fault = FieldError::invalid("pinned_size", "is not that of the page before");
            return Err(broken(CALL, endpoint, fault));
        }
        for stored in answer.records {
            let stored = StoredRecord::try_from(stored).map_err(|fault| broken(CALL, endpoint, fault))?;
            let found = stored.leaf;
            let follows = if self.request.filter.is_none() { found == self.next } else { found >= self.next };
            if !follows {
                let fault = EvidenceError::Sequence { expected: self.next, found };
                return Err(refuted(CALL, endpoint, fault));
            }
            self.next = LeafIndex(found.0.saturating_add(1));
            let record = self.client.verifier().record(stored);
            self.page.push_back(record.map_err(|fault| refuted(CALL, endpoint, fault))?);
        }
        self.is_last = answer.next_page_token.is_empty();
        self.request.page_token = answer.next_page_token;
        Ok(())
    }
}
