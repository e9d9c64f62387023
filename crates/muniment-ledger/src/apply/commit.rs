//! Commit: carries out what was judged, and makes the leaf. It decides nothing.

use muniment_core::{
    Blind, BureauNumber, Hash, Kind, LeafIndex, Nature, Stub, TreeSize, Verdict, digest, record,
};

use super::Run;
use crate::applied::{Leaf, RecordBytes};
use crate::judge::Effects;
use crate::verify::{CheckedRecord, VerifiedRecord};
use crate::world::entities::Bureau;
use crate::world::object::Entity as _;

/// A record that is to become a leaf.
pub(super) struct Admitted<'a> {
    pub(super) record: &'a VerifiedRecord,
    pub(super) checked: &'a CheckedRecord,
    pub(super) submitter: BureauNumber,
    pub(super) verdict: Verdict,
    pub(super) part: u32,
    pub(super) position: u32,
}

impl Run<'_> {
    /// Changes the state by a submitted record's effects and appends its leaf.
    pub(super) fn commit(&mut self, admitted: &Admitted<'_>, effects: Effects) -> LeafIndex {
        let Admitted { record, checked, submitter, verdict, part, position } = *admitted;
        self.carry_out(effects);
        let term_keys = self.with_flags(&checked.term_keys, verdict);
        let content = match verdict {
            Verdict::NONE => checked.digests.content,
            _ => self.content(&record.record_digest, &term_keys),
        };
        let kind = checked.kind;
        let occurred_at = checked.record.occurred_at.as_ref().map_or(0, |time| time.unix_ms);
        let stub = Stub {
            kind: kind.number(),
            rules: self.ledger.world.head.rules,
            class: kind.row().class,
            historic: checked.record.historic,
            sealed: record::is_sealed(&checked.record),
            submitter,
            accepted_at: self.applied.accepted_at,
            verdict,
            occurred_at: muniment_core::UnixMillis(occurred_at),
            content,
        };
        // A member or governance record is signed by the members without the leader's mark.
        self.applied.seal |= kind.row().nature == Nature::Governance;
        self.append(Leaf {
            stub,
            blind: record.blind,
            record: record.bytes.clone(),
            record_digest: record.record_digest,
            term_keys,
            admission: self.next_admission(),
            position,
            part,
        })
    }

    /// Appends a leaf that the ledger writes itself.
    pub(super) fn commit_own(&mut self, kind: Kind, bytes: &[u8], part: u32) -> LeafIndex {
        let suite = self.ledger.world.suite;
        let record_digest = digest::record_digest(suite, &Blind::ZERO, bytes);
        let term_keys = vec![muniment_core::terms::Term::kind(kind).key(suite)];
        let accepted_at = self.applied.accepted_at;
        let stub = Stub {
            kind: kind.number(),
            rules: self.ledger.world.head.rules,
            class: kind.row().class,
            historic: false,
            sealed: false,
            submitter: BureauNumber(0),
            accepted_at,
            verdict: Verdict::NONE,
            occurred_at: accepted_at,
            content: self.content(&record_digest, &term_keys),
        };
        self.append(Leaf {
            stub,
            blind: Blind::ZERO,
            record: RecordBytes::owned(bytes),
            record_digest,
            term_keys,
            admission: self.next_admission(),
            position: 0,
            part,
        })
    }

    fn carry_out(&mut self, effects: Effects) {
        let Effects { objects, side, members, rules } = effects;
        let world = &mut self.ledger.world;
        for (key, object) in objects {
            let is_bureau = Bureau::of(&object).is_some();
            let is_new = world.objects.put_encoded(key, object);
            world.bureaus += usize::from(is_bureau && is_new);
        }
        if let Some(side) = side {
            world.exchanges.note(side);
        }
        if members.is_some() {
            world.next_members = members;
        }
        if rules.is_some() {
            world.next_rules = rules;
        }
    }

    fn append(&mut self, leaf: Leaf) -> LeafIndex {
        let head = &mut self.ledger.world.head;
        let index = head.size.next_leaf();
        head.size = TreeSize::after(index);
        self.applied.leaves.push(leaf);
        index
    }

    /// The number that what is now applied gets among the admissions kept.
    fn next_admission(&self) -> u32 {
        u32::try_from(self.applied.admissions.len())
            .expect("a batch has at most 2,048 parts that become leaves")
    }

    /// A record's term keys with those of its flags, strictly ascending.
    fn with_flags(&self, term_keys: &[Hash], verdict: Verdict) -> Vec<Hash> {
        if verdict == Verdict::NONE {
            return term_keys.to_vec();
        }
        let flags = verdict.bits().map(|bit| self.ledger.flag_keys[usize::from(bit)]);
        let mut keys: Vec<Hash> = term_keys.iter().copied().chain(flags).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn content(&self, record_digest: &Hash, term_keys: &[Hash]) -> Hash {
        let suite = self.ledger.world.suite;
        digest::content_digest(suite, record_digest, &digest::terms_digest(suite, term_keys))
    }
}
