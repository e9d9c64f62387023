//! Holds a finished run against the invariants (07): what clients were told, what nodes signed, what lies on the disks,
//! and what follows from the log when everything is derived again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use muniment_core::checkpoint::CheckpointBody;
use muniment_core::founding::Founding;
use muniment_core::tree::Frontier;
use muniment_core::verify::{Outcome as Verified, verify};
use muniment_core::{Hash, LeafIndex, LogIndex, NodeId, Tree, TreeSize};
use muniment_ledger::{EntryPosition, Ledger, Outcome, verify_batch};
use muniment_raft::{Environment, Handle};
use muniment_store::disk::Disk;
use muniment_store::raft_log;

use crate::faulty_links::Statement;
use crate::simulation::Acknowledged;

/// Bytes of an entry before its batch: format, log id, content (`docs/data-format.md`, "Raft log").
const ENTRY_PREFIX: usize = 1 + 24 + 1;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its number.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// What follows from one node's log, derived from nothing but the founding file.
struct Derived {
    /// Record bytes of each leaf.
    records: Vec<Vec<u8>>,
    /// Root at each size, from 0.
    roots: Vec<Hash>,
}

/// Collects violations.
pub struct Checker {
    founding: Founding,
    violations: Vec<Violation>,
    hasher: DefaultHasher,
    signed: BTreeMap<TreeSize, Vec<(NodeId, CheckpointBody)>>,
}

impl Checker {
    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(founding: Founding) -> Self {
        Self { founding, violations: Vec::new(), hasher: DefaultHasher::new(), signed: BTreeMap::new() }
    }

    /// Notes a violation.
    pub fn note(&mut self, invariant: &'static str, what: String) {
        self.violations.push(Violation { invariant, what });
    }

    /// All violations.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.violations.clone()
    }

    /// Digest of what was acknowledged, stated and stored.
    #[must_use]
    pub fn digest(&self, history: &[Acknowledged], elapsed: Duration) -> u64 {
        let mut hasher = self.hasher.clone();
        for acknowledged in history {
            acknowledged.submission.request_id.0.hash(&mut hasher);
            format!("{:?}", acknowledged.outcomes).hash(&mut hasher);
        }
        elapsed.hash(&mut hasher);
        hasher.finish()
    }

    /// I6: receipts that nodes hand out verify with the trust file alone.
    pub async fn check_receipts<R: Environment>(&mut self, nodes: &[Handle<R>]) {
        for node in nodes {
            let cosigned = node.status().cosigned_size.0;
            for leaf in
                [0, cosigned / 2, cosigned.saturating_sub(1)].into_iter().filter(|leaf| *leaf < cosigned)
            {
                match node.receipt(LeafIndex(leaf)).await {
                    Ok(receipt) => {
                        let verification = verify(&receipt.encode(), &node.trust_file());
                        if verification.outcome != Verified::Verified {
                            self.note("I6", format!("receipt of leaf {leaf}: {:?}", verification.failure));
                        }
                    }
                    Err(error) => self.note("I6", format!("no receipt of leaf {leaf}: {error}")),
                }
            }
        }
    }

    /// I4 and I9: what nodes stated on the network.
    pub fn check_statements(&mut self, statements: &[Statement]) {
        let mut candidacies: BTreeMap<NodeId, (u64, u64)> = BTreeMap::new();
        let mut largest: BTreeMap<NodeId, CheckpointBody> = BTreeMap::new();
        for statement in statements {
            format!("{statement:?}").hash(&mut self.hasher);
            match statement {
                Statement::Candidate { by, life, raft_term } => {
                    let (last_life, last_term) =
                        candidacies.insert(*by, (*life, *raft_term)).unwrap_or_default();
                    let regressed = *raft_term < last_term || (*raft_term == last_term && *life != last_life);
                    if regressed {
                        self.note(
                            "I9",
                            format!("node {by} forgot its vote of term {last_term}: asks for {raft_term}"),
                        );
                    }
                }
                Statement::Signed { by, body } => self.check_signed(*by, body, &mut largest),
            }
        }
    }

    fn check_signed(&mut self, by: NodeId, text: &str, largest: &mut BTreeMap<NodeId, CheckpointBody>) {
        let Ok(body) = CheckpointBody::parse(text) else {
            self.note("I4", format!("node {by} signed what is no checkpoint"));
            return;
        };
        if let Some(last) = largest.get(&by)
            && (body.size < last.size || (body.size == last.size && body != *last))
        {
            self.note("I4", format!("node {by} signed size {} after size {}", body.size, last.size));
        }
        let others = self.signed.entry(body.size).or_default();
        let contradicted = others.iter().find(|(_, other)| *other != body).map(|(other, _)| *other);
        if !others.iter().any(|(signer, _)| *signer == by) {
            others.push((by, body.clone()));
        }
        if let Some(other) = contradicted {
            self.note("I4", format!("nodes {by} and {other} signed different bodies of size {}", body.size));
        }
        largest.insert(by, body);
    }

    /// I1, I2, I3, I5, I8, I10: what lies on the disks, against what was acknowledged, signed, and derived again.
    /// Answers the number of leaves.
    pub fn check_disks(
        &mut self,
        disks: &[(NodeId, Arc<dyn Disk>)],
        data_dir: &Path,
        history: &[Acknowledged],
    ) -> u64 {
        let mut files: Vec<(NodeId, BTreeMap<PathBuf, Vec<u8>>)> = Vec::new();
        let mut derived = None;
        for (id, disk) in disks {
            match evidence(&**disk, &data_dir.join("ledger")) {
                Ok(found) => files.push((*id, found)),
                Err(error) => self.note("I10", format!("node {id}: files can't be read: {error}")),
            }
            match self.derive(disk, data_dir) {
                Ok(again) => {
                    derived.get_or_insert(again);
                }
                Err(error) => self.note("I10", format!("node {id}: its log can't be derived again: {error}")),
            }
        }
        for pair in files.windows(2) {
            let ((one, left), (other, right)) = (&pair[0], &pair[1]);
            let differing = left.keys().chain(right.keys()).find(|path| left.get(*path) != right.get(*path));
            if let Some(path) = differing {
                self.note("I10", format!("{} differs between nodes {one} and {other}", path.display()));
            }
        }
        let Some(derived) = derived else { return 0 };
        if let Some(root) = derived.roots.last() {
            root.0.hash(&mut self.hasher);
        }
        self.check_history(&derived, history);
        self.check_roots(&derived);
        derived.records.len() as u64
    }

    fn check_history(&mut self, derived: &Derived, history: &[Acknowledged]) {
        let mut submitted: BTreeSet<&[u8]> = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for Acknowledged { submission, outcomes } in history {
            for (record, outcome) in submission.records.iter().zip(outcomes) {
                submitted.insert(&record.bytes);
                let leaf = match outcome {
                    Outcome::Appended { leaf, .. } => {
                        if !taken.insert(*leaf) {
                            self.note("I3", format!("leaf {leaf} was acknowledged twice"));
                        }
                        *leaf
                    }
                    Outcome::Duplicate { leaf: Some(leaf) } => *leaf,
                    Outcome::Duplicate { leaf: None } => continue,
                    Outcome::Rejected(rejection) => {
                        self.note("I1", format!("a valid record was refused: {rejection}"));
                        continue;
                    }
                };
                let found = usize::try_from(leaf.0).ok().and_then(|leaf| derived.records.get(leaf));
                if found.is_none_or(|found| found[..] != record.bytes[..]) {
                    self.note("I1", format!("leaf {leaf} was acknowledged, and is not there"));
                }
            }
        }
        let mut seen = BTreeSet::new();
        for (leaf, record) in derived.records.iter().enumerate() {
            if !seen.insert(record.as_slice()) {
                self.note("I8", format!("leaf {leaf} holds a record that is there already"));
            }
        }
    }

    /// I5 and the independent part of I4: every body that was ever signed is a state of the one tree.
    fn check_roots(&mut self, derived: &Derived) {
        let signed = std::mem::take(&mut self.signed);
        for (size, bodies) in &signed {
            let root = usize::try_from(size.0).ok().and_then(|size| derived.roots.get(size));
            for (by, body) in bodies {
                if root != Some(&body.root) {
                    self.note(
                        "I5",
                        format!("node {by} signed a root of size {size} that the tree never had"),
                    );
                }
            }
        }
        self.signed = signed;
    }

    /// Applies a node's whole log to a ledger founded anew.
    fn derive(&self, disk: &Arc<dyn Disk>, data_dir: &Path) -> Result<Derived, String> {
        let options = raft_log::Options { segment_bytes: 256 * 1024, ..raft_log::Options::default() };
        let opened = raft_log::open(Arc::clone(disk), &data_dir.join("raft"), options);
        let (_, reader, _) = opened.map_err(|error| error.to_string())?;
        let end = reader.last_index().map_or(0, |last| last.0 + 1);
        let entries = reader.read(LogIndex(0)..LogIndex(end), u64::MAX).map_err(|error| error.to_string())?;
        let mut ledger = Ledger::found(&self.founding);
        let (context, suite) = (ledger.context(), self.founding.suite);
        let mut tree = Frontier::new(suite, Tree::Ledger);
        let mut derived = Derived { records: Vec::new(), roots: vec![tree.root()] };
        for entry in entries {
            // Content 1: a batch follows.
            if entry.bytes.get(ENTRY_PREFIX - 1) != Some(&1) {
                continue;
            }
            let batch = verify_batch(&context, Arc::from(&entry.bytes[ENTRY_PREFIX..]));
            let at = EntryPosition { log_index: entry.index, raft_term: entry.raft_term };
            let applied = ledger.apply(at, &batch).map_err(|halt| halt.to_string())?;
            for leaf in applied.leaves {
                tree.push(leaf.stub.leaf_hash(suite), |_, _, _| ());
                derived.roots.push(tree.root());
                derived.records.push(leaf.record.to_vec());
            }
        }
        Ok(derived)
    }
}

/// The evidence files that all members have alike: records, admissions, stubs, tree.
fn evidence(disk: &dyn Disk, ledger_dir: &Path) -> std::io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut pending: Vec<PathBuf> = ["records", "admissions", "stubs", "tree"].map(PathBuf::from).to_vec();
    while let Some(dir) = pending.pop() {
        for entry in disk.list(&ledger_dir.join(&dir))? {
            let path = dir.join(&entry.name);
            if entry.is_dir {
                pending.push(path);
                continue;
            }
            let file = disk.open(&ledger_dir.join(&path))?;
            let mut bytes = vec![0; usize::try_from(file.len()?).expect("simulated files are small")];
            file.read_at(&mut bytes, 0)?;
            found.insert(path, bytes);
        }
    }
    Ok(found)
}
