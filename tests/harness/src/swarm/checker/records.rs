//! I1, I2, I3, I8: what clients were told about their records.

use std::collections::BTreeMap;

use muniment_core::{BureauNumber, Hash, LeafIndex, Stub, Suite, UnixMillis, Verdict};

use super::Findings;
use super::origins::{Origin, Origins};
use crate::swarm::final_state::{FinalLeaf, FinalState};
use crate::swarm::history::{Event, History, SubmissionId, Told};
use crate::swarm::violation::Invariant;

pub(super) fn check(findings: &mut Findings, history: &History, end: &FinalState, origins: &Origins) {
    let suite = end.founding.suite;
    let leaves = end.longest();
    no_phantom(findings, history, leaves, origins);
    let mut told_at: BTreeMap<LeafIndex, Hash> = BTreeMap::new();
    for (_, event) in &history.events {
        let Event::Acknowledged { submission, told, accepted_at, .. } = event else { continue };
        let submitted = &history.submissions[submission.0];
        if told.len() != submitted.records.len() {
            let expected = format!("one outcome for each of {} records", submitted.records.len());
            findings.report(Invariant::I1, expected, format!("{} outcomes", told.len()));
        }
        for (outcome, record) in told.iter().zip(submitted.record_digests(suite)) {
            let ledger = Ledger { leaves, suite };
            ledger.holds(findings, *submission, outcome, &record, *accepted_at);
            let Some(leaf) = leaf_of(outcome) else { continue };
            if told_at.insert(leaf, record).is_some_and(|earlier| earlier != record) {
                let seen = format!("leaf {leaf} was given to two records");
                findings.report(Invariant::I3, "one record at each index", seen);
            }
        }
    }
}

const fn leaf_of(told: &Told) -> Option<LeafIndex> {
    match told {
        Told::Appended { leaf, .. } => Some(*leaf),
        Told::Duplicate { leaf } => *leaf,
        Told::Rejected(_) => None,
    }
}

/// Every leaf is a record that its submitter's client made, sent, and sent well, and each is there once: I2 and I8.
fn no_phantom(findings: &mut Findings, history: &History, leaves: &[FinalLeaf], origins: &Origins) {
    let mut leaf_of: BTreeMap<Hash, usize> = BTreeMap::new();
    for (index, (leaf, origin)) in leaves.iter().zip(&origins.of_leaf).enumerate() {
        let (submission, digest) = match origin {
            Origin::Ledger => continue,
            Origin::Submission(submission, digest) => (*submission, *digest),
            Origin::Nobody(digest) => {
                let seen = format!("leaf {index} holds record {digest}, which nobody submitted");
                findings.report(Invariant::I2, "every leaf is somebody's record", seen);
                continue;
            }
        };
        let submitted = &history.submissions[submission.0];
        if !submitted.honest {
            let seen = format!("leaf {index} holds a record of forged submission {}", submission.0);
            findings.report(Invariant::I2, "forged and malformed submissions become no leaf", seen);
        }
        if origins.first_sent(submission).is_none() {
            let seen = format!("leaf {index} holds a record of submission {}, which was not", submission.0);
            findings.report(Invariant::I2, "every leaf was sent by somebody", seen);
        }
        let submitter = BureauNumber(u32::from_be_bytes([4, 5, 6, 7].map(|at| leaf.stub[at])));
        if submitter != submitted.bureau {
            let seen = format!("leaf {index} names bureau {submitter}");
            let expected = format!("leaf {index} names bureau {}, which submitted it", submitted.bureau);
            findings.report(Invariant::I2, expected, seen);
        }
        if let Some(earlier) = leaf_of.insert(digest, index) {
            let seen = format!("leaves {earlier} and {index} hold the same record");
            findings.report(Invariant::I8, "one request id and content is appended at most once", seen);
        }
    }
}

struct Ledger<'a> {
    leaves: &'a [FinalLeaf],
    suite: Suite,
}

impl Ledger<'_> {
    /// What a client was told about one record is what the ledger holds: I1.
    fn holds(
        &self,
        findings: &mut Findings,
        submission: SubmissionId,
        told: &Told,
        record: &Hash,
        accepted_at: UnixMillis,
    ) {
        let Some(index) = leaf_of(told) else { return };
        let expected =
            || format!("leaf {index} holds the record acknowledged to submission {}", submission.0);
        let position = usize::try_from(index.0).ok();
        let Some(leaf) = position.and_then(|position| self.leaves.get(position)) else {
            let seen = format!("the ledger ends at {}", self.leaves.len());
            findings.report(Invariant::I1, expected(), seen);
            return;
        };
        let found = leaf.record_digest(self.suite);
        if found != *record {
            findings.report(Invariant::I1, expected(), format!("another record, {found}"));
        }
        let Told::Appended { verdict, .. } = told else { return };
        match Stub::decode(&leaf.stub) {
            Ok(stub) if stub.verdict == *verdict && stub.accepted_at == accepted_at => {}
            Ok(stub) => {
                let said = stated(*verdict, accepted_at);
                let held = stated(stub.verdict, stub.accepted_at);
                findings.report(Invariant::I1, format!("leaf {index} as acknowledged, {said}"), held);
            }
            Err(error) => {
                findings.report(Invariant::I3, format!("leaf {index} has a stub"), error.to_string())
            }
        }
    }
}

fn stated(verdict: Verdict, accepted_at: UnixMillis) -> String {
    format!("verdict [{verdict}] at {accepted_at}")
}
