//! A swarm of faulty runs of whole clusters in virtual time, and the proof that its checker finds what reviews miss.

#![expect(clippy::print_stdout, reason = "the figures are what these tests are run for")]

use std::ops::Range;

use harness::swarm::cluster::Setup;
use harness::swarm::planted::Bug;
use harness::swarm::run::{Run, Scenario};

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
    let voters = if seed % 3 == 2 { 5 } else { 3 };
    Scenario::swarm(plant(Setup::honest(voters))).run(seed)
}

#[test]
fn a_swarm_of_faulty_runs_breaks_no_invariant() {
    let seeds = seeds();
    let (mut violations, mut faults, mut acknowledged, mut lost) = (0, 0, 0, 0);
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
    }
    println!("{faults} faults, {lost} messages lost, {acknowledged} acknowledgements");
    println!("{} seeds, {violations} violations", seeds.end - seeds.start);
    assert_eq!(violations, 0);
}

#[test]
fn equal_seeds_give_equal_traces_and_others_do_not() {
    let digests: Vec<_> = [3, 5, 8].map(|seed| run(seed, |setup| setup).digest()).into();
    let again: Vec<_> = [3, 5, 8].map(|seed| run(seed, |setup| setup).digest()).into();
    assert_eq!(digests, again);
    assert_ne!(digests[0], digests[1]);
}

#[test]
fn each_planted_bug_is_caught_within_fifty_seeds() {
    for bug in Bug::ALL {
        let caught =
            (0..SEEDS).find_map(|seed| run(seed, |setup| bug.plant(setup)).violations.into_iter().next());
        let Some(violation) = caught else { panic!("{bug:?} was not caught within {SEEDS} seeds") };
        println!("{bug:?}: {violation}");
    }
}
