//! Whole clusters on virtual time: faults, then the checker; and the checker itself, proven by planted bugs.

#![expect(clippy::print_stdout, reason = "the figures are what these tests are run for")]

use std::time::Duration;

use harness::plant::Plant;
use harness::simulation::{Report, Scenario, load, p99, run};
use muniment_core::{Flag, Suite, Verdict};

/// Seeds of one sweep.
const SEEDS: u64 = 50;

fn scenario(plant: Plant) -> Scenario {
    Scenario { suite: Suite::Blake3, nodes: 3, plant }
}

fn insist_that_faults_fell(seed: u64, report: &Report) {
    let faults = report.faults;
    assert!(faults.lost + faults.crashes + faults.cuts > 0, "seed {seed} is void: no fault fell");
    assert!(report.acknowledged > 0, "seed {seed} is void: nothing was acknowledged");
}

#[test]
fn fifty_seeds_of_crashes_cuts_and_losses_break_nothing() {
    let mut red = 0;
    let (mut leaves, mut crashes, mut lost) = (0, 0, 0);
    for seed in 0..SEEDS {
        let report = run(seed, &scenario(Plant::None));
        insist_that_faults_fell(seed, &report);
        leaves += report.leaves;
        crashes += report.faults.crashes;
        lost += report.faults.lost;
        for violation in &report.violations {
            println!("seed {seed}: {}: {}", violation.invariant, violation.what);
            red += 1;
        }
    }
    println!("{leaves} leaves, {crashes} crashes, {lost} messages lost");
    println!("{SEEDS} seeds, {red} violations");
    assert_eq!(red, 0);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [3, 8, 13] {
        let (first, second) = (run(seed, &scenario(Plant::None)), run(seed, &scenario(Plant::None)));
        assert_eq!(first.digest, second.digest, "seed {seed}");
        assert_eq!(first.acknowledged, second.acknowledged, "seed {seed}");
    }
}

/// Runs seeds until the planted bug is seen; answers how many it took.
fn red_within_fifty(plant: Plant) {
    for seed in 0..SEEDS {
        let outcome = std::panic::catch_unwind(|| run(seed, &scenario(plant)));
        let seen = match outcome {
            Ok(report) => report.violations.first().map(|v| format!("{}: {}", v.invariant, v.what)),
            Err(_) => Some("a broken invariant panicked".to_owned()),
        };
        if let Some(seen) = seen {
            println!("{plant:?}: red at seed {seed}: {seen}");
            return;
        }
    }
    panic!("{plant:?} was not seen within {SEEDS} seeds");
}

#[test]
fn acknowledging_before_the_flush_is_seen() {
    red_within_fifty(Plant::AcknowledgeBeforeFsync);
}

#[test]
fn a_vote_that_is_not_flushed_is_seen() {
    red_within_fifty(Plant::VoteNotSynced);
}

#[test]
fn a_clock_read_while_applying_is_seen() {
    red_within_fifty(Plant::WallClockInApply);
}

#[test]
fn the_order_of_a_hash_map_while_applying_is_seen() {
    red_within_fifty(Plant::HashMapOrderInApply);
}

#[test]
fn signing_before_recomputing_is_seen() {
    red_within_fifty(Plant::SignBeforeRecomputing);
}

#[test]
fn sizes_that_each_node_chooses_are_seen() {
    red_within_fifty(Plant::NodeChosenSealSizes);
}

#[test]
fn sizes_reach_q_at_least_every_fifty_milliseconds_under_cosigned_load() {
    for nodes in [5, 7] {
        let load = load(7, nodes, Duration::from_secs(10), Plant::None, None);
        let p99 = p99(&load.between_cosigned);
        println!(
            "{nodes} members: {} sizes reached q, p99 between them {p99:?}",
            load.between_cosigned.len()
        );
        assert!(load.between_cosigned.len() > 100, "{nodes} members");
        assert!(p99 <= Duration::from_millis(50), "{nodes} members: {p99:?}");
        assert_eq!(load.not_running, 0);
    }
}

#[test]
fn an_apply_that_stalls_for_ten_seconds_on_one_follower_costs_the_others_nothing() {
    let seconds = Duration::from_secs;
    let calm = load(11, 3, seconds(14), Plant::None, None);
    let stalled = load(11, 3, seconds(14), Plant::None, Some((seconds(3), seconds(13))));
    let (calm, stalled) = (p99(&calm.latencies), p99(&stalled.latencies));
    println!("p99 of acknowledgements: {calm:?} without a stall, {stalled:?} beside one");
    assert!(stalled <= calm * 2, "{stalled:?} beside a stall, {calm:?} without");
}

#[test]
fn a_rule_that_panics_flags_x01_on_every_node_and_stops_none() {
    let load = load(5, 3, Duration::from_secs(3), Plant::PanickingRule, None);
    assert!(load.verdicts.len() > 50, "{} leaves", load.verdicts.len());
    for (leaf, verdict) in load.verdicts {
        let flagged = Verdict(verdict).has(Flag::X01);
        assert_eq!(flagged, leaf % 5 == 3, "leaf {leaf}");
    }
    assert_eq!(load.not_running, 0);
    assert!(load.same_root, "every node has the same verdicts in its tree");
}
