//! What is submitted, made once: bytes, blind and request id stay the same in every retry.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use muniment_core::digest::record_digest;
use muniment_core::record::SCHEMA_VERSION;
use muniment_core::{Blind, Hash, RequestId, UnixMillis, record, v1};
use muniment_proto::submission::NewRecord;

use crate::client::Client;
use crate::error::Error;

/// One record, ready to be submitted. Keep it until it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The submission's id.
    pub request_id: RequestId,
    /// The record's bytes and blind.
    pub record: NewRecord,
    /// The record's digest: finds it later.
    pub digest: Hash,
}

/// Several records under one request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The submission's id.
    pub request_id: RequestId,
    /// The records, in order.
    pub records: Vec<NewRecord>,
    /// Their digests.
    pub digests: Vec<Hash>,
}

impl Client {
    /// Encodes a record canonically, draws its blind and makes its request id. What is absent of schema version, ledger id
    /// and submitter is filled in. Nothing is sent.
    ///
    /// # Errors
    /// [`Error::Record`] for what no ledger would take, [`Error::Random`].
    pub fn prepare(&self, record: v1::Record) -> Result<Prepared, Error> {
        let (record, digest) = self.encode(record)?;
        Ok(Prepared { request_id: self.request_id()?, record, digest })
    }

    /// As [`Self::prepare`], for several records under one request id.
    ///
    /// # Errors
    /// As [`Self::prepare`]; the first bad record's.
    pub fn prepare_batch(&self, records: impl IntoIterator<Item = v1::Record>) -> Result<Batch, Error> {
        let encoded = records.into_iter().map(|record| self.encode(record));
        let (records, digests) = encoded.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        Ok(Batch { request_id: self.request_id()?, records, digests })
    }

    /// As [`Self::prepare`], for bytes that are encoded already, by the mapping engine say, and a blind that its caller will
    /// have again: a record of a stream is the same record only with the same blind. It must be as hard to guess as a random
    /// one.
    ///
    /// # Errors
    /// [`Error::Record`] if they are no canonical record of this ledger, [`Error::Random`].
    pub fn prepare_bytes(&self, bytes: Bytes, blind: Blind) -> Result<Prepared, Error> {
        record::decode(&bytes, Some(&self.trust().ledger_id))?;
        let digest = record_digest(self.trust().suite, &blind, &bytes);
        Ok(Prepared { request_id: self.request_id()?, record: NewRecord { blind, bytes }, digest })
    }

    fn encode(&self, mut record: v1::Record) -> Result<(NewRecord, Hash), Error> {
        if record.schema_version == 0 {
            record.schema_version = SCHEMA_VERSION;
        }
        if record.ledger_id.is_empty() {
            record.ledger_id = self.trust().ledger_id.0.to_vec();
        }
        if record.submitter == 0 {
            record.submitter = self.bureau().map_or(0, |bureau| bureau.0);
        }
        record::check(&record, Some(&self.trust().ledger_id))?;
        let bytes = Bytes::from(record::encode(&record)?);
        let blind = self.blind()?;
        let digest = record_digest(self.trust().suite, &blind, &bytes);
        Ok((NewRecord { blind, bytes }, digest))
    }

    fn blind(&self) -> Result<Blind, Error> {
        let mut blind = [0; 16];
        getrandom::fill(&mut blind).map_err(Error::Random)?;
        Ok(Blind(blind))
    }

    /// A fresh id by this machine's clock, corrected by what the ledger said of it.
    fn request_id(&self) -> Result<RequestId, Error> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(Error::Random)?;
        let time = now().0.saturating_add_signed(self.clock_offset_ms());
        Ok(RequestId::new(UnixMillis(time), random))
    }
}

/// This machine's time.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
