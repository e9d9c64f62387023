//! openraft's own suite for storages, on this project's real files.

#![expect(clippy::print_stdout, reason = "the last line is the proof")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use harness::ledger::{founding, keys};
use muniment_core::{NodeId, Suite as HashSuite};
use muniment_raft::{
    Limits, LogStorage, MemoryNetwork, Node, Options, OwnState, PerfectLinks, StateMachine,
    SystemEnvironment, Timings, TypeConfig,
};
use muniment_store::FileDisk;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use openraft_rt_tokio::TokioRuntime;
use tempfile::TempDir;

type Config = TypeConfig<TokioRuntime>;

/// Makes a node's storages in a directory of their own.
#[derive(Clone, Default)]
struct Builder(Arc<AtomicU32>);

impl StoreBuilder<Config, LogStorage<TokioRuntime>, StateMachine<TokioRuntime>, TempDir> for Builder {
    async fn build(
        &self,
    ) -> Result<(TempDir, LogStorage<TokioRuntime>, StateMachine<TokioRuntime>), StorageError<Config>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let network = MemoryNetwork::<SystemEnvironment>::new(Arc::new(PerfectLinks));
        let options = Options {
            environment: SystemEnvironment,
            disk: Arc::new(FileDisk),
            data_dir: dir.path().join("node"),
            founding: founding(HashSuite::Blake3, 3),
            node_id: NodeId(1),
            incarnation: 1,
            keys: keys(HashSuite::Blake3, 1),
            transport: network.endpoint(NodeId(1)),
            notary: Arc::new(OwnState),
            rules: None,
            timings: Timings::lan(),
            limits: Limits { log_segment_bytes: 2 * 1024 * 1024, disk_reserve_bytes: 0, ..Limits::default() },
        };
        let (log, state_machine) = Node::storage(options).expect("an empty directory opens");
        Ok((dir, log, state_machine))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openraft_finds_nothing_wrong_with_the_storages() {
    let builder = Builder::default();
    let outcome = Suite::test_all(builder.clone()).await;
    let storages = builder.0.load(Ordering::SeqCst);
    assert!(outcome.is_ok(), "{outcome:?}");
    println!("Suite::test_all on {storages} storages: ok");
}
