//! Members whose clock is wrong, or whose disk is full or slow: they step back, and nobody else pays. Real nodes on real
//! files and threads.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use harness::ledger::{founding, keys, submission};
use muniment_core::founding::Founding;
use muniment_core::{NodeId, Suite, UnixMillis};
use muniment_raft::{
    Environment, Handle, Limits, MemoryNetwork, Node, Options, OwnState, PerfectLinks, Refusal,
    SubmissionOutcome, SubmitError, SystemEnvironment, Timings, Wait,
};
use muniment_store::FileDisk;
use muniment_store::disk::{DirEntry, Disk, DiskFile, DiskLock, FileHandle};
use tempfile::TempDir;

use crate::scene::until;

const TEN_YEARS_MS: i64 = 10 * 365 * 24 * 3_600_000;
const SUITE: Suite = Suite::Blake3;
const RESERVE: u64 = 1024 * 1024;

/// A machine whose wall clock can be set.
#[derive(Clone, Default)]
struct Machine {
    ahead_ms: Arc<AtomicI64>,
}

impl Environment for Machine {
    type Runtime = <SystemEnvironment as Environment>::Runtime;

    fn now(&self) -> UnixMillis {
        let ahead = self.ahead_ms.load(Ordering::SeqCst);
        UnixMillis(SystemEnvironment.now().0.saturating_add_signed(ahead))
    }

    fn spawn_worker(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        SystemEnvironment.spawn_worker(name, work);
    }
}

/// A real disk that says that it has as much room as it is told, and flushes when it is let.
#[derive(Clone, Debug)]
struct TestDisk {
    available: Arc<AtomicU64>,
    is_stuck: Arc<AtomicBool>,
}

impl Default for TestDisk {
    fn default() -> Self {
        Self { available: Arc::new(AtomicU64::new(u64::MAX)), is_stuck: Arc::default() }
    }
}

#[derive(Debug)]
struct TestFile {
    file: FileHandle,
    is_stuck: Arc<AtomicBool>,
}

impl TestDisk {
    fn wrap(&self, file: FileHandle) -> FileHandle {
        Arc::new(TestFile { file, is_stuck: Arc::clone(&self.is_stuck) })
    }
}

impl DiskFile for TestFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.file.allocate(length)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn sync_data(&self) -> io::Result<()> {
        while self.is_stuck.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.file.sync_data()
    }
}

impl Disk for TestDisk {
    fn open(&self, path: &Path) -> io::Result<FileHandle> {
        Ok(self.wrap(FileDisk.open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<FileHandle> {
        Ok(self.wrap(FileDisk.create(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        FileDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        FileDisk.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        FileDisk.remove_dir_all(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        FileDisk.create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        FileDisk.list(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        FileDisk.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        FileDisk.lock(path)
    }

    fn available_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.available.load(Ordering::SeqCst))
    }
}

/// Three members, each on a machine and a disk of its own; member 1 leads.
struct Three {
    founding: Founding,
    machines: BTreeMap<u64, Machine>,
    disks: BTreeMap<u64, TestDisk>,
    nodes: BTreeMap<u64, Handle<Machine>>,
    serial: AtomicU64,
    _root: TempDir,
}

impl Three {
    /// `ahead_ms`: how far member 1's clock is ahead from the start.
    async fn begin(ahead_ms: i64) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let network = MemoryNetwork::<Machine>::new(Arc::new(PerfectLinks));
        let founding = founding(SUITE, 3);
        let machines: BTreeMap<u64, Machine> = (1..=3).map(|id| (id, Machine::default())).collect();
        machines[&1].ahead_ms.store(ahead_ms, Ordering::SeqCst);
        let disks: BTreeMap<u64, TestDisk> = (1..=3).map(|id| (id, TestDisk::default())).collect();
        let mut nodes = BTreeMap::new();
        for id in 1..=3 {
            let options = Options {
                environment: machines[&id].clone(),
                disk: Arc::new(disks[&id].clone()),
                data_dir: PathBuf::from(root.path()).join(format!("node-{id}")),
                founding: founding.clone(),
                node_id: NodeId(id),
                incarnation: id,
                keys: keys(SUITE, u32::try_from(id).expect("a small id")),
                transport: network.endpoint(NodeId(id)),
                notary: Arc::new(OwnState),
                rules: None,
                timings: Timings::lan(),
                limits: Limits {
                    log_segment_bytes: 1024 * 1024,
                    disk_reserve_bytes: RESERVE,
                    ..Limits::default()
                },
            };
            let node = Node::start(options).await.expect("it starts");
            network.attach(NodeId(id), node.service());
            nodes.insert(id, node);
        }
        nodes[&1].initialize().await.expect("the ledger begins");
        Self { founding, machines, disks, nodes, serial: AtomicU64::new(0), _root: root }
    }

    fn leader(&self) -> Option<NodeId> {
        self.nodes[&2].status().leader
    }

    async fn led_by_1(&self) {
        until("member 1 leads", || self.leader() == Some(NodeId(1))).await;
        self.nodes[&1].wait_running().await.expect("it runs");
    }

    async fn led_by_another(&self) {
        until("another leads", || self.leader().is_some_and(|leader| leader != NodeId(1))).await;
    }

    /// Submits a record at a member, its request id made by a right clock.
    async fn try_submit(&self, id: u64) -> Result<SubmissionOutcome, SubmitError> {
        let serial = self.serial.fetch_add(1, Ordering::SeqCst) + 1;
        let number = u32::try_from(id).expect("a small id");
        let now = SystemEnvironment.now();
        let ledger_id = self.founding.ledger_id();
        self.nodes[&id].submit_local(submission(&ledger_id, number, serial, 1, now, Wait::Committed)).await
    }

    /// As [`Three::try_submit`], until it is written.
    async fn submit(&self, id: u64) -> SubmissionOutcome {
        for _ in 0..200 {
            if let Ok(outcome) = self.try_submit(id).await {
                return outcome;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing is written at member {id}");
    }

    /// Every member has applied as much as any, and the ledger's time is the time that it is.
    async fn at_the_right_time(&self, outcome: &SubmissionOutcome) {
        for node in self.nodes.values() {
            until("all apply it", || node.status().size >= outcome.size).await;
            let accepted_at = node.view().expect("it runs").world.head().accepted_at;
            let off = accepted_at.0.abs_diff(SystemEnvironment.now().0);
            assert!(off < 60_000, "the ledger's time is {off} ms off");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_clock_jumps_ten_years_ahead_hands_over_and_moves_no_ledger_time() {
    let three = Three::begin(0).await;
    three.led_by_1().await;
    three.submit(1).await;
    three.machines[&1].ahead_ms.store(TEN_YEARS_MS, Ordering::SeqCst);
    // Before it can know: what it proposes now is stamped ten years ahead.
    let early = three.try_submit(1).await;
    if let Ok(outcome) = &early {
        three.at_the_right_time(outcome).await;
    }
    three.led_by_another().await;
    let status = three.nodes[&1].status();
    assert!(status.clock_unsynced && status.clock_ahead_ms.is_some_and(|ahead| ahead > TEN_YEARS_MS / 2));
    assert!(status.alarms.iter().any(|alarm| alarm.contains("CLOCK_UNSYNCED")), "{:?}", status.alarms);
    let outcome = three.submit(2).await;
    three.at_the_right_time(&outcome).await;
    // It goes on as a follower, and takes its own bureau's records to who leads.
    let outcome = three.submit(1).await;
    three.at_the_right_time(&outcome).await;
    three.machines[&1].ahead_ms.store(0, Ordering::SeqCst);
    until("its clock is believed again", || !three.nodes[&1].status().clock_unsynced).await;
    let leader = three.leader().expect("one leads");
    three.nodes[&leader.0].transfer_leader(NodeId(1)).await.expect("it runs");
    three.led_by_1().await;
    let outcome = three.submit(1).await;
    three.at_the_right_time(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_founder_whose_clock_is_ten_years_ahead_from_the_start_does_not_lead_for_long() {
    let three = Three::begin(TEN_YEARS_MS).await;
    three.led_by_another().await;
    let outcome = three.submit(3).await;
    three.at_the_right_time(&outcome).await;
    assert!(three.nodes[&1].status().clock_unsynced);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_the_leader_is_told_before_anything_is_written_and_ends_nothing() {
    let three = Three::begin(0).await;
    three.led_by_1().await;
    three.submit(1).await;
    three.disks[&1].available.store(RESERVE - 1, Ordering::SeqCst);
    for id in [1, 1, 1] {
        let error = three.try_submit(id).await.expect_err("the reserve is reached");
        assert!(matches!(error, SubmitError::NotWritten(Refusal::StorageFull { .. })), "{error}");
    }
    let error = three.try_submit(2).await.expect_err("the leader's reserve is reached");
    assert!(matches!(error, SubmitError::NotWritten(Refusal::StorageFull { .. })), "{error}");
    assert_eq!(three.leader(), Some(NodeId(1)), "heartbeats go on");
    three.nodes[&1].read_index().await.expect("reads go on");
    three.disks[&1].available.store(u64::MAX, Ordering::SeqCst);
    three.try_submit(1).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_a_follower_refuses_entries_before_raft_sees_them_and_catches_up_with_room() {
    let three = Three::begin(0).await;
    three.led_by_1().await;
    let before = three.submit(1).await;
    until("member 3 has it", || three.nodes[&3].status().size >= before.size).await;
    three.disks[&3].available.store(RESERVE - 1, Ordering::SeqCst);
    let mut outcome = before.clone();
    for _ in 0..5 {
        outcome = three.submit(1).await;
    }
    let status = three.nodes[&3].status();
    assert_eq!(status.size, before.size, "nothing is taken in");
    assert_eq!(status.leader, Some(NodeId(1)), "heartbeats go on");
    until("it says so", || {
        three.nodes[&3].status().alarms.iter().any(|alarm| alarm.contains("STORAGE_FULL"))
    })
    .await;
    three.disks[&3].available.store(u64::MAX, Ordering::SeqCst);
    three.at_the_right_time(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_disk_does_not_flush_hands_over_and_ends_if_it_never_does() {
    let three = Three::begin(0).await;
    three.led_by_1().await;
    three.submit(1).await;
    three.disks[&1].is_stuck.store(true, Ordering::SeqCst);
    // Something to flush; what becomes of it is not known to who asked.
    let (asked, _) = tokio::join!(three.try_submit(1), three.led_by_another());
    drop(asked);
    three.submit(2).await;
    until("member 1 gives up", || {
        matches!(three.nodes[&1].status().state, muniment_raft::NodeState::Failed(_))
    })
    .await;
    three.disks[&1].is_stuck.store(false, Ordering::SeqCst);
    three.submit(3).await;
}
