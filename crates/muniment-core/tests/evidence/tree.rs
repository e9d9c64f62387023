//! Trees and their proofs, held against the certificate-transparency reference tree and a naive recursive tree.

use muniment_core::tree::{Frontier, MemoryTree, ProofError, TREE_SIZE_MAX, TreeAt, root_of};
use muniment_core::{Hash, LeafIndex, Suite, Tree, TreeSize};
use proptest::prelude::*;

/// Leaves of the reference tree of RFC 6962's implementations (certificate-transparency, `TestVectors`).
pub(crate) const REFERENCE_LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// Its roots at sizes 1 to 8.
const REFERENCE_ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Its inclusion paths: index, size, path.
const REFERENCE_INCLUSION: [(u64, u64, &[&str]); 4] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
];

/// Its consistency paths: from, to, path.
const REFERENCE_CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

fn hash(text: &str) -> Hash {
    Hash(unhex(text).try_into().expect("32 bytes"))
}

/// RFC 9162 2.1.1, word by word.
fn naive_root(suite: Suite, leaves: &[Hash]) -> Hash {
    match leaves {
        [] => suite.empty(Tree::Ledger),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            suite.node(Tree::Ledger, &naive_root(suite, left), &naive_root(suite, right))
        }
    }
}

/// RFC 9162 2.1.3.1, word by word.
fn naive_inclusion(suite: Suite, m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = naive_split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if m < k {
        (naive_inclusion(suite, m, left), right)
    } else {
        (naive_inclusion(suite, m - k, right), left)
    };
    path.push(naive_root(suite, sibling));
    path
}

/// RFC 9162 2.1.4.1, word by word.
fn naive_consistency(suite: Suite, m: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(suite, leaves)] };
    }
    let k = naive_split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if m <= k {
        (naive_consistency(suite, m, left, whole), right)
    } else {
        (naive_consistency(suite, m - k, right, false), left)
    };
    path.push(naive_root(suite, sibling));
    path
}

/// The design's recurse(a, b), word by word.
fn naive_multiproof(suite: Suite, first: usize, leaves: &[Hash], wanted: &[usize]) -> Vec<Hash> {
    let inside = wanted.iter().any(|index| (first..first + leaves.len()).contains(index));
    if !inside {
        return vec![naive_root(suite, leaves)];
    }
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(naive_split(leaves.len()));
    let mut proof = naive_multiproof(suite, first, left, wanted);
    proof.extend(naive_multiproof(suite, first + left.len(), right, wanted));
    proof
}

/// The largest power of two below `n`.
fn naive_split(n: usize) -> usize {
    let mut k = 1;
    while 2 * k < n {
        k *= 2;
    }
    k
}

fn leaves(suite: Suite, count: usize) -> Vec<Hash> {
    (0..count).map(|index| suite.leaf(Tree::Ledger, &index.to_be_bytes())).collect()
}

fn memory(suite: Suite, leaves: &[Hash]) -> MemoryTree {
    MemoryTree::over(suite, Tree::Ledger, leaves.iter().copied())
}

fn at(suite: Suite, size: usize) -> TreeAt {
    TreeAt { suite, tree: Tree::Ledger, size: TreeSize(number(size)) }
}

fn number(size: usize) -> u64 {
    u64::try_from(size).expect("small")
}

fn index(index: usize) -> LeafIndex {
    LeafIndex(number(index))
}

#[test]
fn each_suites_plain_hash_is_the_published_one() {
    // FIPS 180-4's, GB/T 32905's and BLAKE3's own examples.
    let abc = |suite: Suite| suite.hash(&[b"a", b"bc"]);
    let expected = [
        (Suite::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (Suite::Sm3, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (Suite::Blake3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
    ];
    for (suite, digest) in expected {
        assert_eq!(abc(suite), hash(digest), "{suite}");
    }
}

#[test]
fn the_reference_tree_of_rfc_6962_has_its_published_roots_and_paths() {
    let suite = Suite::Sha256;
    let leaves: Vec<Hash> =
        REFERENCE_LEAVES.iter().map(|leaf| suite.leaf(Tree::Ledger, &unhex(leaf))).collect();
    let tree = memory(suite, &leaves);
    for (size, root) in (1..).zip(REFERENCE_ROOTS) {
        assert_eq!(at(suite, size).root(&tree), Ok(hash(root)), "size {size}");
        assert_eq!(root_of(suite, Tree::Ledger, leaves[..size].iter().copied()), hash(root), "size {size}");
    }
    let root = |size: u64| hash(REFERENCE_ROOTS[usize::try_from(size).expect("small") - 1]);
    for (leaf, size, path) in REFERENCE_INCLUSION {
        let tree_at = TreeAt { suite, tree: Tree::Ledger, size: TreeSize(size) };
        let path: Vec<Hash> = path.iter().map(|text| hash(text)).collect();
        assert_eq!(tree_at.inclusion_path(&tree, LeafIndex(leaf)), Ok(path.clone()));
        let leaf_hash = leaves[usize::try_from(leaf).expect("small")];
        assert_eq!(tree_at.verify_inclusion(LeafIndex(leaf), leaf_hash, &path, root(size)), Ok(()));
    }
    for (from, to, path) in REFERENCE_CONSISTENCY {
        let tree_at = TreeAt { suite, tree: Tree::Ledger, size: TreeSize(to) };
        let path: Vec<Hash> = path.iter().map(|text| hash(text)).collect();
        assert_eq!(tree_at.consistency_path(&tree, TreeSize(from)), Ok(path.clone()));
        assert_eq!(tree_at.verify_consistency(TreeSize(from), root(from), &path, root(to)), Ok(()));
    }
}

#[test]
fn every_tree_up_to_200_leaves_is_the_naive_tree() {
    for suite in Suite::ALL {
        let leaves = leaves(suite, 200);
        let tree = memory(suite, &leaves);
        for size in 0..=leaves.len() {
            let (tree_at, leaves) = (at(suite, size), &leaves[..size]);
            let root = naive_root(suite, leaves);
            assert_eq!(tree_at.root(&tree), Ok(root), "{suite} size {size}");
            let mut frontier = Frontier::new(suite, Tree::Ledger);
            leaves.iter().for_each(|leaf| frontier.push(*leaf, |_, _, _| ()));
            assert_eq!(frontier.root(), root, "{suite} size {size}");
            // Every index at sizes around the powers of two and a few others; all pairs would take a minute.
            for leaf in (0..size).step_by(if size < 40 { 1 } else { 7 }) {
                let path = tree_at.inclusion_path(&tree, index(leaf)).expect("inside");
                assert_eq!(path, naive_inclusion(suite, leaf, leaves), "{suite} leaf {leaf} of {size}");
                assert_eq!(tree_at.verify_inclusion(index(leaf), leaves[leaf], &path, root), Ok(()));
            }
            for from in (1..=size).step_by(if size < 40 { 1 } else { 7 }) {
                let path = tree_at.consistency_path(&tree, TreeSize(number(from))).expect("inside");
                assert_eq!(path, naive_consistency(suite, from, leaves, true), "{suite} {from} of {size}");
                let old = naive_root(suite, &leaves[..from]);
                assert_eq!(tree_at.verify_consistency(TreeSize(number(from)), old, &path, root), Ok(()));
            }
        }
    }
}

#[test]
fn a_frontier_opened_at_any_size_goes_on_as_if_it_had_never_stopped() {
    let suite = Suite::Blake3;
    let leaves = leaves(suite, 70);
    let tree = memory(suite, &leaves);
    for size in 0..leaves.len() {
        let peak = |level, index| muniment_core::tree::HashReader::node(&tree, level, index);
        let mut frontier =
            Frontier::open(suite, Tree::Ledger, TreeSize(number(size)), peak).expect("nodes exist");
        leaves[size..].iter().for_each(|leaf| frontier.push(*leaf, |_, _, _| ()));
        assert_eq!(frontier.root(), naive_root(suite, &leaves), "opened at {size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn proofs_of_random_trees_are_the_naive_ones(
        suite in prop::sample::select(Suite::ALL.to_vec()),
        size in 1_usize..3_000,
        seeds in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
    ) {
        let leaves = leaves(suite, size);
        let (tree, tree_at, root) = (memory(suite, &leaves), at(suite, size), naive_root(suite, &leaves));
        let mut wanted: Vec<usize> = seeds.iter().map(|seed| seed.index(size)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let first = wanted[0];
        let path = tree_at.inclusion_path(&tree, index(first)).expect("inside");
        prop_assert_eq!(&path, &naive_inclusion(suite, first, &leaves));
        prop_assert_eq!(tree_at.verify_inclusion(index(first), leaves[first], &path, root), Ok(()));

        let from = first + 1;
        let path = tree_at.consistency_path(&tree, TreeSize(number(from))).expect("inside");
        prop_assert_eq!(&path, &naive_consistency(suite, from, &leaves, true));
        let old = naive_root(suite, &leaves[..from]);
        prop_assert_eq!(tree_at.verify_consistency(TreeSize(number(from)), old, &path, root), Ok(()));

        let indexes: Vec<LeafIndex> = wanted.iter().copied().map(index).collect();
        let proof = tree_at.multiproof(&tree, &indexes).expect("inside");
        prop_assert_eq!(&proof, &naive_multiproof(suite, 0, &leaves, &wanted));
        let claimed: Vec<(LeafIndex, Hash)> = wanted.iter().map(|leaf| (index(*leaf), leaves[*leaf])).collect();
        prop_assert_eq!(tree_at.verify_multiproof(&claimed, &proof, root), Ok(()));

        // Any other leaf, and any other hash in the proof, breaks it.
        for position in 0..claimed.len() {
            let mut other = claimed.clone();
            other[position].1.0[0] ^= 1;
            prop_assert_eq!(tree_at.verify_multiproof(&other, &proof, root), Err(ProofError::Root));
        }
        for position in 0..proof.len() {
            let mut other = proof.clone();
            other[position].0[31] ^= 1;
            prop_assert_eq!(tree_at.verify_multiproof(&claimed, &other, root), Err(ProofError::Root));
        }
    }
}

#[test]
fn a_path_proves_one_leaf_at_one_place_of_one_size_only() {
    for suite in Suite::ALL {
        let leaves = leaves(suite, 33);
        let tree = memory(suite, &leaves);
        for size in 1..=leaves.len() {
            let root = naive_root(suite, &leaves[..size]);
            for leaf in 0..size {
                let path = naive_inclusion(suite, leaf, &leaves[..size]);
                for (other_leaf, hash) in leaves[..size].iter().enumerate() {
                    let proven =
                        at(suite, size).verify_inclusion(index(other_leaf), *hash, &path, root).is_ok();
                    assert_eq!(
                        proven,
                        other_leaf == leaf,
                        "{suite}: path of {leaf} in {size} for {other_leaf}"
                    );
                }
                let moved = at(suite, size).verify_inclusion(index(size), leaves[leaf], &path, root);
                assert_eq!(
                    moved,
                    Err(ProofError::Index { index: index(size), size: TreeSize(number(size)) })
                );
                let longer = [path.as_slice(), &[root]].concat();
                let refused = at(suite, size).verify_inclusion(index(leaf), leaves[leaf], &longer, root);
                assert!(matches!(refused, Err(ProofError::Length { .. })));
                if let Some((_, shorter)) = path.split_last() {
                    let refused = at(suite, size).verify_inclusion(index(leaf), leaves[leaf], shorter, root);
                    assert!(matches!(refused, Err(ProofError::Length { .. })));
                }
            }
        }
        assert!(
            at(suite, 33).inclusion_path(&tree, index(33)).is_err(),
            "no proof of a leaf that is not there"
        );
        assert!(at(suite, 34).root(&tree).is_err(), "no root over leaves that are not there");
    }
}

#[test]
fn consistency_proofs_with_any_hash_changed_removed_or_added_are_refused() {
    let suite = Suite::Sm3;
    let leaves = leaves(suite, 40);
    for to in 1..=leaves.len() {
        for from in 1..=to {
            let path = naive_consistency(suite, from, &leaves[..to], true);
            let (old, new) = (naive_root(suite, &leaves[..from]), naive_root(suite, &leaves[..to]));
            let verify =
                |path: &[Hash]| at(suite, to).verify_consistency(TreeSize(number(from)), old, path, new);
            assert_eq!(verify(&path), Ok(()));
            for position in 0..path.len() {
                let mut other = path.clone();
                other[position].0[7] ^= 0x80;
                assert!(verify(&other).is_err(), "{from} to {to}, hash {position}");
                other.remove(position);
                assert!(verify(&other).is_err(), "{from} to {to} without hash {position}");
            }
            assert!(verify(&[path.as_slice(), &[old]].concat()).is_err(), "{from} to {to}, one hash more");
            let from = TreeSize(number(from));
            let other = Hash([9; 32]);
            assert!(at(suite, to).verify_consistency(from, other, &path, new).is_err(), "another older root");
            assert!(at(suite, to).verify_consistency(from, old, &path, other).is_err(), "another newer root");
        }
    }
}

#[test]
fn nothing_and_everything_are_consistent_with_the_empty_tree_alone() {
    let suite = Suite::Blake3;
    let (leaves, empty) = (leaves(suite, 9), suite.empty(Tree::Ledger));
    let root = naive_root(suite, &leaves);
    assert_eq!(at(suite, 9).verify_consistency(TreeSize(0), empty, &[], root), Ok(()));
    assert!(at(suite, 9).verify_consistency(TreeSize(0), root, &[], root).is_err());
    assert!(at(suite, 9).verify_consistency(TreeSize(0), empty, &[root], root).is_err());
    assert!(at(suite, 9).verify_consistency(TreeSize(10), root, &[], root).is_err(), "from after to");
    assert!(at(suite, 9).verify_consistency(TreeSize(9), empty, &[], root).is_err(), "one size, two roots");
}

#[test]
fn multiproofs_out_of_order_out_of_range_or_of_another_length_are_refused() {
    let suite = Suite::Blake3;
    let leaves = leaves(suite, 9);
    let (tree, tree_at, root) = (memory(suite, &leaves), at(suite, 9), naive_root(suite, &leaves));
    let proof = tree_at.multiproof(&tree, &[index(2), index(8)]).expect("inside");
    let verify = |claimed: &[(usize, Hash)], proof: &[Hash]| {
        let claimed: Vec<(LeafIndex, Hash)> =
            claimed.iter().map(|(leaf, hash)| (index(*leaf), *hash)).collect();
        tree_at.verify_multiproof(&claimed, proof, root)
    };
    assert_eq!(verify(&[(2, leaves[2]), (8, leaves[8])], &proof), Ok(()));
    assert_eq!(verify(&[(8, leaves[8]), (2, leaves[2])], &proof), Err(ProofError::NotAscending));
    assert_eq!(verify(&[(2, leaves[2]), (2, leaves[2])], &proof), Err(ProofError::NotAscending));
    assert!(verify(&[(2, leaves[2])], &proof).is_err());
    assert!(verify(&[(2, leaves[2]), (9, leaves[8])], &proof).is_err());
    assert!(verify(&[(2, leaves[2]), (8, leaves[8])], &proof[1..]).is_err());
    assert!(verify(&[(2, leaves[2]), (8, leaves[8])], &[proof.as_slice(), &[root]].concat()).is_err());
    assert_eq!(verify(&[], &[root]), Ok(()), "no leaf: the root itself");
    assert!(tree_at.multiproof(&tree, &[index(8), index(2)]).is_err());
}

#[test]
fn sizes_over_two_to_the_62_are_refused_before_anything_is_hashed() {
    let over = TreeAt { suite: Suite::Sha256, tree: Tree::Ledger, size: TreeSize(TREE_SIZE_MAX + 1) };
    let root = Hash([0; 32]);
    let refused = ProofError::Size(over.size);
    assert_eq!(over.verify_inclusion(LeafIndex(0), root, &[], root), Err(refused.clone()));
    assert_eq!(over.verify_consistency(TreeSize(1), root, &[], root), Err(refused.clone()));
    assert_eq!(over.verify_multiproof(&[], &[root], root), Err(refused));
    let largest = TreeAt { size: TreeSize(TREE_SIZE_MAX), ..over };
    let path = vec![root; 62];
    assert_eq!(
        largest.verify_inclusion(LeafIndex(TREE_SIZE_MAX - 1), root, &path, root),
        Err(ProofError::Root)
    );
    let short = largest.verify_inclusion(LeafIndex(TREE_SIZE_MAX - 1), root, &path[1..], root);
    assert_eq!(short, Err(ProofError::Length { found: 61, expected: 62 }));
}
