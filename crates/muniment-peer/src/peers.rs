//! The nodes of a ledger: where they are reached, and which certificate they show.

use std::collections::BTreeMap;

use muniment_core::founding::Founding;
use muniment_core::{BureauNumber, NodeId};

use crate::tls::SpiffeId;

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its bureau.
    pub bureau: BureauNumber,
    /// The name in its certificate.
    pub id: SpiffeId,
    /// Where it is reached: `host:port`. Resolved at each dial.
    pub address: String,
}

/// All nodes by node id, this one among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    by_id: BTreeMap<NodeId, Peer>,
}

impl Peers {
    /// The nodes of the founders. A founder's node bears its bureau's code as its name,
    /// `spiffe://<trust domain>/node/<code>`; `addresses` stand above those of the founding file, which can't change.
    #[must_use]
    pub fn of_founding(founding: &Founding, addresses: &BTreeMap<NodeId, String>) -> Self {
        let peer = |founder: &muniment_core::founding::Founder| Peer {
            bureau: founder.number,
            id: SpiffeId::node(&founder.contact.trust_domain, &founder.code),
            address: addresses.get(&founder.node_id).unwrap_or(&founder.contact.peer_address).clone(),
        };
        founding.founders.iter().map(|founder| (founder.node_id, peer(founder))).collect()
    }

    /// A node, if it is one of this ledger's.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<&Peer> {
        self.by_id.get(&id)
    }

    /// All nodes, ascending by id.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Peer)> {
        self.by_id.iter().map(|(id, peer)| (*id, peer))
    }
}

impl FromIterator<(NodeId, Peer)> for Peers {
    fn from_iter<I: IntoIterator<Item = (NodeId, Peer)>>(nodes: I) -> Self {
        Self { by_id: nodes.into_iter().collect() }
    }
}
