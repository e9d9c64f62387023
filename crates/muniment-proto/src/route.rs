//! Between whom a message of the peer service goes.

use bytes::Bytes;
use muniment_core::{LedgerId, NodeId, Reason};

use crate::field_error::FieldError;
use crate::identifiers::{ledger_id, node_id};
use crate::peer::v1;

/// The ends of one message, and the ledger that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The ledger.
    pub ledger_id: LedgerId,
    /// Who sends.
    pub from: NodeId,
    /// Who is meant.
    pub to: NodeId,
}

impl Route {
    /// Checks that the message is for this node of this ledger. Whether the certificate speaks for `from` is the
    /// caller's to check.
    ///
    /// # Errors
    /// LEDGER_ID_MISMATCH, NOT_PERMITTED.
    pub fn insist_on(&self, ledger: &LedgerId, me: NodeId) -> Result<(), FieldError> {
        if self.ledger_id != *ledger {
            let detail = format!("names ledger {}; this node is of {ledger}", self.ledger_id);
            return Err(FieldError::new(Reason::LedgerIdMismatch, "route.ledger_id", detail));
        }
        if self.to != me {
            let detail = format!("names node {}; this is node {me}: check its address", self.to);
            return Err(FieldError::new(Reason::NotPermitted, "route.to_node_id", detail));
        }
        if self.from == me {
            let detail = format!("names node {me}, which is the addressee");
            return Err(FieldError::new(Reason::NotPermitted, "route.from_node_id", detail));
        }
        Ok(())
    }
}

impl From<Route> for v1::Route {
    fn from(route: Route) -> Self {
        Self {
            ledger_id: Bytes::copy_from_slice(&route.ledger_id.0),
            from_node_id: route.from.0,
            to_node_id: route.to.0,
        }
    }
}

impl TryFrom<Option<v1::Route>> for Route {
    type Error = FieldError;

    fn try_from(route: Option<v1::Route>) -> Result<Self, FieldError> {
        let route = route.ok_or_else(|| FieldError::missing("route"))?;
        Ok(Self {
            ledger_id: ledger_id("route.ledger_id", &route.ledger_id)?,
            from: node_id("route.from_node_id", route.from_node_id)?,
            to: node_id("route.to_node_id", route.to_node_id)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_survives_the_wire_and_holds_for_its_addressee_only() {
        let ledger = LedgerId([7; 32]);
        let route = Route { ledger_id: ledger, from: NodeId(1), to: NodeId(2) };
        assert_eq!(Route::try_from(Some(v1::Route::from(route))), Ok(route));
        assert_eq!(Route::try_from(None).expect_err("it is missing").field, "route");
        let nobody = v1::Route { from_node_id: 0, ..route.into() };
        assert_eq!(Route::try_from(Some(nobody)).expect_err("ids are from 1").field, "route.from_node_id");
        assert_eq!(route.insist_on(&ledger, NodeId(2)), Ok(()));
        let reason = |ledger, me| route.insist_on(&ledger, me).map_err(|error| error.reason);
        assert_eq!(reason(LedgerId([8; 32]), NodeId(2)), Err(Reason::LedgerIdMismatch));
        assert_eq!(reason(ledger, NodeId(3)), Err(Reason::NotPermitted));
        let own = Route { from: NodeId(2), ..route };
        assert!(own.insist_on(&ledger, NodeId(2)).is_err(), "a node has nothing to say to itself");
    }
}
