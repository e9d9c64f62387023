//! Which records a read is about: names, filters, pages.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muniment_core::{BureauNumber, Hash, Kind, LeafIndex, RequestId, Suite, TreeSize, UnixMillis};
use prost::Message as _;

use crate::field_error::FieldError;
use crate::identifiers::{hash, request_id, submitter};
use crate::v1;
use crate::v1::get_record_request::Name;
use crate::verdict::kind;

/// Records of a page where the request does not say.
pub const PAGE_SIZE_DEFAULT: usize = 100;
/// Records of a page, at most.
pub const PAGE_SIZE_MAX: usize = 1_000;
/// Kinds of a filter, at most.
const KINDS_MAX: usize = 64;
/// Bytes of a page token's content: version, pinned size, next leaf, digest of the arguments.
const TOKEN_LENGTH: usize = 1 + 8 + 8 + 16;
/// Version of that content.
const TOKEN_VERSION: u8 = 1;

/// How a record is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordName {
    /// By its leaf.
    Leaf(LeafIndex),
    /// By its digest.
    Digest(Hash),
    /// By its submission.
    Submission {
        /// The submitter.
        submitter: BureauNumber,
        /// The request id.
        request_id: RequestId,
        /// The record's position in it, from 0.
        position: u32,
    },
}

impl TryFrom<Option<Name>> for RecordName {
    type Error = FieldError;

    fn try_from(name: Option<Name>) -> Result<Self, FieldError> {
        match name {
            None => Err(FieldError::missing("name")),
            Some(Name::LeafIndex(leaf)) => Ok(Self::Leaf(LeafIndex(leaf))),
            Some(Name::RecordDigest(digest)) => hash("record_digest", &digest).map(Self::Digest),
            Some(Name::Submission(name)) => Ok(Self::Submission {
                submitter: submitter("submission.submitter", name.submitter)?,
                request_id: request_id("submission.request_id", &name.request_id)?,
                position: name.position,
            }),
        }
    }
}

/// Which leaves a scan answers: all conditions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFilter {
    /// The submitter, 0 = the ledger itself; none = any.
    pub submitter: Option<BureauNumber>,
    /// Kinds, ascending, each once; none = any.
    pub kinds: Vec<Kind>,
    /// Bits of the verdict of which one must be raised; 0 = any verdict.
    pub flags_any: u64,
    /// When the ledger accepted it.
    pub accepted_at: Range<UnixMillis>,
}

impl Default for RecordFilter {
    /// All leaves.
    fn default() -> Self {
        let accepted_at = UnixMillis(0)..UnixMillis(u64::MAX);
        Self { submitter: None, kinds: Vec::new(), flags_any: 0, accepted_at }
    }
}

impl TryFrom<Option<v1::RecordFilter>> for RecordFilter {
    type Error = FieldError;

    fn try_from(filter: Option<v1::RecordFilter>) -> Result<Self, FieldError> {
        let Some(filter) = filter else { return Ok(Self::default()) };
        if filter.kinds.len() > KINDS_MAX {
            let detail = format!("has {} kinds, at most {KINDS_MAX} are allowed", filter.kinds.len());
            return Err(FieldError::invalid("filter.kinds", detail));
        }
        let numbered = filter.kinds.iter().enumerate();
        let kinds = numbered.map(|(index, number)| kind(&format!("filter.kinds[{index}]"), *number));
        let mut kinds = kinds.collect::<Result<Vec<_>, _>>()?;
        kinds.sort_unstable();
        kinds.dedup();
        let (from, until) = (filter.accepted_from_ms, filter.accepted_until_ms);
        if until != 0 && until <= from {
            let detail = "must be after accepted_from_ms, or 0 for an open end";
            return Err(FieldError::invalid("filter.accepted_until_ms", detail));
        }
        let until = if until == 0 { u64::MAX } else { until };
        Ok(Self {
            submitter: filter.submitter.map(BureauNumber),
            kinds,
            flags_any: filter.flags_any,
            accepted_at: UnixMillis(from)..UnixMillis(until),
        })
    }
}

/// How many records a page may hold.
///
/// # Errors
/// INVALID_REQUEST if it is negative.
pub fn page_size(asked: i32) -> Result<usize, FieldError> {
    let asked = usize::try_from(asked).map_err(|_| FieldError::invalid("page_size", "is negative"))?;
    Ok(if asked == 0 { PAGE_SIZE_DEFAULT } else { asked.min(PAGE_SIZE_MAX) })
}

/// Where the next page begins. Any member takes it; it does not expire and gives no right to anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageToken {
    /// Tree size that all pages reflect.
    pub pinned: TreeSize,
    /// First leaf of the next page.
    pub next: LeafIndex,
}

impl PageToken {
    /// The token for the next page of a request.
    #[must_use]
    pub fn encode(&self, request: &v1::ListRecordsRequest) -> String {
        let mut bytes = Vec::with_capacity(TOKEN_LENGTH);
        bytes.push(TOKEN_VERSION);
        bytes.extend_from_slice(&self.pinned.0.to_be_bytes());
        bytes.extend_from_slice(&self.next.0.to_be_bytes());
        bytes.extend_from_slice(&arguments_digest(request));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The token of a request; none on its first page.
    ///
    /// # Errors
    /// INVALID_REQUEST if it is none of ours, or was made for other arguments.
    pub fn of(request: &v1::ListRecordsRequest) -> Result<Option<Self>, FieldError> {
        let field = "page_token";
        if request.page_token.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(&request.page_token).ok();
        let Some(bytes) = bytes.and_then(|bytes| <[u8; TOKEN_LENGTH]>::try_from(bytes).ok()) else {
            return Err(FieldError::invalid(field, "is no page token: pass next_page_token as it came"));
        };
        let (version, rest) = bytes.split_at(1);
        let (pinned, rest) = rest.split_at(8);
        let (next, digest) = rest.split_at(8);
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let token = Self { pinned: TreeSize(number(pinned)), next: LeafIndex(number(next)) };
        if version != [TOKEN_VERSION] || token.next.0 > token.pinned.0 {
            return Err(FieldError::invalid(field, "is no page token of this version: begin again"));
        }
        if digest != arguments_digest(request) {
            let detail = "was made for other arguments: only page_size and stale_ok may change between pages";
            return Err(FieldError::invalid(field, detail));
        }
        Ok(Some(token))
    }
}

/// Digest of what may not change between pages.
fn arguments_digest(request: &v1::ListRecordsRequest) -> [u8; 16] {
    let mut arguments = request.clone();
    arguments.page_size = 0;
    arguments.page_token.clear();
    arguments.stale_ok = None;
    let digest = Suite::Blake3.hash(&[b"muniment/v1/page\0", &arguments.encode_to_vec()]).0;
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn request() -> v1::ListRecordsRequest {
        let filter = v1::RecordFilter { submitter: Some(0), flags_any: 4, ..Default::default() };
        v1::ListRecordsRequest { from_leaf: 3, filter: Some(filter), ..Default::default() }
    }

    #[test]
    fn a_record_has_one_of_three_names() {
        let id = RequestId::new(UnixMillis(7), [7; 10]);
        let name =
            v1::SubmissionName { submitter: 2, request_id: Bytes::copy_from_slice(&id.0), position: 1 };
        let submission = RecordName::Submission { submitter: BureauNumber(2), request_id: id, position: 1 };
        assert_eq!(RecordName::try_from(Some(Name::Submission(name.clone()))), Ok(submission));
        assert_eq!(RecordName::try_from(Some(Name::LeafIndex(0))), Ok(RecordName::Leaf(LeafIndex(0))));
        let digest = Name::RecordDigest(Bytes::from_static(&[1; 32]));
        assert_eq!(RecordName::try_from(Some(digest)), Ok(RecordName::Digest(Hash([1; 32]))));
        let field = |name: Option<Name>| RecordName::try_from(name).expect_err("it names nothing").field;
        assert_eq!(field(None), "name");
        assert_eq!(field(Some(Name::RecordDigest(Bytes::from_static(&[1; 31])))), "record_digest");
        let nobody = v1::SubmissionName { submitter: 0, ..name.clone() };
        assert_eq!(field(Some(Name::Submission(nobody))), "submission.submitter");
        let anonymous = v1::SubmissionName { request_id: Bytes::new(), ..name };
        assert_eq!(field(Some(Name::Submission(anonymous))), "submission.request_id");
    }

    #[test]
    fn a_filter_is_normalised_and_its_bounds_are_checked() {
        let filter = |change: fn(&mut v1::RecordFilter)| {
            let mut filter = v1::RecordFilter::default();
            change(&mut filter);
            RecordFilter::try_from(Some(filter))
        };
        assert_eq!(RecordFilter::try_from(None), Ok(RecordFilter::default()));
        assert_eq!(filter(|_| ()), Ok(RecordFilter::default()));
        let kinds = filter(|filter| filter.kinds = vec![50, 48, 50]).map(|filter| filter.kinds);
        assert_eq!(kinds, Ok(vec![Kind::AccessExecuted, Kind::DataDelivered]));
        let field = |change| filter(change).expect_err("it is out of bounds").field;
        assert_eq!(field(|filter| filter.kinds = vec![48, 0]), "filter.kinds[1]");
        assert_eq!(field(|filter| filter.kinds = vec![48; 65]), "filter.kinds");
        let backwards = |filter: &mut v1::RecordFilter| {
            (filter.accepted_from_ms, filter.accepted_until_ms) = (5, 5);
        };
        assert_eq!(field(backwards), "filter.accepted_until_ms");
    }

    #[test]
    fn page_sizes_have_a_default_and_a_bound() {
        let cases = [(0, 100), (1, 1), (1_000, 1_000), (1_001, 1_000), (i32::MAX, 1_000)];
        for (asked, given) in cases {
            assert_eq!(page_size(asked), Ok(given), "{asked}");
        }
        assert!(page_size(-1).is_err());
    }

    #[test]
    fn a_token_is_good_for_the_next_page_of_the_same_request_only() {
        let token = PageToken { pinned: TreeSize(900), next: LeafIndex(120) };
        let page_token = token.encode(&request());
        let next = v1::ListRecordsRequest { page_token: page_token.clone(), ..request() };
        assert_eq!(PageToken::of(&next), Ok(Some(token)));
        assert_eq!(PageToken::of(&request()), Ok(None));
        let smaller =
            v1::ListRecordsRequest { page_size: 7, stale_ok: Some(v1::StaleOk::default()), ..next.clone() };
        assert_eq!(PageToken::of(&smaller), Ok(Some(token)), "size and freshness may change");
        let changes: [fn(&mut v1::ListRecordsRequest); 5] = [
            |request| request.from_leaf = 4,
            |request| request.until_leaf = 40,
            |request| request.filter = None,
            |request| request.decode = true,
            |request| request.page_token.truncate(10),
        ];
        for change in changes {
            let mut other = next.clone();
            change(&mut other);
            assert_eq!(PageToken::of(&other).expect_err("it is another request").field, "page_token");
        }
        // Every single changed byte is refused, or is another position.
        for position in 0..page_token.len() {
            let mut bytes = page_token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let page_token = String::from_utf8(bytes).expect("it stays ASCII");
            let read = PageToken::of(&v1::ListRecordsRequest { page_token, ..request() });
            assert_ne!(read, Ok(Some(token)), "byte {position}");
        }
    }
}
