//! The header of every answer, and how fresh a read must be.

use std::time::Duration;

use bytes::Bytes;
use muniment_core::{LedgerId, NodeId, RaftTerm, TreeSize};

use crate::field_error::FieldError;
use crate::identifiers::{ledger_id, node_id};
use crate::v1;

/// Who answered, and how far that node was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The ledger.
    pub ledger_id: LedgerId,
    /// The node that answered.
    pub node_id: NodeId,
    /// Raft's term, as that node knows it.
    pub raft_term: RaftTerm,
    /// Leaves that it has applied; of a read, the size that the answer reflects.
    pub size: TreeSize,
    /// Size of the newest checkpoint that q bureaus cosigned, as far as it knows; 0 = none.
    pub cosigned_size: TreeSize,
    /// Who leads, as far as it knows.
    pub leader: Option<Leader>,
}

/// Where the leader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Its node id.
    pub node_id: NodeId,
    /// Where services reach it, `host:port`.
    pub client_address: String,
}

impl From<Header> for v1::ResponseHeader {
    fn from(header: Header) -> Self {
        Self {
            ledger_id: Bytes::copy_from_slice(&header.ledger_id.0),
            node_id: header.node_id.0,
            raft_term: header.raft_term.0,
            tree_size: header.size.0,
            cosigned_size: header.cosigned_size.0,
            leader: header.leader.map(|leader| v1::LeaderHint {
                node_id: leader.node_id.0,
                client_address: leader.client_address,
            }),
        }
    }
}

impl TryFrom<Option<v1::ResponseHeader>> for Header {
    type Error = FieldError;

    fn try_from(header: Option<v1::ResponseHeader>) -> Result<Self, FieldError> {
        let header = header.ok_or_else(|| FieldError::missing("header"))?;
        let leader = header.leader.map(|hint| {
            let node_id = node_id("header.leader.node_id", hint.node_id)?;
            Ok::<_, FieldError>(Leader { node_id, client_address: hint.client_address })
        });
        Ok(Self {
            ledger_id: ledger_id("header.ledger_id", &header.ledger_id)?,
            node_id: node_id("header.node_id", header.node_id)?,
            raft_term: RaftTerm(header.raft_term),
            size: TreeSize(header.tree_size),
            cosigned_size: TreeSize(header.cosigned_size),
            leader: leader.transpose()?,
        })
    }
}

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// As fresh as the newest write that was answered before the read began.
    #[default]
    Linearizable,
    /// The asked node's own copy.
    StaleOk {
        /// How long ago, at most, it last knew that copy to be current; none = any.
        max_lag: Option<Duration>,
    },
}

impl From<Option<v1::StaleOk>> for Freshness {
    fn from(stale_ok: Option<v1::StaleOk>) -> Self {
        let max_lag = |ms| (ms != 0).then(|| Duration::from_millis(ms));
        stale_ok.map_or(Self::Linearizable, |stale| Self::StaleOk { max_lag: max_lag(stale.max_lag_ms) })
    }
}

impl From<Freshness> for Option<v1::StaleOk> {
    /// A lag below a millisecond is one: 0 would be any.
    fn from(freshness: Freshness) -> Self {
        let Freshness::StaleOk { max_lag } = freshness else { return None };
        let ms = |lag: Duration| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX).max(1);
        Some(v1::StaleOk { max_lag_ms: max_lag.map_or(0, ms) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_wire_and_a_broken_one_does_not() {
        let leader = Some(Leader { node_id: NodeId(2), client_address: "bozhou.example:7443".to_owned() });
        let header = Header {
            ledger_id: LedgerId([9; 32]),
            node_id: NodeId(1),
            raft_term: RaftTerm(4),
            size: TreeSize(70),
            cosigned_size: TreeSize(64),
            leader,
        };
        let message = v1::ResponseHeader::from(header.clone());
        assert_eq!(Header::try_from(Some(message.clone())), Ok(header));
        let field =
            |message: Option<v1::ResponseHeader>| Header::try_from(message).expect_err("it is broken").field;
        assert_eq!(field(None), "header");
        let short = Bytes::from_static(&[9; 31]);
        assert_eq!(
            field(Some(v1::ResponseHeader { ledger_id: short, ..message.clone() })),
            "header.ledger_id"
        );
        assert_eq!(field(Some(v1::ResponseHeader { node_id: 0, ..message.clone() })), "header.node_id");
        let nobody = Some(v1::LeaderHint::default());
        let field = field(Some(v1::ResponseHeader { leader: nobody, ..message }));
        assert_eq!(field, "header.leader.node_id");
    }

    #[test]
    fn freshness_survives_the_wire() {
        let lags = [None, Some(Duration::from_millis(1)), Some(Duration::from_secs(5))];
        let stale = lags.map(|max_lag| Freshness::StaleOk { max_lag });
        for freshness in stale.into_iter().chain([Freshness::Linearizable]) {
            assert_eq!(Freshness::from(Option::<v1::StaleOk>::from(freshness)), freshness);
        }
        let tiny = Freshness::StaleOk { max_lag: Some(Duration::from_nanos(1)) };
        assert_eq!(Option::<v1::StaleOk>::from(tiny), Some(v1::StaleOk { max_lag_ms: 1 }));
    }
}
