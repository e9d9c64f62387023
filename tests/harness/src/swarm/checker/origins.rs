//! Whose submission each leaf of the final ledger is.

use std::collections::BTreeMap;

use muniment_core::Hash;

use crate::swarm::final_state::FinalState;
use crate::swarm::history::{Event, History, SubmissionId};

/// Stub kinds from here on are written by the ledger itself.
const LEDGER_KINDS: u8 = 200;

/// Where a leaf comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The ledger wrote it.
    Ledger,
    /// A client made its record.
    Submission(SubmissionId, Hash),
    /// Nobody made its record.
    Nobody(Hash),
}

/// The origin of each leaf, and when submissions began.
pub(super) struct Origins {
    /// By leaf.
    pub(super) of_leaf: Vec<Origin>,
    first_sent: BTreeMap<SubmissionId, usize>,
}

impl Origins {
    pub(super) fn new(history: &History, end: &FinalState) -> Self {
        let suite = end.founding.suite;
        let mut made: BTreeMap<Hash, SubmissionId> = BTreeMap::new();
        for (position, submitted) in history.submissions.iter().enumerate() {
            made.extend(submitted.record_digests(suite).map(|digest| (digest, SubmissionId(position))));
        }
        let mut first_sent = BTreeMap::new();
        for (position, (_, event)) in history.events.iter().enumerate() {
            if let Event::Sent { submission, .. } = event {
                first_sent.entry(*submission).or_insert(position);
            }
        }
        let origin = |stub: &[u8], digest: Hash| match made.get(&digest) {
            _ if stub[1] >= LEDGER_KINDS => Origin::Ledger,
            Some(submission) => Origin::Submission(*submission, digest),
            None => Origin::Nobody(digest),
        };
        let of_leaf = end.longest().iter().map(|leaf| origin(&leaf.stub, leaf.record_digest(suite)));
        Self { of_leaf: of_leaf.collect(), first_sent }
    }

    /// Position of the event with which a submission was first sent.
    pub(super) fn first_sent(&self, submission: SubmissionId) -> Option<usize> {
        self.first_sent.get(&submission).copied()
    }
}
