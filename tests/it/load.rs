//! Whole clusters under calm load, in virtual time: what must be quick, and what must not stop them.

#![expect(clippy::print_stdout, reason = "the figures are what these tests are run for")]

use std::sync::Arc;
use std::time::Duration;

use harness::swarm::load::{Load, Measured, p99};
use harness::swarm::setup::Setup;
use muniment_core::{Flag, RulesVersion, Stub};
use muniment_ledger::World;
use muniment_ledger::judge::{Candidate, Judgement, Rules};
use muniment_ledger::rules::V1;

fn measure(seed: u64, setup: Setup, duration: Duration, apply_stall: Duration) -> Measured {
    let load = Load { setup, duration, apply_stall };
    let measured = load.run(seed).expect("a calm run ends");
    assert_eq!((&measured.not_running[..], &measured.unreadable[..]), (&[][..], &[][..]));
    measured
}

#[test]
fn sizes_reach_q_at_least_every_fifty_milliseconds_under_cosigned_load() {
    for members in [5, 7] {
        let load = measure(7, Setup::honest(members), Duration::from_secs(10), Duration::ZERO);
        let (count, p99) = (load.between_cosigned.len(), p99(&load.between_cosigned));
        println!("{members} members: {count} sizes reached q, p99 of the time between them {p99:?}");
        assert!(count > 100, "{members} members: {count} sizes");
        assert!(p99 <= Duration::from_millis(50), "{members} members: {p99:?}");
    }
}

#[test]
fn an_apply_that_stalls_for_ten_seconds_on_one_follower_costs_the_others_nothing() {
    let run = |stall| measure(12, Setup::honest(3), Duration::from_secs(13), stall);
    let (calm, stalled) = (run(Duration::ZERO), run(Duration::from_secs(10)));
    assert!(
        stalled.behind > 1_000 && calm.behind < 50,
        "void: {} and {} leaves",
        stalled.behind,
        calm.behind
    );
    println!("the follower was {} leaves behind", stalled.behind);
    let counts = (calm.acknowledged_after.len(), stalled.acknowledged_after.len());
    let (calm, stalled) = (p99(&calm.acknowledged_after), p99(&stalled.acknowledged_after));
    println!(
        "p99 of {} acknowledgements without a stall {calm:?}, of {} beside one {stalled:?}",
        counts.0, counts.1
    );
    assert!(counts.1 * 100 >= counts.0 * 99, "{counts:?} acknowledgements");
    assert!(stalled <= calm.mul_f64(1.05), "{stalled:?} beside a stall, {calm:?} without");
}

/// The rules of this build, but every fifth leaf makes them panic.
#[derive(Debug)]
struct PanicsAtEveryFifth;

impl PanicsAtEveryFifth {
    const fn panics_at(leaf: u64) -> bool {
        leaf % 5 == 3
    }

    fn look_at(leaf: u64) {
        assert!(!Self::panics_at(leaf), "a rule that fails for every fifth leaf");
    }
}

impl Rules for PanicsAtEveryFifth {
    fn version(&self) -> RulesVersion {
        V1.version()
    }

    fn judge(&self, world: &World, candidate: &Candidate<'_>) -> Judgement {
        Self::look_at(candidate.leaf.0);
        V1.judge(world, candidate)
    }
}

#[test]
fn a_rule_that_panics_flags_x01_on_every_node_and_stops_none() {
    let setup = Setup { rules: Some(|_| Arc::new(PanicsAtEveryFifth)), ..Setup::honest(3) };
    let load = measure(5, setup, Duration::from_secs(3), Duration::ZERO);
    assert_eq!(load.end.members.len(), 3);
    for (node, member) in &load.end.members {
        let mut flagged = 0;
        for (index, leaf) in (0..).zip(&member.leaves) {
            let stub = Stub::decode(&leaf.stub).expect("a stored stub");
            let expected = stub.submitter.0 != 0 && PanicsAtEveryFifth::panics_at(index);
            assert_eq!(stub.verdict.has(Flag::X01), expected, "node {node}, leaf {index}");
            flagged += usize::from(expected);
        }
        println!("node {node}: X01 on {flagged} of {} leaves", member.leaves.len());
        assert!(flagged > 10, "node {node}: {flagged} leaves");
    }
}
