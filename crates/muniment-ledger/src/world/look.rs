//! Reading objects of the world state, as it is or as a view has it: for rules that only look.

use super::object::Entity;
use super::{World, WorldView};

/// What has objects.
pub(crate) trait Look {
    /// The object of a key.
    fn look<E: Entity>(&self, key: &E::Key) -> Option<&E>;
}

impl Look for World {
    fn look<E: Entity>(&self, key: &E::Key) -> Option<&E> {
        self.get(key)
    }
}

impl Look for WorldView {
    fn look<E: Entity>(&self, key: &E::Key) -> Option<&E> {
        self.get(key)
    }
}
