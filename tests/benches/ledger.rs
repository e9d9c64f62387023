//! What one member does with committed entries, all in: decoding, canonical check, digests, terms, signature,
//! deduplication, rules, stubs, tree, evidence files, sync points. `cargo bench -p muniment-tests --bench ledger`.
//!
//! One million 512-byte access records under an authorisation, in batches of 256, on real files below `target/`. CPU is
//! that of the applying thread, freeing what a batch took included; files are synced on another, as in a node. Making
//! the batches is not counted. Then one node of such a ledger is stopped and started again. `-- sha256` measures one
//! suite alone.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
#![expect(clippy::cast_precision_loss, reason = "printed figures are not exact to the last digit")]

use std::error::Error;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use muniment_core::v1::{self, Record, Stream};
use muniment_core::{BureauNumber, LeafIndex, LogIndex, NodeId, RaftTerm, Stub, Suite, Verdict, record};
use muniment_ledger::{EntryPosition, Ledger, verify_batch};
use muniment_store::disk::Disk;
use muniment_store::ledger::{
    self, AppendBatch, AppendLeaf, BackgroundSync, SyncPointJob, SyncPointMeta, WorldDump, Writer,
};
use muniment_store::{FileDisk, Identity, StorageError};

#[path = "../../crates/muniment-ledger/tests/it/fixture.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "shared with the ledger's tests")]
mod fixture;
#[path = "ledger/restart.rs"]
mod restart;

use fixture::{BOZHOU, BodyOf, DATA_SET, HEFEI, Scene, access, admission_key, grant, published};

const BATCHES: u64 = 3_907;
const BATCH: u64 = 256;
const RECORD_BYTES: usize = 512;
/// Record bytes between sync points, as in a node.
const SYNC_POINT_BYTES: u64 = 64 * 1024 * 1024;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Work that a node does off its apply thread.
enum Sync {
    Background(BackgroundSync),
    Point(Box<SyncPointJob>),
}

/// CPU time of the applying thread by stage.
#[derive(Clone, Copy, Default)]
struct Stages {
    /// Decoding, canonical check, digests, terms, signatures.
    verify: Duration,
    /// Deduplication, rules, state, stubs.
    apply: Duration,
    /// Tree and files.
    store: Duration,
    /// Freeing what the batch took.
    release: Duration,
}

impl Stages {
    fn total(&self) -> Duration {
        self.verify + self.apply + self.store + self.release
    }
}

impl AddAssign for Stages {
    fn add_assign(&mut self, other: Self) {
        self.verify += other.verify;
        self.apply += other.apply;
        self.store += other.store;
        self.release += other.release;
    }
}

/// State machine and files of one member.
struct Member {
    ledger: Ledger,
    writer: Writer,
    log_index: u64,
    syncs: Sender<Sync>,
}

impl Member {
    /// Verifies, applies and stores one entry; answers the CPU time that it took this thread.
    fn apply(&mut self, batch: Arc<[u8]>) -> Outcome<Stages> {
        let start = thread_cpu_time()?;
        self.log_index += 1;
        let verified = verify_batch(&self.ledger.context(), batch);
        let at_verified = thread_cpu_time()?;
        let at = EntryPosition { log_index: LogIndex(self.log_index), raft_term: RaftTerm(1) };
        let applied = self.ledger.apply(at, &verified)?;
        let at_applied = thread_cpu_time()?;
        let leaves: Vec<AppendLeaf<'_>> = applied
            .leaves
            .iter()
            .map(|leaf| AppendLeaf {
                stub: leaf.stub.encode(),
                class: leaf.stub.class,
                blind: leaf.blind,
                record: &leaf.record,
                record_digest: leaf.record_digest,
                admission: Some(leaf.admission),
                position: leaf.position,
            })
            .collect();
        let admissions: Vec<&[u8]> = applied.admissions.iter().map(Vec::as_slice).collect();
        let appended = self.writer.append(&AppendBatch { admissions: &admissions, leaves: &leaves })?;
        self.writer.publish();
        let at_stored = thread_cpu_time()?;
        drop((leaves, admissions));
        drop((applied, verified));
        let at_released = thread_cpu_time()?;
        if let Some(job) = appended.background_sync {
            self.syncs.send(Sync::Background(job))?;
        }
        Ok(Stages {
            verify: at_verified.saturating_sub(start),
            apply: at_applied.saturating_sub(at_verified),
            store: at_stored.saturating_sub(at_applied),
            release: at_released.saturating_sub(at_stored),
        })
    }

    /// Sends a sync point to the syncing thread, with a world dump if wanted.
    fn sync_point(&mut self, with_dump: bool) -> Outcome<()> {
        let position = ledger::EntryPosition { log_index: LogIndex(self.log_index), raft_term: RaftTerm(1) };
        let (world, ledger_id) = (self.ledger.view(), self.ledger.ledger_id());
        let dump = with_dump
            .then(|| Box::new(move |out: &mut dyn FnMut(&[u8])| world.dump(&ledger_id, out)) as WorldDump);
        let meta = SyncPointMeta { position, membership: Vec::new() };
        let job = self.writer.prepare_sync_point(meta, dump)?;
        Ok(self.syncs.send(Sync::Point(Box::new(job)))?)
    }
}

fn main() -> Outcome<()> {
    let wanted = std::env::args().skip(1).find_map(|name| Suite::from_name(&name));
    for suite in Suite::ALL.into_iter().filter(|suite| wanted.is_none_or(|wanted| wanted == *suite)) {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ledger-bench-{suite}"));
        if dir.exists() {
            std::fs::remove_dir_all(&dir)?;
        }
        measure(suite, &dir.join("member"))?;
        restart::measure(suite, &dir.join("node"))?;
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

fn measure(suite: Suite, dir: &Path) -> Outcome<()> {
    let mut scene = Scene::new(suite);
    let identity = Identity {
        ledger_id: scene.founding.ledger_id(),
        origin: scene.founding.origin.clone(),
        suite,
        bureau: BureauNumber(1),
        node_id: NodeId(1),
        incarnation: 1,
    };
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    let opened = ledger::open(Arc::clone(&disk), dir, &identity)?;
    let (syncs, due) = channel();
    let syncer = thread::spawn(move || run_syncs(&due));
    let founded = Ledger::found(&scene.founding);
    let mut member = Member { ledger: founded, writer: opened.writer, log_index: 0, syncs };
    for (bureau, body) in
        [(HEFEI, BodyOf::from(published(DATA_SET))), (HEFEI, grant(&[DATA_SET], 0, 0).into())]
    {
        let record = scene.record(bureau, body);
        let batch = batch(&mut scene, bureau, &[record]);
        member.apply(batch)?;
    }
    let written_before = written_bytes()?;
    let (mut cpu, mut since_sync) = (Stages::default(), 0);
    let mut clean = 0;
    for number in 0..BATCHES {
        let records: Vec<Record> =
            (number * BATCH..(number + 1) * BATCH).map(|n| access_record(&scene, n)).collect();
        let batch = batch(&mut scene, BOZHOU, &records);
        cpu += member.apply(batch)?;
        let stub = Stub::decode(&opened.view.stub(LeafIndex(2 + number * BATCH))?)?;
        clean += u64::from(stub.verdict == Verdict::NONE);
        since_sync += BATCH * RECORD_BYTES as u64;
        if since_sync >= SYNC_POINT_BYTES {
            since_sync = 0;
            member.sync_point(false)?;
        }
    }
    member.sync_point(true)?;
    let Member { ledger, writer, syncs, .. } = member;
    drop(syncs);
    syncer.join().map_err(|_| "the syncing thread panicked")??;
    let records = BATCHES * BATCH;
    let record_bytes = (records * RECORD_BYTES as u64) as f64;
    let each = |time: Duration| time.as_secs_f64() * 1e6 / records as f64;
    let micros = each(cpu.total());
    println!("{suite}: {records} records, {clean} of {BATCHES} batches begin without a flag");
    println!("{suite}: {:.0} records/s on one core, {micros:.2} us CPU a record", 1e6 / micros);
    println!(
        "{suite}: {:.2} us to verify, {:.2} to apply, {:.2} for tree and files, {:.2} to free",
        each(cpu.verify),
        each(cpu.apply),
        each(cpu.store),
        each(cpu.release)
    );
    println!(
        "{suite}: {:.2}x of the record bytes written",
        (written_bytes()? - written_before) as f64 / record_bytes
    );
    println!("{suite}: {:.2}x of the record bytes kept in ledger/", kept_bytes(dir)? as f64 / record_bytes);
    println!("{suite}: {} kB resident with the state of the last 2^20 exchange sides", status_kb("VmRSS:")?);
    drop((ledger, writer, opened.view, opened.checkpoints));
    let start = Instant::now();
    let opened = ledger::open(disk, dir, &identity)?;
    let dumped = opened.world.ok_or("the sync point has a world dump")?;
    let restored = Ledger::restore(&scene.founding, &dumped.world)?;
    let took = start.elapsed().as_secs_f64();
    println!("{suite}: open files and world of {} leaves: {took:.2} s", restored.world().head().size);
    Ok(())
}

fn run_syncs(due: &Receiver<Sync>) -> Result<(), StorageError> {
    due.iter().try_for_each(|sync| match sync {
        Sync::Background(job) => job.run(),
        Sync::Point(job) => job.run().map(drop),
    })
}

fn batch(scene: &mut Scene, bureau: u32, records: &[Record]) -> Arc<[u8]> {
    let id = scene.id();
    let part = scene.part(&admission_key(bureau), &[(id, records)]);
    muniment_core::batch::encode_batch(&scene.header(), &[part]).into()
}

/// An access of exactly [`RECORD_BYTES`] that its authorisation covers, in a stream.
fn access_record(scene: &Scene, number: u64) -> Record {
    let mut body = access(&format!("exchange-{number:016}"), Some(LeafIndex(1)));
    body.items = vec!["birth_date".to_owned(), "vaccine".to_owned()];
    body.purpose = "care".to_owned();
    body.subjects = 2;
    body.case_tag = vec![5; 32];
    body.subject_tags = vec![vec![6; 32], vec![7; 32]];
    body.request_digest = vec![8; 32];
    body.response_digest = vec![9; 32];
    body.matter = "m".to_owned();
    let stream = Some(Stream { id: "outbox".to_owned(), sequence: number });
    let region = "gbt2260:341600".to_owned();
    let mut record = Record { stream, region, ..scene.record(BOZHOU, body) };
    let length = record::encode(&record).expect("the record is good").len();
    if let Some(v1::record::Body::AccessExecuted(access)) = &mut record.body {
        access.matter = "m".repeat(1 + RECORD_BYTES - length);
    }
    record
}

fn thread_cpu_time() -> Outcome<Duration> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Ok(Duration::new(u64::try_from(now.tv_sec)?, u32::try_from(now.tv_nsec)?))
}

/// Bytes that this process has given to the page cache.
fn written_bytes() -> Outcome<u64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.ok_or("the kernel counts written bytes")?.parse()?)
}

fn status_kb(field: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    Ok(line.ok_or("the kernel tells memory")?.trim().trim_end_matches(" kB").parse()?)
}

fn kept_bytes(dir: &Path) -> Outcome<u64> {
    let (mut total, mut dirs) = (0, vec![PathBuf::from(dir)]);
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                dirs.push(entry.path())
            } else {
                total += entry.metadata()?.len()
            }
        }
    }
    Ok(total)
}
