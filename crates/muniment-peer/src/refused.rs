//! Why a call is refused before the node sees it, and as which gRPC status.

use muniment_core::{LedgerId, NodeId, Reason};
use muniment_raft::Lane;
use thiserror::Error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::MESSAGE_BYTES_MAX;
use crate::tls::SpiffeId;

/// A call that goes no further. Nothing of it was read but its route; a caller takes each for "unreachable".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refused {
    #[error("the connection has no certificate")]
    Unauthenticated,
    #[error("{id} is no node")]
    NoNode { id: SpiffeId },
    #[error("the message names no route")]
    NoRoute,
    #[error("the sender is of another ledger; this is {0}")]
    OtherLedger(LedgerId),
    #[error("this is node {me}, not node {to}")]
    OtherAddressee { me: NodeId, to: NodeId },
    #[error("{id} does not speak for node {from}")]
    OtherSender { id: SpiffeId, from: NodeId },
    #[error("the message names no lane")]
    NoLane,
    #[error("only the first message of a stream names a route")]
    SecondRoute,
    #[error("the stream began without a message")]
    EmptyStream,
    #[error("a message of {0} bytes; at most {MESSAGE_BYTES_MAX} are taken")]
    TooLarge(usize),
    #[error("the queue of the {0:?} lane is full")]
    Full(Lane),
    #[error("all streams are taken")]
    NoStream,
    #[error("the node is stopping")]
    Stopping,
}

impl Refused {
    pub(crate) const fn reason(&self) -> Reason {
        match self {
            Self::Unauthenticated => Reason::Unauthenticated,
            Self::OtherLedger(_) => Reason::LedgerIdMismatch,
            Self::NoNode { .. } | Self::OtherAddressee { .. } | Self::OtherSender { .. } => {
                Reason::NotPermitted
            }
            Self::NoRoute | Self::NoLane | Self::SecondRoute | Self::EmptyStream => Reason::InvalidRequest,
            Self::TooLarge(_) => Reason::RecordTooLarge,
            Self::Full(_) | Self::NoStream | Self::Stopping => Reason::Overloaded,
        }
    }

    const fn code(&self) -> Code {
        match self {
            Self::Unauthenticated => Code::Unauthenticated,
            Self::NoNode { .. } | Self::OtherAddressee { .. } | Self::OtherSender { .. } => {
                Code::PermissionDenied
            }
            Self::OtherLedger(_)
            | Self::NoRoute
            | Self::NoLane
            | Self::SecondRoute
            | Self::EmptyStream
            | Self::TooLarge(_) => Code::InvalidArgument,
            Self::Full(_) | Self::NoStream | Self::Stopping => Code::Unavailable,
        }
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let details = ErrorDetails::with_error_info(refused.reason().name(), "muniment", []);
        Self::with_error_details(refused.code(), refused.to_string(), details)
    }
}
