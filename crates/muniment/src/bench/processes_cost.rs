//! What the members' processes use, as the kernel counts it (`proc(5)`).

use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use rustix::param::{clock_ticks_per_second, page_size};

use crate::processes::Processes;

/// What all members used since they were started.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    /// User and system time of all of them.
    pub(super) cpu: Duration,
    /// Bytes that went to the disk for them.
    pub(super) written: u64,
}

/// What the members have used so far.
///
/// # Errors
/// When one has ended.
pub(super) fn used(processes: &Processes) -> anyhow::Result<Used> {
    let mut used = Used::default();
    for pid in pids(processes)? {
        used.cpu += cpu(&pid)?;
        let io = read(&pid, "io")?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        used.written += written.and_then(|bytes| bytes.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(used)
}

/// The CPU time of this process: the load's.
///
/// # Errors
/// Without `/proc`.
pub(super) fn own_cpu() -> anyhow::Result<Duration> {
    cpu("self")
}

/// Memory in use of each member, bytes.
///
/// # Errors
/// When one has ended.
pub(super) fn rss(processes: &Processes) -> anyhow::Result<Vec<u64>> {
    let page = u64::try_from(page_size()).context("the size of a page")?;
    let of = |pid: String| {
        let statm = read(&pid, "statm")?;
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
        Ok(pages.with_context(|| format!("read the memory of process {pid}"))? * page)
    };
    pids(processes)?.into_iter().map(of).collect()
}

fn pids(processes: &Processes) -> anyhow::Result<Vec<String>> {
    let of = |member| processes.pid(member).map(|pid| pid.to_string()).context("a member does not run");
    (0..processes.len()).map(of).collect()
}

fn cpu(pid: &str) -> anyhow::Result<Duration> {
    let stat = read(pid, "stat")?;
    // The name in parentheses may hold anything; what follows it does not.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = |field: usize| fields.split(' ').nth(field).and_then(|ticks| ticks.parse::<u64>().ok());
    let used = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
    let used = used.with_context(|| format!("read the times of process {pid}"))?;
    Ok(Duration::from_millis(used * 1_000 / clock_ticks_per_second().max(1)))
}

fn read(pid: &str, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).with_context(|| format!("read {path}"))
}
