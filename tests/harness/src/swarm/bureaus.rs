//! The bureaus of a simulated ledger: founding file and keys in one place.

use muniment_core::founding::Founding;
use muniment_core::{BureauNumber, NodeId, Suite};
use muniment_raft::NodeKeys;

use crate::ledger;

/// Founding bureaus 1 to n with one node each, node ids 1 to n. Everything follows from suite and number.
#[derive(Clone, Debug)]
pub struct Bureaus {
    /// The founding file.
    pub founding: Founding,
    keys: Vec<NodeKeys>,
}

impl Bureaus {
    /// `count` bureaus, 1 to 8.
    #[must_use]
    pub fn new(suite: Suite, count: u32) -> Self {
        let keys = (1..=count).map(|number| ledger::keys(suite, number)).collect();
        Self { founding: ledger::founding(suite, count), keys }
    }

    /// The nodes, ascending.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.keys.len() as u64).map(NodeId)
    }

    /// The bureau of a node.
    #[must_use]
    pub fn bureau_of(&self, node: NodeId) -> BureauNumber {
        let founders = &self.founding.founders;
        let founder = founders.iter().find(|founder| founder.node_id == node);
        founder.expect("the harness names founding nodes only").number
    }

    /// The node of a bureau.
    #[must_use]
    pub const fn node_of(&self, bureau: BureauNumber) -> NodeId {
        NodeId(bureau.0 as u64)
    }

    /// The keys of a node.
    #[must_use]
    pub fn keys(&self, node: NodeId) -> &NodeKeys {
        let position = usize::try_from(node.0 - 1).ok();
        position.and_then(|position| self.keys.get(position)).expect("the harness names founding nodes only")
    }
}
