//! `muniment bench`: figures that can be true, and a sentence where there are none.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::ledger::{json, munimentd};
use crate::muniment::{Ended, muniment, say};

/// Runs that may find the machine too busy to measure.
const TRIES: usize = 3;

fn bench(arguments: &[&str]) -> Ended {
    let program = munimentd();
    let fixed = ["bench", "--munimentd", program.to_str().expect("UTF-8"), "--window", "1", "--warm-up", "0"];
    muniment(fixed.iter().chain(arguments))
}

fn number(of: &Value, name: &str) -> f64 {
    of[name].as_f64().unwrap_or_else(|| panic!("{name}: {of}"))
}

#[test]
fn a_short_run_gives_figures_that_fit_together_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory beside the build");
    let path = dir.path().to_str().expect("UTF-8");
    let run = || bench(&["--dir", path, "--only", "single-1", "--leaves", "0", "-o", "json"]);
    let mut runs = (0..TRIES).map(|_| run());
    let ended = runs.find(|ended| !ended.stderr.contains("too busy to measure"));
    let report = json(&ended.expect("a run on a quiet machine").expect_code(0));

    assert_eq!(report["record_bytes"], 512);
    assert_eq!(report["tree"], Value::Null, "no leaves were asked for");
    let memory = report["idle_rss_bytes"].as_array().expect("of each member");
    assert_eq!(memory.len(), 3);
    for bytes in memory.iter().map(|bytes| bytes.as_u64().expect("a number")) {
        assert!((4 << 20..512 << 20).contains(&bytes), "{bytes} bytes of an idle member");
    }
    for flush in ["flush_before", "flush_after"] {
        let flush = &report[flush];
        assert!(
            number(flush, "p50_ms") > 0.0 && number(flush, "p50_ms") <= number(flush, "p99_ms"),
            "{flush}"
        );
    }
    let [load] = &report["loads"].as_array().expect("loads")[..] else { panic!("one load: {report}") };
    assert_eq!((&load["name"], &load["workers"]), (&"single-1".into(), &1.into()));
    // One record a call, in a window of one second.
    let calls = number(load, "calls");
    assert!(calls >= 5.0 && number(load, "records_per_s") == calls, "{load}");
    let times = ["p50_ms", "p99_ms", "max_ms"].map(|name| number(load, name));
    assert!(times[0] > 0.0 && times.is_sorted() && times[2] <= 1_000.0, "{load}");
    // One worker, one call at a time: its calls fill the second.
    assert!(calls * times[0] <= 2_000.0 && calls * times[2] >= 500.0, "{load}");
    assert!(number(load, "node_cpu_us") > 1.0 && number(load, "load_cpu_us") > 1.0, "{load}");
    assert!(number(load, "written_ratio") >= 1.0, "every byte is written at least once: {load}");
    assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 0, "nothing is left behind");
}

#[test]
fn a_disk_in_memory_and_a_load_that_there_is_not_are_refused_with_what_to_do() {
    if Path::new("/dev/shm").is_dir() {
        let refused = bench(&["--dir", "/dev/shm", "--only", "single-1", "--leaves", "0"]).expect_code(2);
        let expected = "/dev/shm is in memory: name a directory on a disk by --dir";
        assert!(refused.stderr.contains(expected) && refused.stdout.is_empty(), "{}", refused.stderr);
    } else {
        say("SKIPPED: THERE IS NO /dev/shm TO REFUSE");
    }
    let dir = env!("CARGO_TARGET_TMPDIR");
    for rest in [&["--leaves", "0"][..], &[], &["--only", "single-1"]] {
        let refused = bench(&[&["--dir", dir, "--only", "singel-1"], rest].concat()).expect_code(2);
        assert!(refused.stderr.contains("singel-1"), "it names what it does not know: {}", refused.stderr);
        assert!(refused.stderr.contains("single-64, cosigned-64"), "and what there is: {}", refused.stderr);
    }
}
