//! I9: Raft's own invariants, as far as they show from outside and on disk.

use std::collections::BTreeMap;

use muniment_core::NodeId;

use super::Findings;
use crate::swarm::final_state::FinalState;
use crate::swarm::history::{Event, History};
use crate::swarm::violation::Invariant;

pub(super) fn check(findings: &mut Findings, history: &History, end: &FinalState) {
    roles(findings, history);
    campaigns_ascend(findings, history);
    logs_match(findings, end);
}

/// One leader a term (Raft 5.2); a node's term and commit index never fall, restarts included for the term.
fn roles(findings: &mut Findings, history: &History) {
    let mut leader_of: BTreeMap<u64, NodeId> = BTreeMap::new();
    let mut term_of: BTreeMap<NodeId, u64> = BTreeMap::new();
    let mut commit_of: BTreeMap<NodeId, u64> = BTreeMap::new();
    for (_, event) in &history.events {
        match event {
            // The commit index is not durable: a restarted node may know less (Raft 5.2, volatile state).
            Event::Started { node } => {
                commit_of.remove(node);
            }
            Event::Role { node, raft_term, leads, committed } => {
                let term = term_of.entry(*node).or_insert(*raft_term);
                if *raft_term < *term {
                    let seen = format!("{term}, then {raft_term}");
                    findings.report(Invariant::I9, format!("the term of node {node} never falls"), seen);
                }
                *term = (*term).max(*raft_term);
                let commit = commit_of.entry(*node).or_default();
                let committed = committed.unwrap_or_default();
                if committed < *commit {
                    let seen = format!("{commit}, then {committed}");
                    findings.report(
                        Invariant::I9,
                        format!("the commit index of node {node} never falls"),
                        seen,
                    );
                }
                *commit = committed.max(*commit);
                if *leads {
                    let leader = *leader_of.entry(*raft_term).or_insert(*node);
                    if leader != *node {
                        let seen = format!("nodes {leader} and {node}");
                        findings.report(Invariant::I9, format!("one leader in term {raft_term}"), seen);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A node that has asked for votes in a term has voted for itself; in another life it asks for votes in later terms only
/// (Raft 5.2: the vote is durable).
fn campaigns_ascend(findings: &mut Findings, history: &History) {
    let mut lives: BTreeMap<NodeId, u64> = BTreeMap::new();
    let mut campaigned: BTreeMap<NodeId, (u64, u64)> = BTreeMap::new();
    for (_, event) in &history.events {
        match event {
            Event::Started { node } => *lives.entry(*node).or_default() += 1,
            Event::Campaigned { by, raft_term } => {
                let life = lives.get(by).copied().unwrap_or_default();
                let before = campaigned.insert(*by, (life, *raft_term));
                let forgotten = before
                    .filter(|(in_life, term)| term > raft_term || (term == raft_term && *in_life != life));
                if let Some((_, term)) = forgotten {
                    let expected = format!("node {by} remembers that it voted in term {term}");
                    findings.report(
                        Invariant::I9,
                        expected,
                        format!("it asks for votes in term {raft_term}"),
                    );
                }
            }
            _ => {}
        }
    }
}

/// If two logs hold an entry of one index and term, the logs are equal up to it (Raft 5.3, log matching).
fn logs_match(findings: &mut Findings, end: &FinalState) {
    let members: Vec<_> = end.members.iter().collect();
    for (position, (a, left)) in members.iter().enumerate() {
        for (b, right) in &members[position + 1..] {
            let shared = left
                .log
                .iter()
                .rev()
                .filter_map(|(index, entry)| Some((index, entry, right.log.get(index)?)));
            let mut matching = false;
            for (index, one, other) in shared {
                matching |= one.raft_term == other.raft_term;
                if matching && one != other {
                    let expected = format!("the logs of nodes {a} and {b} match up to a common entry");
                    let terms = (one.raft_term, other.raft_term);
                    findings.report(
                        Invariant::I9,
                        expected,
                        format!("they differ at {index}, terms {terms:?}"),
                    );
                    break;
                }
            }
        }
    }
}
