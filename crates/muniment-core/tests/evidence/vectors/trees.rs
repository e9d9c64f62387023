//! Vectors of trees and proofs.

use muniment_core::tree::{MemoryTree, ProofError, TreeAt};
use muniment_core::{Hash, LeafIndex, Suite, Tree, TreeSize};
use serde_json::{Value, json};

use super::{hashes, hex};
use crate::tree::{REFERENCE_LEAVES, unhex};

/// Leaves of the vectors' tree; leaf i's input is its number as 8 big-endian bytes.
const LEAVES: u64 = 21;

struct Sample {
    suite: Suite,
    memory: MemoryTree,
}

impl Sample {
    fn new(suite: Suite) -> Self {
        let leaves = (0..LEAVES).map(|index| Self::leaf(suite, index));
        Self { suite, memory: MemoryTree::over(suite, Tree::Ledger, leaves) }
    }

    fn leaf(suite: Suite, index: u64) -> Hash {
        suite.leaf(Tree::Ledger, &index.to_be_bytes())
    }

    fn at(&self, size: u64) -> TreeAt {
        TreeAt { suite: self.suite, tree: Tree::Ledger, size: TreeSize(size) }
    }

    fn root(&self, size: u64) -> Hash {
        self.at(size).root(&self.memory).expect("inside")
    }
}

fn by_suite(value: impl Fn(&Sample) -> Value) -> Value {
    Suite::ALL.into_iter().map(|suite| (suite.name().to_owned(), value(&Sample::new(suite)))).collect()
}

/// Every domain on one input, the reference tree of RFC 6962, and roots at every size.
pub(super) fn tree() -> Value {
    let trees = [
        ("ledger", Tree::Ledger),
        ("rows", Tree::Rows),
        ("runs", Tree::Runs),
        ("admission", Tree::Admission),
        ("world", Tree::World),
    ];
    by_suite(|sample| {
        let suite = sample.suite;
        let (left, right) = (Hash([1; 32]), Hash([2; 32]));
        let input = [left.0, right.0].concat();
        let domains: Value = trees
            .into_iter()
            .map(|(name, tree)| {
                let domain = json!({
                    "leaf": suite.leaf(tree, &input).to_string(),
                    "node": suite.node(tree, &left, &right).to_string(),
                    "empty": suite.empty(tree).to_string(),
                });
                (name.to_owned(), domain)
            })
            .collect();
        let reference: Vec<Hash> =
            REFERENCE_LEAVES.iter().map(|leaf| suite.leaf(Tree::Ledger, &unhex(leaf))).collect();
        let reference_roots: Vec<Hash> = (0..=reference.len())
            .map(|size| muniment_core::tree::root_of(suite, Tree::Ledger, reference[..size].iter().copied()))
            .collect();
        let roots: Vec<Hash> = (0..=LEAVES).map(|size| sample.root(size)).collect();
        json!({
            "domains": { "input": hex(&input), "hash": suite.hash(&[&input]).to_string(),
                "list": suite.list(&input).to_string(), "trees": domains },
            "rfc6962": { "leaf_inputs": REFERENCE_LEAVES, "roots_by_size": hashes(&reference_roots) },
            "counted": { "leaf_inputs": "index as 8 big-endian bytes", "roots_by_size": hashes(&roots) },
        })
    })
}

/// Inclusion paths in the counted tree, and claims that are refused.
pub(super) fn inclusion() -> Value {
    let places = [(0, 1), (1, 2), (2, 3), (3, 7), (0, 8), (12, 13), (8, 13), (16, 21), (20, 21)];
    by_suite(|sample| {
        let valid: Vec<Value> = places
            .into_iter()
            .map(|(index, size)| {
                let path = sample.at(size).inclusion_path(&sample.memory, LeafIndex(index)).expect("inside");
                json!({ "index": index, "size": size, "path": hashes(&path) })
            })
            .collect();
        let path = sample.at(13).inclusion_path(&sample.memory, LeafIndex(8)).expect("inside");
        let longer = [path.as_slice(), &[sample.root(13)]].concat();
        let refused = [
            ("index is the size", 13, 13, path.clone()),
            ("path of another index", 9, 13, path.clone()),
            ("path of another size", 8, 14, path.clone()),
            ("path with a hash more", 8, 13, longer),
            ("path without its last hash", 8, 13, path[..path.len() - 1].to_vec()),
            ("size over 2^62", 8, (1 << 62) + 1, path),
        ];
        let refused: Vec<Value> = refused
            .into_iter()
            .map(|(name, index, size, path)| {
                let root = sample.root(size.min(LEAVES));
                let leaf = Sample::leaf(sample.suite, 8);
                let verified = sample.at(size).verify_inclusion(LeafIndex(index), leaf, &path, root);
                assert!(verified.is_err(), "{name}");
                let (leaf, root) = (leaf.to_string(), root.to_string());
                let path = hashes(&path);
                json!({ "name": name, "index": index, "size": size, "leaf": leaf, "path": path, "root": root })
            })
            .collect();
        json!({ "valid": valid, "refused": refused })
    })
}

/// Consistency paths in the counted tree, and claims that are refused.
pub(super) fn consistency() -> Value {
    let pairs = [(0, 5), (1, 1), (1, 8), (2, 5), (3, 7), (4, 7), (6, 8), (12, 21), (20, 21)];
    by_suite(|sample| {
        let path = |from, to| sample.at(to).consistency_path(&sample.memory, TreeSize(from)).expect("inside");
        let valid: Vec<Value> = pairs
            .into_iter()
            .map(|(from, to)| json!({ "from": from, "to": to, "path": hashes(&path(from, to)) }))
            .collect();
        let longer = [path(3, 7).as_slice(), &[sample.root(7)]].concat();
        let refused = [
            ("older size is larger", 8, 7, path(3, 7)),
            ("path of another pair", 4, 7, path(3, 7)),
            ("path with a hash more", 3, 7, longer),
            ("path without its last hash", 3, 7, path(3, 7)[..2].to_vec()),
            ("a hash for one size", 7, 7, vec![sample.root(7)]),
        ];
        let refused: Vec<Value> = refused
            .into_iter()
            .map(|(name, from, to, path)| {
                let (old, new) = (sample.root(from), sample.root(to));
                let verified = sample.at(to).verify_consistency(TreeSize(from), old, &path, new);
                assert!(verified.is_err(), "{name}");
                json!({ "name": name, "from": from, "to": to, "path": hashes(&path) })
            })
            .collect();
        json!({ "valid": valid, "refused": refused })
    })
}

/// Multiproofs in the counted tree, and claims that are refused.
pub(super) fn multiproof() -> Value {
    let sets: [(u64, &[u64]); 5] =
        [(1, &[0]), (7, &[]), (7, &[0, 6]), (13, &[3, 4, 12]), (21, &[5, 11, 17, 20])];
    by_suite(|sample| {
        let proof = |size, leaves: &[u64]| {
            let leaves: Vec<LeafIndex> = leaves.iter().copied().map(LeafIndex).collect();
            sample.at(size).multiproof(&sample.memory, &leaves).expect("inside")
        };
        let valid: Vec<Value> = sets
            .into_iter()
            .map(|(size, leaves)| json!({ "size": size, "leaves": leaves, "proof": hashes(&proof(size, leaves)) }))
            .collect();
        let good = proof(13, &[3, 4, 12]);
        let refused = [
            ("leaves out of order", vec![4, 3, 12], good.clone()),
            ("a leaf twice", vec![3, 3, 12], good.clone()),
            ("a leaf outside", vec![3, 4, 13], good.clone()),
            ("a leaf left out", vec![3, 12], good.clone()),
            ("without the last hash", vec![3, 4, 12], good[..good.len() - 1].to_vec()),
        ];
        let refused: Vec<Value> = refused
            .into_iter()
            .map(|(name, leaves, proof)| {
                let claimed: Vec<(LeafIndex, Hash)> =
                    leaves.iter().map(|leaf| (LeafIndex(*leaf), Sample::leaf(sample.suite, *leaf))).collect();
                let verified: Result<(), ProofError> =
                    sample.at(13).verify_multiproof(&claimed, &proof, sample.root(13));
                assert!(verified.is_err(), "{name}");
                json!({ "name": name, "size": 13, "leaves": leaves, "proof": hashes(&proof) })
            })
            .collect();
        json!({ "valid": valid, "refused": refused })
    })
}
