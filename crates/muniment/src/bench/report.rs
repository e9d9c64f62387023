//! What was measured, for people and for programs.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::disk::{self, FlushTime};
use super::load::Row;
use super::tree::{TreeRow, mib};

/// A run's figures.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    version: &'static str,
    device: String,
    record_bytes: u64,
    /// A durable write of 4 KiB, before the run.
    flush_before: FlushTime,
    /// And after it.
    pub(super) flush_after: Option<FlushTime>,
    pub(super) idle_rss_bytes: Vec<u64>,
    pub(super) loads: Vec<Row>,
    pub(super) tree: Option<TreeRow>,
}

impl Report {
    /// # Errors
    /// When the disk can't be measured.
    pub(super) fn new(device: String, record_bytes: u64, dir: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            device,
            record_bytes,
            flush_before: disk::probe(dir)?,
            flush_after: None,
            idle_rss_bytes: Vec::new(),
            loads: Vec::new(),
            tree: None,
        })
    }

    /// The report as text.
    pub(super) fn to_table(&self) -> String {
        let mut text = format!(
            "muniment {}, {} byte records, 3 members and the load on this machine, mutual TLS\ndisk {}\n",
            self.version, self.record_bytes, self.device
        );
        for (when, time) in [("before", Some(self.flush_before)), ("after", self.flush_after)] {
            if let Some(FlushTime { p50_ms, p99_ms }) = time {
                line(
                    &mut text,
                    format_args!("fdatasync of 4 KiB {when}: p50 {p50_ms:.3} ms, p99 {p99_ms:.3} ms"),
                );
            }
        }
        line(&mut text, format_args!("memory of an idle member: {}", mebibytes(&self.idle_rss_bytes)));
        if !self.loads.is_empty() {
            put_loads(&mut text, &self.loads);
        }
        if let Some(tree) = &self.tree {
            put_tree(&mut text, tree);
        }
        text.truncate(text.trim_end().len());
        text
    }
}

fn put_loads(text: &mut String, loads: &[Row]) {
    line(
        text,
        format_args!(
            "\n{:<12} {:>7} {:>10} {:>9} {:>9} {:>9} {:>12} {:>12} {:>8}",
            "load",
            "workers",
            "records/s",
            "p50 ms",
            "p99 ms",
            "max ms",
            "us/rec/node",
            "us/rec load",
            "written"
        ),
    );
    for row in loads {
        line(
            text,
            format_args!(
                "{:<12} {:>7} {:>10.0} {:>9.3} {:>9.3} {:>9.3} {:>12.1} {:>12.1} {:>7.1}x",
                row.name,
                row.workers,
                row.records_per_s,
                row.p50_ms,
                row.p99_ms,
                row.max_ms,
                row.node_cpu_us,
                row.load_cpu_us,
                row.written_ratio
            ),
        );
    }
}

fn put_tree(text: &mut String, tree: &TreeRow) {
    line(text, format_args!("\nat {} leaves", tree.leaves));
    line(text, format_args!("memory of a member: {}", mebibytes(&tree.rss_bytes)));
    line(
        text,
        format_args!(
            "receipt: p50 {:.3} ms, p99 {:.3} ms with its verification; {:.1} us at the server (mean), p50 below {:.0} us",
            tree.receipt_p50_ms, tree.receipt_p99_ms, tree.receipt_server_us, tree.receipt_server_p50_us
        ),
    );
    line(
        text,
        format_args!(
            "restart of a member to its first linearizable answer: {:.0} ms, then {} MiB",
            tree.restart_ms,
            mib(tree.restarted_rss_bytes)
        ),
    );
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes everything");
}

fn mebibytes(bytes: &[u64]) -> String {
    let each: Vec<String> = bytes.iter().map(|bytes| format!("{}", mib(*bytes))).collect();
    format!("{} MiB", each.join(", "))
}
