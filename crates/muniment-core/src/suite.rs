//! Hash suites: one per ledger, fixed in its founding file, named in every artefact.

mod inputs;
mod side_by_side;

use std::fmt;
use std::sync::LazyLock;

use sha2::Digest as _;

pub use self::inputs::HashInputs;
use crate::numbers::byte_id;

byte_id!(
    /// A 32-byte digest of the ledger's suite.
    Hash[32]
);

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The trees of a ledger. Each has a leaf and a node domain of its own (`docs/data-format.md`, "Trees").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// The ledger's leaves; a leaf's input is its 64-byte stub.
    Ledger,
    /// Rows of one index run.
    Rows,
    /// Index runs.
    Runs,
    /// Records of one admission; a leaf's input is a record digest.
    Admission,
    /// Buckets of the world state.
    World,
}

impl Tree {
    /// Prefix byte of a leaf in RFC 9162's manner (sha256, sm3); a node's is one more.
    const fn leaf_prefix(self) -> u8 {
        match self {
            Self::Ledger => 0x00,
            Self::Rows => 0x10,
            Self::Runs => 0x30,
            Self::Admission => 0x40,
            Self::World => 0x50,
        }
    }

    /// Position in the table of blake3 keys.
    const fn position(self) -> usize {
        match self {
            Self::Ledger => 0,
            Self::Rows => 1,
            Self::Runs => 2,
            Self::Admission => 3,
            Self::World => 4,
        }
    }
}

/// Prefix byte of a posting list (sha256, sm3).
const LIST_PREFIX: u8 = 0x20;

/// What a hash suite computes. Pure; the parts of an input are hashed as if concatenated.
pub trait HashSuite {
    /// The suite's plain hash.
    fn hash(parts: &[&[u8]]) -> Hash;
    /// Hash of a leaf of `tree`.
    fn leaf(tree: Tree, input: &[u8]) -> Hash;
    /// Hash of an inner node of `tree`.
    fn node(tree: Tree, left: &Hash, right: &Hash) -> Hash;
    /// Root of the empty `tree`.
    fn empty(tree: Tree) -> Hash;
    /// Hash of one posting list of the index.
    fn list(input: &[u8]) -> Hash;

    /// The plain hash of each input.
    fn hash_each(inputs: &HashInputs) -> Vec<Hash> {
        inputs.iter().map(|input| Self::hash(&[input])).collect()
    }

    /// Hashes of leaves of `tree` whose inputs have 64 bytes.
    fn leaves(tree: Tree, inputs: &[[u8; 64]]) -> Vec<Hash> {
        inputs.iter().map(|input| Self::leaf(tree, input)).collect()
    }

    /// Hashes of inner nodes of `tree` over pairs of children.
    fn nodes(tree: Tree, children: &[[Hash; 2]]) -> Vec<Hash> {
        children.iter().map(|[left, right]| Self::node(tree, left, right)).collect()
    }
}

struct Blake3;
struct Sha256;
struct Sm3;

/// Leaf and node keys by [`Tree::position`].
static BLAKE3_KEYS: LazyLock<[([u8; 32], [u8; 32]); 5]> = LazyLock::new(|| {
    let key = |context| blake3::derive_key(context, b"");
    [
        (key("muniment v1 leaf"), key("muniment v1 node")),
        (key("muniment v1 row leaf"), key("muniment v1 row node")),
        (key("muniment v1 run leaf"), key("muniment v1 run node")),
        (key("muniment v1 admission leaf"), key("muniment v1 admission node")),
        (key("muniment v1 world leaf"), key("muniment v1 world node")),
    ]
});

static BLAKE3_LIST_KEY: LazyLock<[u8; 32]> = LazyLock::new(|| blake3::derive_key("muniment v1 list", b""));

impl HashSuite for Blake3 {
    fn hash(parts: &[&[u8]]) -> Hash {
        if let [whole] = parts {
            return Hash(blake3::hash(whole).into());
        }
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(part);
        }
        Hash(hasher.finalize().into())
    }

    fn leaf(tree: Tree, input: &[u8]) -> Hash {
        Hash(blake3::keyed_hash(&BLAKE3_KEYS[tree.position()].0, input).into())
    }

    fn node(tree: Tree, left: &Hash, right: &Hash) -> Hash {
        Hash(blake3::keyed_hash(&BLAKE3_KEYS[tree.position()].1, &node_input(left, right)).into())
    }

    fn empty(tree: Tree) -> Hash {
        Hash(blake3::keyed_hash(&BLAKE3_KEYS[tree.position()].1, b"").into())
    }

    fn list(input: &[u8]) -> Hash {
        Hash(blake3::keyed_hash(&BLAKE3_LIST_KEY, input).into())
    }

    fn hash_each(inputs: &HashInputs) -> Vec<Hash> {
        side_by_side::hash_each(inputs)
    }

    fn leaves(tree: Tree, inputs: &[[u8; 64]]) -> Vec<Hash> {
        side_by_side::keyed_hash_blocks(&BLAKE3_KEYS[tree.position()].0, inputs)
    }

    fn nodes(tree: Tree, children: &[[Hash; 2]]) -> Vec<Hash> {
        let inputs: Vec<[u8; 64]> = children.iter().map(|[left, right]| node_input(left, right)).collect();
        side_by_side::keyed_hash_blocks(&BLAKE3_KEYS[tree.position()].1, &inputs)
    }
}

fn node_input(left: &Hash, right: &Hash) -> [u8; 64] {
    let mut input = [0; 64];
    input[..32].copy_from_slice(&left.0);
    input[32..].copy_from_slice(&right.0);
    input
}

/// Implements a suite in RFC 9162's manner over a digest of 32 bytes.
macro_rules! prefixed_suite {
    ($suite:ident, $digest:ty) => {
        impl HashSuite for $suite {
            fn hash(parts: &[&[u8]]) -> Hash {
                let mut hasher = <$digest>::new();
                for part in parts {
                    hasher.update(part);
                }
                Hash(hasher.finalize().into())
            }

            fn leaf(tree: Tree, input: &[u8]) -> Hash {
                Self::hash(&[&[tree.leaf_prefix()], input])
            }

            fn node(tree: Tree, left: &Hash, right: &Hash) -> Hash {
                let mut input = [0; 65];
                input[0] = tree.leaf_prefix() + 1;
                input[1..33].copy_from_slice(&left.0);
                input[33..].copy_from_slice(&right.0);
                Self::hash(&[&input])
            }

            fn empty(_tree: Tree) -> Hash {
                Self::hash(&[])
            }

            fn list(input: &[u8]) -> Hash {
                Self::hash(&[&[LIST_PREFIX], input])
            }
        }
    };
}

prefixed_suite!(Sha256, sha2::Sha256);
prefixed_suite!(Sm3, sm3::Sm3);

/// The hash suite of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// BLAKE3 with keyed domains.
    Blake3,
    /// SHA-256 as in RFC 9162 and C2SP.
    Sha256,
    /// SM3 (GB/T 32905) in RFC 9162's shape.
    Sm3,
}

/// Calls a function of the suite's implementation.
macro_rules! dispatch {
    ($suite:expr, $function:ident($($argument:expr),*)) => {
        match $suite {
            Suite::Blake3 => Blake3::$function($($argument),*),
            Suite::Sha256 => Sha256::$function($($argument),*),
            Suite::Sm3 => Sm3::$function($($argument),*),
        }
    };
}

impl Suite {
    /// Every suite.
    pub const ALL: [Self; 3] = [Self::Blake3, Self::Sha256, Self::Sm3];

    /// Name in every artefact.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
            Self::Sm3 => "sm3",
        }
    }

    /// The suite of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// H: the suite's plain hash over the concatenated parts.
    #[must_use]
    pub fn hash(self, parts: &[&[u8]]) -> Hash {
        dispatch!(self, hash(parts))
    }

    /// Hash of a leaf of `tree` (RFC 9162 2.1.1 with the tree's own domain).
    #[must_use]
    pub fn leaf(self, tree: Tree, input: &[u8]) -> Hash {
        dispatch!(self, leaf(tree, input))
    }

    /// Hash of an inner node of `tree` (RFC 9162 2.1.1 with the tree's own domain).
    #[must_use]
    pub fn node(self, tree: Tree, left: &Hash, right: &Hash) -> Hash {
        dispatch!(self, node(tree, left, right))
    }

    /// Root of the empty `tree`.
    #[must_use]
    pub fn empty(self, tree: Tree) -> Hash {
        dispatch!(self, empty(tree))
    }

    /// Hash of one posting list of the index.
    #[must_use]
    pub fn list(self, input: &[u8]) -> Hash {
        dispatch!(self, list(input))
    }

    /// [`Suite::hash`] of each input, in their order; blake3 hashes them side by side.
    #[must_use]
    pub fn hash_each(self, inputs: &HashInputs) -> Vec<Hash> {
        dispatch!(self, hash_each(inputs))
    }

    /// [`Suite::leaf`] of each input, in their order; blake3 hashes them side by side.
    #[must_use]
    pub fn leaves(self, tree: Tree, inputs: &[[u8; 64]]) -> Vec<Hash> {
        dispatch!(self, leaves(tree, inputs))
    }

    /// [`Suite::node`] of each pair of children, in their order; blake3 hashes them side by side.
    #[must_use]
    pub fn nodes(self, tree: Tree, children: &[[Hash; 2]]) -> Vec<Hash> {
        dispatch!(self, nodes(tree, children))
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blake3_keys_of_the_ledgers_tree_are_those_of_the_format() {
        let (leaf, node) = BLAKE3_KEYS[Tree::Ledger.position()];
        let (leaf, node) = (Hash(leaf).to_string(), Hash(node).to_string());
        assert_eq!(leaf, "2d38efb325437cc1bfe80a5c59f891f324029e6526f1b45a6b2ac70be0075046");
        assert_eq!(node, "eb0765d813975a36609c28a60d5b3f0cb2184836c798ef949dd490675c22b8f8");
    }

    #[test]
    fn the_empty_sha256_tree_is_that_of_rfc_9162() {
        let root = Suite::Sha256.empty(Tree::Ledger).to_string();
        assert_eq!(root, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn no_two_domains_of_a_suite_agree_on_one_input() {
        let trees = [Tree::Ledger, Tree::Rows, Tree::Runs, Tree::Admission, Tree::World];
        for suite in Suite::ALL {
            let (left, right) = (Hash([1; 32]), Hash([2; 32]));
            let input: Vec<u8> = [left.0, right.0].concat();
            let mut hashes = vec![suite.hash(&[&input]), suite.list(&input)];
            for tree in trees {
                hashes.extend([suite.leaf(tree, &input), suite.node(tree, &left, &right)]);
            }
            let count = hashes.len();
            hashes.sort_unstable();
            hashes.dedup();
            assert_eq!(hashes.len(), count, "{suite}");
        }
    }
}
