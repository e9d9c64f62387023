//! How fast the store is on this machine's disk: `cargo bench -p muniment-store`.
//!
//! Real files in `MUNIMENT_BENCH_DIR`, or below `target/`. Every figure is of one run; the fsync latency printed beside
//! it says what the disk gave.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use muniment_core::tree::TreeAt;
use muniment_core::{
    Blind, BureauNumber, Hash, LeafIndex, LedgerId, LogIndex, NodeId, RaftTerm, RetentionClass, RulesVersion,
    Stub, Suite, Tree, UnixMillis, Verdict,
};
use muniment_store::disk::Disk;
use muniment_store::ledger::{self, AppendBatch, AppendLeaf, EntryPosition, SyncPointMeta, Writer};
use muniment_store::raft_log::{self, Frame, LogWriter, Options};
use muniment_store::{FileDisk, Identity};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ENTRY_BYTES: usize = 512;
const BATCH: u64 = 256;
/// 3,907 batches: a little over 10^6.
const ENTRIES: u64 = 3_907 * BATCH;
const WRITERS: u64 = 256;

fn main() -> Outcome<()> {
    let dir = std::env::var_os("MUNIMENT_BENCH_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from)
        .join("store-bench");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    println!("in {}", dir.display());
    batches(&dir.join("raft"))?;
    open_log(&dir.join("raft"))?;
    single_writers(&dir.join("single"))?;
    evidence(&dir.join("ledger"))?;
    fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Durable appends in batches: one write and one sync each. The second half writes into recycled segments.
fn batches(dir: &Path) -> Outcome<()> {
    let (mut log, ..) =
        raft_log::open(Arc::new(FileDisk), dir, Options { spare_segments: 16, ..Options::default() })?;
    let bytes = entry_bytes();
    for (pass, name) in ["allocated", "recycled"].into_iter().enumerate() {
        let first = pass as u64 * ENTRIES;
        let (mut writes, mut syncs) = (Vec::new(), Vec::new());
        let start = Instant::now();
        for batch in (first..first + ENTRIES).step_by(usize::try_from(BATCH)?) {
            let frames: Vec<Frame<'_>> = (batch..batch + BATCH).map(|index| entry(index, &bytes)).collect();
            writes.push(timed(|| log.write_group(&frames))?);
            syncs.push(timed(|| log.sync())?);
        }
        let count = syncs.len() as u64 * BATCH;
        print_rate(&format!("durable append, batches of {BATCH}, {name} segments"), count, start.elapsed());
        print_latency("  write", &mut writes);
        print_latency("  fsync", &mut syncs);
        if pass == 0 {
            log.write_group(&[Frame::Purge { upto: LogIndex(ENTRIES - 1), log_id: b"" }])?;
            log.sync()?;
        }
    }
    Ok(())
}

/// Opening the log that [`batches`] left.
fn open_log(dir: &Path) -> Outcome<()> {
    let start = Instant::now();
    let (_, reader, recovered) = raft_log::open(Arc::new(FileDisk), dir, Options::default())?;
    let held = reader.last_index().zip(reader.first_index()).map_or(0, |(last, first)| last.0 - first.0 + 1);
    println!(
        "open a log of {held} entries, {} frames: {:.2} s",
        recovered.frames,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Writers that each wait for their own entry to be durable, served by one group commit.
fn single_writers(dir: &Path) -> Outcome<()> {
    let (log, ..) = raft_log::open(Arc::new(FileDisk), dir, Options::default())?;
    let (queue, waiting) = sync_channel::<SyncSender<()>>(usize::try_from(WRITERS)?);
    let each = 2_000;
    let start = Instant::now();
    let syncs = thread::scope(|scope| {
        let committer = scope.spawn(move || commit_groups(log, &waiting));
        for _ in 0..WRITERS {
            let queue = queue.clone();
            scope.spawn(move || {
                let (done, durable) = sync_channel(1);
                for _ in 0..each {
                    if queue.send(done.clone()).is_err() || durable.recv().is_err() {
                        return;
                    }
                }
            });
        }
        drop(queue);
        committer.join().map_err(|_| "the committing thread panicked")
    })?;
    let mut syncs = syncs.map_err(|error| error.to_string())?;
    print_rate(&format!("{WRITERS} single writers, group commit"), WRITERS * each, start.elapsed());
    println!("  {:.1} entries a commit", (WRITERS * each) as f64 / syncs.len() as f64);
    print_latency("  fsync", &mut syncs);
    Ok(())
}

/// Takes all that waits, makes it durable at once, answers each.
fn commit_groups(
    mut log: LogWriter,
    waiting: &Receiver<SyncSender<()>>,
) -> Result<Vec<Duration>, muniment_store::StorageError> {
    let bytes = entry_bytes();
    let (mut next, mut syncs) = (0, Vec::new());
    while let Ok(first) = waiting.recv() {
        let writers: Vec<SyncSender<()>> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let end = next + writers.len() as u64;
        let frames: Vec<Frame<'_>> = (next..end).map(|index| entry(index, &bytes)).collect();
        log.write_group(&frames)?;
        syncs.push(timed(|| log.sync())?);
        next = end;
        for writer in writers {
            if writer.send(()).is_err() {
                return Ok(syncs);
            }
        }
    }
    Ok(syncs)
}

/// Evidence files: append, prove, sync, open.
fn evidence(dir: &Path) -> Outcome<()> {
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    let identity = Identity {
        ledger_id: LedgerId([1; 32]),
        origin: "bench".to_owned(),
        suite: Suite::Blake3,
        bureau: BureauNumber(1),
        node_id: NodeId(1),
        incarnation: 1,
    };
    let mut opened = ledger::open(Arc::clone(&disk), dir, &identity)?;
    // Background syncs run beside the writer, as in a node.
    let (jobs, due) = sync_channel::<ledger::BackgroundSync>(1024);
    let failed = Arc::new(Mutex::new(None));
    let syncer = thread::spawn({
        let failed = Arc::clone(&failed);
        move || {
            due.iter().try_for_each(|job| job.run()).unwrap_or_else(|error| {
                *failed.lock().expect("no thread panics with the lock") = Some(error);
            })
        }
    });
    let start = Instant::now();
    for batch in 0..ENTRIES / BATCH {
        append(&mut opened.writer, batch, &jobs)?;
    }
    let count = ENTRIES;
    print_rate("evidence files, batches of 256 records of 512 B", count, start.elapsed());
    drop(jobs);
    syncer.join().map_err(|_| "the syncing thread panicked")?;
    if let Some(error) = failed.lock().map_err(|error| error.to_string())?.take() {
        return Err(error.into());
    }
    let meta = SyncPointMeta {
        position: EntryPosition { log_index: LogIndex(count), raft_term: RaftTerm(1) },
        membership: Vec::new(),
    };
    let dump: ledger::WorldDump = Box::new(|sink| sink(&[0; 4096]));
    let made = timed(|| opened.writer.prepare_sync_point(meta, Some(dump))?.run())?;
    println!("  sync point {:.1} ms", made.as_secs_f64() * 1e3);
    println!("  {:.2}x of the record bytes kept in ledger/", kept_bytes(dir)? as f64 / (count * 512) as f64);
    let (size, _) = opened.view.tree_head();
    let tree = TreeAt { suite: Suite::Blake3, tree: Tree::Ledger, size };
    let mut proofs = Vec::new();
    for proof in 0..20_000_u64 {
        let leaf = LeafIndex(proof.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size.0);
        proofs.push(timed(|| tree.inclusion_path(&opened.view, leaf))?);
    }
    print_latency(&format!("inclusion proof at {size} leaves"), &mut proofs);
    drop(opened);
    let start = Instant::now();
    let opened = ledger::open(disk, dir, &identity)?;
    println!("open evidence of {} leaves: {:.3} s", opened.view.size(), start.elapsed().as_secs_f64());
    println!("peak memory {} kB", peak_memory()?);
    Ok(())
}

fn append(writer: &mut Writer, batch: u64, jobs: &SyncSender<ledger::BackgroundSync>) -> Outcome<()> {
    let record = entry_bytes();
    let stub = Stub {
        kind: 48,
        rules: RulesVersion(1),
        class: RetentionClass::ThreeYears,
        historic: false,
        sealed: false,
        submitter: BureauNumber(1),
        accepted_at: UnixMillis(batch),
        verdict: Verdict::NONE,
        occurred_at: UnixMillis(batch),
        content: Hash([3; 32]),
    };
    let leaf = |position| AppendLeaf {
        stub: stub.encode(),
        class: stub.class,
        blind: Blind([7; 16]),
        record: &record,
        record_digest: Hash([4; 32]),
        admission: Some(0),
        position,
    };
    let leaves: Vec<AppendLeaf<'_>> = (0..u32::try_from(BATCH)?).map(leaf).collect();
    let appended = writer.append(&AppendBatch { admissions: &[&[0; 200]], leaves: &leaves })?;
    writer.publish();
    if let Some(job) = appended.background_sync {
        jobs.send(job)?;
    }
    Ok(())
}

fn entry(index: u64, bytes: &[u8]) -> Frame<'_> {
    Frame::Entry { index: LogIndex(index), raft_term: RaftTerm(1), bytes }
}

fn entry_bytes() -> Vec<u8> {
    b"muniment".iter().copied().cycle().take(ENTRY_BYTES).collect()
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<Duration, E> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

fn print_rate(what: &str, count: u64, time: Duration) {
    println!("{what}: {:.0}/s", count as f64 / time.as_secs_f64());
}

fn print_latency(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    println!("{what}: p50 {:.0} us, p99 {:.0} us", at(50), at(99));
}

fn kept_bytes(dir: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        bytes +=
            if entry.file_type()?.is_dir() { kept_bytes(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

fn peak_memory() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
