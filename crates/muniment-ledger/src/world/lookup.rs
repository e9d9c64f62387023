//! A hash map that can be asked but not walked: its order, which differs by build, can reach no result.

#[expect(clippy::disallowed_types, reason = "wrapped here so that nothing can iterate over it")]
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash};

/// Maps keys to values; never iterated.
#[derive(Clone, Debug)]
#[expect(clippy::disallowed_types, reason = "wrapped here so that nothing can iterate over it")]
pub(crate) struct Lookup<K, V>(HashMap<K, V, BuildHasherDefault<DefaultHasher>>);

impl<K: Eq + Hash, V> Lookup<K, V> {
    /// Maps nothing.
    pub(crate) fn new() -> Self {
        Self(Default::default())
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// Sets a key's value; answers the value before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Removes a key.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }
}
