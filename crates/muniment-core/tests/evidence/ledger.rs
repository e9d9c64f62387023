//! A small ledger built by hand: leaves, admissions, epochs, checkpoints and receipts with known keys.

use muniment_core::admission::{Admission, Submission};
use muniment_core::checkpoint::Checkpoint;
use muniment_core::derived::Derived;
use muniment_core::digest::{content_digest, record_digest, terms_digest};
use muniment_core::founding::Founding;
use muniment_core::handover::Handover;
use muniment_core::leaf::{Content, LeafProof};
use muniment_core::members::{MemberList, quorum};
use muniment_core::receipt::{AdmissionProof, Receipt};
use muniment_core::terms::{Term, term_keys, terms_of};
use muniment_core::tree::{MemoryTree, TreeAt};
use muniment_core::trust::TrustFile;
use muniment_core::v1::record::Body;
use muniment_core::{
    Blind, BureauNumber, Flag, Hash, Kind, LeafIndex, LogIndex, RaftTerm, RequestId, RetentionClass,
    RulesVersion, Stub, Suite, Tree, TreeSize, UnixMillis, Verdict, record, v1,
};

use crate::fixture::{Bureau, TIME_S, body, bureaus, cosigned, founding};

/// When the first leaf was accepted, in milliseconds.
const ACCEPTED_AT_MS: u64 = TIME_S * 1_000 - 400;

/// One leaf with all that a receipt needs of it.
pub(crate) struct Leaf {
    stub: Stub,
    content: Content,
    terms_digest: Hash,
    admission: Option<AdmissionProof>,
}

/// A ledger in memory.
pub(crate) struct Ledger {
    pub(crate) suite: Suite,
    pub(crate) founding: Founding,
    pub(crate) bureaus: Vec<Bureau>,
    pub(crate) epochs: Vec<MemberList>,
    pub(crate) handovers: Vec<Handover>,
    pub(crate) leaves: Vec<Leaf>,
    tree: MemoryTree,
}

impl Ledger {
    /// A ledger that four bureaus found; without leaves.
    pub(crate) fn found(suite: Suite) -> Self {
        let bureaus = bureaus(suite, 4);
        let founding = founding(suite, &bureaus);
        let epochs = vec![founding.members()];
        let tree = MemoryTree::new(suite, Tree::Ledger);
        Self { suite, founding, bureaus, epochs, handovers: Vec::new(), leaves: Vec::new(), tree }
    }

    /// A ledger of ten leaves in two epochs: two admissions of accesses, a member that leaves, a derived statement, one
    /// more access under the new members.
    pub(crate) fn sample(suite: Suite) -> Self {
        let mut ledger = Self::found(suite);
        ledger.admit(1, (0..3).map(|number| access(&ledger, 1, number)).collect());
        ledger.admit(2, (3..7).map(|number| access(&ledger, 2, number)).collect());
        ledger.remove_member(4);
        ledger.derive();
        ledger.admit(3, vec![access(&ledger, 3, 8)]);
        ledger
    }

    /// Its trust file: epoch 0.
    pub(crate) fn trust(&self) -> TrustFile {
        TrustFile::of_founding(&self.founding)
    }

    /// Number of leaves.
    pub(crate) const fn size(&self) -> TreeSize {
        self.tree.size()
    }

    /// Its tree as it is.
    pub(crate) const fn tree(&self) -> &MemoryTree {
        &self.tree
    }

    fn push(&mut self, stub: Stub, content: Content, terms_digest: Hash, admission: Option<AdmissionProof>) {
        self.tree.push(stub.leaf_hash(self.suite));
        self.leaves.push(Leaf { stub, content, terms_digest, admission });
    }

    fn accepted_at(&self) -> UnixMillis {
        UnixMillis(ACCEPTED_AT_MS + self.size().0)
    }

    /// Appends the records of one admission of a bureau's node; every second one is flagged A01.
    pub(crate) fn admit(&mut self, bureau: u32, records: Vec<v1::Record>) {
        let suite = self.suite;
        let blinds: Vec<Blind> = (0..).map(|number| Blind([number; 16])).take(records.len()).collect();
        let bytes: Vec<Vec<u8>> =
            records.iter().map(|one| record::encode(one).expect("a valid record")).collect();
        let digests: Vec<Hash> =
            blinds.iter().zip(&bytes).map(|(blind, bytes)| record_digest(suite, blind, bytes)).collect();
        let count = u32::try_from(records.len()).expect("few");
        let request_id = RequestId::new(self.accepted_at(), [7; 10]);
        let key = &self.bureaus[usize::try_from(bureau - 1).expect("small")].admission;
        let submissions = vec![Submission { request_id, count }];
        let admission =
            Admission::sign(suite, &self.founding.origin, key, submissions, digests.iter().copied());
        let leaves = digests.iter().map(|digest| suite.leaf(Tree::Admission, &digest.0));
        let admitted = MemoryTree::over(suite, Tree::Admission, leaves);
        let at = TreeAt { suite, tree: Tree::Admission, size: admitted.size() };
        for (position, one) in (0_u32..).zip(&records) {
            let here = usize::try_from(position).expect("few");
            let kind = record::kind(one).expect("a body");
            let verdict = if position % 2 == 1 { Verdict::NONE.with(Flag::A01) } else { Verdict::NONE };
            let terms_digest = terms_digest(suite, &term_keys(suite, &terms_of(one, kind), verdict));
            let stub = Stub {
                kind: kind.number(),
                rules: RulesVersion(1),
                class: kind.row().class,
                historic: one.historic,
                sealed: record::is_sealed(one),
                submitter: BureauNumber(bureau),
                accepted_at: self.accepted_at(),
                verdict,
                occurred_at: UnixMillis(one.occurred_at.as_ref().expect("stated").unix_ms),
                content: content_digest(suite, &digests[here], &terms_digest),
            };
            let path = at.inclusion_path(&admitted, LeafIndex(u64::from(position))).expect("inside");
            let proof = AdmissionProof { admission: admission.encode(), position, path };
            let content = Content::Open { blind: blinds[here], record: bytes[here].clone() };
            self.push(stub, content, terms_digest, Some(proof));
        }
    }

    /// Appends a derived statement, a record that the ledger writes itself.
    pub(crate) fn derive(&mut self) {
        self.derive_with(Blind::ZERO, |_| ());
    }

    /// Appends a derived statement as an honest ledger never does.
    pub(crate) fn derive_with(&mut self, blind: Blind, change: impl Fn(&mut Stub)) {
        let suite = self.suite;
        let derived = Derived {
            size: self.size(),
            log_index: LogIndex(3),
            raft_term: RaftTerm(1),
            index_root: suite.empty(Tree::Runs),
            world_digest: Hash([5; 32]),
            members_digest: self.epochs[0].digest(suite),
            rules: RulesVersion(1),
        };
        let record = derived.encode().to_vec();
        let terms_digest =
            terms_digest(suite, &term_keys(suite, &[Term::kind(Kind::Derived)], Verdict::NONE));
        let digest = record_digest(suite, &blind, &record);
        let mut stub = Stub {
            kind: Kind::Derived.number(),
            rules: RulesVersion(1),
            class: RetentionClass::Permanent,
            historic: false,
            sealed: false,
            submitter: BureauNumber(0),
            accepted_at: self.accepted_at(),
            verdict: Verdict::NONE,
            occurred_at: self.accepted_at(),
            content: content_digest(suite, &digest, &terms_digest),
        };
        change(&mut stub);
        self.push(stub, Content::Open { blind, record }, terms_digest, None);
    }

    /// Appends a member record, starts the next epoch without that bureau, and makes the handover.
    pub(crate) fn remove_member(&mut self, bureau: u32) {
        let removed = v1::MemberRemoved { bureau, node_id: u64::from(bureau), reason: "merged".to_owned() };
        self.admit(1, vec![envelope(self, 1, Body::MemberRemoved(removed))]);
        let old = self.epochs.last().expect("epoch 0").clone();
        let mut members = old.members.clone();
        members.retain(|member| member.number.0 != bureau);
        let (q, f) = quorum(u32::try_from(members.len()).expect("few"));
        let (origin, epoch, from) = (old.origin.clone(), old.epoch + 1, self.size());
        let new = MemberList { origin, epoch, from, q, f, members };
        self.epochs.push(new);
        self.handovers.push(self.handover_at(from));
    }

    /// The handover to the newest epoch as of a size; it holds at the epoch's first one alone.
    pub(crate) fn handover_at(&self, size: TreeSize) -> Handover {
        let new = self.epochs.last().expect("epoch 0");
        let record = usize::try_from(new.from.0 - 1).expect("small");
        let tree = TreeAt { suite: self.suite, tree: Tree::Ledger, size };
        let body = body(self.suite, new, size.0, tree.root(&self.tree).expect("inside"));
        let checkpoint = cosigned(body, &self.bureaus[..3]);
        Handover { members: new.encode(), leaf: self.leaf_proof(record, size), checkpoint }
    }

    fn leaf_proof(&self, index: usize, size: TreeSize) -> LeafProof {
        let leaf = &self.leaves[index];
        let index = LeafIndex(u64::try_from(index).expect("small"));
        let tree = TreeAt { suite: self.suite, tree: Tree::Ledger, size };
        LeafProof {
            index,
            stub: leaf.stub.encode(),
            content: leaf.content.clone(),
            terms_digest: leaf.terms_digest,
            path: tree.inclusion_path(&self.tree, index).expect("inside"),
        }
    }

    /// A checkpoint at a size, cosigned by exactly q bureaus of the epoch in force there.
    pub(crate) fn checkpoint(&self, size: TreeSize) -> Checkpoint {
        let epoch = self.epochs.iter().rev().find(|list| list.from <= size).expect("epoch 0 starts at 0");
        let tree = TreeAt { suite: self.suite, tree: Tree::Ledger, size };
        let root = tree.root(&self.tree).expect("inside");
        let signers = self.bureaus.iter().take(usize::try_from(epoch.q).expect("small"));
        cosigned(body(self.suite, epoch, size.0, root), signers)
    }

    /// The receipt of a leaf at a size, with the handovers up to that size.
    pub(crate) fn receipt(&self, index: usize, size: TreeSize) -> Receipt {
        let checkpoint = self.checkpoint(size);
        let epoch = usize::try_from(checkpoint.body.members_epoch).expect("small");
        Receipt {
            suite: self.suite,
            leaf: self.leaf_proof(index, size),
            admission: self.leaves[index].admission.clone(),
            members: self.epochs[epoch].encode(),
            handovers: self.handovers[..epoch].to_vec(),
            checkpoint,
        }
    }
}

/// A record with this body.
pub(crate) fn envelope(ledger: &Ledger, bureau: u32, body: Body) -> v1::Record {
    v1::Record {
        schema_version: 1,
        ledger_id: ledger.founding.ledger_id().0.to_vec(),
        submitter: bureau,
        region: "gbt2260:340100".to_owned(),
        actor: Some(v1::Actor { system: "system:exchange-gateway".to_owned(), ..v1::Actor::default() }),
        occurred_at: Some(v1::Time { unix_ms: ACCEPTED_AT_MS - 5_000, precision: 0 }),
        body: Some(body),
        ..v1::Record::default()
    }
}

/// An access by exchange number.
pub(crate) fn access(ledger: &Ledger, bureau: u32, number: u64) -> v1::Record {
    let body = v1::AccessExecuted {
        side: v1::Side::Provider.into(),
        exchange: format!("exchange-{number}"),
        provider: "uscc:91350100M000100Y43".to_owned(),
        consumer: "uscc:91350100M000100Y43".to_owned(),
        data_set: "catalogue:307009001/15".to_owned(),
        rows: number,
        ..v1::AccessExecuted::default()
    };
    envelope(ledger, bureau, Body::AccessExecuted(body))
}
