//! A swarm of faulty runs of whole clusters in virtual time, and the proof that its checker finds what reviews miss.

#![expect(clippy::print_stdout, reason = "the figures are what these tests are run for")]

use std::collections::BTreeSet;
use std::ops::Range;
use std::process::Command;

use harness::swarm::planted::Bug;
use harness::swarm::run::{Run, Scenario};
use harness::swarm::setup::Setup;
use harness::swarm::violation::Violation;

/// Seeds whose traces are compared.
const TRACED: u64 = 8;
/// Set in the process that only prints its traces' digests.
const IS_OTHER: &str = "MUNIMENT_IS_OTHER_PROCESS";

/// Seeds of a sweep.
const SEEDS: u64 = 50;

/// The seeds to run: `MUNIMENT_SEED=n` runs one alone and tells all that happened, `MUNIMENT_SEEDS=n` that many.
fn seeds() -> Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    match number("MUNIMENT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MUNIMENT_SEEDS").unwrap_or(SEEDS),
    }
}

fn run(seed: u64, plant: impl FnOnce(Setup) -> Setup) -> Run {
    Scenario::swarm(plant(Setup::honest(voters(seed)))).run(seed)
}

#[test]
fn a_swarm_of_faulty_runs_breaks_no_invariant() {
    let seeds = seeds();
    let (mut violations, mut faults, mut acknowledged, mut lost) = (0, 0, 0, 0);
    let (mut reads, mut receipts) = (0, 0);
    for seed in seeds.clone() {
        let run = run(seed, |setup| setup);
        run.violations.iter().for_each(|violation| println!("{violation}"));
        if seeds.end - seeds.start == 1 {
            run.history.events.iter().for_each(|(at, event)| println!("{at:?} {event:?}"));
        }
        let is_void = run.violations.is_empty() && run.is_void();
        assert!(!is_void, "seed {seed} is void: no fault landed, or nothing was acknowledged");
        violations += run.violations.len();
        faults += run.history.fault_count();
        acknowledged += run.history.acknowledged_count();
        lost += run.messages_lost;
        reads += run.history.read_count();
        receipts += run.history.receipt_count();
    }
    println!("{faults} faults, {lost} messages lost");
    println!("{acknowledged} acknowledgements, {reads} linearizable reads, {receipts} receipts");
    println!("{} seeds, {violations} violations", seeds.end - seeds.start);
    assert_eq!(violations, 0);
}

#[test]
fn equal_seeds_give_equal_traces_in_two_processes_and_others_do_not() {
    let digests: Vec<String> =
        (0..TRACED).map(|seed| run(seed, |setup| setup).digest().to_string()).collect();
    let line = format!("{TRACED} traces: {}", digests.join(" "));
    println!("{line}");
    if std::env::var_os(IS_OTHER).is_some() {
        return;
    }
    let distinct: BTreeSet<_> = digests.iter().collect();
    assert_eq!(distinct.len(), digests.len(), "other seeds give other traces");
    let name = "swarm::equal_seeds_give_equal_traces_in_two_processes_and_others_do_not";
    // Whatever a process draws for itself, as hash maps and addresses do, is drawn anew there.
    let binary = std::env::current_exe().expect("a test knows its binary");
    let mut other = Command::new(binary);
    let other = other.args(["--exact", name, "--nocapture"]).env(IS_OTHER, "1").output();
    let other = other.expect("the binary runs");
    let said = String::from_utf8_lossy(&other.stdout);
    assert!(said.contains(&line), "{line}\nin the other process:\n{said}");
    println!("{TRACED} of {TRACED} traces are equal in two processes");
}

fn voters(seed: u64) -> u32 {
    if seed % 3 == 2 { 5 } else { 3 }
}

#[test]
fn each_planted_bug_breaks_what_it_must_break_within_fifty_seeds() {
    for bug in Bug::ALL {
        let seen = (0..SEEDS).find_map(|seed| {
            let run = bug.scenario(bug.plant(Setup::honest(voters(seed)))).run(seed);
            // A panic may be anything, and so may a directory that no longer opens: what follows proves nothing.
            let opens = |violation: &Violation| !violation.seen.contains("it does not start");
            let is_clean = run.panics.is_empty() && run.violations.iter().all(opens);
            run.violations.into_iter().find(|violation| is_clean && bug.is_seen_in(violation))
        });
        let Some(violation) = seen else { panic!("{bug:?} was not seen within {SEEDS} seeds") };
        println!("{bug:?}: {violation}");
    }
}

#[test]
fn an_honest_node_passes_the_runs_that_were_made_for_a_bug() {
    for bug in [Bug::AcknowledgeBeforeFlush, Bug::VoteNotFlushed] {
        for seed in 0..SEEDS {
            let run = bug.scenario(Setup::honest(voters(seed))).run(seed);
            assert_eq!(run.violations, [], "{bug:?}, seed {seed}");
            assert!(!run.is_void(), "{bug:?}, seed {seed} is void");
        }
        println!("{bug:?}: {SEEDS} honest seeds, 0 violations");
    }
}
