//! The objects of the world state in 4,096 buckets of small copy-on-write cells.
//!
//! A view shares every cell with the state it was taken from. The first change of a cell after that copies the cell and
//! the two tables above it (some hundred pointers), and nothing else: apply never stops for a view.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use muniment_core::Suite;

use super::object::{Entity, Object, encode_key};

/// Buckets: the first 12 bits of H(key).
pub(crate) const BUCKETS: usize = 4_096;
/// Buckets of one group.
const GROUP: usize = 64;
/// Cells of one bucket: the next 4 bits of H(key).
const CELLS: usize = 16;

/// Objects of one cell by encoded key.
pub(crate) type Cell = BTreeMap<Arc<[u8]>, Arc<Object>>;

#[derive(Clone, Debug)]
struct Bucket {
    cells: [Arc<Cell>; CELLS],
}

#[derive(Clone, Debug)]
struct Group {
    buckets: Vec<Arc<Bucket>>,
}

/// Objects of the world state; a clone is a view that later changes don't reach.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    suite: Suite,
    groups: Vec<Arc<Group>>,
}

/// A key and where its object lies: spares a hash to who asks for it again.
#[derive(Clone, Debug)]
pub(crate) struct Located<E> {
    key: Arc<[u8]>,
    place: Place,
    entity: PhantomData<E>,
}

/// Where a key lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    bucket: usize,
    cell: usize,
}

impl Place {
    fn of(suite: Suite, key: &[u8]) -> Self {
        let hash = suite.hash(&[key]).0;
        let bucket = usize::from(hash[0]) << 4 | usize::from(hash[1] >> 4);
        Self { bucket, cell: usize::from(hash[1] & 0x0f) }
    }
}

/// The bucket of an encoded key: the first 12 bits of H(key).
#[must_use]
pub(crate) fn bucket_of(suite: Suite, key: &[u8]) -> usize {
    Place::of(suite, key).bucket
}

impl Objects {
    /// No objects.
    #[must_use]
    pub(crate) fn new(suite: Suite) -> Self {
        let cell = Arc::new(Cell::new());
        let bucket = Arc::new(Bucket { cells: std::array::from_fn(|_| Arc::clone(&cell)) });
        let group = Arc::new(Group { buckets: vec![bucket; GROUP] });
        Self { suite, groups: vec![group; BUCKETS / GROUP] }
    }

    /// The object of a key.
    #[must_use]
    pub(crate) fn get<E: Entity>(&self, key: &E::Key) -> Option<&E> {
        let key = encode_key::<E>(key);
        self.cell(Place::of(self.suite, &key)).get(key.as_slice()).and_then(|object| E::of(object))
    }

    /// Finds where the object of a key lies, or would lie.
    pub(crate) fn locate<E: Entity>(&self, key: &E::Key) -> Located<E> {
        let key = encode_key::<E>(key);
        let place = Place::of(self.suite, &key);
        Located { key: key.into(), place, entity: PhantomData }
    }

    /// The object of a key that was located.
    pub(crate) fn get_located<E: Entity>(&self, located: &Located<E>) -> Option<&E> {
        self.cell(located.place).get(&located.key).and_then(|object| E::of(object))
    }

    /// Sets the object of a key.
    pub(crate) fn put<E: Entity>(&mut self, key: &E::Key, entity: E) {
        self.put_encoded(encode_key::<E>(key), entity.into_object());
    }

    /// Sets the object of an encoded key; answers whether it is new.
    pub(crate) fn put_encoded(&mut self, key: Vec<u8>, object: Object) -> bool {
        let place = Place::of(self.suite, &key);
        self.cell_mut(place).insert(key.into(), Arc::new(object)).is_none()
    }

    /// Changes the object of a key in place, made from its default if there is none. Copies it only if a view holds it.
    pub(crate) fn update<E: Entity + Default>(&mut self, located: &Located<E>, change: impl FnOnce(&mut E)) {
        let cell = self.cell_mut(located.place);
        let key = Arc::clone(&located.key);
        let object = cell.entry(key).or_insert_with(|| Arc::new(E::default().into_object()));
        change(E::of_mut(Arc::make_mut(object)).expect("a key's prefix is that of its object's type"));
    }

    /// Keys and objects of one bucket, in no order.
    pub(crate) fn bucket(&self, bucket: usize) -> impl Iterator<Item = (&[u8], &Object)> {
        let bucket = &self.groups[bucket / GROUP].buckets[bucket % GROUP];
        bucket.cells.iter().flat_map(|cell| cell.iter()).map(|(key, object)| (key.as_ref(), object.as_ref()))
    }

    fn cell(&self, place: Place) -> &Cell {
        &self.groups[place.bucket / GROUP].buckets[place.bucket % GROUP].cells[place.cell]
    }

    fn cell_mut(&mut self, place: Place) -> &mut Cell {
        let group = Arc::make_mut(&mut self.groups[place.bucket / GROUP]);
        let bucket = Arc::make_mut(&mut group.buckets[place.bucket % GROUP]);
        Arc::make_mut(&mut bucket.cells[place.cell])
    }
}

#[cfg(test)]
mod tests {
    use muniment_core::{BureauNumber, LeafIndex};

    use super::*;
    use crate::world::entities::Matter;
    use crate::world::object::Case;

    #[test]
    fn a_view_keeps_its_objects_and_shares_the_rest() {
        let mut objects = Objects::new(Suite::Blake3);
        let matter = |ended| Case(Matter { submitter: BureauNumber(1), ended });
        (0..5_000).for_each(|leaf| objects.put(&LeafIndex(leaf), matter(None)));
        let view = objects.clone();
        objects.put(&LeafIndex(17), matter(Some(LeafIndex(18))));
        assert_eq!(view.get::<Case>(&LeafIndex(17)), Some(&matter(None)));
        assert_eq!(objects.get::<Case>(&LeafIndex(17)), Some(&matter(Some(LeafIndex(18)))));
        let copied = (0..BUCKETS / GROUP)
            .filter(|group| !Arc::ptr_eq(&view.groups[*group], &objects.groups[*group]))
            .count();
        assert_eq!(copied, 1, "one change copies one group");
        let found: usize = (0..BUCKETS).map(|bucket| objects.bucket(bucket).count()).sum();
        assert_eq!(found, 5_000);
    }
}
