//! The objects of the world state in 4,096 buckets of small copy-on-write cells.
//!
//! A view shares every cell with the state it was taken from. The first change of a cell after that copies the cell and
//! the two tables above it (some hundred pointers), and nothing else: apply never stops for a view.

use std::collections::BTreeMap;
use std::sync::Arc;

use muniment_core::reader::Reader;
use muniment_core::{BureauNumber, LeafIndex, NodeId, Suite};

use super::entities::{
    AdmissionKey, Adopted, Application, Authorisation, Bureau, CatalogueEntry, Certificate, Dispute, Licence,
    Matter, Node, Objection,
};
use super::layout::{Layout, LayoutError};
use super::stream::Stream;

/// Buckets: the first 12 bits of H(key).
pub const BUCKETS: usize = 4_096;
/// Buckets of one group.
const GROUP: usize = 64;
/// Cells of one bucket: the next 4 bits of H(key).
const CELLS: usize = 16;

/// A type of object of the world state.
pub trait Entity: Layout + Clone {
    /// What names one object of the type.
    type Key: Layout;
    /// First byte of the key.
    const PREFIX: u8;

    /// The object as one of any type.
    fn into_object(self) -> Object;

    /// The object, if it is of this type.
    fn of(object: &Object) -> Option<&Self>;

    /// The object for a change, if it is of this type.
    fn of_mut(object: &mut Object) -> Option<&mut Self>;
}

/// Declares the append-only table of key prefixes.
macro_rules! entities {
    ($($(#[$doc:meta])* $prefix:literal $variant:ident($type:ty): $key:ty),+ $(,)?) => {
        /// An object of the world state.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Object {
            $($(#[$doc])* $variant($type)),+
        }

        impl Object {
            /// Appends the value's encoding.
            pub(crate) fn put(&self, out: &mut Vec<u8>) {
                match self { $(Self::$variant(value) => value.put(out)),+ }
            }

            /// Reads key and value; `Ok(None)` when the prefix is of no type here.
            pub(crate) fn read(key: &[u8], value: &[u8]) -> Result<Option<Self>, LayoutError> {
                let (mut key, mut value) = (Reader::new(key), Reader::new(value));
                let object = match key.u8()? {
                    $($prefix => {
                        <$key>::take(&mut key)?;
                        Self::$variant(<$type>::take(&mut value)?)
                    })+
                    _ => return Ok(None),
                };
                key.end()?;
                value.end()?;
                Ok(Some(object))
            }
        }

        $(impl Entity for $type {
            type Key = $key;
            const PREFIX: u8 = $prefix;

            fn into_object(self) -> Object {
                Object::$variant(self)
            }

            fn of(object: &Object) -> Option<&Self> {
                match object { Object::$variant(value) => Some(value), _ => None }
            }

            fn of_mut(object: &mut Object) -> Option<&mut Self> {
                match object { Object::$variant(value) => Some(value), _ => None }
            }
        })+
    };
}

/// Key prefix of the head.
pub(crate) const PREFIX_HEAD: u8 = 0x01;
/// Key prefix of the member list.
pub(crate) const PREFIX_MEMBERS: u8 = 0x02;
/// Key prefix of a request id in its window.
pub(crate) const PREFIX_REQUEST: u8 = 0x40;
/// Key prefix of an exchange's side in its window.
pub(crate) const PREFIX_EXCHANGE: u8 = 0x41;

entities! {
    /// By number.
    0x03 Bureau(Bureau): BureauNumber,
    /// By scheme-qualified code.
    0x04 BureauCode(BureauCode): String,
    /// By public key.
    0x05 AdmissionKey(AdmissionKey): [u8; 32],
    /// By SHA-256 fingerprint.
    0x06 Certificate(Certificate): [u8; 32],
    /// By node id.
    0x07 Node(Node): NodeId,
    /// By code of the data set.
    0x08 CatalogueEntry(CatalogueEntry): String,
    /// By leaf.
    0x09 Application(Application): LeafIndex,
    /// By leaf of the grant.
    0x0a Authorisation(Authorisation): LeafIndex,
    /// By licence, scheme-qualified.
    0x0b Licence(Licence): String,
    /// By submitter and name.
    0x0c Stream(Stream): (BureauNumber, String),
    /// The one policy.
    0x0d Policy(Policy): (),
    /// By year.
    0x0e Calendar(Calendar): u32,
    /// By name.
    0x0f Vocabulary(Vocabulary): String,
    /// By leaf.
    0x10 Objection(Objection): LeafIndex,
    /// By leaf.
    0x11 Dispute(Dispute): LeafIndex,
    /// By leaf.
    0x12 Case(Case): LeafIndex,
    /// By leaf.
    0x13 Hold(Hold): LeafIndex,
}

/// Declares a type of object over a shared layout.
macro_rules! wrapper {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl Layout for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            fn take(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
                Layout::take(reader).map(Self)
            }
        }
    };
}

wrapper!(
    /// The bureau of a scheme-qualified code.
    BureauCode(BureauNumber)
);
wrapper!(
    /// The policy in force.
    Policy(Adopted)
);
wrapper!(
    /// The calendar of a year.
    Calendar(Adopted)
);
wrapper!(
    /// A vocabulary.
    Vocabulary(Adopted)
);
wrapper!(
    /// A supervisor's case.
    Case(Matter)
);
wrapper!(
    /// A legal hold.
    Hold(Matter)
);

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
pub struct Objects {
    suite: Suite,
    groups: Vec<Arc<Group>>,
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

/// The encoding of an object's key: its type's prefix, then the name.
#[must_use]
pub(crate) fn encode_key<E: Entity>(key: &E::Key) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(48);
    bytes.push(E::PREFIX);
    key.put(&mut bytes);
    bytes
}

impl Objects {
    /// No objects.
    #[must_use]
    pub fn new(suite: Suite) -> Self {
        let cell = Arc::new(Cell::new());
        let bucket = Arc::new(Bucket { cells: std::array::from_fn(|_| Arc::clone(&cell)) });
        let group = Arc::new(Group { buckets: vec![bucket; GROUP] });
        Self { suite, groups: vec![group; BUCKETS / GROUP] }
    }

    /// The object of a key.
    #[must_use]
    pub fn get<E: Entity>(&self, key: &E::Key) -> Option<&E> {
        let key = encode_key::<E>(key);
        let place = Place::of(self.suite, &key);
        let bucket = &self.groups[place.bucket / GROUP].buckets[place.bucket % GROUP];
        bucket.cells[place.cell].get(key.as_slice()).and_then(|object| E::of(object))
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
    pub(crate) fn update<E: Entity + Default>(&mut self, key: &E::Key, change: impl FnOnce(&mut E)) {
        let key = encode_key::<E>(key);
        let place = Place::of(self.suite, &key);
        let cell = self.cell_mut(place);
        let object = cell.entry(key.into()).or_insert_with(|| Arc::new(E::default().into_object()));
        change(E::of_mut(Arc::make_mut(object)).expect("a key's prefix is that of its object's type"));
    }

    /// Keys and objects of one bucket, in no order.
    pub(crate) fn bucket(&self, bucket: usize) -> impl Iterator<Item = (&[u8], &Object)> {
        let bucket = &self.groups[bucket / GROUP].buckets[bucket % GROUP];
        bucket.cells.iter().flat_map(|cell| cell.iter()).map(|(key, object)| (key.as_ref(), object.as_ref()))
    }

    fn cell_mut(&mut self, place: Place) -> &mut Cell {
        let group = Arc::make_mut(&mut self.groups[place.bucket / GROUP]);
        let bucket = Arc::make_mut(&mut group.buckets[place.bucket % GROUP]);
        Arc::make_mut(&mut bucket.cells[place.cell])
    }
}
