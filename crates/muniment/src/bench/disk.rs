//! The disk under the members: which it is, and what a flush costs on it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::fs::statfs;
use serde::Serialize;

use super::load::quantile;
use crate::exit::UsageError;

/// File system numbers of tmpfs and ramfs (Linux, `statfs(2)`).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
/// Flushes of a probe.
const FLUSHES: usize = 200;

/// What a durable write of 4 KiB takes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct FlushTime {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

/// A directory of this run's own; gone when dropped.
pub(super) struct Scratch {
    pub(super) path: PathBuf,
}

impl Scratch {
    /// # Errors
    /// When the parent can't be written to.
    pub(super) fn make(parent: &Path) -> anyhow::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).context("draw a name")?;
        let path = parent.join(format!("muniment-bench-{:016x}", u64::from_be_bytes(random)));
        fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is in the way of nobody but the disk.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// The device that a directory lies on.
///
/// # Errors
/// [`UsageError`] for a file system in memory: a flush costs nothing there, and no figure would mean anything.
pub(super) fn insist_on_a_disk(dir: &Path) -> anyhow::Result<String> {
    let about = statfs(dir).with_context(|| format!("look at the file system of {}", dir.display()))?;
    let kind = u64::try_from(about.f_type).unwrap_or_default();
    if IN_MEMORY.contains(&(kind & 0xffff_ffff)) {
        let why = format!("{} is in memory: name a directory on a disk by --dir", dir.display());
        return Err(UsageError(why).into());
    }
    let dir = fs::canonicalize(dir).with_context(|| format!("find {}", dir.display()))?;
    let mounts = fs::read_to_string("/proc/self/mounts").context("read the mounts")?;
    let mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, at, kind) = (words.next()?, words.next()?, words.next()?);
        dir.starts_with(at).then(|| (at.len(), format!("{device} ({kind})")))
    });
    Ok(mounted.max_by_key(|(length, _)| *length).map_or_else(|| "unknown".to_owned(), |(_, name)| name))
}

/// Writes 4 KiB and flushes, many times.
///
/// # Errors
/// What the disk answers.
pub(super) fn probe(dir: &Path) -> anyhow::Result<FlushTime> {
    let path = dir.join("flush-probe");
    let mut file = File::create(&path).with_context(|| format!("write {}", path.display()))?;
    let block = [0x5a; 4096];
    let mut times = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let begun = Instant::now();
        file.write_all(&block).context("write a block")?;
        file.sync_data().context("flush a block")?;
        times.push(begun.elapsed());
    }
    fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    times.sort_unstable();
    Ok(FlushTime { p50_ms: ms(quantile(&times, 50)), p99_ms: ms(quantile(&times, 99)) })
}

/// A time in milliseconds, to microseconds.
pub(super) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
