//! Inputs of many hashes, laid out one behind the other.

/// Inputs that are hashed side by side where the suite can do so: see [`Suite::hash_each`](super::Suite::hash_each).
#[derive(Clone, Debug, Default)]
pub struct HashInputs {
    bytes: Vec<u8>,
    /// Where each input ends.
    ends: Vec<usize>,
}

impl HashInputs {
    /// No inputs.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new() }
    }

    /// Adds an input: the concatenated parts.
    pub fn push<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>) {
        parts.into_iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.ends.push(self.bytes.len());
    }

    /// Forgets the inputs and keeps their memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// How many inputs there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The inputs in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[*start..*end])
    }
}
