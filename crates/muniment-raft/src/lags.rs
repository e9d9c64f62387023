//! How far behind its peers' apply workers are, as each of their answers to appends says.
//!
//! A majority that acknowledges what it can't apply would take in more and more: the leader holds back before it
//! proposes, by the slowest member that a quorum needs (02, "Backpressure").

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use muniment_core::NodeId;

use crate::codec::CodecError;

/// Unapplied bytes of each peer, as last heard. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Lags {
    heard: Arc<Mutex<BTreeMap<NodeId, u64>>>,
}

impl Lags {
    pub(crate) fn note(&self, peer: NodeId, unapplied_bytes: u64) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(peer, unapplied_bytes);
    }

    /// The unapplied bytes of the slowest member that a majority of `members` needs; `own` are this node's. A member
    /// that was never heard counts as idle: it is not the one that acknowledges.
    pub(crate) fn of_quorum(&self, own: u64, members: usize) -> u64 {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lags: Vec<u64> = heard.values().copied().collect();
        lags.push(own);
        lags.resize(members.max(lags.len()), 0);
        lags.sort_unstable();
        lags[members / 2]
    }
}

/// Puts this node's unapplied bytes behind an answer.
pub(crate) fn report(answer: &Bytes, unapplied_bytes: u64) -> Bytes {
    let mut bytes = Vec::with_capacity(answer.len() + 8);
    bytes.extend_from_slice(answer);
    bytes.extend_from_slice(&unapplied_bytes.to_be_bytes());
    bytes.into()
}

/// Splits an answer from the report behind it.
pub(crate) fn split_report(bytes: &[u8]) -> Result<(&[u8], u64), CodecError> {
    let (answer, report) = bytes.split_last_chunk().ok_or(CodecError::NoReport(bytes.len()))?;
    Ok((answer, u64::from_be_bytes(*report)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_that_a_quorum_needs_decides_and_a_slower_one_does_not() {
        let lags = Lags::default();
        assert_eq!(lags.of_quorum(7, 1), 7);
        lags.note(NodeId(2), 50);
        lags.note(NodeId(3), 900);
        assert_eq!(lags.of_quorum(10, 3), 50);
        assert_eq!(lags.of_quorum(80, 3), 80);
        assert_eq!(lags.of_quorum(1000, 3), 900);
        lags.note(NodeId(3), 0);
        assert_eq!(lags.of_quorum(10, 3), 10);
        assert_eq!(lags.of_quorum(10, 5), 0, "two were never heard");
    }

    #[test]
    fn a_report_comes_back_from_behind_its_answer() {
        let bytes = report(&Bytes::from_static(b"answer"), 513);
        assert_eq!(split_report(&bytes), Ok((&b"answer"[..], 513)));
        assert!(split_report(&bytes[..7]).is_err());
    }
}
