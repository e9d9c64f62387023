//! `muniment verify`: what a receipt or a conflict file proves to whoever pins a trust file. Needs no server.

mod classify;
mod held;
mod report;

use held::Held;
pub use held::ReceiptVerifier;
pub use report::{Existed, Failure, Outcome, Proven, Step, Verification};

use crate::admission::{Admission, AdmissionError};
use crate::checkpoint::{Checkpoint, CheckpointBody, CosignedAt};
use crate::conflict::{Conflict, Ground};
use crate::handover::Handover;
use crate::leaf::{CheckedLeaf, Content};
use crate::members::MemberList;
use crate::receipt::Receipt;
use crate::tree::TreeAt;
use crate::trust::TrustFile;
use crate::v1::record::Body;
use crate::{LeafIndex, NodeId, Stub, Suite, Tree, TreeSize, v1};

/// Verifies a receipt or a conflict file against a trust file.
#[must_use]
pub fn verify(bytes: &[u8], trust: &TrustFile) -> Verification {
    verify_remembering(bytes, trust, &Held::default())
}

fn verify_remembering(bytes: &[u8], trust: &TrustFile, held: &Held) -> Verification {
    let mut steps = Vec::new();
    let title = bytes.split(|byte| *byte == b'\n').next();
    let result = if title == Some(Conflict::TITLE.as_bytes()) {
        Err(verify_conflict(bytes, trust))
    } else {
        Verifier { trust, steps: &mut steps, held }.receipt(bytes)
    };
    match result {
        Ok(proven) => {
            Verification { outcome: Outcome::Verified, steps, failure: None, proven: Some(Box::new(proven)) }
        }
        Err(failure) => {
            Verification { outcome: failure.outcome, steps, failure: Some(failure), proven: None }
        }
    }
}

/// A conflict file never verifies as evidence for something: when it holds, it names a key that lied.
fn verify_conflict(bytes: &[u8], trust: &TrustFile) -> Failure {
    let conflict = match Conflict::decode(bytes).and_then(|conflict| conflict.verify().map(|()| conflict)) {
        Ok(conflict) => conflict,
        Err(error) => return Failure::new(Step::Conflict, Outcome::Malformed, error),
    };
    let is_known = |list: &MemberList| {
        list.members.iter().any(|member| {
            member.cosigning_key == conflict.key || member.log_key.as_ref() == Some(&conflict.key)
        })
    };
    if !trust.epochs.iter().any(is_known) {
        let reason = format!("the trust file does not know the key {}", conflict.key);
        return Failure::new(Step::Conflict, Outcome::Undecidable, reason);
    }
    let how = match conflict.ground {
        Ground::SameSize => "signed two bodies of one size",
        Ground::Subtree { .. } => "signed two trees that differ in leaves both have",
        Ground::TimeWentBack => "signed a smaller size at a later time",
    };
    Failure::new(Step::Conflict, Outcome::Tampered, format!("the key {} {how}", conflict.key))
}

struct Verifier<'a> {
    trust: &'a TrustFile,
    steps: &'a mut Vec<Step>,
    held: &'a Held,
}

impl Verifier<'_> {
    fn receipt(&mut self, bytes: &[u8]) -> Result<Proven, Failure> {
        let receipt = Receipt::decode(bytes).map_err(|error| Failure::of_receipt(&error))?;
        self.passed(Step::Format);
        self.same_ledger(receipt.suite, &receipt.checkpoint.body)?;
        self.passed(Step::Ledger);
        let leaf = self.check_leaf(&receipt)?;
        let body = &receipt.checkpoint.body;
        receipt.leaf.verify_inclusion(body).map_err(|error| Failure::of_proof(Step::Inclusion, &error))?;
        self.passed(Step::Inclusion);
        let epochs = self.epochs(&receipt)?;
        self.passed(Step::Handover);
        let members = members_of(&epochs, &receipt)?;
        self.passed(Step::Members);
        let cosigned = self.cosigned(&receipt.checkpoint, members)?;
        self.passed(Step::Cosignatures);
        let submitter = self.admission(&receipt, &leaf.stub, &epochs)?;
        self.passed(Step::Admission);
        let existed =
            Existed { accepted_at: leaf.stub.accepted_at, no_later_than_s: cosigned.existed_no_later_than_s };
        Ok(Proven {
            index: receipt.leaf.index,
            stub: leaf.stub,
            body_withheld: matches!(receipt.leaf.content, Content::Withheld { .. }),
            record: leaf.record,
            record_digest: receipt.leaf.content.record_digest(receipt.suite),
            submitter,
            members: members.clone(),
            checkpoint: receipt.checkpoint.body,
            cosigned,
            existed,
        })
    }

    fn passed(&mut self, step: Step) {
        self.steps.push(step);
    }

    fn same_ledger(&self, suite: Suite, body: &CheckpointBody) -> Result<(), Failure> {
        let reason = if suite != self.trust.suite || body.suite != self.trust.suite {
            format!("the suite is not {}, as the trust file says", self.trust.suite)
        } else if body.origin != self.trust.origin {
            format!("the origin is {:?}, the trust file's {:?}", body.origin, self.trust.origin)
        } else {
            return Ok(());
        };
        Err(Failure::new(Step::Ledger, Outcome::Tampered, reason))
    }

    fn check_leaf(&mut self, receipt: &Receipt) -> Result<CheckedLeaf, Failure> {
        let checked = receipt.leaf.check(receipt.suite, &self.trust.ledger_id);
        let leaf = checked.map_err(|error| Failure::of_leaf(&error))?;
        self.steps.extend([Step::Stub, Step::Record, Step::Terms, Step::Content]);
        Ok(leaf)
    }

    /// The trust file's epochs and those that the receipt's handovers lead to.
    fn epochs(&self, receipt: &Receipt) -> Result<Vec<MemberList>, Failure> {
        let mut epochs = self.trust.epochs.clone();
        let mut last = None;
        for handover in &receipt.handovers {
            let epoch = handover.checkpoint.body.members_epoch;
            if last >= Some(epoch) || epoch > receipt.checkpoint.body.members_epoch {
                let reason = "handovers must ascend by epoch, up to the checkpoint's";
                return Err(Failure::new(Step::Handover, Outcome::Tampered, reason));
            }
            last = Some(epoch);
            let old = epochs.iter().find(|list| list.epoch.checked_add(1) == Some(epoch));
            let old = old.ok_or_else(|| undecidable_epoch(Step::Handover, epoch, self.trust))?;
            let new = self.handover(handover, old)?;
            match epochs.iter().find(|list| list.epoch == epoch) {
                Some(known) if *known == new => {}
                Some(_) => {
                    let reason = format!("epoch {epoch}'s member list is not the trust file's");
                    return Err(Failure::new(Step::Handover, Outcome::Tampered, reason));
                }
                None => epochs.push(new),
            }
        }
        Ok(epochs)
    }

    fn handover(&self, handover: &Handover, old: &MemberList) -> Result<MemberList, Failure> {
        let body = &handover.checkpoint.body;
        self.same_ledger(body.suite, body).map_err(|failure| failure.in_step(Step::Handover))?;
        let checked = handover.leaf.check(body.suite, &self.trust.ledger_id);
        let leaf = checked.map_err(|error| Failure::of_leaf(&error).in_step(Step::Handover))?;
        let new = handover.verify(old).map_err(|error| Failure::of_handover(&error))?;
        if !leaf.record.is_some_and(|record| starts_epoch(&record, old, &new)) {
            let reason =
                format!("the record at leaf {} does not lead to the new members", handover.leaf.index);
            return Err(Failure::new(Step::Handover, Outcome::Tampered, reason));
        }
        Ok(new)
    }

    /// Verifies the checkpoint's lines, all of which must be of the keys of its epoch, whose members' digest it has.
    fn cosigned(&self, checkpoint: &Checkpoint, members: &MemberList) -> Result<CosignedAt, Failure> {
        if let Some(cosigned) = self.held.checkpoint(checkpoint) {
            return Ok(cosigned);
        }
        let known = |line| members.by_cosigning_line(line).or(members.by_log_line(line)).is_some();
        let verified = checkpoint.verify(members);
        let cosigned = verified.map_err(|error| Failure::of_checkpoint(Step::Cosignatures, &error))?;
        if let Some(line) = checkpoint.lines.iter().find(|line| !known(line)) {
            let reason = format!("the line of {} {} is of no key of the epoch", line.name, line.key_id);
            return Err(Failure::new(Step::Cosignatures, Outcome::Tampered, reason));
        }
        self.held.remember_checkpoint(checkpoint, &cosigned);
        Ok(cosigned)
    }

    /// Verifies who brought the record in; answers the code of the submitting bureau.
    fn admission(
        &self,
        receipt: &Receipt,
        stub: &Stub,
        epochs: &[MemberList],
    ) -> Result<Option<String>, Failure> {
        let refuse = |reason: String| Failure::new(Step::Admission, Outcome::Tampered, reason);
        let proof = match (&receipt.admission, stub.submitter.0) {
            (None, 0) => return Ok(None),
            (Some(proof), 1..) => proof,
            (None, _) => return Err(refuse("the receipt has no admission".to_owned())),
            (Some(_), 0) => return Err(refuse("a record of the ledger has no admission".to_owned())),
        };
        let admission = Admission::decode(&proof.admission).map_err(|error| {
            let outcome = match error {
                AdmissionError::Shape(_) | AdmissionError::Count { .. } => Outcome::Malformed,
                AdmissionError::Key(_) => Outcome::Tampered,
            };
            Failure::new(Step::Admission, outcome, error)
        })?;
        let suite = receipt.suite;
        let tree = TreeAt { suite, tree: Tree::Admission, size: TreeSize(admission.record_count()) };
        let leaf = suite.leaf(Tree::Admission, &receipt.leaf.content.record_digest(suite).0);
        let position = LeafIndex(u64::from(proof.position));
        tree.verify_inclusion(position, leaf, &proof.path, admission.root)
            .map_err(|error| Failure::of_proof(Step::Admission, &error))?;
        let digest = suite.hash(&[&proof.admission]);
        if !self.held.has_admission(&digest) {
            admission.verify_signature(&self.trust.origin).map_err(|error| refuse(error.to_string()))?;
            self.held.remember_admission(digest);
        }
        let index = receipt.leaf.index;
        let in_force = epochs.iter().rev().find(|list| list.from.0 <= index.0);
        let in_force = in_force.ok_or_else(|| {
            let reason = format!("leaf {index} is older than the trust file's first epoch");
            Failure::new(Step::Admission, Outcome::Undecidable, reason)
        })?;
        let (number, epoch) = (stub.submitter, in_force.epoch);
        match in_force.by_admission_key(&admission.public_key) {
            Some(signer) if signer.number == number => Ok(Some(signer.code.clone())),
            Some(_) => {
                Err(refuse(format!("the admission's key is not that of bureau {number} in epoch {epoch}")))
            }
            // A service may sign with a key of its own that its bureau bound by a record (kind 24) before. No trust file
            // names such keys, and neither does a receipt: true or not, it can't be told from these two.
            None => {
                let reason = format!(
                    "the admission is signed by a key of no member in epoch {epoch}: whether bureau {number} had bound \
                     it to a certificate of its own, the ledger can tell, the receipt can't"
                );
                Err(Failure::new(Step::Admission, Outcome::Undecidable, reason))
            }
        }
    }
}

/// The members of the checkpoint's epoch; the receipt's text and the checkpoint's digest must be theirs.
fn members_of<'a>(epochs: &'a [MemberList], receipt: &Receipt) -> Result<&'a MemberList, Failure> {
    let body = &receipt.checkpoint.body;
    let refuse = |reason: String| Failure::new(Step::Members, Outcome::Tampered, reason);
    let Some(at) = epochs.iter().position(|list| list.epoch == body.members_epoch) else {
        let (first, last) = (epochs.first(), epochs.last());
        let [first, last] = [first, last].map(|list| list.map_or(0, |list| list.epoch));
        let epoch = body.members_epoch;
        let reason = if epoch > last {
            format!("trust file ends at epoch {last}, the checkpoint is of epoch {epoch}: get the handovers")
        } else {
            format!("trust file begins at epoch {first}, the checkpoint is of epoch {epoch}")
        };
        return Err(Failure::new(Step::Members, Outcome::Undecidable, reason));
    };
    let members = &epochs[at];
    if receipt.members != members.encode() {
        return Err(refuse(format!("the receipt's member list is not that of epoch {}", members.epoch)));
    }
    if members.digest(body.suite) != body.members_digest {
        return Err(refuse(format!(
            "the checkpoint's digest is not that of epoch {}'s members",
            members.epoch
        )));
    }
    // Revocation is by size: an epoch's keys count from its first size up to, and without, the next one's.
    let ended = epochs.get(at + 1).is_some_and(|next| body.size >= next.from);
    if body.size < members.from || ended {
        return Err(refuse(format!(
            "epoch {}'s members were not in force at size {}",
            members.epoch, body.size
        )));
    }
    Ok(members)
}

fn undecidable_epoch(step: Step, epoch: u64, trust: &TrustFile) -> Failure {
    let first = trust.epochs.first().map_or(0, |list| list.epoch);
    let last = trust.epochs.last().map_or(0, |list| list.epoch);
    let reason =
        format!("trust file has epochs {first} to {last}; a handover to epoch {epoch} does not join them");
    Failure::new(step, Outcome::Undecidable, reason)
}

/// Whether a member record agrees with the lists before and after it. Node ids are never reused.
fn starts_epoch(record: &v1::Record, old: &MemberList, new: &MemberList) -> bool {
    match &record.body {
        Some(Body::MemberAdmitted(admitted)) => {
            let node_id = NodeId(admitted.node_id);
            old.by_node_id(node_id).is_none()
                && new.by_node_id(node_id).is_some_and(|member| {
                    let log_key = member.log_key.as_ref().map(ToString::to_string).unwrap_or_default();
                    member.number.0 == admitted.bureau
                        && member.cosigning_key.to_string() == admitted.cosigning_key
                        && member.admission_key.as_slice() == admitted.admission_key
                        && log_key == admitted.log_key
                })
        }
        Some(Body::MemberRemoved(removed)) => {
            let node_id = NodeId(removed.node_id);
            old.by_node_id(node_id).is_some_and(|member| member.number.0 == removed.bureau)
                && new.by_node_id(node_id).is_none()
        }
        _ => false,
    }
}
