//! Leaves of kind 200: derived values that q current members signed.
//!
//! Apply believes the signatures and does not compare the values with its own. It could not: they follow from a whole
//! state of some time ago, which a node computes in the background, sooner or later than this entry comes; whether it
//! has them yet must not decide what becomes a leaf. Each member compares before it *signs*, so q signatures say that q
//! members computed the same values from their own copies. What apply knows for certain it checks: that the ledger has
//! come that far, that the statement is newer than the last, and who the members are.

use std::collections::BTreeSet;

use muniment_core::admission::KeptAdmission;
use muniment_core::{Kind, LeafIndex};

use super::Run;
use crate::applied::{Alarm, DerivedRefusal};
use crate::verify::VerifiedDerived;

impl Run<'_> {
    /// Appends a derived statement if it holds.
    pub(super) fn derived(
        &mut self,
        part: u32,
        verified: &VerifiedDerived,
    ) -> Result<LeafIndex, DerivedRefusal> {
        if let Err(refusal) = self.check_derived(verified) {
            // Two leaders in turn may propose the same statement: the second one is no news.
            if !matches!(refusal, DerivedRefusal::Superseded { .. }) {
                self.alarm(Alarm::DerivedRefused { log_index: self.log_index, refusal });
            }
            return Err(refusal);
        }
        let derived = &verified.statement.derived;
        let leaf = self.commit_own(Kind::Derived, &derived.encode(), part);
        let head = &mut self.ledger.world.head;
        (head.derived_size, head.derived_leaf) = (derived.size, leaf);
        self.applied.admissions.push(KeptAdmission::Derived(verified.statement.clone()).encode());
        Ok(leaf)
    }

    fn check_derived(&self, verified: &VerifiedDerived) -> Result<(), DerivedRefusal> {
        let (world, derived) = (&self.ledger.world, &verified.statement.derived);
        let (size, log_index) = (derived.size, derived.log_index);
        let signers = verified.signers.as_ref().map_err(|()| DerivedRefusal::Fault)?;
        if size > world.head.size || log_index > world.head.log_index {
            return Err(DerivedRefusal::Beyond { size, log_index });
        }
        if size <= world.head.derived_size {
            return Err(DerivedRefusal::Superseded { size, newest: world.head.derived_size });
        }
        let members = signers.iter().filter_map(|key| world.members.by_admission_key(key));
        let bureaus: BTreeSet<_> = members.map(|member| member.number).collect();
        let held = u32::try_from(bureaus.len()).expect("at most 64 signatures");
        let needed = world.members.q;
        if held < needed {
            return Err(DerivedRefusal::Signatures { size, held, needed });
        }
        Ok(())
    }
}
