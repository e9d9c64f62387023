//! What the ledger's tree costs: appends, and inclusion proofs at 10^6 leaves read from memory.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use muniment_core::tree::{Frontier, MemoryTree, TreeAt};
use muniment_core::{LeafIndex, Suite, Tree};

/// Leaves of the tree that proofs are made in.
const LEAVES: u64 = 1_000_000;
/// Leaves of one append sample.
const APPENDED: u64 = 2_048;

fn leaf(suite: Suite, index: u64) -> muniment_core::Hash {
    let mut stub = [0; 64];
    stub[..8].copy_from_slice(&index.to_be_bytes());
    suite.leaf(Tree::Ledger, &stub)
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(APPENDED));
    for suite in Suite::ALL {
        group.bench_function(suite.name(), |bencher| {
            bencher.iter(|| {
                let mut frontier = Frontier::new(suite, Tree::Ledger);
                for index in 0..APPENDED {
                    frontier.push(leaf(suite, index), |_, _, hash| {
                        black_box(hash);
                    });
                }
                frontier.root()
            });
        });
    }
    group.finish();
}

fn inclusion(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("inclusion at 10^6");
    for suite in Suite::ALL {
        let tree = MemoryTree::over(suite, Tree::Ledger, (0..LEAVES).map(|index| leaf(suite, index)));
        let at = TreeAt { suite, tree: Tree::Ledger, size: tree.size() };
        let root = tree.root();
        // A stride coprime to the count visits leaves all over the tree.
        let mut index = 0;
        group.bench_function(format!("prove {suite}"), |bencher| {
            bencher.iter(|| {
                index = (index + 611_953) % LEAVES;
                at.inclusion_path(&tree, LeafIndex(index))
            });
        });
        group.bench_function(format!("verify {suite}"), |bencher| {
            let path = at.inclusion_path(&tree, LeafIndex(index)).expect("the leaf is in the tree");
            bencher.iter(|| at.verify_inclusion(LeafIndex(index), leaf(suite, index), &path, root));
        });
    }
    group.finish();
}

criterion_group!(benches, append, inclusion);
criterion_main!(benches);
